package guard

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
)

// TestDefaultDeny: the zero Config lets nothing through, and each error says what would have to be written.
func TestDefaultDeny(t *testing.T) {
	n := newLoop(t)
	serve(t, n, "127.0.0.1:80", nil)
	g := newGuard(t, n, Config{Name: "kv"})
	_, err := g.DialContext(t.Context(), "tcp", "127.0.0.1:80")
	wantRefused(t, err, "dial", syscall.EACCES, "dial tcp 127.0.0.1:80: ", "no rule of kv", `"tcp 127.0.0.1:80"`, "Allow")
	if !errors.Is(err, os.ErrPermission) {
		t.Errorf("%v is not os.ErrPermission", err)
	}
	_, err = g.DialContext(t.Context(), "udp4", "127.0.0.1:53")
	wantRefused(t, err, "dial", syscall.EACCES, `"udp 127.0.0.1:53"`)
	_, err = g.DialContext(t.Context(), "tcp", "db.example.org:5432")
	wantRefused(t, err, "dial", syscall.EACCES, `"tcp db.example.org:5432"`)
	_, err = g.Listen(t.Context(), "tcp", "127.0.0.1:81")
	wantRefused(t, err, "listen", syscall.EACCES, "listen tcp 127.0.0.1:81: ", `"tcp 127.0.0.1:81"`, "Listen")
	_, err = g.Listen(t.Context(), "tcp", ":0")
	wantRefused(t, err, "listen", syscall.EACCES, `"tcp *:0"`)
	_, err = g.ListenPacket(t.Context(), "udp", ":53")
	wantRefused(t, err, "listen", syscall.EACCES, `"udp *:53"`)
	_, err = g.ListenPacket(t.Context(), "udp", ":0") // there is nowhere to send to
	wantRefused(t, err, "listen", syscall.EACCES, `"udp *:0"`)
	if _, err := g.Resolver().LookupHost(t.Context(), "a.example.org"); err == nil {
		t.Error("a name was found")
	} else if !strings.Contains(err.Error(), "Hosts") {
		t.Errorf("a look-up: %v; want it to say what to write", err)
	}
	// What the errors suggest is enough.
	g.SetRules(Rules{Allow: MustParseRules("tcp 127.0.0.1:80"), Listen: MustParseRules("tcp 127.0.0.1:81", "tcp *:0", "udp *:53")})
	echoes(t, dial(t, g, "tcp", "127.0.0.1:80"))
	listen(t, g, "127.0.0.1:81")
	listen(t, g, ":0")
	packet(t, g, ":53")
}

// TestDeny: a rule of Deny is named by the error.
func TestDeny(t *testing.T) {
	n := newLoop(t)
	serve(t, n, "127.0.0.1:80", nil)
	g := newGuard(t, n, Config{Rules: Rules{Allow: MustParseRules("*"), Deny: MustParseRules("127.0.0.0/8:1-100", "*.evil.example")}})
	_, err := g.DialContext(t.Context(), "tcp", "127.0.0.1:80")
	if why := wantRefused(t, err, "dial", syscall.EACCES, "this network", "Deny"); why.Rule != "127.0.0.0/8:1-100" ||
		why.Op != "dial" || why.Network != "tcp" || why.Address != "127.0.0.1:80" {
		t.Errorf("%+v", why)
	}
	for _, address := range []string{":80", "0.0.0.0:80", "localhost:80", "LocalHost.:http", "[::ffff:127.0.0.1]:80"} {
		_, err := g.DialContext(t.Context(), "tcp", address)
		wantRefused(t, err, "dial", syscall.EACCES, "127.0.0.0/8:1-100")
	}
	_, err = g.DialContext(t.Context(), "tcp", "WWW.Evil.Example.:443")
	wantRefused(t, err, "dial", syscall.EACCES, "*.evil.example", "www.evil.example:443")
}

// TestParity: errors that aren't refusals are the inner network's, whatever they are.
func TestParity(t *testing.T) {
	n := newLoop(t)
	g := newGuard(t, n, Config{Rules: allow(t, "*")})
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx              context.Context
		network, address string
	}{
		{t.Context(), "tcp", "127.0.0.1:1"}, // refused by nobody's listening
		{t.Context(), "tcp4", ":1"},
		{t.Context(), "tcp", "10.9.9.9:1"}, // no route
		{t.Context(), "tcp", "[2001:db8::1]:1"},
		{t.Context(), "tcp", ""},
		{t.Context(), "tcp", "127.0.0.1"},
		{t.Context(), "tcp", "127.0.0.1:99999"},
		{t.Context(), "tcp", "127.0.0.1:nosuchservice"},
		{t.Context(), "tcp6", "127.0.0.1:1"},
		{t.Context(), "ip4:icmp", "127.0.0.1"},
		{t.Context(), "unix", "/tmp/socket"},
		{cancelled, "tcp", "127.0.0.1:1"},
	} {
		_, want := n.DialContext(c.ctx, c.network, c.address)
		_, err := g.DialContext(c.ctx, c.network, c.address)
		if err == nil || err.Error() != want.Error() {
			t.Errorf("dial %s %q: %v; without a guard %v", c.network, c.address, err, want)
		}
		for _, is := range []error{syscall.ECONNREFUSED, syscall.ENETUNREACH, syscall.EAFNOSUPPORT, context.Canceled} {
			if errors.Is(err, is) != errors.Is(want, is) {
				t.Errorf("dial %s %q: is %v or isn't", c.network, c.address, is)
			}
		}
	}
	for _, c := range [][2]string{
		{"tcp", "10.9.9.9:1"}, {"udp", ":1"}, {"unix", "/tmp/socket"}, {"tcp", "127.0.0.1"}, {"tcp", "[2001:db8::1]:1"},
	} {
		_, want := n.Listen(t.Context(), c[0], c[1])
		_, err := g.Listen(t.Context(), c[0], c[1])
		if err == nil || err.Error() != want.Error() {
			t.Errorf("listen %s %q: %v; without a guard %v", c[0], c[1], err, want)
		}
	}
}

// TestOtherNetworks: package net's other networks would be a way past all rules, so they don't exist.
func TestOtherNetworks(t *testing.T) {
	g := newGuard(t, netapi.Kernel{}, Config{Rules: allow(t, "*")})
	for _, network := range []string{"unix", "unixgram", "unixpacket", "ip", "ip4:1", "", "TCP"} {
		_, err1 := g.DialContext(t.Context(), network, "127.0.0.1:1")
		_, err2 := g.Listen(t.Context(), network, "127.0.0.1:1")
		_, err3 := g.ListenPacket(t.Context(), network, "127.0.0.1:1")
		for _, err := range []error{err1, err2, err3} {
			if _, ok := errors.AsType[net.UnknownNetworkError](err); !ok {
				t.Errorf("%q: %v", network, err)
			}
		}
	}
}

// TestDialer: the settings of a Dialer and a ListenConfig reach the inner network.
func TestDialer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		serve(t, b, "10.0.0.2:80", nil)
		g := newGuard(t, a, Config{Rules: allow(t, "*")})
		d := dialer.Dialer{Network: g, LocalAddr: &net.TCPAddr{Port: 4321}}
		c, err := d.Dial("tcp", "10.0.0.2:80")
		if err != nil {
			t.Fatal(err)
		}
		echoes(t, c)
		if c.LocalAddr().String() != "10.0.0.1:4321" || c.RemoteAddr().String() != "10.0.0.2:80" {
			t.Errorf("from %v to %v", c.LocalAddr(), c.RemoteAddr())
		}
		c.Close()
		asked := 0
		d = dialer.Dialer{Network: g, Control: func(network, address string, c syscall.RawConn) error {
			asked++
			return nil
		}}
		if c, err = d.Dial("tcp", "10.0.0.2:80"); err != nil || asked != 1 {
			t.Fatalf("%v, Control called %d times", err, asked)
		}
		c.Close()
		// Nobody has 10.0.0.77 and 192.0.2.77: the time that a dial may take is bounded, for all addresses together.
		g = newGuard(t, a, Config{Rules: allow(t, "*"), Hosts: map[string][]netip.Addr{
			"Two.Example.": {netip.MustParseAddr("10.0.0.77"), netip.MustParseAddr("192.0.2.77")},
			"Half.Example": {netip.MustParseAddr("10.0.0.77"), netip.MustParseAddr("10.0.0.2")},
		}})
		begin := time.Now()
		d = dialer.Dialer{Network: g, Timeout: 10 * time.Second}
		_, err = d.Dial("tcp", "two.example:80")
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		c, err = d.Dial("tcp", "half.example:80") // the first has its share of the time
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		cancel := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(cancel) })
		begin = time.Now()
		d = dialer.Dialer{Network: g}
		//lint:ignore SA1019 what takes package net's place honours it
		d.Cancel = cancel
		_, err = d.Dial("tcp", "10.0.0.77:80")
		if !errors.Is(err, context.Canceled) || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		d = dialer.Dialer{Network: g, Deadline: time.Now().Add(-1)}
		if _, err = d.Dial("tcp", "10.0.0.2:80"); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a deadline in the past: %v", err)
		}
	})
}

// TestBothFamilies: of a host with IPv6 and IPv4 addresses the one that answers is taken, whichever is first; a race
// leaves no connection behind.
func TestBothFamilies(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	six, four := netip.MustParseAddr("::1"), netip.MustParseAddr("127.0.0.1")
	g := newGuard(t, netapi.Kernel{}, Config{Rules: allow(t, "*"), Hosts: map[string][]netip.Addr{
		"six-first.example": {six, four}, "four-first.example": {four, six}, "six.example": {six},
	}})
	for _, host := range []string{"six-first.example", "four-first.example", "localhost"} {
		for _, delay := range []time.Duration{0, 1, -1} {
			c, err := (&dialer.Dialer{Network: g, FallbackDelay: delay}).Dial("tcp", net.JoinHostPort(host, port))
			if err != nil {
				t.Fatalf("%s, %v: %v", host, delay, err)
			}
			if got := c.RemoteAddr().(*net.TCPAddr); !got.IP.Equal(net.IPv4(127, 0, 0, 1)) {
				t.Errorf("%s: %v", host, got)
			}
			c.Close()
		}
	}
	_, err = g.DialContext(t.Context(), "tcp4", "six.example:80")
	if _, ok := errors.AsType[*net.AddrError](err); !ok {
		t.Errorf("tcp4 to a host with IPv6 only: %v", err)
	}
	if c := g.Counters(); c.Conns != 0 {
		t.Errorf("%d connections are left", c.Conns)
	}
}

// bare hides what makes connections a dialer.TCPConn.
type bare struct{ netapi.Tuned }

func (b bare) DialWith(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	c, err := b.Tuned.DialWith(ctx, d, network, address)
	return struct{ net.Conn }{c}, err
}

// TestForeign: an inner network that doesn't keep the contract is told of.
func TestForeign(t *testing.T) {
	n := newLoop(t)
	serve(t, n, "127.0.0.1:80", func(c net.Conn) { io.Copy(io.Discard, c) })
	g := newGuard(t, bare{n}, Config{Rules: allow(t, "*")})
	for _, network := range []string{"tcp", "udp"} {
		_, err := g.DialContext(t.Context(), network, "127.0.0.1:80")
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "dialer.TCPConn") {
			t.Errorf("%v", err)
		}
	}
	if c := g.Counters(); c.Conns != 0 || c.Sockets != 0 {
		t.Errorf("%+v: what failed is still counted", c)
	}
}

package guard

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
)

// udp is an address to send to.
func udp(s string) *net.UDPAddr { return net.UDPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

// sends are all ways to send a datagram from a socket that isn't connected.
var sends = map[string]func(c dialer.UDPConn, b []byte, to *net.UDPAddr) error{
	"WriteTo":    func(c dialer.UDPConn, b []byte, to *net.UDPAddr) error { _, err := c.WriteTo(b, to); return err },
	"WriteToUDP": func(c dialer.UDPConn, b []byte, to *net.UDPAddr) error { _, err := c.WriteToUDP(b, to); return err },
	"WriteToUDPAddrPort": func(c dialer.UDPConn, b []byte, to *net.UDPAddr) error {
		_, err := c.WriteToUDPAddrPort(b, to.AddrPort())
		return err
	},
	"WriteMsgUDP": func(c dialer.UDPConn, b []byte, to *net.UDPAddr) error {
		_, _, err := c.WriteMsgUDP(b, nil, to)
		return err
	},
	"WriteMsgUDPAddrPort": func(c dialer.UDPConn, b []byte, to *net.UDPAddr) error {
		_, _, err := c.WriteMsgUDPAddrPort(b, nil, to.AddrPort())
		return err
	},
}

// receives are all ways to receive one.
var receives = map[string]func(c dialer.UDPConn, b []byte) (int, error){
	"Read":        func(c dialer.UDPConn, b []byte) (int, error) { return c.Read(b) },
	"ReadFrom":    func(c dialer.UDPConn, b []byte) (int, error) { n, _, err := c.ReadFrom(b); return n, err },
	"ReadFromUDP": func(c dialer.UDPConn, b []byte) (int, error) { n, _, err := c.ReadFromUDP(b); return n, err },
	"ReadFromUDPAddrPort": func(c dialer.UDPConn, b []byte) (int, error) {
		n, _, err := c.ReadFromUDPAddrPort(b)
		return n, err
	},
	"ReadMsgUDP": func(c dialer.UDPConn, b []byte) (int, error) {
		n, _, _, _, err := c.ReadMsgUDP(b, nil)
		return n, err
	},
	"ReadMsgUDPAddrPort": func(c dialer.UDPConn, b []byte) (int, error) {
		n, _, _, _, err := c.ReadMsgUDPAddrPort(b, nil)
		return n, err
	},
}

// got is what arrives at a socket by one way of receiving; empty after a second without.
func got(t testing.TB, pc net.PacketConn, way string) string {
	t.Helper()
	pc.SetReadDeadline(time.Now().Add(time.Second))
	b := make([]byte, 100)
	n, err := receives[way](pc.(dialer.UDPConn), b)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	return string(b[:n])
}

// TestDatagrams: each datagram's destination is judged, and only those who were written to can answer.
func TestDatagrams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		friend, foe := packet(t, b, "10.0.0.2:53"), packet(t, b, "10.0.0.3:53")
		for name, send := range sends {
			for way := range receives {
				g := newGuard(t, a, Config{Rules: Rules{Allow: MustParseRules("udp 10.0.0.2:53")}})
				u := packet(t, g, ":0")
				at := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: u.LocalAddr().(*net.UDPAddr).Port}
				friend.WriteTo([]byte("too early"), at)
				if s := got(t, u, way); s != "" {
					t.Errorf("%s: %q came in from one who wasn't written to", way, s)
				}
				if err := send(u.(dialer.UDPConn), []byte("question"), udp("10.0.0.2:53")); err != nil {
					t.Fatal(err)
				}
				if s := got(t, friend, "Read"); s != "question" {
					t.Errorf("%s: %q arrived", name, s)
				}
				foe.WriteTo([]byte("spoof"), at)
				friend.WriteTo([]byte("answer"), at)
				if s := got(t, u, way); s != "answer" {
					t.Errorf("%s: %q; want what comes from who was written to", way, s)
				}
				err := send(u.(dialer.UDPConn), []byte("question"), udp("10.0.0.3:53"))
				wantRefused(t, err, "write", syscall.EACCES, `"udp 10.0.0.3:53"`)
				if s := got(t, foe, "Read"); s != "" {
					t.Errorf("%s: %q was sent though it was refused", name, s)
				}
				if k := g.Counters(); k.DatagramsIn != 1 || k.DatagramsOut != 1 || k.DatagramsDropped != 2 || k.BytesIn != 6 ||
					k.BytesOut != 8 || k.Refused != 1 {
					t.Errorf("%s, %s: %+v", name, way, k)
				}
				u.Close()
			}
		}
	})
}

// TestBroadcast: a broadcast address is an address like another one.
func TestBroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		far := packet(t, b, ":67")
		g := newGuard(t, a, Config{Rules: Rules{Allow: MustParseRules("udp 10.0.0.255:67")}})
		u := packet(t, g, ":0")
		_, err := u.WriteTo([]byte("x"), udp("255.255.255.255:67"))
		wantRefused(t, err, "write", syscall.EACCES, `"udp 255.255.255.255:67"`)
		if _, err := u.WriteTo([]byte("x"), udp("10.0.0.255:67")); err != nil {
			t.Error(err)
		}
		if s := got(t, far, "Read"); s != "x" {
			t.Errorf("%q arrived", s)
		}
	})
}

// TestAnnouncedSocket: a socket that a rule lets be announced takes datagrams from anyone and may answer him, but may
// not begin; and whom Deny names it may not answer.
func TestAnnouncedSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		client, evil, silent := packet(t, b, "10.0.0.2:1000"), packet(t, b, "192.0.2.9:1000"), "10.0.0.3:1000"
		g := newGuard(t, a, Config{Rules: Rules{Listen: MustParseRules("udp *:53"), Deny: MustParseRules("192.0.2.0/24")}})
		u := packet(t, g, ":53").(dialer.UDPConn)
		for _, c := range []net.PacketConn{client, evil} {
			c.WriteTo([]byte("question"), udp("10.0.0.1:53"))
			if s := got(t, u, "ReadFrom"); s != "question" {
				t.Errorf("%q", s)
			}
		}
		if _, err := u.WriteTo([]byte("answer"), client.LocalAddr()); err != nil {
			t.Error(err)
		}
		if s := got(t, client, "ReadFrom"); s != "answer" {
			t.Errorf("%q", s)
		}
		_, err := u.WriteTo([]byte("answer"), evil.LocalAddr())
		wantRefused(t, err, "write", syscall.EACCES, "192.0.2.0/24")
		_, err = u.WriteTo([]byte("secret"), udp(silent))
		wantRefused(t, err, "write", syscall.EACCES, `"udp 10.0.0.3:1000"`)
		// Of the peers the last are remembered: who wrote long ago must write again.
		for port := range uint16(maxPeers) {
			if !u.(*udpConn).peers.mayRead(netip.AddrPortFrom(netip.MustParseAddr("10.0.0.2"), 2000+port)) {
				t.Fatal("a datagram was dropped")
			}
		}
		_, err = u.WriteTo([]byte("answer"), client.LocalAddr())
		wantRefused(t, err, "write", syscall.EACCES)
		if n := len(u.(*udpConn).peers.known.m); n != maxPeers {
			t.Errorf("%d peers are remembered", n)
		}
		// New rules are for the answers, too.
		client.WriteTo([]byte("question"), udp("10.0.0.1:53"))
		got(t, u, "ReadFrom")
		if _, err := u.WriteTo([]byte("answer"), client.LocalAddr()); err != nil {
			t.Error(err)
		}
		g.SetRules(Rules{Listen: MustParseRules("udp *:53"), Deny: MustParseRules("10.0.0.2")})
		_, err = u.WriteTo([]byte("answer"), client.LocalAddr())
		wantRefused(t, err, "write", syscall.EACCES, "10.0.0.2")
		// Who was written to first, as a rule lets it, and then writes himself, is answered without that rule, too.
		g.SetRules(Rules{Listen: MustParseRules("udp *:53"), Allow: MustParseRules("udp 10.0.0.2")})
		other := packet(t, b, "10.0.0.2:1001")
		u.WriteTo([]byte("hello"), other.LocalAddr())
		other.WriteTo([]byte("question"), udp("10.0.0.1:53"))
		got(t, u, "ReadFrom")
		g.SetRules(Rules{Listen: MustParseRules("udp *:53")})
		if _, err := u.WriteTo([]byte("answer"), other.LocalAddr()); err != nil {
			t.Error(err)
		}
	})
}

// TestClientSocketRules: new rules are for a client's socket, too, both ways.
func TestClientSocketRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		far := packet(t, b, "10.0.0.2:53")
		g := newGuard(t, a, Config{Rules: Rules{Allow: MustParseRules("udp *")}})
		_, err := g.ListenPacket(t.Context(), "udp", ":53") // a port of one's choice is not a client's
		wantRefused(t, err, "listen", syscall.EACCES, `"udp *:53"`)
		u := packet(t, g, "")
		u.WriteTo([]byte("x"), far.LocalAddr())
		b1 := make([]byte, 1)
		_, from, _ := far.ReadFrom(b1)
		far.WriteTo([]byte("y"), from)
		if s := got(t, u, "Read"); s != "y" {
			t.Errorf("%q", s)
		}
		g.SetRules(Rules{Allow: MustParseRules("udp *:54")})
		far.WriteTo([]byte("y"), from)
		if s := got(t, u, "Read"); s != "" {
			t.Errorf("%q came in from one who may not be written to any more", s)
		}
		g.SetRules(Rules{Allow: MustParseRules("udp 10.0.0.2")})
		far.WriteTo([]byte("z"), from)
		if s := got(t, u, "Read"); s != "z" {
			t.Errorf("%q", s)
		}
	})
}

// TestConnectedUDP: what was dialled behaves as without a guard, errors included.
func TestConnectedUDP(t *testing.T) {
	for name, n := range inners(t) {
		g := newGuard(t, n, Config{Rules: Rules{Allow: MustParseRules("udp 127.0.0.1")}})
		far := packet(t, n, "127.0.0.1:0")
		c := dial(t, g, "udp", far.LocalAddr().String()).(dialer.UDPConn)
		c.Write([]byte("hello"))
		b := make([]byte, 10)
		_, from, err := far.ReadFrom(b)
		if err != nil || from.String() != c.LocalAddr().String() {
			t.Fatalf("%s: from %v, %v", name, from, err)
		}
		for way, receive := range receives {
			far.WriteTo([]byte("you"), from)
			if n, err := receive(c, b); n != 3 || err != nil {
				t.Errorf("%s, %s: %d, %v", name, way, n, err)
			}
		}
		if _, _, err := c.WriteMsgUDP([]byte("again"), nil, nil); err != nil {
			t.Error(err)
		}
		for way, send := range sends {
			if err := send(c, b, udp("127.0.0.1:9")); !errors.Is(err, net.ErrWriteToConnected) {
				t.Errorf("%s, %s: %v", name, way, err)
			}
		}
		if _, err := c.WriteTo(b, &net.TCPAddr{}); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: %v", name, err)
		}
		far.Close()
		c.Write(b)
		if _, err := c.Read(b); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: %v; want what the inner one says", name, err)
		}
		if netapi.NetworkOf(c) != g {
			t.Errorf("%s: a socket's network isn't the guard", name)
		}
	}
}

// TestUnspecifiedUDP: a datagram to no address goes to this host, and is judged so.
func TestUnspecifiedUDP(t *testing.T) {
	for name, n := range inners(t) {
		far := packet(t, n, "127.0.0.1:0")
		port := far.LocalAddr().(*net.UDPAddr).Port
		g := newGuard(t, n, Config{Rules: Rules{Allow: MustParseRules("udp *"), Deny: MustParseRules("127.0.0.0/8")}})
		u := packet(t, g, "127.0.0.1:0")
		for _, to := range []*net.UDPAddr{
			{Port: port}, {IP: net.IPv4zero, Port: port}, {IP: net.IPv4(127, 0, 0, 9), Port: port},
		} {
			_, err := u.WriteTo([]byte("x"), to)
			wantRefused(t, err, "write", syscall.EACCES, "127.0.0.0/8")
		}
		g.SetRules(Rules{Allow: MustParseRules("udp 127.0.0.1")})
		if _, err := u.WriteTo([]byte("x"), &net.UDPAddr{Port: port}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_, from, err := far.ReadFrom(make([]byte, 1))
		if err != nil {
			t.Fatal(err)
		}
		far.WriteTo([]byte("y"), from)
		if n, err := u.(net.Conn).Read(make([]byte, 9)); n != 1 || err != nil {
			t.Errorf("%s: the answer: %d, %v", name, n, err)
		}
		// The kernel's socket of both families tells IPv4 addresses so.
		mapped := netip.AddrPortFrom(netip.MustParseAddr("::ffff:127.0.0.1"), uint16(port))
		if !u.(*udpConn).peers.mayRead(mapped) {
			t.Errorf("%s: what comes from %v is dropped, though it was written to", name, mapped)
		}
		for _, to := range []*net.UDPAddr{nil, {IP: net.IP{1, 2, 3}, Port: port}} {
			if _, err := u.(dialer.UDPConn).WriteToUDP([]byte("x"), to); err == nil {
				t.Errorf("%s: a datagram to %v was sent", name, to)
			}
		}
	}
}

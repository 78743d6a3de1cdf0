package border

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

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins/internal/pump"
)

// rawPlugin is a plugin that sends what it likes.
type rawPlugin struct {
	t testing.TB
	Carrier
	buf  []byte
	done chan error // Serve's
}

func newRaw(t testing.TB, pair func(testing.TB) (host, plugin Carrier), n netapi.Tuned, l Limits) *rawPlugin {
	t.Helper()
	hc, pc := pair(t)
	p := &rawPlugin{t: t, Carrier: pc, buf: make([]byte, maxMessage), done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { p.done <- Serve(ctx, hc, n, l) }()
	t.Cleanup(func() { cancel(); pc.Close() })
	return p
}

func (p *rawPlugin) say(m message) {
	p.t.Helper()
	b, err := encode(nil, m)
	if err != nil {
		p.t.Fatal(err)
	}
	p.send(b, nil, true) // where the border was cut, Serve says why
}

// hear gives the next message of the kind of want, or an error. Paths that come along are closed.
func (p *rawPlugin) hear(want kind) (message, error) {
	for {
		n, path, err := p.recv(p.buf)
		if err != nil {
			return nil, err
		}
		if path != nil {
			path.Close()
		}
		if m, err := decode(p.buf[:n]); err != nil || m.kind() == want {
			return m, err
		}
	}
}

// TestBreachesCutTheBorder: what no plugin of ours sends ends the border, with an error that says what it was, and the
// host goes on.
func TestBreachesCutTheBorder(t *testing.T) {
	hi, _ := encode(nil, &hello{version})
	huge := []byte{byte(kindReady), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}
	bad, _ := encode(nil, &call{req: 1, op: opInfo, text: "x"})
	for what, c := range map[string]struct {
		messages [][]byte
		want     string
	}{
		"no greeting":              {[][]byte{{byte(kindStop)}}, "greeting"},
		"two greetings":            {[][]byte{hi, hi}, "greeting"},
		"another version":          {[][]byte{{byte(kindHello), 99}}, "version 99"},
		"an unknown kind":          {[][]byte{hi, {0xee}}, "unknown kind"},
		"a message that is cut":    {[][]byte{hi, bad[:len(bad)-1]}, "too early"},
		"a message with more":      {[][]byte{hi, append(bad[:len(bad):len(bad)], 0)}, "too many octets"},
		"a huge length":            {[][]byte{hi, huge}, "too early"},
		"a message of the host's":  {[][]byte{hi, {byte(kindStop)}}, "only the host"},
		"a message that's too big": {[][]byte{hi, make([]byte, maxMessage+1)}, "too long"},
	} {
		t.Run(what, func(t *testing.T) {
			onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
				own, _ := stacks(t)
				p := newRaw(t, pair, own, Limits{})
				for _, m := range c.messages {
					p.send(m, nil, true)
				}
				if err := <-p.done; err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("Serve gives %v; want an error about %q", err, c.want)
				}
			})
		})
	}
}

// TestDescriptorsAreNotTaken: a plugin cannot fill the host's table of descriptors by sending it some.
func TestDescriptorsAreNotTaken(t *testing.T) {
	own, _ := stacks(t)
	before := countFDs(t)
	p := newRaw(t, fdPair, own, Limits{})
	hi, _ := encode(nil, &hello{version})
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	rights := unix.UnixRights(int(null.Fd()), int(null.Fd()), int(null.Fd()), int(null.Fd()))
	c := p.Carrier.(*fdCarrier)
	c.raw.Write(func(fd uintptr) bool { unix.Sendmsg(int(fd), hi, rights, nil, 0); return true })
	if err := <-p.done; err == nil {
		t.Error("Serve gives no error")
	}
	null.Close()
	p.Close()
	awaitFDs(t, before)
}

// TestUnknownNumbers: calls on what isn't there are answered, and words about it are ignored.
func TestUnknownNumbers(t *testing.T) {
	own, _ := stacks(t)
	p := newRaw(t, fdPair, own, Limits{})
	p.say(&hello{version})
	for _, m := range []message{
		&want{77}, &shut{77}, &closing{id: 77, req: 5}, &cancel{77}, &call{req: 1, id: 77, op: opInfo},
	} {
		p.say(m)
	}
	m, err := p.hear(kindReply)
	if err != nil || m.(*reply).req != 1 || m.(*reply).err != syscall.EBADF {
		t.Errorf("%+v, %v; want EBADF for call 1", m, err)
	}
	p.say(&call{req: 2, id: 0, op: opInfo}) // of the listener that hands connections over
	if m, err := p.hear(kindReply); err != nil || m.(*reply).err != syscall.EINVAL {
		t.Errorf("%+v, %v; want EINVAL", m, err)
	}
}

// TestLimits: a plugin gets what the limits grant, and beyond it the errors that a process gets from its kernel. What
// it gives back it can have again.
func TestLimits(t *testing.T) {
	own, peer := stacks(t)
	n := serve(t, fdPair, own, Limits{Conns: 3, Listeners: 2, Sockets: 2}, Hooks{})
	ln, err := peer.Listen(t.Context(), "tcp", peerIP+":0")
	if err != nil {
		t.Fatal(err)
	}
	open := func(what string, most int, open func() (io.Closer, error)) {
		var l []io.Closer
		for range most {
			c, err := open()
			if err != nil {
				t.Fatalf("%s %d of %d: %v", what, len(l)+1, most, err)
			}
			l = append(l, c)
		}
		if _, err := open(); !errors.Is(err, syscall.EMFILE) {
			t.Errorf("%s beyond %d: %v; want EMFILE", what, most, err)
		}
		l[0].Close()
		retry(t, what, open)
	}
	open("dial", 3, func() (io.Closer, error) { return n.DialContext(t.Context(), "tcp", ln.Addr().String()) })
	open("listen", 2, func() (io.Closer, error) { return n.Listen(t.Context(), "tcp", ":0") })
	open("socket", 2, func() (io.Closer, error) { return n.ListenPacket(t.Context(), "udp", ":0") })
}

// retry waits until what was given back is free: the host closes in the background.
func retry(t *testing.T, what string, open func() (io.Closer, error)) {
	t.Helper()
	var c io.Closer
	var err error
	if comes(func() bool { c, err = open(); return !errors.Is(err, syscall.EMFILE) }); err != nil {
		t.Fatalf("%s after one was closed: %v", what, err)
	}
	c.Close()
}

// TestFloods: a plugin that asks and asks without reading an answer is cut when its limit of waiting messages is
// reached; what it has opened is gone then.
func TestFloods(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		own, peer := stacks(t)
		ln, err := peer.Listen(t.Context(), "tcp", peerIP+":0")
		if err != nil {
			t.Fatal(err)
		}
		p := newRaw(t, pair, own, Limits{Queue: 64 << 10, Conns: 50, Pending: 20})
		p.say(&hello{version})
		p.say(&dial{settings: settings{req: 1, network: "tcp", address: ln.Addr().String()}})
		n, path, err := p.recv(p.buf)
		for err == nil && path == nil {
			n, path, err = p.recv(p.buf)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer path.Close()
		m, err := decode(p.buf[:n])
		if err != nil {
			t.Fatal(err)
		}
		flood, stop := []message{
			&dial{settings: settings{req: 1, network: "tcp", address: ln.Addr().String()}},
			&listen{settings: settings{req: 2, network: "tcp", address: ":0"}},
			&listen{settings: settings{req: 3, network: "udp", address: ":0"}, packet: true},
			&want{1}, &exchange{req: 5, query: []byte("x")},
		}, make(chan struct{})
		for range 100 { // refusals alone, which are paced, would be slow to fill the queue
			flood = append(flood, &call{req: 4, id: m.(*opened).id, op: opInfo})
		}
		go func() {
			for !isDone(stop) {
				for _, m := range flood {
					p.say(m)
				}
			}
		}()
		err = <-p.done
		close(stop)
		if err == nil || !strings.Contains(err.Error(), "not read") {
			t.Errorf("Serve gives %v; want an error about messages that are not read", err)
		}
		if n := own.Stack().Open(); n != 0 {
			t.Errorf("%d sockets are left of what it has opened", n)
		}
	})
}

// TestPendingIsBounded: requests on the way are limited; the answer is EAGAIN, and cancelling makes room.
func TestPendingIsBounded(t *testing.T) {
	own, _ := stacks(t)
	p := newRaw(t, fdPair, own, Limits{Pending: 4})
	p.say(&hello{version})
	for i := range uint64(5) {
		p.say(&dial{settings: settings{req: i + 1, network: "tcp", address: "10.0.0.99:9"}}) // where nobody answers
	}
	m, err := p.hear(kindReply)
	if err != nil || m.(*reply).req != 5 || !errors.Is(m.(*reply).err, syscall.EAGAIN) {
		t.Fatalf("%+v, %v; want EAGAIN for the fifth", m, err)
	}
	p.say(&cancel{2})
	if m, err = p.hear(kindReply); err != nil || m.(*reply).req != 2 || !errors.Is(m.(*reply).err, context.Canceled) {
		t.Errorf("%+v, %v; want context.Canceled for the second", m, err)
	}
}

// TestOnlyNetworksThatAreMeant: a host that serves package net's network doesn't give its Unix sockets away.
func TestOnlyNetworksThatAreMeant(t *testing.T) {
	n := serve(t, fdPair, netapi.Kernel{}, Limits{}, Hooks{})
	path := t.TempDir() + "/socket"
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if _, err := n.DialContext(t.Context(), "unix", path); !errors.As(err, new(net.UnknownNetworkError)) {
		t.Errorf("dialling a Unix socket: %v; want unknown network", err)
	}
	if _, err := n.Listen(t.Context(), "unix", path+"2"); !errors.As(err, new(net.UnknownNetworkError)) {
		t.Errorf("listening on a Unix socket: %v; want unknown network", err)
	}
}

// TestDatagramsPaced: a plugin that goes on sending what is refused has to wait, at package pace's rate.
func TestDatagramsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own, _ := stacks(t)
		h := NewHost(deadEnd{}, own, Limits{}, Hooks{})
		c, err := own.ListenPacket(t.Context(), "udp4", ownIP+":0")
		if err != nil {
			t.Fatal(err)
		}
		elsewhere := header{addr: netip.MustParseAddrPort("203.0.113.1:9")}
		u := &hostUDP{h: h, c: c.(dialer.UDPConn), p: &packets{header: elsewhere, left: 3000}}
		began := time.Now()
		u.up()
		if took := time.Since(began); took < 1900*time.Millisecond || took > 2100*time.Millisecond {
			t.Errorf("3000 refused datagrams take %v; want 2 s, for the first 1000 are free", took)
		}
	})
}

// deadEnd is a carrier to nowhere.
type deadEnd struct{ Carrier }

func (deadEnd) send([]byte, farEnd, bool) error { return nil }
func (deadEnd) limit(int)                       {}
func (deadEnd) Close() error                    { return nil }

// packets is a data path on which so many equal ones come.
type packets struct {
	pipe
	header
	left int
}

func (p *packets) next() (*pump.Buffer, int, error) {
	if p.left == 0 {
		return nil, 0, io.EOF
	}
	p.left--
	b := pump.Get()
	p.encode(b[:])
	return b, headerSize, nil
}

func (p *packets) Close() error { return nil }

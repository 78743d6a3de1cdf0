package border

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack/tcp"
)

func countFDs(t testing.TB) int {
	t.Helper()
	l, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(l)
}

// awaitFDs waits until there are not more descriptors than before. What closes them may still be at it.
func awaitFDs(t testing.TB, before int) {
	t.Helper()
	awaitCount(t, "descriptors", before, func() int { return countFDs(t) })
}

func awaitCount(t testing.TB, what string, before int, count func() int) {
	t.Helper()
	n := 0
	if !comes(func() bool { n = count(); return n <= before }) {
		buf := make([]byte, 1<<20)
		t.Fatalf("%d %s are left of what was opened\n%s", n-before, what, buf[:runtime.Stack(buf, true)])
	}
}

// comes waits until ok, and reports whether it ever was.
func comes(ok func() bool) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			return false
		}
	}
	return true
}

// busy is a plugin with something of each kind.
type busy struct {
	*served
	dialled, accepted dialer.TCPConn // its own
	peers             [2]dialer.TCPConn
	listener          io.Closer
	udp               dialer.UDPConn
}

func newBusy(t testing.TB, pair func(testing.TB) (host, plugin Carrier), l Limits) *busy {
	t.Helper()
	own, peer := stacks(t)
	b := &busy{served: serve(t, pair, own, l, Hooks{})}
	b.dialled, b.peers[0] = connected(t, b, peer, false)
	b.accepted, b.peers[1] = connected(t, b, peer, true)
	ln, err := b.Listen(t.Context(), "tcp", ":80")
	if err != nil {
		t.Fatal(err)
	}
	b.listener = ln
	pc, err := b.ListenPacket(t.Context(), "udp", ":53")
	if err != nil {
		t.Fatal(err)
	}
	b.udp = pc.(dialer.UDPConn)
	return b
}

// TestNothingIsLeft: when a plugin goes, whatever it was doing, all that it had is closed when Serve returns.
func TestNothingIsLeft(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		for what, end := range map[string]func(b *busy){
			"the plugin goes": func(b *busy) { b.Close() },
			"the host ends":   func(b *busy) { b.end() },
			"the plugin goes when it has written": func(b *busy) {
				b.dialled.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
				b.dialled.Write(make([]byte, 8<<20))
				b.Close()
			},
			"a dial is on its way": func(b *busy) {
				go b.DialContext(b.host.ctx, "tcp", "10.0.0.99:9")
				go io.Copy(io.Discard, b.accepted)
				b.Close()
			},
		} {
			t.Run(what, func(t *testing.T) {
				fds, goroutines := countFDs(t), runtime.NumGoroutine()
				b := newBusy(t, pair, Limits{Grace: 50 * time.Millisecond})
				end(b)
				<-b.done
				<-b.Done()
				own := b.host.net
				if ln, err := own.Listen(t.Context(), "tcp", ":80"); err != nil {
					t.Errorf("the plugin's listener holds its port: %v", err)
				} else {
					ln.Close()
				}
				if pc, err := own.ListenPacket(t.Context(), "udp", ":53"); err != nil {
					t.Errorf("the plugin's UDP socket holds its port: %v", err)
				} else {
					pc.Close()
				}
				for _, c := range []io.Closer{b.dialled, b.accepted, b.listener, b.udp, b.peers[0], b.peers[1], b} {
					c.Close()
				}
				awaitFDs(t, fds)
				awaitCount(t, "goroutines", goroutines, runtime.NumGoroutine)
			})
		}
	})
}

// TestPluginsDeathIsAProcessDeath: the peers of a plugin that has gone get what it had written and the end of the
// stream, or a reset where it hadn't read everything: as from a kernel.
func TestPluginsDeathIsAProcessDeath(t *testing.T) {
	b := newBusy(t, fdPair, Limits{})
	io.WriteString(b.dialled, "last words")
	io.WriteString(b.peers[1], "unread")
	await(t, b.accepted, "octets", func(i tcp.Info) bool { return i.BytesReceived == 6 })
	die(b)
	if got, err := io.ReadAll(b.peers[0]); string(got) != "last words" || err != nil {
		t.Errorf("the peer gets %q, %v; want the last words and the end", got, err)
	}
	step{"Read of the other peer", read(b.peers[1], 1), 0, syscall.ECONNRESET}.check(t)
	if err := <-b.done; err != nil {
		t.Errorf("Serve gives %v; want nil, for the plugin has just gone", err)
	}
}

// stuck is a network whose peers take nothing: Write blocks until the connection is closed.
type stuck struct{ *netapi.Stack }

type stuckConn struct {
	dialer.TCPConn
	once   sync.Once
	closed chan struct{}
}

func (n stuck) DialWith(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	c, err := n.Stack.DialWith(ctx, d, network, address)
	if err != nil {
		return nil, err
	}
	return &stuckConn{TCPConn: c.(dialer.TCPConn), closed: make(chan struct{})}, nil
}

func (c *stuckConn) Write(b []byte) (int, error) {
	<-c.closed
	return 0, net.ErrClosed
}

func (c *stuckConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.TCPConn.Close()
}

// TestKillSwitch: the end of Serve's context resets everything at once, also what a plugin that has closed or gone
// would still deliver.
func TestKillSwitch(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		own, peer := stacks(t)
		n := serve(t, pair, stuck{own}, Limits{Grace: time.Hour}, Hooks{})
		open, openPeer := connected(t, n, peer, false)
		closed, closedPeer := connected(t, n, peer, false)
		for _, c := range []dialer.TCPConn{open, closed} {
			step{"Write", write(c, "never delivered"), 15, nil}.check(t)
		}
		step{"Close", does(closed.Close), 0, nil}.check(t)
		n.end()
		if err := <-n.done; !errors.Is(err, context.Canceled) {
			t.Errorf("Serve gives %v; want the context's cause", err)
		}
		step{"Read of the peer of one that was open", read(openPeer, 1), 0, syscall.ECONNRESET}.check(t)
		step{"Read of the peer of one that was closed", read(closedPeer, 1), 0, syscall.ECONNRESET}.check(t)
	})
}

// TestGrace: what a plugin that has gone leaves undelivered keeps Serve for so long and no longer.
func TestGrace(t *testing.T) {
	own, peer := stacks(t)
	n := serve(t, fdPair, stuck{own}, Limits{Grace: 20 * time.Millisecond}, Hooks{})
	c, p := connected(t, n, peer, false)
	step{"Write", write(c, "never delivered"), 15, nil}.check(t)
	step{"Close", does(c.Close), 0, nil}.check(t)
	n.Close()
	if err := <-n.done; err != nil {
		t.Errorf("Serve gives %v; want nil, for the plugin has just gone", err)
	}
	step{"Read of the peer", read(p, 1), 0, syscall.ECONNRESET}.check(t)
}

// TestHostsDeath: when the host goes, the plugin's calls end, blocked ones too, with an error that says so.
func TestHostsDeath(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		b := newBusy(t, pair, Limits{})
		calls := map[string]func() error{
			"Read":       func() error { _, err := b.dialled.Read(make([]byte, 1)); return err },
			"Accept":     func() error { _, err := b.listener.(*TCPListener).Accept(); return err },
			"ReadFrom":   func() error { _, _, err := b.udp.ReadFrom(make([]byte, 1)); return err },
			"Write":      func() error { _, err := b.accepted.Write(make([]byte, 64<<20)); return err },
			"Dial":       func() error { _, err := b.DialContext(t.Context(), "tcp", "10.0.0.99:9"); return err },
			"Exchange":   func() error { _, err := b.Resolver().LookupHost(t.Context(), "host.example"); return err },
			"SetNoDelay": func() error { <-b.Done(); return b.dialled.SetNoDelay(true) },
		}
		type result struct {
			what string
			err  error
		}
		results := make(chan result)
		for what, f := range calls {
			go func() { results <- result{what, f()} }()
		}
		b.end()
		<-b.Done()
		for range calls {
			r := <-results
			gone := errors.Is(r.err, ErrGone) || errors.Is(r.err, syscall.ECONNABORTED)
			if r.what == "Exchange" {
				gone = r.err != nil // net.Resolver keeps texts only
			}
			if !gone {
				t.Errorf("%s gives %v; want one that says that the host is gone", r.what, r.err)
			}
		}
		if b.Err() != ErrGone || !errors.Is(b.Err(), syscall.ECONNRESET) {
			t.Errorf("Err is %v; want ErrGone, which is ECONNRESET", b.Err())
		}
		if err := b.dialled.Close(); err != nil {
			t.Errorf("Close gives %v; want nil, as of any connection that has died", err)
		}
	})
}

// die closes a plugin's descriptors as the end of its process does, without a word to the host.
func die(b *busy) {
	b.carrier.(*fdCarrier).u.Close()
	for _, c := range []*TCPConn{b.dialled.(*TCPConn), b.accepted.(*TCPConn)} {
		c.p.Close()
	}
	b.udp.(*UDPConn).p.Close()
}

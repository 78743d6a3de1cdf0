package border

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/stack/tcp"
)

// The rows of package net's parity table that a border could get wrong: what a connection says after each kind of end.

// infoer is a connection that tells its state.
type infoer interface{ Info() tcp.Info }

// await waits until a connection is as ok wants it. Nothing else tells that packets have arrived without changing what
// is looked at.
func await(t *testing.T, c dialer.TCPConn, what string, ok func(i tcp.Info) bool) {
	t.Helper()
	if !comes(func() bool { return ok(c.(infoer).Info()) }) {
		t.Fatalf("waited in vain for %s: %+v", what, c.(infoer).Info())
	}
}

func isReset(i tcp.Info) bool { return i.State == tcp.Closed }
func hasFIN(i tcp.Info) bool  { return i.State != tcp.Established }

// step is one call and how it is to end: n octets, and an error that is err in a *net.OpError, but for io.EOF.
type step struct {
	what string
	do   func() (int, error)
	n    int
	err  error
}

func (s step) check(t *testing.T) {
	t.Helper()
	n, err := s.do()
	var op *net.OpError
	switch {
	case n != s.n, !errors.Is(err, s.err), s.err == nil && err != nil:
		t.Errorf("%s gives %d, %v; want %d, %v", s.what, n, err, s.n, s.err)
	case s.err == io.EOF && err != io.EOF:
		t.Errorf("%s gives %#v; want io.EOF bare", s.what, err)
	case s.err != nil && s.err != io.EOF && !errors.As(err, &op):
		t.Errorf("%s gives a %T; want a *net.OpError", s.what, err)
	}
}

func read(c io.Reader, size int) func() (int, error) {
	return func() (int, error) { return c.Read(make([]byte, size)) }
}

func write(c io.Writer, text string) func() (int, error) {
	return func() (int, error) { return c.Write([]byte(text)) }
}

func does(f func() error) func() (int, error) { return func() (int, error) { return 0, f() } }

// ends are what can happen to a connection, and what its calls give after that.
var ends = map[string]func(t *testing.T, c, peer dialer.TCPConn) []step{
	"reset with octets unread": func(t *testing.T, c, peer dialer.TCPConn) []step {
		io.WriteString(peer, "0123456789ab")
		await(t, c, "octets", func(i tcp.Info) bool { return i.BytesReceived == 12 })
		reset(t, c, peer)
		return []step{
			{"Read", read(c, 8), 8, nil}, {"Read", read(c, 8), 4, nil}, {"Read", read(c, 8), 0, syscall.ECONNRESET},
			{"Read then", read(c, 8), 0, io.EOF}, {"Write then", write(c, "x"), 0, syscall.EPIPE},
		}
	},
	"reset, writing first": func(t *testing.T, c, peer dialer.TCPConn) []step {
		reset(t, c, peer)
		return []step{
			{"Read of nothing", read(c, 0), 0, nil}, {"Write of nothing", write(c, ""), 0, syscall.ECONNRESET},
			{"Write", write(c, "x"), 0, syscall.EPIPE}, {"Read", read(c, 1), 0, io.EOF},
			{"CloseWrite", does(c.CloseWrite), 0, syscall.ENOTCONN}, {"CloseRead", does(c.CloseRead), 0, syscall.ENOTCONN},
			{"Close", does(c.Close), 0, nil}, {"Close again", does(c.Close), 0, net.ErrClosed},
		}
	},
	"peer closed, then written to": func(t *testing.T, c, peer dialer.TCPConn) []step {
		peer.Close()
		await(t, c, "FIN", hasFIN)
		step{"Write", write(c, "x"), 1, nil}.check(t)
		await(t, c, "the RST that it draws", isReset)
		return []step{
			{"Write", write(c, "x"), 0, syscall.EPIPE}, {"Read", read(c, 1), 0, io.EOF}, {"Close", does(c.Close), 0, nil},
		}
	},
	"half-closed": func(t *testing.T, c, peer dialer.TCPConn) []step {
		step{"CloseWrite", does(c.CloseWrite), 0, nil}.check(t)
		step{"CloseWrite again", does(c.CloseWrite), 0, nil}.check(t)
		step{"peer's Read", read(peer, 1), 0, io.EOF}.check(t)
		io.WriteString(peer, "reply")
		peer.Close()
		return []step{
			{"Write", write(c, "x"), 0, syscall.EPIPE}, {"Write of nothing", write(c, ""), 0, syscall.EPIPE},
			{"Read", read(c, 5), 5, nil}, {"Read", read(c, 1), 0, io.EOF},
			{"CloseWrite after both ends", does(c.CloseWrite), 0, syscall.ENOTCONN}, {"Close", does(c.Close), 0, nil},
		}
	},
	"CloseRead": func(t *testing.T, c, peer dialer.TCPConn) []step {
		step{"CloseRead", does(c.CloseRead), 0, nil}.check(t)
		step{"Read", read(c, 9), 0, io.EOF}.check(t)
		io.WriteString(peer, "late")
		await(t, c, "octets", func(i tcp.Info) bool { return i.BytesReceived == 4 })
		return []step{
			{"Read of what comes still", read(c, 9), 4, nil}, {"Read", read(c, 9), 0, io.EOF},
			{"Write", write(c, "x"), 1, nil}, {"CloseRead again", does(c.CloseRead), 0, nil},
		}
	},
	"deadlines": func(t *testing.T, c, peer dialer.TCPConn) []step {
		io.WriteString(peer, "data")
		await(t, c, "octets", func(i tcp.Info) bool { return i.BytesReceived == 4 })
		c.SetDeadline(past)
		return []step{
			{"Read with octets there", read(c, 9), 0, os.ErrDeadlineExceeded}, {"Read of nothing", read(c, 0), 0, nil},
			{"Write", write(c, "x"), 0, os.ErrDeadlineExceeded}, {"Write of nothing", write(c, ""), 0, os.ErrDeadlineExceeded},
			{"clearing", does(func() error { return c.SetDeadline(time.Time{}) }), 0, nil},
			{"Read", read(c, 9), 4, nil}, {"Write", write(c, "x"), 1, nil},
		}
	},
	"closed": func(t *testing.T, c, peer dialer.TCPConn) []step {
		c.Close()
		return []step{
			{"Read", read(c, 1), 0, net.ErrClosed}, {"Read of nothing", read(c, 0), 0, net.ErrClosed},
			{"Write", write(c, "x"), 0, net.ErrClosed}, {"Write of nothing", write(c, ""), 0, net.ErrClosed},
			{"SetDeadline", does(func() error { return c.SetDeadline(past) }), 0, net.ErrClosed},
			{"SetNoDelay", does(func() error { return c.SetNoDelay(true) }), 0, net.ErrClosed},
			{"SetReadBuffer", does(func() error { return c.SetReadBuffer(1) }), 0, net.ErrClosed},
			{"CloseWrite", does(c.CloseWrite), 0, net.ErrClosed}, {"CloseRead", does(c.CloseRead), 0, net.ErrClosed},
			{"peer's Read", read(peer, 1), 0, io.EOF},
		}
	},
	"closed with octets unread": func(t *testing.T, c, peer dialer.TCPConn) []step {
		io.WriteString(peer, "unread")
		await(t, c, "octets", func(i tcp.Info) bool { return i.BytesReceived == 6 })
		c.Close()
		return []step{{"peer's Read", read(peer, 1), 0, syscall.ECONNRESET}}
	},
	"closed, linger 0": func(t *testing.T, c, peer dialer.TCPConn) []step {
		step{"SetLinger", does(func() error { return c.SetLinger(0) }), 0, nil}.check(t)
		c.Close()
		return []step{{"peer's Read", read(peer, 1), 0, syscall.ECONNRESET}}
	},
	"settings that are refused": func(t *testing.T, c, peer dialer.TCPConn) []step {
		tooLong := net.KeepAliveConfig{Enable: true, Idle: 40000 * time.Second}
		own := c.(*TCPConn)
		return []step{
			{"SetKeepAliveConfig", does(func() error { return c.SetKeepAliveConfig(tooLong) }), 0, syscall.EINVAL},
			{"SetCongestionControl", does(func() error { return own.SetCongestionControl("vegas") }), 0, syscall.ENOENT},
			{"SetUserTimeout", does(func() error { return own.SetUserTimeout(-1) }), 0, syscall.EINVAL},
			{"the connection goes on", write(c, "x"), 1, nil},
		}
	},
}

// reset ends a connection with a RST and waits until it has come.
func reset(t *testing.T, c, peer dialer.TCPConn) {
	t.Helper()
	if err := errors.Join(peer.SetLinger(0), peer.Close()); err != nil {
		t.Fatal(err)
	}
	await(t, c, "RST", isReset)
}

func TestEnds(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		own, peer := stacks(t)
		n := serve(t, pair, own, Limits{}, Hooks{})
		for name, end := range ends {
			for _, accept := range []bool{false, true} {
				t.Run(name, func(t *testing.T) {
					c, p := connected(t, n, peer, accept)
					for _, s := range end(t, c, p) {
						s.check(t)
					}
				})
			}
		}
	})
}

// blockers are what wakes a call that is blocked, and what it then gives.
var blockers = map[string]struct {
	wake        func(c, peer dialer.TCPConn) error
	read, write error
}{
	"Close": {func(c, _ dialer.TCPConn) error { return c.Close() }, net.ErrClosed, net.ErrClosed},
	"deadline": {func(c, _ dialer.TCPConn) error {
		return c.SetDeadline(past)
	}, os.ErrDeadlineExceeded, os.ErrDeadlineExceeded},
	"CloseWrite": {func(c, _ dialer.TCPConn) error { return c.CloseWrite() }, nil, syscall.EPIPE},
	"CloseRead":  {func(c, _ dialer.TCPConn) error { return c.CloseRead() }, io.EOF, nil},
	"reset": {func(_, peer dialer.TCPConn) error {
		return errors.Join(peer.SetLinger(0), peer.Close())
	}, syscall.ECONNRESET, syscall.ECONNRESET},
}

func TestBlockedCalls(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		own, peer := stacks(t)
		n := serve(t, pair, own, Limits{}, Hooks{})
		for name, b := range blockers {
			if b.read != nil {
				t.Run("Read "+name, func(t *testing.T) {
					c, p := connected(t, n, peer, false)
					done := make(chan error, 1)
					go func() { _, err := c.Read(make([]byte, 1)); done <- err }()
					c.(infoer).Info() // for Read to be on its way; it needn't be blocked already
					step{"wake", does(func() error { return b.wake(c, p) }), 0, nil}.check(t)
					step{"blocked Read", does(func() error { return <-done }), 0, b.read}.check(t)
				})
			}
			if b.write != nil {
				t.Run("Write "+name, func(t *testing.T) {
					c, p := connected(t, n, peer, false)
					done := make(chan error, 1)
					go func() {
						n, err := c.Write(make([]byte, 64<<20))
						if n == 0 {
							err = errors.Join(err, errors.New("nothing was written before"))
						}
						done <- err
					}()
					await(t, p, "octets", func(i tcp.Info) bool { return i.BytesReceived > 0 })
					step{"wake", does(func() error { return b.wake(c, p) }), 0, nil}.check(t)
					if err := <-done; !errors.Is(err, b.write) || strings.Contains(err.Error(), "nothing was") {
						t.Errorf("blocked Write gives %v; want %v", err, b.write)
					}
				})
			}
		}
	})
}

// TestCloseDelivers: Close is not the end of what was written, however much it is.
func TestCloseDelivers(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		own, peer := stacks(t)
		n := serve(t, pair, own, Limits{}, Hooks{})
		c, p := connected(t, n, peer, false)
		want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		go func() {
			c.ReadFrom(bytes.NewReader(want))
			c.Close()
		}()
		got, err := io.ReadAll(p)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("the peer got %d octets, %v; want all %d", len(got), err, len(want))
		}
	})
}

// TestTimedOutWriteCounts: what a Write that timed out says was taken is what the peer gets.
func TestTimedOutWriteCounts(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		own, peer := stacks(t)
		c, p := connected(t, serve(t, pair, own, Limits{}, Hooks{}), peer, false)
		c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		n, err := c.Write(make([]byte, 64<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("Write gives %v; want a timeout, as nobody reads", err)
		}
		go c.Close()
		if got, err := io.Copy(io.Discard, p); got != int64(n) || err != nil {
			t.Errorf("the peer got %d octets, %v; want the %d that were counted", got, err, n)
		}
	})
}

// TestDialErrors: a dial fails as on the host, in the same words and types.
func TestDialErrors(t *testing.T) {
	own, _ := stacks(t)
	n := serve(t, fdPair, own, Limits{}, Hooks{})
	for _, a := range [][2]string{
		{"tcp", peerIP + ":9"}, {"tcp", "203.0.113.1:9"}, {"tcp", ""}, {"tcp", "[::1]:9"}, {"tcp", "10.0.0.2:nosuchservice"},
		{"tcp5", peerIP + ":9"}, {"ip4", peerIP}, {"", peerIP + ":9"}, {"tcp6", peerIP + ":9"},
	} {
		_, want := own.DialContext(t.Context(), a[0], a[1])
		_, got := n.DialContext(t.Context(), a[0], a[1])
		if errorText(got) != errorText(want) {
			t.Errorf("dialling %q %q gives\n%s; want\n%s", a[0], a[1], errorText(got), errorText(want))
		}
	}
	for _, d := range []*net.Dialer{
		{Timeout: -1}, {Deadline: past},
		{LocalAddr: &net.TCPAddr{IP: net.IPv4(198, 51, 100, 1)}}, {LocalAddr: &net.UDPAddr{}},
	} {
		_, want := own.DialWith(t.Context(), d, "tcp", peerIP+":9")
		_, got := n.DialWith(t.Context(), d, "tcp", peerIP+":9")
		if errorText(got) != errorText(want) {
			t.Errorf("dialling by %+v gives\n%s; want\n%s", d, errorText(got), errorText(want))
		}
	}
}

// errorText is an error's text and the types of the errors that it is made of.
func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	text := err.Error()
	for e := err; e != nil; e = errors.Unwrap(e) {
		text += " > " + fmt.Sprintf("%T", e)
	}
	return text
}

package netapi

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/net/nettest"

	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
)

// newLoop makes a stack that can reach itself.
func newLoop(t testing.TB) *Stack {
	t.Helper()
	s := stack.New(stack.Config{})
	t.Cleanup(func() { s.Close() })
	return NewStack(s)
}

// newPair makes two stacks back to back, 10.0.0.1 and 10.0.0.2.
func newPair(t testing.TB) (a, b *Stack) {
	t.Helper()
	x, y := link.Pipe(1500)
	sa, sb := stack.New(stack.Config{}), stack.New(stack.Config{})
	t.Cleanup(func() { sa.Close(); sb.Close() })
	if _, err := sa.AddDevice(x, netip.MustParsePrefix("10.0.0.1/24")); err != nil {
		t.Fatal(err)
	}
	if _, err := sb.AddDevice(y, netip.MustParsePrefix("10.0.0.2/24")); err != nil {
		t.Fatal(err)
	}
	return NewStack(sa), NewStack(sb)
}

// connect makes a connection from one network to an address of another.
func connect(t testing.TB, from, to *Stack, addr string) (dialled, accepted *TCPConn, l *TCPListener) {
	t.Helper()
	ln, err := to.Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	c, err := from.DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return c.(*TCPConn), s.(*TCPConn), ln.(*TCPListener)
}

// TestConnConformance is the Go project's own test of what a net.Conn must do.
func TestConnConformance(t *testing.T) {
	pipe := func(networks func() (from, to *Stack), addr string) nettest.MakePipe {
		return func() (c1, c2 net.Conn, stop func(), err error) {
			from, to := networks()
			d, a, ln := connect(t, from, to, addr)
			return d, a, func() { d.Close(); a.Close(); ln.Close() }, nil
		}
	}
	t.Run("loopback", func(t *testing.T) {
		nettest.TestConn(t, pipe(func() (a, b *Stack) { a = newLoop(t); return a, a }, "127.0.0.1:0"))
	})
	t.Run("pipe", func(t *testing.T) {
		nettest.TestConn(t, pipe(func() (a, b *Stack) { return newPair(t) }, "10.0.0.2:0"))
	})
}

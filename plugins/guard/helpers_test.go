package guard

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
)

// newLoop makes a network that can reach itself.
func newLoop(t testing.TB) *netapi.Stack {
	t.Helper()
	s := stack.New(stack.Config{})
	t.Cleanup(func() { s.Close() })
	return netapi.NewStack(s)
}

// newPair makes two hosts back to back, 10.0.0.1 and, with two addresses more, 10.0.0.2.
func newPair(t testing.TB) (a, b *netapi.Stack) {
	t.Helper()
	x, y := link.Pipe(1500)
	sa, sb := stack.New(stack.Config{}), stack.New(stack.Config{})
	t.Cleanup(func() { sa.Close(); sb.Close() })
	ifc, err := sa.AddDevice(x, netip.MustParsePrefix("10.0.0.1/24"))
	if err == nil {
		err = sa.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), ifc)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sb.AddDevice(y, netip.MustParsePrefix("10.0.0.2/24"), netip.MustParsePrefix("10.0.0.3/24"),
		netip.MustParsePrefix("192.0.2.9/24")); err != nil {
		t.Fatal(err)
	}
	return netapi.NewStack(sa), netapi.NewStack(sb)
}

// allow is Rules that let some places be reached, and everything announced.
func allow(t testing.TB, texts ...string) Rules {
	return Rules{Allow: MustParseRules(texts...), Listen: MustParseRules("*:0-65535")}
}

// newGuard is a guard that is closed with the test.
func newGuard(t testing.TB, n netapi.Tuned, cfg Config) *Network {
	t.Helper()
	g := New(n, cfg)
	t.Cleanup(func() { g.Close() })
	return g
}

// serve accepts connections on an address of a network, which it gives, and has each served by f; nil echoes.
func serve(t testing.TB, n netapi.Network, addr string, f func(net.Conn)) string {
	t.Helper()
	ln, err := n.Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	if f == nil {
		f = func(c net.Conn) { io.Copy(c, c) }
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				f(c)
			}()
		}
	}()
	return ln.Addr().String()
}

// dial connects, or fails the test.
func dial(t testing.TB, n netapi.Network, network, address string) net.Conn {
	t.Helper()
	c, err := n.DialContext(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// listen announces a TCP address, or fails the test.
func listen(t testing.TB, n netapi.Network, address string) net.Listener {
	t.Helper()
	ln, err := n.Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// packet makes a UDP socket, or fails the test.
func packet(t testing.TB, n netapi.Network, address string) net.PacketConn {
	t.Helper()
	pc, err := n.ListenPacket(t.Context(), "udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	return pc
}

// accepted gives both ends of a connection that was dialled on one network to a listener of another.
func accepted(t testing.TB, from netapi.Network, ln net.Listener, address string) (client, server net.Conn) {
	t.Helper()
	client = dial(t, from, "tcp", address)
	server, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return client, server
}

// wantRefused fails a test unless err is a refusal in package net's form, with the errno and all the words.
func wantRefused(t testing.TB, err error, op string, errno syscall.Errno, words ...string) *RefusedError {
	t.Helper()
	oe, ok := errors.AsType[*net.OpError](err)
	why, ok2 := errors.AsType[*RefusedError](err)
	if !ok || !ok2 || oe.Op != op || !errors.Is(err, errno) {
		t.Fatalf("%v (%T); want a *net.OpError of %s around a *RefusedError that is %v", err, err, op, errno)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q; want it to tell of %q", err, w)
		}
	}
	return why
}

// echoes fails a test unless what is written to c comes back.
func echoes(t testing.TB, c net.Conn) {
	t.Helper()
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
		t.Fatalf("%q, %v", b, err)
	}
}

func background() context.Context { return context.Background() }

// hooked is a network that does something between a dial's success and its caller's knowing.
type hooked struct {
	netapi.Tuned
	then func()
}

func (h hooked) DialWith(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	c, err := h.Tuned.DialWith(ctx, d, network, address)
	h.then()
	return c, err
}

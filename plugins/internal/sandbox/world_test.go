package sandbox_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
)

// world is a network with somebody at the other end: two stacks and a link. near is the program's own, on which a
// sandbox dials; far has the addresses of the hosts that there are.
type world struct {
	near, far *netapi.Stack
}

// Hosts of the world. nobody has no server, and so refuses.
var (
	host   = netip.MustParseAddr("198.51.100.7")
	client = netip.MustParseAddr("203.0.113.9")
)

// newWorld makes a world, which ends with the test.
func newWorld(t testing.TB) *world {
	t.Helper()
	a, b := link.Pipe(1500)
	near, far := stack.New(stack.Config{}), stack.New(stack.Config{})
	t.Cleanup(func() { near.Close(); far.Close() })
	attach := func(s *stack.Stack, d link.Device, addrs ...netip.Prefix) {
		ifc, err := s.AddDevice(d, addrs...)
		if err == nil {
			err = s.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), ifc)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	attach(near, a, address)
	attach(far, b, netip.PrefixFrom(host, 32), netip.PrefixFrom(client, 32))
	return &world{netapi.NewStack(near), netapi.NewStack(far)}
}

// serve runs a TCP server on far until the test ends.
func (w *world) serve(t testing.TB, addr string, handle func(c *netapi.TCPConn)) {
	t.Helper()
	l, err := w.far.Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go handle(c.(*netapi.TCPConn))
		}
	}()
}

// echo sends back what comes, until the peer's end, and then its own end.
func echo(c *netapi.TCPConn) {
	defer c.Close()
	io.Copy(c, c)
}

// serveUDP answers each datagram on far with "re: " and what it said.
func (w *world) serveUDP(t testing.TB, addr string) net.PacketConn {
	t.Helper()
	pc, err := w.far.ListenPacket(t.Context(), "udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	go func() {
		buf := make([]byte, 65536)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			pc.WriteTo(append([]byte("re: "), buf[:n]...), from)
		}
	}()
	return pc
}

// dialFrom connects from an address of far's.
func (w *world) dialFrom(ctx context.Context, from netip.Addr, network, to string) (net.Conn, error) {
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: from.AsSlice()}}
	if network == "udp" {
		d.LocalAddr = &net.UDPAddr{IP: from.AsSlice()}
	}
	return w.far.DialWith(ctx, d, network, to)
}

// readLine reads one line of a connection.
func readLine(t testing.TB, c net.Conn) string {
	t.Helper()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatalf("no line came: %q, %v", line, err)
	}
	return line
}

func netipAddr(t testing.TB, s string) netip.Addr {
	t.Helper()
	a, err := netip.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

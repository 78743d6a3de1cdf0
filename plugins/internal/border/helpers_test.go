package border

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/net/nettest"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
)

// carriers are the ways across the border: what holds for one must hold for the other.
var carriers = map[string]func(t testing.TB) (host, plugin Carrier){"fd": fdPair, "mux": muxPair}

func fdPair(t testing.TB) (host, plugin Carrier) {
	t.Helper()
	a, b, err := SocketPair()
	if err != nil {
		t.Fatal(err)
	}
	if host, err = FD(a); err != nil {
		t.Fatal(err)
	}
	if plugin, err = FD(b); err != nil {
		t.Fatal(err)
	}
	return host, plugin
}

func muxPair(t testing.TB) (host, plugin Carrier) {
	t.Helper()
	a, b := net.Pipe()
	host, err := MuxHost(a)
	if err != nil {
		t.Fatal(err)
	}
	if plugin, err = MuxPlugin(b); err != nil {
		t.Fatal(err)
	}
	return host, plugin
}

// onEach runs a test over each carrier.
func onEach(t *testing.T, test func(t *testing.T, pair func(testing.TB) (host, plugin Carrier))) {
	for name, pair := range carriers {
		t.Run(name, func(t *testing.T) { test(t, pair) })
	}
}

// Addresses of the network that is carried, and of the one that it talks to.
const (
	ownIP  = "10.0.0.1"
	peerIP = "10.0.0.2"
)

// stacks makes two stacks back to back.
func stacks(t testing.TB) (own, peer *netapi.Stack) {
	t.Helper()
	x, y := link.Pipe(1500)
	sa, sb := stack.New(stack.Config{}), stack.New(stack.Config{})
	t.Cleanup(func() { sa.Close(); sb.Close() })
	if _, err := sa.AddDevice(x, netip.MustParsePrefix(ownIP+"/24")); err != nil {
		t.Fatal(err)
	}
	if _, err := sb.AddDevice(y, netip.MustParsePrefix(peerIP+"/24")); err != nil {
		t.Fatal(err)
	}
	return netapi.NewStack(sa), netapi.NewStack(sb)
}

// served is a border whose host serves.
type served struct {
	*Network
	host *Host
	end  context.CancelFunc
	done chan error // Serve's
}

// serve makes a border over a network.
func serve(t testing.TB, pair func(testing.TB) (host, plugin Carrier), n netapi.Tuned, l Limits, hooks Hooks) *served {
	t.Helper()
	hc, pc := pair(t)
	ctx, cancel := context.WithCancel(context.Background())
	s := &served{host: NewHost(hc, n, l, hooks), end: cancel, done: make(chan error, 1)}
	go func() { s.done <- s.host.Serve(ctx) }()
	var err error
	if s.Network, err = Open(pc); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		cancel()
	})
	return s
}

// connected makes a connection that the plugin has dialled or, with accept, accepted.
func connected(t testing.TB, plugin, peer netapi.Tuned, accept bool) (own, other dialer.TCPConn) {
	t.Helper()
	from, to, addr := plugin, peer, peerIP+":0"
	if accept {
		from, to, addr = peer, plugin, ownIP+":0"
	}
	ln, err := to.Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	d, err := from.DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close(); a.Close() })
	if accept {
		d, a = a, d
	}
	return d.(dialer.TCPConn), a.(dialer.TCPConn)
}

// TestConnConformance is the Go project's own test of what a net.Conn must do.
func TestConnConformance(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
			own, peer := stacks(t)
			a, b := connected(t, serve(t, pair, own, Limits{}, Hooks{}), peer, false)
			return a, b, func() { a.Close(); b.Close() }, nil
		})
	})
}

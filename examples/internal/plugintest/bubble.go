package plugintest

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
)

// InMemory calls what the program's main function gives to plugins.Serve. The plugin has one stack, its user another one,
// and a link in memory connects them. The caller is in a bubble: time passes when all wait.
func (e Example) InMemory(t *testing.T) *Place {
	t.Helper()
	a, b := link.Pipe(link.DefaultMTU)
	user, own := netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("10.0.0.2/24")
	p := &Place{Network: newStack(t, a, user), User: user.Addr()}
	p.Address = netip.AddrPortFrom(own.Addr(), e.Port).String()
	n := newStack(t, b, own)
	dialer.SetDefault(n)
	t.Cleanup(func() { dialer.SetDefault(nil) })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.serve(ctx, n) }()
	p.Stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait() // until it listens
	return p
}

func newStack(t testing.TB, d link.Device, addr netip.Prefix) netapi.Network {
	t.Helper()
	s := stack.New(stack.Config{})
	t.Cleanup(func() { s.Close() })
	if _, err := s.AddDevice(d, addr); err != nil {
		t.Fatal(err)
	}
	return netapi.NewStack(s)
}

// serve does what a host does for a plugin, as far as it takes.
func (e Example) serve(ctx context.Context, n netapi.Network) error {
	switch k := e.Kind.(type) {
	case plugins.Service:
		return k(ctx, n)
	case plugins.Handler:
		ln, err := n.Listen(ctx, "tcp", netip.AddrPortFrom(netip.IPv4Unspecified(), e.Port).String())
		if err != nil {
			return err
		}
		defer context.AfterFunc(ctx, func() { ln.Close() })()
		accept(ctx, ln, k)
	}
	return nil
}

// accept calls h for each connection, until the listener is closed, and waits for the calls.
func accept(ctx context.Context, ln net.Listener, h plugins.Handler) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		wg.Go(func() {
			defer c.Close()
			h(ctx, c)
		})
	}
}

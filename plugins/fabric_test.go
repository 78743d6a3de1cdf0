package plugins

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/stack/link"
)

func newFabric(t testing.TB) *Fabric {
	t.Helper()
	f, err := NewFabric(netip.MustParsePrefix("10.77.0.0/29"), nil, netip.MustParseAddr("10.77.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func newNet(t testing.TB, f *Fabric, name string, r guard.Rules) *Net {
	t.Helper()
	n, err := f.Net(NetConfig{Guard: guard.Config{Name: name, Rules: r}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// TestFabric: networks of one fabric reach each other by their addresses, as far as their rules go.
func TestFabric(t *testing.T) {
	f := newFabric(t)
	server := newNet(t, f, "server", guard.Rules{Listen: guard.MustParseRules("tcp *:80")})
	client := newNet(t, f, "client", guard.Rules{Allow: guard.MustParseRules("tcp 10.77.0.2:80")})
	if server.Address != netip.MustParseAddr("10.77.0.2") || client.Address != netip.MustParseAddr("10.77.0.3") {
		t.Fatalf("addresses %v and %v; want the first free ones", server.Address, client.Address)
	}
	ln, err := server.Listen(t.Context(), "tcp", ":80")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, c.RemoteAddr().String())
	}()
	c, err := client.DialContext(t.Context(), "tcp", "10.77.0.2:80")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if text, err := io.ReadAll(c); string(text) != c.LocalAddr().String() || err != nil ||
		!strings.HasPrefix(string(text), "10.77.0.3:") {
		t.Errorf("the server sees %q, %v; the client is %v", text, err, c.LocalAddr())
	}
	if _, err := client.DialContext(t.Context(), "tcp", "10.77.0.2:81"); !errors.Is(err, syscall.EACCES) {
		t.Errorf("what no rule allows: %v", err)
	}
	if _, err := server.DialContext(t.Context(), "tcp", "10.77.0.3:80"); !errors.Is(err, syscall.EACCES) {
		t.Errorf("the server dials: %v", err)
	}
}

// TestFabricAddresses: each address is one network's, and free again when that has closed.
func TestFabricAddresses(t *testing.T) {
	f := newFabric(t) // .1 is reserved; .2 to .6 are free
	var nets []*Net
	for i := range 5 {
		nets = append(nets, newNet(t, f, string(rune('a'+i)), guard.Rules{}))
	}
	at := func(addr string) error {
		n, err := f.Net(NetConfig{Guard: guard.Config{Name: "x"}, Address: netip.MustParseAddr(addr)})
		if err == nil {
			n.Close()
		}
		return err
	}
	if _, err := f.Net(NetConfig{}); err == nil {
		t.Error("a sixth network")
	}
	nets[2].Close()
	if err := at("10.77.0.4"); err != nil {
		t.Errorf("an address that is free again: %v", err)
	}
	for _, addr := range []string{"10.77.0.0", "10.77.0.1", "10.77.0.2", "10.77.0.7", "10.78.0.2", "::1"} {
		if err := at(addr); err == nil {
			t.Errorf("%s was given", addr)
		}
	}
}

// TestKernelFabric: the kernel's network has neither addresses nor links to be had.
func TestKernelFabric(t *testing.T) {
	f := KernelFabric()
	for _, cfg := range []NetConfig{
		{Address: netip.MustParseAddr("10.77.0.2")}, {PCAP: "x"}, {Impair: link.Impairment{Loss: 0.1}},
	} {
		if _, err := f.Net(cfg); err == nil {
			t.Errorf("%+v was given", cfg)
		}
	}
	n, err := f.Net(NetConfig{Guard: guard.Config{Rules: guard.Rules{Listen: guard.MustParseRules("tcp 127.0.0.1:0")}}})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := n.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the fabric is closed, and a listener of its network gives %v", err)
	}
	if _, err := f.Net(NetConfig{}); err == nil {
		t.Error("a network of a closed fabric")
	}
}

// TestImpair: a network can be made a bad one while it is in use, and a good one again.
func TestImpair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		server := newNet(t, f, "server", anything(t))
		client := newNet(t, f, "client", anything(t))
		ln, err := server.Listen(t.Context(), "tcp", ":80")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		dial := func() time.Duration {
			began := time.Now()
			c, err := client.DialContext(t.Context(), "tcp", server.Address.String()+":80")
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			return time.Since(began)
		}
		for _, delay := range []time.Duration{0, 50 * time.Millisecond, 0} {
			if err := client.Impair(link.Impairment{Delay: delay}); err != nil {
				t.Fatal(err)
			}
			if got := dial(); got != 2*delay {
				t.Errorf("with a delay of %v a dial takes %v; want one round trip", delay, got)
			}
			time.Sleep(time.Second)
		}
		if err := client.Impair(link.Impairment{Loss: 2}); err == nil {
			t.Error("nonsense was taken")
		}
	})
}

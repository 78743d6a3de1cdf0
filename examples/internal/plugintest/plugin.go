package plugintest

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// Host launches plugins, each with a network of its own behind a TUN device, until the test ends. The kernel is at the
// device's other end.
type Host struct {
	*plugins.Host
	Kernel netip.Addr // its end

	fabric *plugins.Fabric
}

// NewHost makes a host.
func NewHost(t testing.TB) *Host {
	t.Helper()
	netns.Require(t)
	spec, err := netspec.Parse("private")
	if err != nil {
		t.Fatal(err)
	}
	dev, err := netspec.OpenDevice(spec)
	if err != nil {
		t.Fatal(err)
	}
	h := &Host{Kernel: dev.Peer}
	if h.fabric, err = plugins.NewFabric(dev.Addr, dev.Device, dev.Peer); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	h.Host = plugins.NewHost(plugins.HostConfig{Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Dir: dir})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := h.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := h.fabric.Close(); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%v, %v; want that no sockets are left", left, err)
		}
	})
	return h
}

// Launch starts a plugin, which may listen at the ports of listen and reach the kernel's end.
func (h *Host) Launch(t testing.TB, spec plugins.Spec, listen string) *plugins.Plugin {
	t.Helper()
	spec.Net = h.Net(t, guard.Config{Name: spec.Name, Rules: guard.Rules{
		Allow: guard.MustParseRules("tcp " + h.Kernel.String()), Listen: guard.MustParseRules("tcp *:" + listen),
	}})
	return h.Begin(t, spec)
}

// Net makes a plugin's network.
func (h *Host) Net(t testing.TB, cfg guard.Config) *plugins.Net {
	t.Helper()
	n, err := h.fabric.Net(plugins.NetConfig{Guard: cfg})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Begin starts a plugin as its specification says.
func (h *Host) Begin(t testing.TB, spec plugins.Spec) *plugins.Plugin {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, err := h.Start(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Plugin starts the program as a plugin, on a network of its own behind a TUN device. Its user is the kernel.
func (e Example) Plugin(t *testing.T) *Place {
	t.Helper()
	h := NewHost(t)
	spec := plugins.Spec{Name: "example", Command: []string{Build(t, ".")}}
	if _, ok := e.Kind.(plugins.Handler); ok {
		spec.Listen = []string{fmt.Sprintf(":%d", e.Port)}
	}
	plugin := h.Launch(t, spec, fmt.Sprint(e.Port))
	n := plugin.Spec().Net
	p := &Place{Network: netapi.Kernel{}, User: h.Kernel, Net: n}
	p.Address = netip.AddrPortFrom(n.Address, e.Port).String()
	p.Stop = sync.OnceValue(func() error {
		if err := plugin.Stop(t.Context()); err != nil {
			return err
		}
		return plugin.Status().Err
	})
	serving := "serving "
	if len(spec.Listen) > 0 {
		serving = "listening for the handler"
	}
	AwaitLog(t, plugin, serving)
	return p
}

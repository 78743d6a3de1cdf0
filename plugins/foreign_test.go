package plugins

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/examples/grpc/shared"

	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// build builds a program of another module, unchanged.
func build(t testing.TB, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(pkg))
	if out, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	return path
}

// foreign describes a foreign plugin that may do nothing.
func (h *hosting) foreign(t testing.TB, name string, r guard.Rules, command ...string) Spec {
	t.Helper()
	return Spec{Name: name, Command: command, Net: newNet(t, h.fabric, name, r), Foreign: &Foreign{}}
}

// TestForeignKV: go-plugin's own example binaries, unmodified, in a network namespace, used by their own host's code
// through go-plugin's reattaching.
func TestForeignKV(t *testing.T) {
	netns.Require(t)
	const examples = "github.com/hashicorp/go-plugin/examples/grpc/"
	for name, pkg := range map[string]string{
		shared.PluginGRPC: examples + "plugin-go-grpc", shared.PluginNetRPC: examples + "plugin-go-netrpc",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHosting(t)
			s := h.foreign(t, "kv", guard.Rules{}, build(t, pkg))
			s.Dir = t.TempDir() // where the plugin keeps its values
			p := h.start(t, s)
			attach, err := p.Reattach()
			if err != nil {
				t.Fatal(err)
			}
			client := plugin.NewClient(&plugin.ClientConfig{
				HandshakeConfig: shared.Handshake, Plugins: shared.PluginMap, Reattach: attach,
				AllowedProtocols: []plugin.Protocol{plugin.ProtocolNetRPC, plugin.ProtocolGRPC},
				Logger:           hclogTo(p.log, func(int) {}),
			})
			protocol, err := client.Client()
			if err != nil {
				t.Fatal(err)
			}
			raw, err := protocol.Dispense(name)
			if err != nil {
				t.Fatal(err)
			}
			kv := raw.(shared.KV)
			if err := kv.Put("colour", []byte("blue")); err != nil {
				t.Fatal(err)
			}
			if v, err := kv.Get("colour"); !strings.HasPrefix(string(v), "blue") || err != nil {
				t.Errorf("%q, %v; want what was put", v, err)
			}
			services, err := p.Services(t.Context())
			if name == shared.PluginGRPC && (err != nil || !slices.Contains(services, "proto.KV")) {
				t.Errorf("services %v, %v; want proto.KV among them", services, err)
			}
			if name == shared.PluginNetRPC && err != ErrNoReflection {
				t.Errorf("services %v, %v; want ErrNoReflection", services, err)
			}
		})
	}
}

// TestSandboxedService: a plugin in a sandbox is ruled also where it goes past package dialer; by that, it works as it
// does without.
func TestSandboxedService(t *testing.T) {
	netns.Require(t)
	h := newHosting(t)
	s := h.spec(t, "kernel")
	s.Sandbox = true
	s.Net.SetRules(guard.Rules{})
	h.hide = []string{h.dir + "/secret"}
	if err := os.Mkdir(h.hide[0], 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.hide[0]+"/socket", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(h.hide[0])
	s.Env = append(s.Env, "GOTCP_TEST_HIDDEN="+h.hide[0])
	h.start(t, s)
	h.log.await(t, "past the dialer")
	if !strings.Contains(h.log.String(), "hidden=[]") {
		t.Error("a hidden directory isn't empty")
	}
	if !strings.Contains(h.log.String(), "no route to host") {
		t.Error("what no rule allows wasn't refused")
	}
	if r := s.Net.Refusals(); len(r) != 1 {
		t.Errorf("refusals: %+v", r)
	}
	web := h.spec(t, "web")
	web.Sandbox = true
	p := h.start(t, web)
	h.log.await(t, "serving")
	if text, err := h.get(t, p, "/"); err != nil || !strings.Contains(text, h.net.Address.String()) {
		t.Errorf("%q, %v", text, err)
	}
}

package foreign

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// envStandIn makes of the test binary a stand-in for the plugin that it names.
const envStandIn = "GOTCP_TEST_STAND_IN"

// standIn runs a plugin in the place of this process, and returns its exit status.
func standIn(binary string) int {
	fabric, err := plugins.NewFabric(netip.MustParsePrefix("10.77.0.0/24"), nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer fabric.Close()
	n, err := fabric.Net(plugins.NetConfig{Guard: guard.Config{Name: "kv"}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	h := plugins.NewHost(plugins.HostConfig{Logger: slog.New(slog.DiscardHandler)})
	status, err := h.StandIn(context.Background(), plugins.Spec{Name: "kv", Command: []string{binary}, Net: n})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

// TestKV: go-plugin's example of a key-value store, host and plugins unmodified. Where the host is told what plugin to
// start it is told to start a stand-in, which runs the plugin on a network of its own; host and plugin don't notice.
func TestKV(t *testing.T) {
	netns.Require(t)
	host := kvHost.build(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for protocol, p := range map[string]program{"grpc": kvGRPC, "netrpc": kvNetRPC} {
		t.Run(protocol, func(t *testing.T) {
			binary, dir, temp := p.build(t), t.TempDir(), t.TempDir()
			run := func(args ...string) string {
				cmd := exec.CommandContext(t.Context(), host, args...)
				cmd.Dir = dir // where the plugin keeps its values
				cmd.Env = append(os.Environ(),
					"KV_PROTO="+protocol, "KV_PLUGIN="+self, envStandIn+"="+binary, "TMPDIR="+temp)
				var log strings.Builder
				cmd.Stderr = &log
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out, &log)
				}
				return string(out)
			}
			if out := run("put", "colour", "blue"); out != "" {
				t.Errorf("put says %q; want nothing", out)
			}
			if out := run("get", "colour"); !strings.HasPrefix(out, "blue") {
				t.Errorf("get says %q; want what was put", out)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
				t.Errorf("%v, %v; want the file of the one value that was put, for the plugin runs where its host does", left, err)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("%v, %v; want that no sockets are left", left, err)
			}
		})
	}
}

package foreign

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gotcp/gotcp/stack/link/netns"
)

// TestKV: go-plugin's example of a key-value store, host and plugins unmodified. Where the host is told what plugin to
// start it is told to start gotcp, which runs the plugin on a network of its own; host and plugin don't notice.
func TestKV(t *testing.T) {
	netns.Require(t)
	host := kvHost.build(t)
	command := gotcp.build(t)
	for protocol, p := range map[string]program{"grpc": kvGRPC, "netrpc": kvNetRPC} {
		t.Run(protocol, func(t *testing.T) {
			binary, dir := p.build(t), t.TempDir()
			dirs, temp := ownDirs(t)
			run := func(args ...string) string {
				cmd := exec.CommandContext(t.Context(), host, args...)
				cmd.Dir = dir // where the plugin keeps its values
				cmd.Env = append(append(os.Environ(), dirs...),
					"KV_PROTO="+protocol, "KV_PLUGIN="+command+" plugin run --net loopback -- "+binary)
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

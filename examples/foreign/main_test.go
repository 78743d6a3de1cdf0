package foreign

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gotcp/gotcp/examples/internal/plugintest"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// program is a program that the tests build, the file of versions that it is built with, and the directory of that.
type program struct{ pkg, modfile, dir string }

var (
	provider = program{"github.com/terraform-providers/terraform-provider-http", "provider.mod", "."}
	kvHost   = program{"github.com/hashicorp/go-plugin/examples/grpc", "go.mod", "."}
	kvGRPC   = program{"github.com/hashicorp/go-plugin/examples/grpc/plugin-go-grpc", "go.mod", "."}
	kvNetRPC = program{"github.com/hashicorp/go-plugin/examples/grpc/plugin-go-netrpc", "go.mod", "."}
	gotcp    = program{"github.com/gotcp/gotcp/cmd/gotcp", "go.mod", "../.."}
)

// TestMain runs the tests in a network namespace of their own, where nothing can be downloaded: what the programs are
// made of is fetched before.
func TestMain(m *testing.M) {
	plugins.Init()
	if !netns.Inside() {
		for _, p := range []program{provider, kvHost, kvGRPC, kvNetRPC, gotcp} {
			if _, err := p.command("list", "-deps", p.pkg); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	}
	netns.Main(m)
}

// command runs the go command with the program's versions.
func (p program) command(verb string, args ...string) (string, error) {
	cmd := exec.Command("go", append([]string{verb, "-modfile=" + p.modfile}, args...)...)
	cmd.Dir = p.dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%v: %w\n%s", cmd, err, &errs)
	}
	return strings.TrimSpace(string(out)), nil
}

// build builds the program.
func (p program) build(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(p.pkg))
	if _, err := p.command("build", "-o", path, p.pkg); err != nil {
		t.Fatal(err)
	}
	return path
}

// ownDirs are environment variables that give a command directories of its own, for temporary files and for the sockets
// by which it is controlled.
func ownDirs(t testing.TB) (env []string, temp string) {
	t.Helper()
	temp, runtime := t.TempDir(), t.TempDir()
	if err := os.Chmod(runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	return []string{"TMPDIR=" + temp, "XDG_RUNTIME_DIR=" + runtime}, temp
}

// world is a host of plugins whose networks are behind a TUN device, at the other end of which is the kernel.
type world struct{ *plugintest.Host }

func newWorld(t testing.TB) world { return world{plugintest.NewHost(t)} }

// start starts an unmodified plugin.
func (w world) start(t testing.TB, n *plugins.Net, command ...string) *plugins.Plugin {
	t.Helper()
	return w.Begin(t, plugins.Spec{Name: n.Name, Command: command, Dir: t.TempDir(), Net: n, Foreign: &plugins.Foreign{}})
}

// listen announces a TCP port at the kernel's end.
func (w world) listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", netip.AddrPortFrom(w.Kernel, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

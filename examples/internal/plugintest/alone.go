package plugintest

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// binaries are the programs that were built, by directory.
var binaries struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

// Main is for TestMain: it runs a package's tests in a network namespace of their own.
func Main(m *testing.M) { netns.Main(cleaner{m}) }

// cleaner removes what was built for the tests.
type cleaner struct{ m *testing.M }

// Run implements what netns.Main takes.
func (c cleaner) Run() int {
	defer func() { os.RemoveAll(binaries.dir) }()
	return c.m.Run()
}

// Build builds the program in a directory, once, and returns its path.
func Build(t testing.TB, dir string) string {
	t.Helper()
	b := &binaries
	b.Lock()
	defer b.Unlock()
	if b.paths[dir] != "" {
		return b.paths[dir]
	}
	source, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	if b.dir == "" {
		if b.dir, err = os.MkdirTemp("", "plugintest-"); err != nil {
			t.Fatal(err)
		}
		b.paths = map[string]string{}
	}
	path := filepath.Join(b.dir, filepath.Base(source))
	if out, err := exec.Command("go", "build", "-o", path, source).CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", source, err, out)
	}
	b.paths[dir] = path
	return path
}

var listens = regexp.MustCompile(`address=(\S+)\n`)

// Alone starts the program by hand, as it were: no host, and the kernel's network.
func (e Example) Alone(t *testing.T) *Place {
	t.Helper()
	cmd := exec.Command(Build(t, "."))
	cmd.Env = append(os.Environ(), plugins.EnvListen+"=127.0.0.1:0")
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &Place{Network: netapi.Kernel{}, User: netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	var showing sync.WaitGroup
	p.Stop = sync.OnceValue(func() error {
		cmd.Process.Signal(syscall.SIGTERM)
		showing.Wait()
		return cmd.Wait()
	})
	t.Cleanup(func() {
		kill := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
		defer kill.Stop()
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewReader(stderr)
	for p.Address == "" {
		line, err := lines.ReadString('\n')
		io.WriteString(t.Output(), line)
		if err != nil {
			t.Fatalf("the program doesn't say at which address it listens: %v", err)
		}
		if m := listens.FindStringSubmatch(line); m != nil {
			if _, _, err := net.SplitHostPort(m[1]); err == nil {
				p.Address = m[1]
			}
		}
	}
	showing.Go(func() { io.Copy(t.Output(), lines) })
	return p
}

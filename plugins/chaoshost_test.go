package plugins

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// envTestHost makes a host of the test binary, with the plugins of the test of kill -9 that it names.
const envTestHost = "GOTCP_TEST_HOST"

// beHost starts plugins, says so, and waits for its end.
func beHost(names string) int {
	f, err := NewFabric(netip.MustParsePrefix("10.77.0.0/24"), nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	h := NewHost(HostConfig{Dir: os.Getenv("GOTCP_TEST_DIR"), Logger: slog.New(slog.DiscardHandler)})
	rules := guard.Rules{Listen: guard.MustParseRules("tcp *:7")}
	for name := range strings.SplitSeq(names, ",") {
		n, err := f.Net(NetConfig{Guard: guard.Config{Name: name, Rules: rules}})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		s := Spec{
			Name: name, Command: []string{""}, Env: []string{envTestHost + "=", envTestPlugin + "=chaos"}, Net: n,
			Streams: strings.Contains(name, "streams"), Sandbox: strings.Contains(name, "boxed"),
		}
		if s.Command[0], err = os.Executable(); err == nil {
			_, err = h.Start(context.Background(), s)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	fmt.Println("ready")
	select {}
}

// TestKillHost kills hosts with SIGKILL, at rest and while they start their plugins. These end by themselves, with
// their children. Of a host that had started them nothing is left but the directory in which it had others made.
func TestKillHost(t *testing.T) {
	killHost(t, "descriptors,streams", 1+2*2)
}

// TestKillHostSandboxed is TestKillHost with plugins in namespaces.
func TestKillHostSandboxed(t *testing.T) {
	netns.Require(t)
	killHost(t, "boxed,boxed-streams", 1+2*3) // each has a process besides that sees to its sandbox
}

// killHost kills hosts of plugins, which are so many processes when all runs.
func killHost(t *testing.T, plugins string, all int) {
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("the moments are those of -chaos.seed=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	looks := 0 // how often one can look at the processes until all plugins run
	for i := range max(*chaosKills/10, 3) {
		mark := mark(fmt.Sprintf("host-%s-%d", t.Name(), i))
		family := func() []proc { return procs(func(p proc) bool { return p.hasEnv(mark) }) }
		cmd := exec.Command(exe)
		dir := t.TempDir()
		cmd.Env = append(os.Environ(), envTestHost+"="+plugins, "GOTCP_TEST_DIR="+dir, mark, "GORACE=atexit_sleep_ms=0")
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() }) // where the test has failed before
		ready := make(chan string, 1)
		go func() {
			line, _ := bufio.NewReader(out).ReadString('\n')
			ready <- line
		}()
		what := "at rest"
		if i == 0 {
			for len(ready) == 0 {
				family()
				looks++
			}
		}
		if i%2 == 0 {
			if line := <-ready; line != "ready\n" {
				t.Fatalf("the host says %q", line)
			}
			await(t, "all processes", func() bool { return len(family()) == all })
		} else {
			n := rng.IntN(looks + 1)
			what = fmt.Sprintf("after %d looks of %d", n, looks)
			for range n {
				family()
			}
		}
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
		if !comes(func() bool { return len(family()) == 0 }) {
			t.Errorf("the host was killed %s, and of its plugins %+v are still there", what, family())
		}
		if left, err := os.ReadDir(dir); i%2 == 0 && len(left) > 0 || err != nil {
			t.Errorf("the host was killed %s, and of its plugins' sockets %v are left, %v", what, left, err)
		}
	}
}

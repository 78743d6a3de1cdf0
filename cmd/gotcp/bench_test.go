package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/pprof/profile"

	"github.com/gotcp/gotcp/stack/link/netns"
)

// No test here asserts a speed, for the machine may be doing anything else.

// brief are the flags for a run that only has to come to its end.
var brief = []string{"bench", "--duration", "50ms", "--pairs", "1"}

// benchJSON runs a brief bench and reads what it prints.
func benchJSON(t *testing.T, args ...string) (r benchOutput, status int) {
	t.Helper()
	cmd := gotcp(t, append(append(brief, "--json"), args...)...)
	stdout, stderr, status := result(t, cmd)
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%q: %v in %s%s", cmd.Args[1:], err, stdout, stderr)
	}
	return r, status
}

// benchOutput is the JSON as another program would read it.
type benchOutput struct {
	Network, Role, Kernel, CongestionControl string
	MTU                                      int
	Pairs                                    int
	DurationSeconds                          float64
	Notes                                    []string
	Results                                  []struct {
		Measurement, Name, Unit string
		Stack, Kernel, Ratio    struct {
			Median, Min, Max float64
			Values           []float64
		}
		Target *struct{ AtLeast, AtMost float64 }
		Met    *bool
	}
}

// TestBench: one run prints every figure of both sides, their ratio and the target, and exits with 0 whatever they are.
func TestBench(t *testing.T) {
	netns.Require(t)
	out := want(t, gotcp(t, brief...), 0, "gotcp 10.77.0.2, TUN device gotcp0", "(fast path)", "the stack is the server",
		"over a veth pair, MTU 1500, congestion control", "1 pairs of 50ms each")
	for _, figure := range []string{
		"throughput in", "throughput out", "round trip p50", "round trip p99", "connect rate",
		"CPU per GiB in", "CPU per GiB out", "CPU per round trip", "CPU per connection",
	} {
		_, line, found := strings.Cut(out, figure)
		line, _, _ = strings.Cut(line, "\n")
		if !found || !strings.Contains(line, "..") {
			t.Errorf("no line for %s with a spread:\n%s", figure, out)
		}
	}
	if n := strings.Count(out, " met"); n != 4 { // "not met" counts, too
		t.Errorf("%d verdicts, want 4: throughput either way, round trip, connect rate\n%s", n, out)
	}
}

// TestBenchJSON: the same for programs, here with the stack as the client on the portable path.
func TestBenchJSON(t *testing.T) {
	netns.Require(t)
	r, status := benchJSON(t, "--role", "client", "--path", "portable", "--mtu", "9000", "--only", "rtt,connect")
	if status != 0 || r.Role != "client" || r.MTU != 9000 || r.Pairs != 1 || r.DurationSeconds != 0.05 ||
		r.CongestionControl == "" || !strings.Contains(r.Network, "portable") {
		t.Errorf("status %d, %+v; want what was asked for", status, r)
	}
	var names []string
	for _, f := range r.Results {
		names = append(names, f.Measurement+": "+f.Name)
		if len(f.Stack.Values) != 1 || f.Stack.Median <= 0 || f.Kernel.Median <= 0 ||
			f.Ratio.Median != f.Stack.Median/f.Kernel.Median || f.Unit == "" {
			t.Errorf("%+v; want one value of each side, and their ratio", f)
		}
	}
	if got, all := strings.Join(names, ", "), "rtt: round trip p50, rtt: round trip p99, rtt: CPU per round trip, "+
		"connect: connect rate, connect: CPU per connection"; got != all {
		t.Errorf("figures: %s; want %s", got, all)
	}
}

// TestBenchCheck: with --check the exit status says whether the verdicts are all good.
func TestBenchCheck(t *testing.T) {
	netns.Require(t)
	r, status := benchJSON(t, "--check", "--only", "out,rtt")
	missed := 0
	for _, f := range r.Results {
		if f.Target != nil && (f.Ratio.Median < f.Target.AtLeast ||
			f.Target.AtMost != 0 && f.Ratio.Median > f.Target.AtMost) != !*f.Met {
			t.Errorf("%s: %v with target %+v is said to be met: %v", f.Name, f.Ratio.Median, *f.Target, *f.Met)
		}
		if f.Met != nil && !*f.Met {
			missed = 1
		}
	}
	if status != missed {
		t.Errorf("status %d, want %d: %+v", status, missed, r.Results)
	}
}

// TestBenchCongestion: a controller that there isn't is told and done without.
func TestBenchCongestion(t *testing.T) {
	netns.Require(t)
	r, status := benchJSON(t, "--kernel-cc", "none-such", "--only", "rtt")
	if status != 0 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "none-such") ||
		r.CongestionControl == "none-such" {
		t.Errorf("status %d, notes %q, controller %s", status, r.Notes, r.CongestionControl)
	}
	if r, _ := benchJSON(t, "--kernel-cc", "reno", "--only", "rtt"); r.CongestionControl != "reno" || len(r.Notes) > 0 {
		t.Errorf("reno, which every kernel has: %q, notes %q", r.CongestionControl, r.Notes)
	}
}

// TestBenchProfiles: they are of the stack's runs, by measurement.
func TestBenchProfiles(t *testing.T) {
	netns.Require(t)
	dir := t.TempDir()
	cpu, mem := filepath.Join(dir, "cpu"), filepath.Join(dir, "mem")
	want(t, gotcp(t, append(brief, "--only", "in,connect", "--cpuprofile", cpu, "--memprofile", mem)...), 0)
	for _, file := range []string{cpu, mem} {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		p, err := profile.Parse(f)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, s := range p.Sample {
			if m := s.Label["measurement"]; len(m) != 1 || m[0] != "in" && m[0] != "connect" {
				t.Fatalf("%s: a sample is labelled %q", file, m)
			}
		}
	}
	want(t, gotcp(t, append(brief, "--only", "rtt", "--cpuprofile", "/no/such/dir/x")...), 1, "no such file or directory")
}

// TestBenchInterrupt: Ctrl-C ends it in the middle of a run.
func TestBenchInterrupt(t *testing.T) {
	netns.Require(t)
	for _, only := range []string{"in", "rtt", "connect"} {
		cmd := gotcp(t, "bench", "--duration", "1h", "--only", only)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(stdout).ReadString('\n') // which it prints when all is set up
		if !strings.HasPrefix(line, "gotcp:") {
			t.Errorf("%q, %v", line, err)
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != 128+int(syscall.SIGINT) {
			t.Errorf("%s: status %d; want 130", only, got)
		}
	}
}

// TestBenchWithout: where there can be no device it says why, and what to do.
func TestBenchWithout(t *testing.T) {
	netns.Require(t) // by which one may hide the device's node
	cmd := gotcp(t, brief...)
	sh := gotcp(t)
	script := `mount -t tmpfs none /dev/net && exec "$@"`
	sh.Path, sh.Args = "/bin/sh", append([]string{"sh", "-c", script, "sh"}, cmd.Args...)
	sh.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	want(t, sh, 1, "no TUN device can be had here", "/dev/net/tun")
}

// TestBenchWrongUsage: each mistake gives status 2 and says what would be right.
func TestBenchWrongUsage(t *testing.T) {
	for line, text := range map[string]string{
		"bench --pairs 0":       "one pair at least",
		"bench --duration 0s":   "a time such as 500ms",
		"bench --duration long": "gotcp bench --help",
		"bench --only speed":    "choose of in, out, rtt and connect",
		"bench --role judge":    "the server or the client",
		"bench --path slow":     "path=fast or path=portable",
		"bench --mtu 20":        "an MTU is 68 to 65535 octets",
		"bench now":             "takes no arguments",
		"bench -- true":         "takes no arguments",
	} {
		want(t, gotcp(t, strings.Fields(line)...), 2, "gotcp: ", text)
	}
}

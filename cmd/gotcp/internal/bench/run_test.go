package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
)

// short is long enough for a run to do something; nothing here depends on how much.
const short = 5 * time.Millisecond

// kernelSide is the kernel over its loopback.
func kernelSide() Side {
	return Side{Name: "kernel", Dial: Kernel{}.Dial, Listen: func(ctx context.Context) (net.Listener, error) {
		return Kernel{}.Listen(ctx, "127.0.0.1:0")
	}}
}

// stackSide is a stack over its loopback.
func stackSide(t *testing.T) Side {
	s := stack.New(stack.Config{})
	t.Cleanup(func() { s.Close() })
	n := netapi.NewStack(s)
	return Side{
		Name:   "stack",
		Dial:   func(ctx context.Context, a string) (net.Conn, error) { return n.DialContext(ctx, "tcp4", a) },
		Listen: func(ctx context.Context) (net.Listener, error) { return n.Listen(ctx, "tcp4", "127.0.0.1:0") },
	}
}

func TestRunShape(t *testing.T) {
	for _, dials := range []bool{false, true} {
		var order []string
		counting := func(s Side) Side {
			listen := s.Listen
			s.Listen = func(ctx context.Context) (net.Listener, error) {
				order = append(order, s.Name)
				return listen(ctx)
			}
			return s
		}
		var around, steps int
		results, err := Run(t.Context(), Config{
			Only: All, Pairs: 2, Duration: short,
			Stack: counting(stackSide(t)), Kernel: counting(kernelSide()), StackDials: dials,
			Around: func(_ Measurement, run func() error) error {
				around++
				return run()
			},
			Progress: func(done, total int) {
				if steps++; done != steps || total != 4*6 {
					t.Errorf("progress says %d of %d, want %d of 24: 4 measurements on 2 sides, 3 times", done, total, steps)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if steps != 24 || around != 4*2 {
			t.Errorf("%d runs, %d of them as the stack's measured ones, want 24 and 8", steps, around)
		}
		for i, name := range order {
			if want := []string{"stack", "kernel"}[i%2]; name != want {
				t.Fatalf("run %d was on the %s, want %s: the sides take turns", i, name, want)
			}
		}
		checkResults(t, results)
	}
}

// checkResults looks at the shape, never at the speed.
func checkResults(t *testing.T, results []Result) {
	t.Helper()
	names := []string{
		"throughput in", "CPU per GiB in", "throughput out", "CPU per GiB out",
		"round trip p50", "round trip p99", "CPU per round trip", "connect rate", "CPU per connection",
	}
	if len(results) != len(names) {
		t.Fatalf("%d results, want %d", len(results), len(names))
	}
	for i, r := range results {
		if r.Name != names[i] {
			t.Errorf("result %d is %q, want %q", i, r.Name, names[i])
		}
		for _, s := range []Spread{r.Stack, r.Kernel, r.Ratio} {
			if len(s.Values) != 2 || !(0 < s.Min && s.Min <= s.Median && s.Median <= s.Max) {
				t.Errorf("%s: %+v, want two values around their median", r.Name, s)
			}
		}
		bound := r.Name != "round trip p99" && !strings.HasPrefix(r.Name, "CPU")
		if (r.Target != nil) != bound || (r.Met != nil) != bound {
			t.Errorf("%s: target %v, met %v, want one and judged: %v", r.Name, r.Target, r.Met, bound)
		}
	}
}

// A user who presses Ctrl-C does not wait for the end of a run.
func TestRunEndsWithItsContext(t *testing.T) {
	for _, m := range All {
		ctx, cancel := context.WithCancel(t.Context())
		s := stackSide(t)
		dial := s.Dial
		var dials int
		s.Dial = func(ctx context.Context, a string) (net.Conn, error) {
			c, err := dial(ctx, a)
			if dials++; m != Connect || dials == 3 {
				cancel()
			}
			return c, err
		}
		_, err := Run(ctx, Config{Only: []Measurement{m}, Pairs: 1, Duration: time.Hour, Stack: s, Kernel: kernelSide()})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want context.Canceled", m, err)
		}
	}
}

var errOut = errors.New("out of order")

// An error names the measurement and the side, and nothing is left waiting for the other end.
func TestRunFails(t *testing.T) {
	for _, m := range All {
		broken := kernelSide()
		broken.Dial = func(context.Context, string) (net.Conn, error) { return nil, errOut }
		_, err := Run(t.Context(), Config{
			Only: []Measurement{m}, Pairs: 1, Duration: short, Stack: stackSide(t), Kernel: broken,
		})
		if !errors.Is(err, errOut) || !strings.Contains(err.Error(), string(m)+" on kernel") {
			t.Errorf("%s with a kernel that cannot dial: %v, want it named", m, err)
		}
		deaf := stackSide(t)
		deaf.Listen = func(context.Context) (net.Listener, error) { return nil, errOut }
		_, err = Run(t.Context(), Config{
			Only: []Measurement{m}, Pairs: 1, Duration: short, Stack: deaf, Kernel: kernelSide(),
		})
		if !errors.Is(err, errOut) {
			t.Errorf("%s with a stack that cannot listen: %v, want it named", m, err)
		}
	}
}

func TestMissed(t *testing.T) {
	yes, no := true, false
	if Missed([]Result{{Met: &yes}, {}}) || !Missed([]Result{{Met: &yes}, {Met: &no}}) {
		t.Error("a figure without a target cannot miss it; one target missed is enough")
	}
}

func TestWriteTable(t *testing.T) {
	r := metric{"throughput in", bitPerSecond, Target{Least: 0.6}}.result(In, []float64{9.5e9}, []float64{1e10})
	p50 := metric{"round trip p50", second, Target{Most: 2}}.result(RTT, []float64{31e-6}, []float64{10e-6})
	p99 := metric{"round trip p99", second, Target{}}.result(RTT, []float64{0.5e-6}, []float64{2e-3})
	rate := metric{"connect rate", perSecond, Target{Least: 0.6}}.result(Connect, []float64{9000}, []float64{10000})
	var b bytes.Buffer
	if err := WriteTable(&b, "gotcp", "kernel", []Result{r, p50, p99, rate}); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(b.String(), "\n")
	for i, want := range []string{
		"gotcp kernel ratio spread target",
		"throughput in 9.5 Gbit/s 10 Gbit/s 0.95 0.95..0.95 >= 0.60 met",
		"round trip p50 31 µs 10 µs 3.10 3.10..3.10 <= 2.00 not met",
		"round trip p99 0.5 µs 2 ms 0.00 0.00..0.00",
		"connect rate 9000 /s 10000 /s 0.90 0.90..0.90 >= 0.60 met",
	} {
		if line := strings.Join(strings.Fields(got[i]), " "); line != want {
			t.Errorf("line %d is\n%s, want\n%s", i, line, want)
		}
	}
	if j, err := json.Marshal(p99); err != nil || strings.Contains(string(j), "met") {
		t.Errorf("JSON of a figure without a target says whether it is met: %s, %v", j, err)
	}
}

func TestProfiles(t *testing.T) {
	dir := t.TempDir()
	cpu, mem := filepath.Join(dir, "cpu"), filepath.Join(dir, "mem")
	p := NewProfiles(cpu, mem)
	if err := p.Create(); err != nil {
		t.Fatal(err)
	}
	if err := NewProfiles("", filepath.Join(dir, "none", "mem")).Create(); err == nil {
		t.Error("a file that cannot be written is not told of before the measuring")
	}
	var kept [][]byte
	for _, m := range []Measurement{In, RTT, In} {
		if err := p.Around(m, func() error {
			for range 100 {
				kept = append(kept, make([]byte, 64<<10))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(kept) != 300 {
		t.Fatal("a run was left out")
	}
	if err := p.Around(In, func() error { return errOut }); err != errOut {
		t.Errorf("a run's error comes back as %v, want it untouched", err)
	}
	if err := p.Write(); err != nil {
		t.Fatal(err)
	}
	parse(t, cpu) // it may be empty: the runs were short
	var in, all int64
	prof := parse(t, mem)
	for _, s := range prof.Sample {
		all += s.Value[1]
		for _, l := range s.Location {
			for _, line := range l.Line {
				if strings.HasPrefix(line.Function.Name, "runtime/pprof.") {
					t.Fatalf("what the profiler itself allocated is in its profile: %s", line.Function.Name)
				}
			}
		}
		if s.Label["measurement"][0] == string(In) {
			in += s.Value[1]
		}
	}
	// A few per cent of sampling noise apart; what the test binary allocated before isn't in it.
	if want := int64(300 * 64 << 10); all < want*9/10 || all > want*2 {
		t.Errorf("the profile has %d octets, want about %d: the runs' alone", all, want)
	}
	if in <= all/2 || in >= all*3/4 {
		t.Errorf("%d of %d octets carry the label in, want two thirds", in, all)
	}
	if none := NewProfiles("", ""); none.Around(In, func() error { return nil }) != nil || none.Write() != nil {
		t.Error("without files there is nothing to do and nothing to fail")
	}
}

func parse(t *testing.T, file string) *profile.Profile {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return p
}

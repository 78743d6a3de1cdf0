package bench

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"time"
)

// Config says what to measure, how often and on what.
type Config struct {
	Only     []Measurement
	Pairs    int           // how many runs each side has, after one to warm up; at least 1
	Duration time.Duration // of each run

	Stack, Kernel Side
	// StackDials says that the client of Stack is on the stack; else the server is.
	StackDials bool

	// Around, where it isn't nil, makes each measured run on Stack (but not its warm-up) by calling run.
	Around func(m Measurement, run func() error) error
	// Progress, where it isn't nil, is told after each run how many of how many are done.
	Progress func(done, total int)
}

// Result is one figure of a measurement.
type Result struct {
	Measurement Measurement `json:"measurement"`
	Name        string      `json:"name"`
	Unit        string      `json:"unit"` // of Stack and Kernel: bit/s, s, 1/s or s/GiB
	Stack       Spread      `json:"stack"`
	Kernel      Spread      `json:"kernel"`
	Ratio       Spread      `json:"ratio"` // stack / kernel, pair by pair
	Target      *Target     `json:"target,omitempty"`
	Met         *bool       `json:"met,omitempty"` // whether the median ratio keeps to the target
}

// Run measures. Runs on the two sides alternate, so that what else the machine does strikes both alike.
func Run(ctx context.Context, c Config) ([]Result, error) {
	r := runner{Config: c, total: len(c.Only) * 2 * (1 + c.Pairs)}
	var results []Result
	for _, m := range c.Only {
		more, err := r.measure(ctx, m)
		if err != nil {
			return results, err
		}
		results = append(results, more...)
	}
	return results, nil
}

// runner counts the runs.
type runner struct {
	Config
	done, total int
}

// measure makes all the runs of one measurement.
func (r *runner) measure(ctx context.Context, m Measurement) ([]Result, error) {
	t := taskOf(m, r.StackDials)
	stack := make([][]float64, len(t.metrics)) // by metric, then by pair
	kernel := make([][]float64, len(t.metrics))
	for i := range 1 + r.Pairs {
		warm := i == 0
		a, err := r.once(ctx, m, t, warm)
		if err != nil {
			return nil, err
		}
		b, err := r.step(ctx, m, r.Kernel, t)
		if err != nil {
			return nil, err
		}
		if warm {
			continue
		}
		for j := range t.metrics {
			stack[j], kernel[j] = append(stack[j], a[j]), append(kernel[j], b[j])
		}
	}
	var results []Result
	for j, mt := range t.metrics {
		results = append(results, mt.result(m, stack[j], kernel[j]))
	}
	return results, nil
}

// once makes a run on the stack, with what is to be around it.
func (r *runner) once(ctx context.Context, m Measurement, t task, warm bool) (values []float64, err error) {
	if warm || r.Around == nil {
		return r.step(ctx, m, r.Stack, t)
	}
	err = r.Around(m, func() (err error) {
		values, err = r.step(ctx, m, r.Stack, t)
		return err
	})
	return values, err
}

// step makes a run.
func (r *runner) step(ctx context.Context, m Measurement, s Side, t task) ([]float64, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	runtime.GC() // nobody pays for what the other one left behind
	before := cpuTime()
	values, work, err := t.run(ctx, s, r.Duration)
	cpu := cpuTime() - before
	if ctx.Err() != nil { // connections that were closed for that reason fail in many ways
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("measuring %s on %s: %w", m, s.Name, err)
	}
	r.done++
	if r.Progress != nil {
		r.Progress(r.done, r.total)
	}
	return append(values, max(cpu, 1).Seconds()/work), nil // never 0, so that there is a ratio
}

// cpuTime is the processor time that this program has taken so far, its own and the kernel's for it. A figure by it
// suffers less from what else the machine does than one by the clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // it has no way to fail
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// result makes the figure of the values of both sides.
func (m metric) result(of Measurement, stack, kernel []float64) Result {
	r := Result{
		Measurement: of, Name: m.name, Unit: string(m.unit),
		Stack: spreadOf(stack), Kernel: spreadOf(kernel), Ratio: spreadOf(ratios(stack, kernel)),
	}
	if !m.target.None() {
		met := m.target.Met(r.Ratio.Median)
		r.Target, r.Met = &m.target, &met
	}
	return r
}

// Missed reports whether any target was missed.
func Missed(results []Result) bool {
	for _, r := range results {
		if r.Met != nil && !*r.Met {
			return true
		}
	}
	return false
}

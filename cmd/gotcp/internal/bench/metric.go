package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Measurement is one thing that is measured.
type Measurement string

// The measurements.
const (
	In      Measurement = "in"      // throughput, kernel -> stack
	Out     Measurement = "out"     // throughput, stack -> kernel
	RTT     Measurement = "rtt"     // one octet there and back
	Connect Measurement = "connect" // connections opened, accepted and closed, one after the other
)

// All is every measurement, in the order in which they are made.
var All = []Measurement{In, Out, RTT, Connect}

// ParseMeasurements reads a list such as "in,rtt". An empty one means all.
func ParseMeasurements(text string) ([]Measurement, error) {
	if text == "" {
		return All, nil
	}
	var list []Measurement
	for name := range strings.SplitSeq(text, ",") {
		m := Measurement(strings.TrimSpace(name))
		if !slices.Contains(All, m) {
			return nil, fmt.Errorf("no measurement is called %q: choose of in, out, rtt and connect", m)
		}
		if !slices.Contains(list, m) {
			list = append(list, m)
		}
	}
	return list, nil
}

// Target is a bound for the ratio of the stack's figure to the kernel's. The zero Target is none.
type Target struct {
	Least float64 `json:"atLeast,omitempty"`
	Most  float64 `json:"atMost,omitempty"`
}

// None reports whether there is no bound.
func (t Target) None() bool { return t == Target{} }

// Met reports whether a ratio keeps to the bound.
func (t Target) Met(ratio float64) bool {
	return ratio >= t.Least && (t.Most == 0 || ratio <= t.Most)
}

func (t Target) String() string {
	switch {
	case t.None():
		return ""
	case t.Most != 0:
		return fmt.Sprintf("<= %.2f", t.Most)
	}
	return fmt.Sprintf(">= %.2f", t.Least)
}

// unit is what a figure counts.
type unit string

const (
	bitPerSecond unit = "bit/s"
	second       unit = "s"
	perSecond    unit = "1/s"
	secondPerGiB unit = "s/GiB"
)

// metric is a figure that a measurement yields.
type metric struct {
	name   string
	unit   unit
	target Target
}

// task is how a measurement is made: one run on one side for about d. It yields a value for each metric but the last,
// and how much it did: the last metric is the processor time that the program took for one unit of that, both ends of
// the connection and the kernel's work for it included.
type task struct {
	metrics []metric
	run     func(ctx context.Context, s Side, d time.Duration) (values []float64, work float64, err error)
}

// taskOf says how m is made. stackDials tells which end of the connections the stack's side puts on the stack, and so
// which way is in.
func taskOf(m Measurement, stackDials bool) task {
	fast, none := Target{Least: 0.6}, Target{}
	switch m {
	case In:
		return task{[]metric{
			{"throughput in", bitPerSecond, fast}, {"CPU per GiB in", secondPerGiB, none},
		}, throughput(!stackDials)}
	case Out:
		return task{[]metric{
			{"throughput out", bitPerSecond, fast}, {"CPU per GiB out", secondPerGiB, none},
		}, throughput(stackDials)}
	case RTT:
		return task{[]metric{
			{"round trip p50", second, Target{Most: 2}}, {"round trip p99", second, none}, {"CPU per round trip", second, none},
		}, roundTrips}
	}
	return task{[]metric{
		{"connect rate", perSecond, fast}, {"CPU per connection", second, none},
	}, connects}
}

package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteTable prints results for a person. stack and kernel head the columns of the two sides.
func WriteTable(w io.Writer, stack, kernel string, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(t, "\t%s\t%s\tratio\tspread\ttarget\t\n", stack, kernel)
	for _, r := range results {
		fmt.Fprintf(t, "%s\t%s\t%s\t%.2f\t%.2f..%.2f\t%s\t%s\n", r.Name,
			figure(r.Stack.Median, r.Unit), figure(r.Kernel.Median, r.Unit),
			r.Ratio.Median, r.Ratio.Min, r.Ratio.Max, r.bound(), r.verdict())
	}
	return t.Flush()
}

func (r Result) bound() string {
	if r.Target == nil {
		return ""
	}
	return r.Target.String()
}

func (r Result) verdict() string {
	switch {
	case r.Met == nil:
		return ""
	case *r.Met:
		return "met"
	}
	return "not met"
}

// figure prints a value with three digits or so and a unit that suits it.
func figure(v float64, u string) string {
	switch unit(u) {
	case bitPerSecond:
		return scaled(v, []scale{{1e9, "Gbit/s"}, {1e6, "Mbit/s"}, {1e3, "kbit/s"}})
	case secondPerGiB:
		return fmt.Sprintf("%.3g s", v)
	case second:
		return scaled(v, []scale{{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}})
	}
	return fmt.Sprintf("%.0f /s", v)
}

// scale is a unit and what it is in terms of the plain one.
type scale struct {
	one  float64
	name string
}

// scaled prints v in the largest unit of which it is one at least, or in the smallest.
func scaled(v float64, scales []scale) string {
	for i, s := range scales {
		if x := v / s.one; x >= 1 || i == len(scales)-1 {
			return fmt.Sprintf("%.3g %s", x, s.name)
		}
	}
	return ""
}

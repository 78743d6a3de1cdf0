package tcptest

import (
	"fmt"
	"strings"
	"time"

	"github.com/gotcp/gotcp/stack/tcptest/script"
)

// Failure is what a host did other than the script says.
type Failure struct {
	Path             string
	Line             int
	What             string
	Expected, Actual string // in the script's notation; "" where there is none
	Trace            []string
}

// Error gives file, line and what was wrong, both lines in the same notation, and the last packets before.
func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: %s", f.Path, f.Line, f.What)
	if f.Expected != "" {
		fmt.Fprintf(&b, "\n    expected: %s", f.Expected)
	}
	if f.Actual != "" {
		fmt.Fprintf(&b, "\n    actual:   %s", f.Actual)
	}
	if len(f.Trace) > 0 {
		fmt.Fprintf(&b, "\n    the last packets:\n      %s", strings.Join(f.Trace, "\n      "))
	}
	return b.String()
}

const traceTail = 14 // packets in a message

// fail makes a Failure at an event.
func (r *runner) fail(e *script.Event, what string) *Failure {
	tail := r.trace[max(0, len(r.trace)-traceTail):]
	return &Failure{Path: r.script.Path, Line: e.Line, What: what, Expected: r.script.Line(e.Line), Trace: tail}
}

// clock is a time as the script counts it, to the microsecond.
func (r *runner) clock(t time.Time) string {
	return fmt.Sprintf("%.6f", t.Sub(r.start).Seconds())
}

// note adds a packet to the trace.
func (r *runner) note(at time.Time, pk *script.Packet) {
	r.trace = append(r.trace, r.clock(at)+" "+pk.String())
}

package sandbox

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// quiet keeps a program from filling the log: so many lines, then one a second, which says how many were left out.
type quiet struct {
	mu      sync.Mutex
	lines   int
	since   time.Time
	skipped int
}

// burst is how many lines may follow each other in a second.
const burst = 10

// line reports whether a line may be written, and how many weren't before it.
func (q *quiet) line() (ok bool, skipped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now := time.Now(); now.Sub(q.since) >= time.Second {
		q.since, q.lines = now, 0
	}
	if q.lines >= burst {
		q.skipped++
		return false, 0
	}
	q.lines++
	skipped, q.skipped = q.skipped, 0
	return true, skipped
}

// refused tells of a connection or datagram that the program didn't get through. A program that goes on trying waits for
// the answer, and what else it sends meanwhile is lost as soon as the stack has enough that is undecided.
func (t *terminator) refused(network string, to netip.AddrPort, err error) {
	if errors.Is(err, context.Canceled) && t.ctx.Err() != nil {
		return // the sandbox is closing
	}
	if ok, skipped := t.quiet.line(); ok {
		t.log.Info("refused to a program in a sandbox", "network", network, "to", to, "error", err, "before", skipped)
	}
	t.pace.Failed()
	t.pace.Wait(t.ctx.Done())
}

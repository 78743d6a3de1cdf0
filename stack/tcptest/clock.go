package tcptest

import (
	"sync"
	"time"

	"github.com/gotcp/gotcp/stack"
)

// Clock is a [stack.Clock] that stands still until it is told to move. Its calls are made one after the other by who
// moves it, in the order of their times, those due at the same time in the order in which they were set. The zero Clock
// stands at the zero time. It is safe for concurrent use; while one goroutine moves it, others that want to wait.
type Clock struct {
	moving sync.Mutex // held by who moves the clock, calls included
	mu     sync.Mutex // a leaf: guards what follows
	now    time.Time
	timers []*timer // pending, in no order
	count  uint64   // timers set so far
}

// timer is one call of AfterFunc.
type timer struct {
	clock   *Clock
	f       func()
	when    time.Time
	order   uint64 // among those due at the same time
	pending bool
}

// NewClock returns a clock that shows start.
func NewClock(start time.Time) *Clock { return &Clock{now: start} }

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc has f called when the clock has moved by d: by the goroutine that moves it, and never before AfterFunc has
// returned. A d that is not positive makes it due at once, at the next move (of any length, zero included).
func (c *Clock) AfterFunc(d time.Duration, f func()) stack.Timer {
	t := &timer{clock: c, f: f}
	t.Reset(d)
	return t
}

// Stop cancels the call and reports whether it was still pending.
func (t *timer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	return t.clock.remove(t)
}

// Reset makes the call due in d from now and reports whether it was still pending.
func (t *timer) Reset(d time.Duration) bool {
	c := t.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.remove(t)
	t.when, t.order, t.pending = c.now.Add(max(d, 0)), c.count, true
	c.count++
	c.timers = append(c.timers, t)
	return was
}

// remove takes a timer out of those pending and reports whether it was there.
func (c *Clock) remove(t *timer) bool {
	if !t.pending {
		return false
	}
	t.pending = false
	for i, u := range c.timers {
		if u == t {
			last := len(c.timers) - 1
			c.timers[i], c.timers[last] = c.timers[last], nil
			c.timers = c.timers[:last]
			break
		}
	}
	return true
}

// first returns the timer that is due first, or nil.
func (c *Clock) first() *timer {
	var first *timer
	for _, t := range c.timers {
		if first == nil || t.when.Before(first.when) || t.when.Equal(first.when) && t.order < first.order {
			first = t
		}
	}
	return first
}

// Next returns when the next call is due, and whether there is one.
func (c *Clock) Next() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.first()
	if t == nil {
		return time.Time{}, false
	}
	return t.when, true
}

// Advance moves the clock by d. See AdvanceTo.
func (c *Clock) Advance(d time.Duration) { c.AdvanceTo(c.Now().Add(d)) }

// AdvanceTo moves the clock to t and makes the calls that are due on the way, those included that these calls set. In a
// call the clock shows when it was due. A clock doesn't go back: a time that has passed makes only the calls due now.
// A call must not move the clock itself.
func (c *Clock) AdvanceTo(t time.Time) {
	c.moving.Lock()
	defer c.moving.Unlock()
	for {
		f := c.step(t)
		if f == nil {
			return
		}
		f()
	}
}

// step moves the clock to the next call that is due by t and returns it; to t where there is none.
func (c *Clock) step(t time.Time) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.Before(c.now) {
		t = c.now
	}
	first := c.first()
	if first == nil || first.when.After(t) {
		c.now = t
		return nil
	}
	if first.when.After(c.now) {
		c.now = first.when
	}
	c.remove(first)
	return first.f
}

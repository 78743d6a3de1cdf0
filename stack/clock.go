package stack

import "time"

// Clock is where a stack takes all its time from. The default is the wall's; tests and simulators bring their own.
type Clock interface {
	// Now is the current time. Only differences matter, and they never run backwards.
	Now() time.Time
	// AfterFunc calls f in its own goroutine, or in the clock's, once d has passed.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is a pending call of a [Clock]; *time.Timer is one.
type Timer interface {
	// Stop cancels the call and reports whether it was still pending.
	Stop() bool
	// Reset makes the call due in d from now and reports whether it was still pending.
	Reset(d time.Duration) bool
}

type wallClock struct{}

func (wallClock) Now() time.Time                            { return time.Now() }
func (wallClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

package link

import "time"

// Clock is where devices, and the stack above them, take all their time from. Tests and simulators bring their own.
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

// WallClock is the time of package time: the machine's, or in a testing/synctest bubble the bubble's.
type WallClock struct{}

// Now is time.Now.
func (WallClock) Now() time.Time { return time.Now() }

// AfterFunc is time.AfterFunc.
func (WallClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }

// Since is the time since t. It reads one clock of the system, where Now reads two.
func (WallClock) Since(t time.Time) time.Duration { return time.Since(t) }

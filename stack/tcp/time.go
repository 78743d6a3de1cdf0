package tcp

import (
	"math"
	"time"
)

// Time is nanoseconds since the stack's epoch. Zero is a legal time.
type Time int64

// Never is later than every time.
const Never Time = math.MaxInt64

// Add returns the time d after t; Never stays Never.
func (t Time) Add(d time.Duration) Time {
	if t == Never || d > time.Duration(Never-t) && t >= 0 {
		return Never
	}
	return t + Time(d)
}

// Sub returns how long t is after u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// ms is the time in the shorter form in which it is kept where an idle connection has to be small.
func (t Time) ms() msTime { return msTime(t / Time(ms)) }

// msTime is a time in milliseconds, which wrap after 49 days.
type msTime uint32

// age is how long ago t was, to the millisecond.
func (t msTime) age(now Time) time.Duration { return time.Duration(now.ms()-t) * ms }

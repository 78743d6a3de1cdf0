package tcp

import (
	"testing"
	"time"
)

// TestMillisecondsWrap: a time in milliseconds wraps after 49 days, and shorter spans across that are what they are.
func TestMillisecondsWrap(t *testing.T) {
	wrap := Time(1<<32) * Time(time.Millisecond)
	for _, d := range []time.Duration{0, time.Millisecond, time.Hour, 49 * 24 * time.Hour} {
		before := wrap - Time(d/2/time.Millisecond*time.Millisecond)
		if got := before.ms().age(before.Add(d)); got != d {
			t.Errorf("%v after %v it is said to be %v", d, before, got)
		}
	}
}

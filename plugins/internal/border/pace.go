package border

import (
	"time"

	"golang.org/x/time/rate"
)

// failuresPerSecond is how often a plugin may be told no. One that goes on asking is listened to no faster, and waits:
// else it would have the host do nothing but refuse.
const failuresPerSecond = 1000

// pace is how fast the host reads a plugin's messages.
type pace struct{ failures *rate.Limiter }

func newPace() pace { return pace{rate.NewLimiter(failuresPerSecond, failuresPerSecond)} }

// failed notes a request that has failed.
func (p pace) failed() { p.failures.Reserve() }

// wait waits until there were no more failures than there may be; false: it was ended.
func (p pace) wait(end <-chan struct{}) bool {
	debt := -p.failures.Tokens()
	if debt <= 0 {
		return true
	}
	t := time.NewTimer(time.Duration(debt / failuresPerSecond * float64(time.Second)))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-end:
		return false
	}
}

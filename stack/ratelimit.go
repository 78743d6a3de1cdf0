package stack

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/gotcp/gotcp/stack/tcp"
)

// rateLimit is a token bucket without a lock and without a timer: the tokens there are follow from the time up to which
// they have been spent.
type rateLimit struct {
	every time.Duration // one token comes per this; 0: none ever
	burst time.Duration // what a full bucket took to fill
	spent atomic.Int64  // tcp.Time
}

// init makes a bucket of burst tokens, filled with rate tokens per second. It is full.
func (b *rateLimit) init(rate, burst int) {
	if rate > 0 {
		b.every = time.Second / time.Duration(rate)
		b.burst = b.every * time.Duration(max(burst, 1))
	}
	b.spent.Store(math.MinInt64)
}

// take takes a token, if there is one.
func (b *rateLimit) take(now tcp.Time) bool {
	if b.every == 0 {
		return false
	}
	for {
		spent := b.spent.Load()
		next := max(spent, int64(now)-int64(b.burst)) + int64(b.every)
		if next > int64(now) {
			return false
		}
		if b.spent.CompareAndSwap(spent, next) {
			return true
		}
	}
}

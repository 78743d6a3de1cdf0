package stack

import (
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/tcp"
)

func TestRateLimit(t *testing.T) {
	var b rateLimit
	b.init(100, 5)
	now := tcp.Time(0)
	takeAll := func() int {
		n := 0
		for b.take(now) {
			n++
		}
		return n
	}
	if n := takeAll(); n != 5 {
		t.Errorf("at time zero the bucket gave %d, want the burst of 5", n)
	}
	now = now.Add(9 * time.Millisecond)
	if n := takeAll(); n != 0 {
		t.Errorf("%d after 9 ms, though one comes per 10 ms", n)
	}
	now = now.Add(time.Millisecond)
	if n := takeAll(); n != 1 {
		t.Errorf("%d after 10 ms, want 1", n)
	}
	now = now.Add(25 * time.Millisecond)
	if n := takeAll(); n != 2 {
		t.Errorf("%d after 25 ms, want 2", n)
	}
	now = now.Add(time.Hour)
	if n := takeAll(); n != 5 {
		t.Errorf("%d after an hour, want the burst of 5", n)
	}
	var none rateLimit
	none.init(-1, 5)
	if none.take(now) {
		t.Error("a negative rate must allow nothing")
	}
}

package pace

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPace: a plugin may fail so often in a second at once, and is then listened to no faster than that; the end
// is not waited for.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, end := New(), make(chan struct{})
		began := time.Now()
		for range 3 * failuresPerSecond {
			if !p.Wait(end) {
				t.Fatal("it was ended")
			}
			p.Failed()
		}
		if took := time.Since(began); took < 1990*time.Millisecond || took > 2010*time.Millisecond {
			t.Errorf("3 times what is allowed in a second took %v; want 2 s, for the first second's worth is free", took)
		}
		for range failuresPerSecond {
			p.Failed()
		}
		close(end)
		if p.Wait(end) {
			t.Error("it went on after its end")
		}
	})
}

// TestAnswered: of the answers to DNS queries those that refuse count.
func TestAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New()
		waits := func() bool {
			began := time.Now()
			p.Wait(nil)
			return time.Since(began) > 0
		}
		for range failuresPerSecond {
			p.Failed()
		}
		for _, c := range []struct {
			message string
			refuses bool
		}{
			{"", false}, {"\x00\x01\x81", false}, {"\x00\x01\x81\x80", false}, {"\x00\x01\x81\x83", false},
			{"\x00\x01\x81\x85\x00", true},
		} {
			p.Answered([]byte(c.message))
			if got := waits(); got != c.refuses {
				t.Errorf("%q is taken for a failure: %v", c.message, got)
			}
		}
	})
}

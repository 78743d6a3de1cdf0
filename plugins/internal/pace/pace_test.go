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

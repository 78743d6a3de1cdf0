package tcp

import (
	"testing"
	"time"
)

// TestManyKeepAliveProbes: probes keep their distance where the user's time-out lets more than 255 of them go out.
func TestManyKeepAliveProbes(t *testing.T) {
	d := start(t, setup{user: UserOptions{KeepAlive: true, KeepIdle: time.Second, KeepInterval: time.Second,
		UserTimeout: time.Hour}})
	d.elapse(10 * time.Minute)
	if n := len(d.queue); n != 600 {
		t.Errorf("%d probes in 600 seconds", n)
	}
}

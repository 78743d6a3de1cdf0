package tcp

import (
	"testing"
	"time"
)

// TestR2Span: R2 is the time of Config.Retries doublings from RTOMin on. Linux's documentation of tcp_retries2: "The
// default value of 15 yields a hypothetical timeout of 924.6 seconds".
func TestR2Span(t *testing.T) {
	d := start(t, setup{})
	if got := d.tcb.r2(); got != 924600*ms {
		t.Errorf("R2 is %v, want 924.6 s", got)
	}
}

// TestR2Edge: the connection ends at the first expiry when R2 is over, that moment included, but not before something
// was sent again, however short R2 is.
func TestR2Edge(t *testing.T) {
	for _, c := range []struct {
		rtoMin  time.Duration
		retries int
		r2      time.Duration
	}{
		{60 * ms, 3, 900 * ms}, // the second expiry is at 300 + 600 ms
		{10 * ms, 1, 30 * ms},  // less than the RTO of 300 ms
	} {
		d := start(t, setup{tune: func(cfg *Config) { cfg.RTOMin, cfg.Retries = c.rtoMin, c.retries }})
		if got := d.tcb.r2(); got != c.r2 {
			t.Fatalf("R2 is %v, the test wants %v", got, c.r2)
		}
		d.write(100)
		d.tick(300 * ms)
		d.out("PA 1:101 ack 1", "PA 1:101 ack 1")
		d.tick(600 * ms)
		d.out()
		d.state(Closed)
	}
}

// TestUserTimeoutAfterIdle: the user's time-out counts from when the data was sent, however long nothing was.
func TestUserTimeoutAfterIdle(t *testing.T) {
	d := start(t, setup{user: UserOptions{UserTimeout: 3 * time.Second}})
	d.elapse(time.Hour)
	d.write(100)
	d.elapse(2999 * ms)
	d.state(Established)
	d.elapse(ms)
	d.state(Closed)
}

// TestUserTimeoutEdge: it is over at its very moment: nothing is sent once more.
func TestUserTimeoutEdge(t *testing.T) {
	opts := UserOptions{UserTimeout: 2500 * ms}
	syn := newDUT(t, setup{user: opts})
	syn.connect()
	data := start(t, setup{user: opts})
	data.write(100)
	probe := start(t, setup{user: opts})
	probe.in("A 1 ack 1 win 0")
	probe.write(100)
	for _, d := range []*dut{syn, data, probe} {
		d.elapse(2499 * ms)
		d.skip()
		d.tick(ms)
		d.state(Closed)
		d.out()
	}
}

// TestUserTimeoutKeepAliveEdge: with keep-alive, too; but one probe at least is sent before the verdict.
func TestUserTimeoutKeepAliveEdge(t *testing.T) {
	d := start(t, setup{user: UserOptions{KeepAlive: true, KeepIdle: 10 * time.Second, KeepInterval: 5 * time.Second,
		UserTimeout: 15 * time.Second}})
	d.tick(10 * time.Second)
	d.tick(5 * time.Second)
	d.state(Closed)

	d = start(t, setup{user: UserOptions{KeepAlive: true, KeepIdle: 10 * time.Second, KeepInterval: 5 * time.Second,
		UserTimeout: 5 * time.Second}})
	d.tick(10 * time.Second)
	d.out("A 0 ack 1")
	d.state(Established)
	d.tick(5 * time.Second)
	d.state(Closed)
}

package tcp

import (
	"syscall"
	"testing"
	"time"
)

// TestProbeTimeout: when the probe is due.
//
// RFC 8985 7.2
func TestProbeTimeout(t *testing.T) {
	d := start(t, setup{sack: true}) // SRTT is 100 ms
	d.write(2000)
	if got := d.due(); got != 202*ms {
		t.Errorf("with two segments in flight the probe is due in %v, want 2*SRTT", got)
	}
	d.elapse(50 * ms)
	d.write(1000)
	if got := d.due(); got != 202*ms {
		t.Errorf("after more was sent the probe is due in %v, want 2*SRTT", got)
	}
	d = start(t, setup{sack: true})
	d.write(1000)
	if got := d.due(); got != 300*ms {
		t.Errorf("with one segment in flight the probe is due in %v, want the RTO", got)
	}
	d = start(t, setup{sack: true, tune: func(c *Config) { c.RTOMin = time.Second }})
	d.write(2000)
	if got := d.due(); got != 202*ms {
		t.Errorf("with an RTO of a second the probe is due in %v, want 2*SRTT", got)
	}
}

// TestNoProbe: where something else tells of losses, or nothing could, there is no probe.
//
// RFC 8985 7.2
func TestNoProbe(t *testing.T) {
	for _, c := range []struct {
		s    setup
		in   []string
		want time.Duration
		why  string
	}{
		{setup{}, nil, 300 * ms, "without SACK"},
		{setup{sack: true, tune: noProbes}, nil, 300 * ms, "turned off"},
		{setup{sack: true}, []string{"A 1 ack 1 sack 1001:4001"}, 300 * ms, "in recovery"},
	} {
		d := start(t, c.s)
		d.write(10000)
		d.in(c.in...)
		if got := d.due(); got != c.want {
			t.Errorf("%s: the deadline is in %v, want %v", c.why, got, c.want)
		}
	}
}

// TestOneProbe: there is one probe, then the retransmission timer runs; and no second one before a round trip was
// measured.
//
// RFC 8985 7.3
func TestOneProbe(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.tick(202 * ms)
	d.out("A 10001:11001")
	d.tick(300 * ms)
	d.out("A 1:1001")
	if in := d.tcb.Info(d.now); in.Timeouts != 1 {
		t.Errorf("%d time-outs, want 1", in.Timeouts)
	}

	d = start(t, setup{sack: true})
	d.write(2000)
	d.tick(202 * ms)
	d.out("A 1:1001", "PA 1001:2001", "PA 1001:2001")
	d.in("A 1 ack 2001", "A 1 ack 2001 sack 1001:2001") // spurious; and the probe was sent again, which measures nothing
	d.write(2000)
	if got := d.due(); got == 202*ms {
		t.Error("another probe is due, without a measurement since the last")
	}
	d.elapse(100 * ms)
	d.in("A 1 ack 4001")
	d.write(2000)
	if got := d.due(); got > 250*ms {
		t.Errorf("after a measurement the probe is due in %v, want 2*SRTT", got)
	}
}

// TestProbeOfTheEnd: a probe is the last segment of what was sent, and the FIN goes with the data before it.
func TestProbeOfTheEnd(t *testing.T) {
	d := start(t, setup{sack: true, user: UserOptions{NoDelay: true}})
	d.write(2500)
	d.skip()
	d.tick(202 * ms)
	d.out("PA 2001:2501")

	d = start(t, setup{sack: true, max: 60000})
	d.write(2500)
	d.closeWrite()
	d.skip()
	d.elapse(d.due())
	if len(d.queue) != 1 || d.queue[0].seg.End() != d.tcb.snd.nxt {
		t.Errorf("the probe is not of the end, FIN included: %d segments", len(d.queue))
	}
}

// TestProbeInWindow: a probe never goes beyond the peer's window: where new data has no room the last segment is sent.
func TestProbeInWindow(t *testing.T) {
	d := start(t, setup{sack: true, win: 5000})
	d.write(10000)
	d.skip()
	d.tick(202 * ms)
	d.out("A 4001:5001")
	d.in("A 1 ack 5001 win 0") // closed: the zero-window probes' business
	d.elapse(10 * time.Second)
	for _, q := range d.queue {
		if q.seg.Payload.Len() > 1 {
			t.Errorf("%d octets are sent into a closed window", q.seg.Payload.Len())
		}
	}
}

// TestProbeRepairs: what the ACKs after a probe with the last segment tell of, and whether cwnd shrinks.
//
// RFC 8985 7.4
func TestProbeRepairs(t *testing.T) {
	for _, c := range []struct {
		acks []string
		cwnd int
		why  string
	}{
		{[]string{"A 1 ack 3001"}, 5000, "only one copy has arrived"},
		{[]string{"A 1 ack 3001", "A 1 ack 3001 sack 2001:3001"}, 10000, "both have, as a D-SACK says"},
		{[]string{"A 1 ack 3001 sack 2001:3001"}, 10000, "both have, as a D-SACK with the ACK says"},
		{[]string{"A 1 ack 3001", "A 1 ack 3001"}, 10000, "both have, as a duplicate ACK says"},
		{[]string{"A 1 ack 3001", "A 1:2 ack 3001"}, 5000, "data is no duplicate ACK"},
	} {
		d := start(t, setup{sack: true})
		d.write(3000)
		d.tick(202 * ms)
		d.in(c.acks...)
		d.write(1000)
		d.elapse(100 * ms)
		d.in("A 2 ack 4001")
		if got := d.tcb.cong.Cwnd; got != c.cwnd {
			t.Errorf("%s: cwnd %d, want %d", c.why, got, c.cwnd)
		}
		if k := d.tcb.reco.probed; k != probedNothing {
			t.Errorf("%s: the probe is still unanswered", c.why)
		}
	}
}

// TestProbeAndUserTimeout: a probe doesn't put the user's time-out off.
func TestProbeAndUserTimeout(t *testing.T) {
	d := start(t, setup{sack: true, user: UserOptions{UserTimeout: 250 * ms}})
	d.write(1000)
	d.elapse(260 * ms)
	d.fails(syscall.ETIMEDOUT)
}

// TestNoTimersWhileIdle: with everything acknowledged no timer runs, and the scoreboard is gone.
func TestNoTimersWhileIdle(t *testing.T) {
	d := start(t, setup{sack: true})
	d.write(3000)
	d.tick(202 * ms)
	d.in("A 1 ack 3001")
	d.idle()
	if d.tcb.reco.board != nil {
		t.Error("an idle connection has a scoreboard")
	}
}

// TestProbeOvertaken: an ACK that comes between the timer's expiry and the probe restarts the timer.
//
// RFC 8985 7.2
func TestProbeOvertaken(t *testing.T) {
	for _, c := range []struct{ in, why string }{
		{"A 1 ack 1001", "the rest has been in flight for a round trip only"},
		{"A 1 ack 1 sack 1001:2001", "what the probe would send has arrived"},
	} {
		d := start(t, setup{sack: true})
		d.write(2000)
		d.skip()
		d.elapse(201 * ms)
		d.hold = true
		d.elapse(ms) // it has expired, and nobody polls yet
		d.hold = false
		d.in(c.in)
		if len(d.queue) > 0 {
			t.Errorf("after %s a probe is sent, though %s", c.in, c.why)
		}
	}
}

// TestProbeIntoClosedWindow: a tail loss probe before the window closed over its octet, which then is sent as if it had
// never been, is not taken for what has repaired a loss.
func TestProbeIntoClosedWindow(t *testing.T) {
	d := start(t, setup{sack: true})
	d.write(1)
	d.tick(300 * ms)
	d.in("A 1 ack 1 win 0")
	d.elapse(400 * ms)
	d.in("A 1 ack 1")
	cwnd := d.tcb.Info(d.now).SndCwnd
	d.write(2000)
	d.elapse(50 * ms)
	d.in("A 1 ack 2002")
	if got := d.tcb.Info(d.now).SndCwnd; got < cwnd {
		t.Errorf("cwnd is %d after an ACK of everything, and was %d before", got, cwnd)
	}
}

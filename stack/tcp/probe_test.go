package tcp

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// closed has a peer whose window is closed, with 4000 octets waiting.
func closed(t *testing.T, s setup) *dut {
	t.Helper()
	s.win = 1000
	d := start(t, s)
	d.write(5000)
	d.out("A 1:1001 ack 1")
	d.in("A 1 ack 1001 win 0")
	d.out()
	return d
}

// TestZeroWindowProbes is 3.8.6.1: one octet of new data, first after an RTO, then with back-off, for as long as the
// peer answers.
//
// RFC 9293 MUST-35, RFC 9293 MUST-36: a zero window is probed.
// RFC 9293 SHLD-29: for the first time when it has existed for an RTO.
// RFC 9293 SHLD-30: with exponential back-off.
// RFC 9293 MUST-37: the connection stays open as long as the probes are answered.
// RFC 9293 MAY-8: the peer may keep its window closed indefinitely.
func TestZeroWindowProbes(t *testing.T) {
	d := closed(t, setup{})
	wait := d.due()
	if rto := time.Duration(d.tcb.Info(d.now).RTO) * time.Microsecond; wait/time.Microsecond != rto/time.Microsecond {
		t.Errorf("the first probe is due in %v, the RTO is %v", wait, rto)
	}
	for n := range 100 {
		d.tick(wait)
		d.out("A 1001:1002 ack 1")
		d.in("A 1 ack 1001 win 0")
		d.out()
		d.state(Established)
		wait = min(2*wait, 120*time.Second)
		if got := d.due(); got != wait {
			t.Fatalf("probe %d is due in %v, want %v", n+2, got, wait)
		}
	}
}

// TestProbeTaken: the peer takes the probe's octet: the next one is probed.
func TestProbeTaken(t *testing.T) {
	d := closed(t, setup{})
	for at := 1001; at < 1010; at++ {
		d.elapse(d.due())
		d.out(fmt.Sprintf("A %d:%d ack 1", at, at+1))
		d.in(fmt.Sprintf("A 1 ack %d win 0", at+1))
	}
}

// TestWindowOpens: once the window opens, everything goes on at once, the probe's octet with the rest.
func TestWindowOpens(t *testing.T) {
	for _, probes := range []int{0, 1, 5} {
		d := closed(t, setup{})
		for range probes {
			d.elapse(d.due())
			d.in("A 1 ack 1001 win 0")
		}
		d.skip()
		d.in("A 1 ack 1001 win 60000")
		d.out("A 1001:2001", "A 2001:3001", "A 3001:4001", "PA 4001:5001")
		if got := d.due(); got > 400*time.Millisecond {
			t.Errorf("%d probes: the timer is %v, it still has the probes' back-off", probes, got)
		}
		d.in("A 1 ack 5001")
		d.idle()
	}
}

// TestWindowOpensWithProbe: the probe was taken, and its ACK opens the window.
func TestWindowOpensWithProbe(t *testing.T) {
	d := closed(t, setup{})
	d.elapse(d.due())
	d.skip()
	d.in("A 1 ack 1002 win 60000")
	d.out("A 1002:2002", "A 2002:3002", "A 3002:4002", "PA 4002:5001")
}

// TestProbeAnswersAreNoDuplicates: answers to probes say nothing of losses.
func TestProbeAnswersAreNoDuplicates(t *testing.T) {
	for _, sack := range []bool{false, true} {
		d := closed(t, setup{sack: sack})
		for range 6 {
			d.elapse(d.due())
			d.in("A 1 ack 1001 win 0")
		}
		if in := d.tcb.Info(d.now); in.CAState != 0 || in.SndCwnd != 10 {
			t.Errorf("SACK %v: CAState %d, cwnd %d after six answers to probes; want 0, 10", sack, in.CAState, in.SndCwnd)
		}
	}
}

// TestProbeUnanswered: a peer that doesn't answer is dead after R2.
//
// RFC 9293 MUST-20: the connection is closed after R2.
func TestProbeUnanswered(t *testing.T) {
	d := closed(t, setup{})
	began := d.now
	d.elapse(3 * time.Hour)
	d.state(Closed)
	d.holds("err ETIMEDOUT")
	last := d.queue[len(d.queue)-1].at.Sub(began)
	if len(d.queue) != 15 || last < 100*time.Second {
		t.Errorf("%d probes, the last after %v; want 15, R2 is more than 100 s", len(d.queue), last)
	}
}

// TestProbeOfFIN: a FIN alone takes no room, but waits for a window that is open; it is probed as data is.
func TestProbeOfFIN(t *testing.T) {
	d := start(t, setup{win: 1000})
	d.write(1000)
	d.in("A 1 ack 1001 win 0")
	d.skip()
	d.closeWrite()
	if len(d.queue) == 0 {
		d.tick(d.due())
	}
	d.out("FA 1001 ack 1")
	d.in("A 1 ack 1002 win 0")
	d.state(FinWait2)
	d.idle()
}

// TestCloseUnderZeroWindow: what was written before the close is still probed and sent, then the FIN.
func TestCloseUnderZeroWindow(t *testing.T) {
	d := closed(t, setup{})
	d.close()
	d.out()
	d.elapse(d.due())
	d.out("A 1001:1002 ack 1")
	d.in("A 1 ack 1001 win 10000")
	d.out("A 1001:2001", "A 2001:3001", "A 3001:4001", "FPA 4001:5001")
}

// TestWindowClosesOverFlight: the window closes over data in flight: probed, not sent again whole (3.8.6.1).
func TestWindowClosesOverFlight(t *testing.T) {
	d := start(t, setup{win: 5000})
	d.write(5000)
	d.skip()
	d.in("A 1 ack 1001 win 0")
	d.elapse(d.due())
	d.out("A 1001:1002 ack 1")
	d.in("A 1 ack 1001 win 5000") // it wasn't taken: everything again
	d.in("A 1 ack 2001 win 5000", "A 1 ack 4001 win 5000")
	d.elapse(time.Second)
	if got := d.queue[0].seg.Seq.Minus(testISS); got != 1001 {
		t.Errorf("goes on at %d, want 1001", got)
	}
}

// TestKeepAlive is 3.8.4: after the idle time a probe per interval, then the connection ends, and the peer is told.
//
// RFC 9293 MAY-5: keep-alives exist.
// RFC 9293 MUST-26: they are sent only while nothing was heard for the idle time.
// RFC 9293 MUST-27: the times are configurable,
// RFC 9293 MUST-29: no single probe decides.
// RFC 9293 SHLD-12: without data.
func TestKeepAlive(t *testing.T) {
	d := start(t, setup{user: UserOptions{KeepAlive: true, KeepIdle: 15 * time.Second, KeepInterval: 5 * time.Second,
		KeepCount: 3}})
	d.tick(15 * time.Second)
	d.out("A 0 ack 1") // SEG.SEQ = SND.NXT-1
	d.tick(5 * time.Second)
	d.out("A 0 ack 1")
	d.elapse(time.Second)
	d.in("A 1 ack 1") // answered: from the start
	d.tick(15 * time.Second)
	d.out("A 0 ack 1")
	d.tick(5 * time.Second)
	d.tick(5 * time.Second)
	d.out("A 0 ack 1", "A 0 ack 1")
	d.state(Established)
	d.tick(5 * time.Second)
	d.state(Closed)
	d.out("RA 1 ack 1")
	d.holds("err ETIMEDOUT")
}

// TestKeepAliveDefaults: off; 2 h, 75 s, 9 where turned on.
//
// RFC 9293 MUST-24: the user can turn them on.
// RFC 9293 MUST-25: they are off otherwise.
// RFC 9293 MUST-28: and the interval is no less than two hours by default.
func TestKeepAliveDefaults(t *testing.T) {
	d := start(t, setup{})
	d.idle()
	d.call(func(t *TCB) { t.SetOptions(d.now, UserOptions{KeepAlive: true}) })
	d.tick(2 * time.Hour)
	d.out("A 0 ack 1")
	for range 8 {
		d.tick(75 * time.Second)
		d.out("A 0 ack 1")
	}
	d.tick(75 * time.Second)
	d.state(Closed)
}

// TestKeepAliveOnlyIdle: no probe while data is under way or has just come.
//
// RFC 9293 MUST-26
func TestKeepAliveOnlyIdle(t *testing.T) {
	d := start(t, setup{user: UserOptions{KeepAlive: true, KeepIdle: time.Second, KeepInterval: time.Second}})
	for at := 1; at < 100; at += 10 {
		d.elapse(900 * time.Millisecond)
		d.in(fmt.Sprintf("PA %d:%d ack 1", at, at+10))
	}
	for _, q := range d.queue {
		if q.seg.Seq == testISS {
			t.Fatal("a probe although the peer was heard within the idle time")
		}
	}
	d.skip()
	d.write(100)
	d.elapse(20 * time.Second) // retransmissions only
	for _, q := range d.queue {
		if q.seg.Payload.Len() == 0 {
			t.Fatalf("%s while data is under way", d.baseOut().format(&q.seg))
		}
	}
}

// TestKeepAliveStates: in every synchronized state, not before and not after.
func TestKeepAliveStates(t *testing.T) {
	s := setup{rcv: 2000, user: UserOptions{KeepAlive: true, KeepIdle: time.Minute}}
	for name, build := range map[string]func(*dut){
		"CLOSE-WAIT": func(d *dut) { buildEstablished(d, true); d.in("FA 101 ack 101") },
		"FIN-WAIT-2": inFinWait2,
	} {
		d := newDUT(t, s)
		build(d)
		d.skip()
		d.tick(time.Minute)
		if len(d.queue) != 1 || d.queue[0].seg.Seq != d.tcb.snd.nxt.Add(-1) || d.queue[0].seg.Payload.Len() != 0 {
			t.Errorf("%s: no probe", name)
		}
	}
	d := newDUT(t, s)
	inTimeWait(d)
	d.idle()
}

// TestUserTimeout is Linux's TCP_USER_TIMEOUT (RFC 5482): how long data may stay unacknowledged.
//
// RFC 9293 MUST-21: the user can set R2.
func TestUserTimeout(t *testing.T) {
	opts := UserOptions{UserTimeout: 3 * time.Second}
	for name, build := range map[string]func() *dut{
		"data": func() *dut { d := start(t, setup{user: opts}); d.write(100); return d },
		"SYN":  func() *dut { d := newDUT(t, setup{user: opts}); d.connect(); return d },
		"zero window": func() *dut {
			d := start(t, setup{user: opts})
			d.in("A 1 ack 1 win 0")
			d.write(100)
			return d
		},
		"FIN": func() *dut { d := start(t, setup{user: opts}); d.closeWrite(); return d },
	} {
		d := build()
		d.elapse(2999 * time.Millisecond)
		if d.tcb.State() == Closed {
			t.Errorf("%s: closed before the user's time-out", name)
		}
		d.elapse(2 * time.Millisecond)
		d.state(Closed)
		if err := d.tcb.Err(); err != syscall.ETIMEDOUT {
			t.Errorf("%s: error %v, want ETIMEDOUT", name, err)
		}
	}
	d := start(t, setup{user: opts}) // progress starts it again
	for at := 1; at < 1000; at += 100 {
		d.write(100)
		d.elapse(2 * time.Second)
		d.in(fmt.Sprintf("A 1 ack %d", at+100))
	}
	d.state(Established)
	d.elapse(time.Hour) // and idleness is none of its business
	d.state(Established)
}

// TestUserTimeoutKeepAlive: with keep-alive it takes the place of the count, as in Linux.
func TestUserTimeoutKeepAlive(t *testing.T) {
	d := start(t, setup{user: UserOptions{KeepAlive: true, KeepIdle: 10 * time.Second, KeepInterval: 5 * time.Second,
		KeepCount: 100, UserTimeout: 18 * time.Second}})
	d.elapse(19 * time.Second)
	d.state(Established)
	d.elapse(2 * time.Second)
	d.state(Closed)
}

// TestR2: without an option, retransmissions go on for 15 doublings, then the user learns it; an orphan has 8.
//
// RFC 9293 MUST-20, RFC 9293 SHLD-11: R2 is at least 100 s.
func TestR2(t *testing.T) {
	d := start(t, setup{})
	began := d.now
	d.write(100)
	d.elapse(3 * time.Hour)
	d.state(Closed)
	d.holds("err ETIMEDOUT")
	last := d.queue[len(d.queue)-1].at.Sub(began)
	if last < 100*time.Second || last > 1100*time.Second {
		t.Errorf("the last retransmission is after %v, want between 100 s and Linux's 924.6 s and a bit", last)
	}
	d = start(t, setup{})
	d.write(100)
	d.close()
	d.skip()
	d.elapse(3 * time.Hour)
	d.state(Closed)
	if n := len(d.queue); n != 8 {
		t.Errorf("an orphan's data is sent again %d times, want 8", n)
	}
}

// TestProbeReported: a peer that reports the probe's octet by SACK, without acknowledging it, confuses nothing when its
// window opens.
func TestProbeReported(t *testing.T) {
	d := closed(t, setup{sack: true})
	d.elapse(d.due())
	d.in("A 1 ack 1001 win 0 sack 1001:1002")
	d.skip()
	d.in("A 1 ack 1001 win 5000")
	d.out("A 1001:2001", "A 2001:3001", "A 3001:4001", "PA 4001:5001")
}

package tcp

import (
	"fmt"
	"testing"
	"time"
)

// calm ends quick mode: the first 16 ACKs of a connection leave at once.
func calm(t *testing.T, s setup) (d *dut, next int) {
	t.Helper()
	d = start(t, s)
	for next = 1; d.tcb.rcv.quick > 0; next += 10 {
		d.in(fmt.Sprintf("PA %d:%d ack 1", next, next+10))
		d.out(fmt.Sprintf("A 1 ack %d", next+10))
		d.elapse(10 * time.Millisecond)
	}
	return d, next
}

// TestQuickAcks: the first segments are acknowledged at once, for the sake of the peer's slow start (Linux's
// TCP_MAX_QUICKACKS).
func TestQuickAcks(t *testing.T) {
	_, next := calm(t, setup{})
	if n := (next - 1) / 10; n < 8 || n > 16 {
		t.Errorf("%d quick ACKs, want up to 16", n)
	}
}

// TestDelayedAck: an ACK waits for company, 40 ms at least and 200 ms at most (Linux).
//
// RFC 9293 SHLD-18: ACKs are delayed.
// RFC 9293 MUST-40: by less than half a second.
// RFC 9293 MUST-58: and aggregated.
func TestDelayedAck(t *testing.T) {
	d, at := calm(t, setup{})
	for i := range 50 {
		d.in(fmt.Sprintf("PA %d:%d ack 1", at, at+10))
		at += 10
		d.out()
		wait := d.due()
		if wait < 40*time.Millisecond || wait > 200*time.Millisecond {
			t.Fatalf("ACK %d waits for %v, want 40 to 200 ms", i, wait)
		}
		d.tick(wait)
		d.out(fmt.Sprintf("A 1 ack %d", at))
		d.elapse(time.Duration(i%10) * 3 * time.Millisecond)
	}
}

// TestDelayedAckLimits: the limits are Config's.
func TestDelayedAckLimits(t *testing.T) {
	d, at := calm(t, setup{tune: func(c *Config) { c.DelAckMin, c.DelAckMax = 5*time.Millisecond, 5*time.Millisecond }})
	d.in(fmt.Sprintf("PA %d:%d ack 1", at, at+10))
	d.tick(5 * time.Millisecond)
	d.out(fmt.Sprintf("A 1 ack %d", at+10))
}

// TestEverySecondSegment: two full segments are not left waiting.
//
// RFC 9293 SHLD-19: an ACK for every second full-sized segment or 2*RMSS octets.
func TestEverySecondSegment(t *testing.T) {
	d, at := calm(t, setup{})
	for range 10 {
		d.in(fmt.Sprintf("A %d:%d ack 1", at, at+1000))
		d.skip() // the first may be acknowledged: it tells how large full segments are
		d.in(fmt.Sprintf("A %d:%d ack 1", at+1000, at+2000))
		at += 2000
		d.out(fmt.Sprintf("A 1 ack %d", at))
	}
	d.in(fmt.Sprintf("A %d:%d ack 1", at, at+1000))
	d.out() // a single one waits
	d.in(fmt.Sprintf("A %d:%d ack 1", at+1000, at+1010))
	d.out(fmt.Sprintf("A 1 ack %d", at+1010)) // more than one full segment waits: at once
}

// TestSuperSegmentAck: one ACK for a super-segment is enough, however long it is.
//
// RFC 9293 MUST-58
func TestSuperSegmentAck(t *testing.T) {
	d, at := calm(t, setup{})
	d.in(fmt.Sprintf("PA %d:%d ack 1", at, at+20000))
	d.out(fmt.Sprintf("A 1 ack %d", at+20000))
}

// TestProcessAllBeforeAck: with several segments given in before Poll, one ACK leaves.
//
// RFC 9293 MUST-59: all queued segments are processed before an ACK is sent.
func TestProcessAllBeforeAck(t *testing.T) {
	d := start(t, setup{})
	d.hold = true
	d.in("A 1:1001 ack 1", "A 1001:2001 ack 1", "A 3001:4001 ack 1", "A 2001:3001 ack 1")
	d.hold = false
	d.drain()
	d.out("A 1 ack 4001")
}

// TestAckRidesOnData: an answer of the user's carries the ACK, and a connection that answers waits for the next answer
// ("ping-pong" mode of Linux).
//
// RFC 9293 MUST-58
func TestAckRidesOnData(t *testing.T) {
	d := start(t, setup{})
	d.in("PA 1:101 ack 1")
	d.out("A 1 ack 101") // nobody knows yet that an answer will come
	d.get(100)
	d.write(50)
	d.out("PA 1:51 ack 101")
	for at := 101; at < 1000; at += 100 {
		d.in(fmt.Sprintf("PA %d:%d", at, at+100))
		d.out() // now it is known
		d.elapse(10 * time.Millisecond)
		d.write(50)
		d.out(fmt.Sprintf("PA ack %d", at+100))
		d.idleAck()
	}
	// No answer: the delayed ACK goes out, and it is not waited for the next time.
	d.in(fmt.Sprintf("PA %d:%d", 1001, 1101))
	d.out()
	d.elapse(200 * time.Millisecond)
	d.out("A ack 1101")
}

// idleAck asserts that no delayed ACK is under way.
func (d *dut) idleAck() {
	d.t.Helper()
	if d.tcb.delackAt != Never {
		d.t.Fatal("an ACK is under way that was sent already")
	}
}

// TestQuickAfterHole: once something was out of order, ACKs are not delayed for a while: the peer's recovery lives on
// them (RFC 5681 4.2).
func TestQuickAfterHole(t *testing.T) {
	d, at := calm(t, setup{})
	d.in(fmt.Sprintf("PA %d:%d ack 1", at+100, at+200))
	d.out(fmt.Sprintf("A 1 ack %d", at)) // a duplicate ACK at once
	d.in(fmt.Sprintf("PA %d:%d ack 1", at, at+50))
	d.out(fmt.Sprintf("A 1 ack %d", at+50)) // a part of the hole: at once
	d.in(fmt.Sprintf("PA %d:%d ack 1", at+50, at+100))
	d.out(fmt.Sprintf("A 1 ack %d", at+200)) // all of it: at once
	d.in(fmt.Sprintf("PA %d:%d ack 1", at+200, at+210))
	d.out(fmt.Sprintf("A 1 ack %d", at+210)) // and what comes next
}

// TestQuickAfterPause: a sender that restarts after a pause gets its ACK clock.
func TestQuickAfterPause(t *testing.T) {
	d, at := calm(t, setup{})
	d.elapse(10 * time.Second)
	d.in(fmt.Sprintf("PA %d:%d ack 1", at, at+10))
	d.out(fmt.Sprintf("A 1 ack %d", at+10))
}

// TestNoQuickAck: TCP_QUICKACK set to 0 delays from the start, and turning it on again ends that.
func TestNoQuickAck(t *testing.T) {
	for _, passive := range []bool{false, true} {
		d := start(t, setup{passive: passive, user: UserOptions{NoQuickAck: true}})
		d.in("PA 1:101 ack 1")
		d.out()
		d.elapse(40 * time.Millisecond)
		d.out("A 1 ack 101")
		d.in("PA 111:121 ack 1", "PA 101:111 ack 1")
		d.out("A 1 ack 101", "A 1 ack 121") // a hole is another matter
		d.elapse(20 * time.Millisecond)
		d.in("PA 121:131 ack 1")
		d.out()
	}
}

// TestFINAckAtOnce: a FIN is acknowledged without delay.
func TestFINAckAtOnce(t *testing.T) {
	d, at := calm(t, setup{})
	d.in(fmt.Sprintf("FA %d ack 1", at))
	d.out(fmt.Sprintf("A 1 ack %d", at+1))
}

// TestWindowUpdateOnRead: reading opens the window by a segment of its own where it had been small.
func TestWindowUpdateOnRead(t *testing.T) {
	d := start(t, setup{rcv: 10000})
	d.in("A 1:9001 ack 1")
	d.out("A 1 ack 9001 win 1000")
	d.get(500)
	d.out()
	d.get(1500)
	d.out("A 1 ack 9001 win 3000") // more than doubled
	d.get(500)
	d.out()
	d.get(6500)
	d.out("A 1 ack 9001 win 10000")
}

// TestAckOfSmallFullSegments: a peer whose full segments are small has every second one acknowledged, too: two of
// a size in a row that end no burst tell (Linux's tcp_measure_rcv_mss; RFC 9293 SHLD-19).
func TestAckOfSmallFullSegments(t *testing.T) {
	for _, c := range []struct {
		flags string
		sizes []int
		quick bool
	}{
		{"A", []int{200, 200}, true},
		{"A", []int{48, 48}, true}, // the least that counts
		{"A", []int{47, 47}, false},
		{"PA", []int{200, 200}, false}, // ends of bursts
		{"A", []int{100, 200}, false},  // no two alike
	} {
		d, at := calm(t, setup{})
		send := func(n int) {
			d.in(fmt.Sprintf("%s %d:%d ack 1", c.flags, at, at+n))
			at += n
		}
		for range 2 {
			for _, n := range c.sizes {
				send(n)
			}
			d.elapse(200 * ms)
			d.skip()
		}
		send(c.sizes[0])
		d.out()
		send(c.sizes[1])
		if got := len(d.queue) == 1; got != c.quick {
			t.Errorf("%s %v: acknowledged at once: %v, want %v", c.flags, c.sizes, got, c.quick)
		}
	}
}

// TestDelayAdapts: the delay follows the gaps between segments (Linux's tcp_event_data_recv) and doubles where it ran
// out in vain.
func TestDelayAdapts(t *testing.T) {
	d, at := calm(t, setup{})
	last := d.now.Add(-10 * ms)
	for i, c := range []struct{ gap, ato time.Duration }{
		{10 * ms, 40 * ms}, // up to half the least: a mean with it
		{50 * ms, 90 * ms}, // 40 ms were over: 80; less than that: half of it and the gap
		{20 * ms, 65 * ms},
		{65 * ms, 65 * ms},   // not less: as it was
		{300 * ms, 130 * ms}, // the delay ran out again; an RTO is no pause yet
		{301 * ms, 200 * ms}, // but longer is: acknowledged at once (below)
	} {
		d.elapse(last.Add(c.gap).Sub(d.now))
		d.skip()
		last = d.now
		d.in(fmt.Sprintf("PA %d:%d ack 1", at, at+10))
		at += 10
		if got := time.Duration(d.tcb.Info(d.now).ATO) * time.Microsecond; got != c.ato {
			t.Errorf("step %d: the delay is %v after a gap of %v, want %v", i, got, c.gap, c.ato)
		}
		if got := len(d.queue) == 1; got != (c.gap > 300*ms) {
			t.Errorf("step %d: acknowledged at once: %v", i, got)
		}
	}
}

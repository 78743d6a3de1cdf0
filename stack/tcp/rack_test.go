package tcp

import (
	"fmt"
	"testing"
	"time"
)

// reordered has a connection whose path has reordered: a segment came late, and nothing was sent again. 1:4001 is
// acknowledged, a round trip is 100 ms.
func reordered(t *testing.T, s setup) *dut {
	t.Helper()
	s.sack = true
	d := start(t, s)
	d.write(4000)
	d.skip()
	d.elapse(100 * ms)
	d.in("A 1 ack 1 sack 1001:2001")
	d.elapse(10 * ms)
	d.in("A 1 ack 4001")
	d.out()
	if !d.tcb.reco.reorder.seen {
		t.Fatal("the path has reordered, and that isn't seen")
	}
	return d
}

// TestReorderWindow: how long what is missing has to come, by what the path was seen to do.
//
// RFC 8985 6.2
func TestReorderWindow(t *testing.T) {
	d := start(t, setup{sack: true})
	d.write(10000)
	d.skip()
	d.elapse(100 * ms)
	d.in("A 1 ack 1 sack 1001:3001")
	d.tick(25 * ms) // two segments above: a quarter of the least round trip
	d.out("A 1:1001")

	d = start(t, setup{sack: true})
	d.write(10000)
	d.skip()
	d.elapse(100 * ms)
	d.in("A 1 ack 1 sack 1001:4001")
	d.out("A 1:1001") // three: at once

	d = reordered(t, setup{})
	d.write(10000)
	d.skip()
	d.elapse(100 * ms)
	d.in("A 1 ack 4001 sack 5001:9001")
	d.out()
	d.tick(25 * ms) // but not where the path reorders
	if len(d.queue) == 0 || d.queue[0].seg.Seq != testISS.Add(4001) {
		t.Error("what is missing is not sent again when its time is over")
	}
}

// spurious sends something again that was only late, and has that reported.
func spurious(d *dut, at int) {
	d.t.Helper()
	d.write(4000)
	d.skip()
	d.elapse(100 * ms)
	d.in(fmt.Sprintf("A 1 ack %d sack %d:%d", at, at+1000, at+2000))
	for d.tcb.reco.mode == open {
		d.elapse(d.due())
	}
	d.in(fmt.Sprintf("A 1 ack %d", at+4000))
	d.elapse(100 * ms)
	d.in(fmt.Sprintf("A 1 ack %d sack %d:%d", at+4000, at, at+1000))
	d.skip()
}

// TestReorderWindowWidens: each round trip with a D-SACK makes the window wider by a quarter of the least round trip,
// up to a smoothed one, and 16 recoveries without any make it narrow again.
//
// RFC 8985 6.2
func TestReorderWindowWidens(t *testing.T) {
	d := start(t, setup{sack: true})
	at := 1
	for i := range 6 {
		if got, want := int(d.tcb.reco.reorder.wider), i; got != want {
			t.Fatalf("RACK.reo_wnd_mult is %d after %d D-SACKs", 1+got, want)
		}
		spurious(d, at)
		at += 4000
	}
	d.write(4000)
	d.skip()
	d.elapse(100 * ms)
	d.in(fmt.Sprintf("A 1 ack %d sack %d:%d", at, at+1000, at+2000))
	if got := d.due(); got < 90*ms || got > 120*ms {
		t.Errorf("what is missing has %v to come, want SRTT, about 100 ms", got)
	}
	at += 4000
	for i := range persistRecoveries {
		if d.tcb.reco.reorder.wider == 0 {
			t.Fatalf("the window is narrow again after %d recoveries", i)
		}
		for d.tcb.reco.mode == open {
			d.elapse(d.due())
		}
		d.elapse(100 * ms)
		d.in(fmt.Sprintf("A 1 ack %d", at)) // what was missing had been lost
		d.write(2000)
		d.elapse(100 * ms)
		d.in(fmt.Sprintf("A 1 ack %d sack %d:%d", at, at+1000, at+2000))
		at += 2000
	}
	if got := d.tcb.reco.reorder.wider; got != 0 {
		t.Errorf("RACK.reo_wnd_mult is %d after 16 recoveries without a D-SACK", 1+got)
	}
}

// TestForeignDuplicatesWidenNothing: duplicates that the network makes say nothing of our patience.
func TestForeignDuplicatesWidenNothing(t *testing.T) {
	d := start(t, setup{sack: true})
	d.write(4000)
	d.in("A 1 ack 4001 sack 1:1001", "A 1 ack 4001 sack 1001:2001")
	if got := d.tcb.reco.reorder.wider; got != 0 {
		t.Errorf("RACK.reo_wnd_mult is %d, but nothing was ever sent again", 1+got)
	}
}

// TestOneWideningARound: however many D-SACKs a round trip has, they widen the window once (RACK.dsack_round).
func TestOneWideningARound(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.elapse(100 * ms)
	d.in("A 1 ack 1 sack 3001:8001") // 1:3001 are sent again
	d.elapse(100 * ms)
	d.in("A 1 ack 8001", "A 1 ack 8001 sack 1:1001", "A 1 ack 8001 sack 1001:2001")
	if got := d.tcb.reco.reorder.wider; got != 1 {
		t.Errorf("RACK.reo_wnd_mult is %d after two D-SACKs in a round trip, want 2", 1+got)
	}
}

// TestAmbiguousDelivery: an ACK of something that was sent twice tells RACK nothing where it is of the first copy: by
// the timestamp that it echoes, or since no second copy could have been so fast.
//
// RFC 8985 6.2
func TestAmbiguousDelivery(t *testing.T) {
	for _, ts := range []bool{false, true} {
		d := flying(t, setup{sack: true, ts: ts})
		echo := int(d.lastTS - testTS)
		d.elapse(100 * ms)
		d.in("A 1 ack 1 sack 2001:7001") // 1:2001 are lost, and the first of them at least is sent again
		d.skip()
		at := d.tcb.reco.board.rack.at
		d.elapse(10 * ms)
		if ts {
			d.elapse(100 * ms)
			d.in(fmt.Sprintf("A 1 ack 1001 sack 2001:7001 ts 0/%d", echo))
		} else {
			d.in("A 1 ack 1001 sack 2001:7001")
		}
		if got := d.tcb.reco.board.rack.at; got != at {
			t.Errorf("timestamps %v: RACK.xmit_ts moved by %v with an ACK of the first copy", ts, got.Sub(at))
		}
		d = flying(t, setup{sack: true, ts: ts})
		d.elapse(100 * ms)
		d.in("A 1 ack 1 sack 2001:7001")
		d.elapse(100 * ms)
		d.in("A 1 ack 1001 sack 2001:7001")
		if got := d.tcb.reco.board.rack.at; got != d.now.Add(-100*ms) {
			t.Errorf("timestamps %v: RACK.xmit_ts is %v ago, want the retransmission's 100 ms", ts, d.now.Sub(got))
		}
	}
}

// TestLostRetransmissions: a segment is lost again and again; each time what was sent after it tells, and the
// retransmission timer never expires.
func TestLostRetransmissions(t *testing.T) {
	d := start(t, setup{sack: true})
	d.write(100_000)
	top := 1
	copies := 0
	for range 8 {
		d.elapse(100 * ms)
		for _, q := range d.queue {
			if q.seg.Seq == testISS.Add(1) {
				copies++
			} else if end := q.seg.End().Minus(testISS); end > top {
				top = end
			}
		}
		d.skip()
		d.in(fmt.Sprintf("A 1 ack 1 sack 1001:%d", top))
	}
	if in := d.tcb.Info(d.now); copies != 8 || in.Timeouts != 0 || in.FastRecoveries != 1 {
		t.Errorf("in 8 round trips the first segment was sent %d times, %d time-outs, %d recoveries; want 8, 0, 1", copies,
			in.Timeouts, in.FastRecoveries)
	}
}

// TestSuperSegmentLost: of one super-segment some segments are lost; exactly these are sent again, although all were
// sent at the same time.
func TestSuperSegmentLost(t *testing.T) {
	d := start(t, setup{sack: true, max: 60000})
	d.write(10000)
	d.skip()
	d.elapse(100 * ms)
	d.in("A 1 ack 1 sack 1001:2001 4001:10001")
	d.out("A 1:1001 ack 1", "PA 2001:4001 ack 1")
	d.elapse(100 * ms)
	d.in("A 1 ack 10001")
	if in := d.tcb.Info(d.now); in.TotalRetrans != 3 || in.CAState != 0 {
		t.Errorf("TotalRetrans %d, CAState %d; want 3, 0", in.TotalRetrans, in.CAState)
	}
}

// TestTimeoutSparesRecent: the timer has expired for the first segment, but what was sent just before is not lost yet.
//
// RFC 8985 6.3
func TestTimeoutSparesRecent(t *testing.T) {
	d := start(t, setup{sack: true, tune: noProbes})
	d.write(3000)
	d.elapse(290 * ms)
	d.write(1000)
	d.skip()
	d.tick(10 * ms)
	d.out("A 1:1001")
	if in := d.tcb.Info(d.now); in.Lost != 3 || in.CAState != 4 {
		t.Errorf("%d segments are lost, CAState %d; want 3, 4", in.Lost, in.CAState)
	}
}

// TestLateTick: a process that was stopped for long finds the reordering timer and the retransmission timer expired:
// the first alone is served, and the retransmission puts the other off.
func TestLateTick(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.elapse(100 * ms)
	d.in("A 1 ack 1 sack 1001:2001")
	d.skip()
	d.now = d.now.Add(time.Minute)
	d.tcb.Tick(d.now)
	d.drain()
	if in := d.tcb.Info(d.now); in.CAState != 3 || in.Timeouts != 0 || d.due() < 100*ms {
		t.Errorf("CAState %d, Timeouts %d, deadline in %v; want 3, 0, and an RTO", in.CAState, in.Timeouts, d.due())
	}
}

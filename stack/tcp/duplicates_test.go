package tcp

import (
	"fmt"
	"testing"
)

// TestDuplicatesBeyondFlight: without SACK, duplicates stand for no more than what is in flight besides the lost
// segment. The network, or an attacker, may make any number of them (RFC 5681 section 6: ACK spoofing).
func TestDuplicatesBeyondFlight(t *testing.T) {
	for _, duplicates := range []int{3, 10} {
		d := start(t, setup{})
		d.write(3000)
		for range duplicates {
			d.in("A 1 ack 1")
		}
		d.skip()
		d.write(5000)
		d.out("A 3001:4001 ack 1") // cwnd 2, and one is on its way: the first, sent again
	}
}

// TestRecoverEdge: "covers more than recover" (RFC 6582 3.2 (2)): duplicates of the very ACK that ended a recovery
// start no second one; an octet later they do.
func TestRecoverEdge(t *testing.T) {
	d := flying(t, setup{})
	d.in("A 1 ack 1", "A 1 ack 1", "A 1 ack 1")
	recover := d.tcb.snd.nxt.Minus(testISS)
	for i, ack := range []int{recover, recover + 1} {
		text := fmt.Sprintf("A 1 ack %d", ack)
		d.in(text, text, text, text)
		if got := d.tcb.Info(d.now).FastRecoveries; got != uint32(1+i) {
			t.Errorf("three duplicates of %d, recover is %d: %d recoveries, want %d", ack, recover, got, 1+i)
		}
	}
}

// TestDupAcksOfSmallSegments: with SACK, too, the third duplicate is enough (RFC 6675 5 (1)), however little it
// reports. But a duplicate is an ACK that reports something new (section 2).
func TestDupAcksOfSmallSegments(t *testing.T) {
	small := func() *dut {
		d := start(t, setup{sack: true, user: UserOptions{NoDelay: true}})
		for range 6 {
			d.write(100)
		}
		d.skip()
		return d
	}
	d := small()
	d.in("A 1 ack 1 sack 101:201", "A 1 ack 1 sack 101:301")
	d.out()
	d.in("A 1 ack 1 sack 101:401")
	if len(d.queue) == 0 || d.queue[0].seg.Seq != testISS.Add(1) || d.queue[0].seg.Payload.Len() != 100 {
		t.Error("the third duplicate doesn't have the first segment sent again")
	}
	d = small()
	d.in("A 1 ack 1 sack 101:201", "A 1 ack 1 sack 101:201", "A 1 ack 1", "A 1 ack 1", "A 1 ack 1 sack 101:201")
	d.out()
}

// TestReportsOfAnyACK: what an ACK reports counts also where it is no duplicate: one that advances, and an old one that
// was overtaken.
func TestReportsOfAnyACK(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.in("A 1 ack 1001 sack 2001:5001")
	if d.tcb.reco.mode != fastRecovery {
		t.Error("three segments are reported above a hole by an ACK that advances, and nothing is sent again")
	}
	d = flying(t, setup{sack: true})
	d.in("A 1 ack 2001")
	d.skip()
	d.in("A 1 ack 1001 sack 3001:6001")
	if len(d.queue) == 0 || d.queue[0].seg.Seq != testISS.Add(2001) {
		t.Error("three segments are reported above a hole by an overtaken ACK, and the hole is not sent again")
	}
}

// TestTailInRecovery: the loss of the last segment shows as soon as a retransmission arrives, which was sent later.
func TestTailInRecovery(t *testing.T) {
	d := start(t, setup{sack: true, user: UserOptions{NoDelay: true}})
	d.write(9500)
	d.skip()
	d.elapse(100 * ms)
	d.in("A 1 ack 1 sack 1001:9001")
	d.out("A 1:1001 ack 1")
	d.elapse(100 * ms)
	d.in("A 1 ack 9001")
	d.out("PA 9001:9501 ack 1")
}

// TestTimeoutInRecovery: a time-out during fast recovery doesn't raise ssthresh, although more is in flight by then.
func TestTimeoutInRecovery(t *testing.T) {
	d := flying(t, setup{})
	for range 14 {
		d.in("A 1 ack 1")
	}
	d.cwnd(5000, 5000)
	if d.tcb.flight() <= 10000 {
		t.Fatal("the test wants new data sent in recovery")
	}
	d.elapse(d.due())
	d.cwnd(1000, 5000)
}

// TestTimerFollowsFirst: the retransmission timer counts from the last time that the first unacknowledged segment was
// sent (RFC 6298 5.6), and other retransmissions leave it alone.
func TestTimerFollowsFirst(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.elapse(200 * ms)
	d.in("A 1 ack 1 sack 1001:4001")
	d.out("A 1:1001 ack 1", "A 10001:11001")
	if got := d.due(); got != 300*ms {
		t.Errorf("the timer is due in %v, want an RTO of 300 ms", got)
	}
	d.elapse(100 * ms)
	d.in("A 1 ack 1 sack 5001:8001 1001:4001")
	if len(d.queue) == 0 || d.queue[0].seg.Seq != testISS.Add(4001) {
		t.Fatal("the second hole is not sent again")
	}
	if got := d.due(); got != 200*ms {
		t.Errorf("the timer is due in %v, want the 200 ms that are left", got)
	}
}

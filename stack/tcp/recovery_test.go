package tcp

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// flying has 10 segments of 1000 octets in flight, which is all of the initial window, and more to send.
func flying(t *testing.T, s setup) *dut {
	t.Helper()
	d := start(t, s)
	d.write(30000)
	d.skip()
	if got := d.tcb.flight(); got != 10000 {
		t.Fatalf("%d octets are in flight, want the initial window of 10 segments", got)
	}
	return d
}

// noProbes has losses at the end of a flight wait for the retransmission timer.
func noProbes(c *Config) { c.NoTLP = true }

// timeout lets time pass until the retransmission timer has expired, and forgets what was sent before.
func (d *dut) timeout() {
	d.t.Helper()
	for n := d.tcb.Info(d.now).Timeouts; d.tcb.Info(d.now).Timeouts == n; {
		d.skip()
		d.elapse(d.due())
	}
}

// cwnd asserts the congestion window and ssthresh, in segments of 1000 octets, as Info tells them.
func (d *dut) cwnd(cwnd, ssthresh int) {
	d.t.Helper()
	if w := &d.tcb.cong.Window; w.Cwnd != cwnd || w.Ssthresh != ssthresh {
		d.t.Fatalf("cwnd %d, ssthresh %d; want %d, %d", w.Cwnd, w.Ssthresh, cwnd, ssthresh)
	}
}

// TestNewReno is RFC 6582 3.2 step by step: segments 1 and 4 of 10 are lost.
func TestNewReno(t *testing.T) {
	d := flying(t, setup{})
	d.in("A 1 ack 1") // RFC 3042: each of the first two duplicates lets one new segment out
	d.out("A 10001:11001 ack 1")
	d.in("A 1 ack 1")
	d.out("A 11001:12001 ack 1")
	d.in("A 1 ack 1") // the third: ssthresh = FlightSize/2, limited transmit not counted (RFC 5681 3.2 (2))
	d.out("A 1:1001 ack 1")
	d.cwnd(5000, 5000)
	if in := d.tcb.Info(d.now); in.CAState != 3 || in.FastRecoveries != 1 {
		t.Errorf("CAState %d, FastRecoveries %d; want 3, 1", in.CAState, in.FastRecoveries)
	}
	// (4): cwnd inflated by three segments, 8 of 12 in flight; each more duplicate inflates it by one.
	d.in("A 1 ack 1", "A 1 ack 1", "A 1 ack 1", "A 1 ack 1")
	d.out()
	d.in("A 1 ack 1") // the eighth: 8 + 5 = 13 segments
	d.out("A 12001:13001 ack 1")
	d.in("A 1 ack 1", "A 1 ack 1") // from the two of limited transmit
	d.out("A 13001:14001 ack 1", "A 14001:15001 ack 1")
	// (3): a partial ACK of 3 segments: the next hole at once, cwnd deflated by 3 - 1.
	d.in("A 1 ack 3001")
	d.out("A 3001:4001 ack 1", "A 15001:16001 ack 1")
	d.in("A 1 ack 3001", "A 1 ack 3001", "A 1 ack 3001") // still in recovery: no second one
	if in := d.tcb.Info(d.now); in.FastRecoveries != 1 {
		t.Errorf("%d recoveries, want 1", in.FastRecoveries)
	}
	d.skip()
	// The full ACK, of everything sent before recovery: cwnd = min (ssthresh, max (FlightSize, SMSS) + SMSS).
	d.in("A 1 ack 12001")
	if in := d.tcb.Info(d.now); in.CAState != 0 {
		t.Errorf("CAState %d after the full ACK, want 0", in.CAState)
	}
	if got := d.tcb.cong.Cwnd; got > 5000 {
		t.Errorf("cwnd %d after the full ACK, want at most ssthresh", got)
	}
}

// TestNoSecondFastRetransmit: duplicates of a window that was recovered already start nothing (RFC 6582 3.2 (2),
// "recover").
func TestNoSecondFastRetransmit(t *testing.T) {
	d := flying(t, setup{})
	d.tick(300 * time.Millisecond) // recover <- 10001
	d.out("A 1:1001 ack 1")
	d.in("A 1 ack 1001", "A 1 ack 1001", "A 1 ack 1001", "A 1 ack 1001")
	if in := d.tcb.Info(d.now); in.FastRecoveries != 0 || in.CAState != 4 {
		t.Errorf("FastRecoveries %d, CAState %d; want 0, 4", in.FastRecoveries, in.CAState)
	}
}

// TestFirstWindowFastRetransmit: "recover" at the start is ISS, and the first window is not excluded by it.
func TestFirstWindowFastRetransmit(t *testing.T) {
	for _, passive := range []bool{false, true} {
		d := flying(t, setup{passive: passive})
		d.in("A 1 ack 1", "A 1 ack 1", "A 1 ack 1")
		d.out("A 10001:11001", "A 11001:12001", "A 1:1001")
	}
}

// TestDuplicateACK is the definition of RFC 5681 section 2: five conditions, each of which excludes.
func TestDuplicateACK(t *testing.T) {
	for _, c := range []struct{ ack, why string }{
		{"A 1 ack 1 win %d", "(e): the window differs"},
		{"A 1:11 ack 1", "(b): it carries data"},
		{"A 1 ack 0", "(d): it is not the greatest one"},
	} {
		d := flying(t, setup{})
		for i := range 5 {
			if strings.Contains(c.ack, "%") {
				d.in(fmt.Sprintf(c.ack, 50000-i))
			} else {
				d.in(c.ack)
			}
		}
		if got := d.tcb.reco.dupacks; got > 1 {
			t.Errorf("%s: counts as a duplicate: %s", c.ack, c.why)
		}
	}
	d := start(t, setup{})
	d.in("A 1 ack 1", "A 1 ack 1", "A 1 ack 1", "A 1 ack 1") // (a): nothing is outstanding
	d.out()
	if d.tcb.reco.dupacks != 0 {
		t.Error("with nothing in flight an ACK counts as a duplicate")
	}
}

// TestSACKRecovery is RFC 6675 with RACK and PRR: segments 1 and 4 are lost.
//
// RFC 9937 6.2
func TestSACKRecovery(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.in("A 1 ack 1 sack 1001:2001")
	d.out("A 10001:11001") // 5 (3.3), as RFC 3042
	d.in("A 1 ack 1 sack 1001:3001")
	d.out("A 11001:12001")
	d.in("A 1 ack 1 sack 4001:5001 1001:3001") // DupThresh: enter; both are lost, the first is sent again
	d.out("A 1:1001")
	d.cwnd(8000, 5000) // of 12 in flight 3 have arrived and 2 are lost; and one is on its way again
	d.in("A 1 ack 1 sack 4001:6001 1001:3001")
	d.out() // half of what arrives is sent: RecoverFS is 10, ssthresh 5
	d.in("A 1 ack 1 sack 4001:7001 1001:3001")
	d.out("A 3001:4001")
	d.in("A 1 ack 1 sack 4001:8001 1001:3001")
	d.out()
	d.in("A 1 ack 1 sack 4001:9001 1001:3001")
	d.out() // pipe is ssthresh now, and the last of what was sent too much
	d.in("A 1 ack 1 sack 4001:10001 1001:3001")
	d.out("A 12001:13001") // from here on as much as arrives
	d.in("A 1 ack 3001 sack 4001:10001")
	d.out("A 13001:14001")
	d.in("A 1 ack 12001") // at RecoveryPoint: leave
	d.cwnd(5000, 5000)
	if in := d.tcb.Info(d.now); in.CAState != 0 || in.TotalRetrans != 2 {
		t.Errorf("CAState %d, TotalRetrans %d; want 0, 2", in.CAState, in.TotalRetrans)
	}
}

// TestSACKRecoveryByOctets: more than two segments' octets above make a loss, even in one ACK (RFC 6675 section 4).
func TestSACKRecoveryByOctets(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.in("A 1 ack 1 sack 1001:3001")
	if got := d.tcb.Info(d.now).CAState; got != 0 {
		t.Errorf("two segments above are no loss yet; CAState %d", got)
	}
	d.skip()
	d.in("A 1 ack 1 sack 1001:3002")
	if got := d.tcb.Info(d.now).CAState; got != 3 {
		t.Errorf("more than two segments above are a loss; CAState %d", got)
	}
	d.out("A 1:1001")
}

// TestSACKRecoveryByRuns: three separate runs make a loss, however short (RFC 6675 section 4).
func TestSACKRecoveryByRuns(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.in("A 1 ack 1 sack 1001:1002 3001:3002 5001:5002")
	if len(d.queue) == 0 || d.queue[0].seg.Seq != testISS.Add(1) {
		t.Error("three runs above the first segment don't have it sent again")
	}
}

// TestHolesBelowReports: with nothing new to send, holes below the highest report are filled.
func TestHolesBelowReports(t *testing.T) {
	d := start(t, setup{sack: true})
	d.write(10000)
	d.skip()
	// 1-2 lost, 3-5 arrived, 6 unknown, 7 arrived.
	d.in("A 1 ack 1 sack 2001:5001")
	d.out("A 1:1001")
	d.in("A 1 ack 1 sack 2001:5001 6001:7001")
	d.skip()
	d.in("A 1 ack 1001 sack 2001:5001 6001:7001")
	sentAt := func(seq int) bool {
		for _, q := range d.queue {
			if q.seg.Seq == testISS.Add(seq) {
				return true
			}
		}
		return false
	}
	d.in("A 1 ack 5001 sack 6001:8001")
	if !sentAt(5001) {
		t.Errorf("octet 5001 lies below the highest report and is not sent; sent: %v", len(d.queue))
	}
}

// TestPipeDuringRecovery: recovery never has more in the network than cwnd, whatever arrives.
func TestPipeDuringRecovery(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.in("A 1 ack 1 sack 7001:10001") // the first seven lost at once
	for range 10 {
		if pipe, cwnd := d.tcb.pipe(), d.tcb.cong.Cwnd; pipe > cwnd {
			t.Fatalf("pipe %d, cwnd %d", pipe, cwnd)
		}
		if len(d.queue) == 0 {
			break
		}
		first := d.queue[0].seg
		d.queue = d.queue[1:]
		d.in(fmt.Sprintf("A 1 ack %d sack 7001:10001", first.End().Minus(testISS)))
	}
	if got := d.tcb.snd.una.Minus(testISS); got < 7001 {
		t.Errorf("the hole was filled up to %d only", got)
	}
}

// TestTimeoutRecovery: RFC 5681 3.1: the loss window is one segment, ssthresh half of what was in flight, then slow
// start over everything that was not acknowledged.
//
// RFC 9293 MUST-19
func TestTimeoutRecovery(t *testing.T) {
	for _, sack := range []bool{false, true} {
		d := flying(t, setup{sack: sack, tune: noProbes})
		d.tick(300 * time.Millisecond)
		d.out("A 1:1001 ack 1")
		d.cwnd(1000, 5000)
		d.in("A 1 ack 1001")
		d.out("A 1001:2001", "A 2001:3001")
		d.cwnd(2000, 5000)
		d.in("A 1 ack 2001", "A 1 ack 3001")
		d.out("A 3001:4001", "A 4001:5001", "A 5001:6001", "A 6001:7001")
		d.cwnd(4000, 5000)
		d.in("A 1 ack 10001") // the rest had arrived
		if in := d.tcb.Info(d.now); in.CAState != 0 || in.Timeouts != 1 {
			t.Errorf("CAState %d, Timeouts %d; want 0, 1", in.CAState, in.Timeouts)
		}
		d.cwnd(6000, 5000) // one segment to ssthresh, then one for the window's worth that is left of the 7000
	}
}

// TestTimeoutHoldsSsthresh: "when a TCP sender detects segment loss using the retransmission timer and the given
// segment has already been retransmitted by way of the retransmission timer at least once, the value of ssthresh is
// held constant" (RFC 5681 3.1).
func TestTimeoutHoldsSsthresh(t *testing.T) {
	d := flying(t, setup{})
	d.elapse(20 * time.Second)
	d.cwnd(1000, 5000)
}

// TestTimeoutKeepsSACKs: what was reported is not sent again after the timer, unless the peer shows that it has thrown
// it away (RFC 2018 section 8).
func TestTimeoutKeepsSACKs(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.in("A 1 ack 1 sack 1001:2001")
	d.timeout()
	d.out("A 1:1001")
	d.in("A 1 ack 2001") // 1001:2001 arrived
	d.out("A 2001:3001", "A 3001:4001", "A 4001:5001")

	d = flying(t, setup{sack: true})
	d.in("A 1 ack 1 sack 1001:2001")
	d.skip()
	d.in("A 1 ack 1001") // and says nothing of 1001:2001 any more: it has reneged
	d.timeout()
	d.out("A 1001:2001")
}

// TestLimitedTransmit is RFC 3042: two segments beyond cwnd, where the peer's window allows, none without new data.
func TestLimitedTransmit(t *testing.T) {
	d := flying(t, setup{win: 10500})
	d.in("A 1 ack 1", "A 1 ack 1")
	d.out()
	d = start(t, setup{})
	d.write(10000)
	d.skip()
	d.in("A 1 ack 1", "A 1 ack 1")
	d.out()
	d = flying(t, setup{})
	d.in("A 1 ack 1", "A 1 ack 1")
	d.out("A 10001:11001", "A 11001:12001")
	d.cwnd(10000, noSsthresh) // "the congestion window (cwnd) MUST NOT be changed"
	d.in("A 1 ack 10001")     // it was reordering: all is well
	if in := d.tcb.Info(d.now); in.TotalRetrans != 0 || in.CAState != 0 {
		t.Errorf("TotalRetrans %d, CAState %d", in.TotalRetrans, in.CAState)
	}
}

// TestUndoTimeout: the same after the timer has fired too early.
func TestUndoTimeout(t *testing.T) {
	d := flying(t, setup{sack: true, tune: noProbes})
	d.tick(300 * time.Millisecond)
	d.skip()
	d.cwnd(1000, 5000)
	d.in("A 1 ack 1001 sack 1:1001")
	if w := d.tcb.cong.Window; w.Cwnd < 10000 || w.Ssthresh != noSsthresh {
		t.Errorf("cwnd %d, ssthresh %d after a spurious time-out, want 10000 and none", w.Cwnd, w.Ssthresh)
	}
	d.out("A 10001:11001", "A 11001:12001") // goes on with new data, not with a second copy of everything
}

// TestNoUndo: a duplicate of something else, or of a part, takes nothing back.
func TestNoUndo(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.in("A 1 ack 1 sack 1001:4001")
	d.in("A 1 ack 4001 sack 1:501")
	if in := d.tcb.Info(d.now); in.Undos != 0 || in.SndSsthresh != 5 {
		t.Error("half of the octets were reported twice, and all is taken back")
	}
	d = start(t, setup{sack: true})
	d.write(2000)
	d.in("A 1 ack 2001")
	d.write(28000)
	d.in("A 1 ack 2001 sack 3001:6001")
	d.in("A 1 ack 6001 sack 1:1001") // an old one of before the recovery
	if in := d.tcb.Info(d.now); in.Undos != 0 {
		t.Error("an old duplicate takes the reduction back")
	}
}

// TestFINLost: a FIN is retransmitted as data is, alone or with the last octets.
func TestFINLost(t *testing.T) {
	for _, sack := range []bool{false, true} {
		d := start(t, setup{sack: sack})
		d.write(1500)
		d.closeWrite()
		d.out("A 1:1001", "PA 1001:1501", "FA 1501")
		d.in("A 1 ack 1001")
		d.elapse(d.due())
		d.out("FPA 1001:1501 ack 1") // together now
		d.in("A 1 ack 1501")
		d.elapse(d.due())
		d.out("FA 1501 ack 1")
		d.in("A 1 ack 1502")
		d.state(FinWait2)
		d.idle()
	}
}

// TestUndo: once all that was sent again is reported as duplicate, the reduction is taken back (RFC 2883 section 5).
func TestUndo(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.in("A 1 ack 1 sack 1001:4001")
	d.cwnd(8000, 5000)
	d.skip()
	d.in("A 1 ack 4001")             // it was late, not lost
	d.in("A 1 ack 4001 sack 1:1001") // and the second copy arrives
	if w := d.tcb.cong.Window; w.Cwnd < 10000 || w.Ssthresh != noSsthresh {
		t.Errorf("cwnd %d, ssthresh %d after a needless recovery, want 10000 and none", w.Cwnd, w.Ssthresh)
	}
	if in := d.tcb.Info(d.now); in.Undos != 1 || in.DSACKDups != 1 {
		t.Errorf("Undos %d, DSACKDups %d; want 1, 1", in.Undos, in.DSACKDups)
	}
}

// TestNoUndoByForeignDuplicate: a duplicate that the network made of another segment takes no real loss back.
func TestNoUndoByForeignDuplicate(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.in("A 1 ack 1 sack 1001:4001") // the first is sent again
	d.in("A 1 ack 10001")            // it had been lost
	d.skip()
	d.in("A 1")
	d.in("A 1 sack 10001:11001") // never sent again, but it arrived twice
	if in := d.tcb.Info(d.now); in.Undos != 0 {
		t.Error("taken back")
	}
}

//go:build !race

package tcp

// Marks that are set once and compared for ever would seem to lie ahead after half a circle of sequence numbers. These
// tests send or receive more than that: minutes under the race detector, and nothing here is concurrent.

import (
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// pour sends n octets in super-segments, each acknowledged at once.
func (d *dut) pour(n int64) {
	d.t.Helper()
	buf := make([]byte, 60000)
	var s wire.Segment
	ack := wire.Segment{Flags: wire.ACK, Seq: d.tcb.rcv.nxt, Window: uint16(d.win)}
	for n > 0 || d.tcb.Unacked() > 0 {
		k, err := d.tcb.Write(d.now, buf[:min(n, int64(len(buf)))])
		if err != nil {
			d.t.Fatal(err)
		}
		n -= int64(k)
		for d.tcb.Poll(d.now, &s) {
		}
		ack.Ack = d.tcb.snd.nxt
		d.tcb.Segment(d.now, &ack)
	}
	d.now = d.now.Add(100 * time.Millisecond)
}

// drink receives n octets in super-segments, each read at once.
func (d *dut) drink(n int64) {
	d.t.Helper()
	buf := make([]byte, 60000)
	var s wire.Segment
	for n > 0 {
		in := wire.Segment{Flags: wire.ACK, Seq: d.tcb.rcv.nxt, Ack: d.tcb.snd.nxt, Window: uint16(d.win)}
		in.Payload.Append(buf)
		d.tcb.Segment(d.now, &in)
		for {
			if _, err := d.tcb.Read(d.now, buf); err != nil {
				break
			}
		}
		for d.tcb.Poll(d.now, &s) {
		}
		n -= int64(len(buf))
	}
}

// sends writes n octets and returns the lengths of the segments that leave.
func (d *dut) sends(n int) (lengths []int) {
	d.t.Helper()
	var s wire.Segment
	if k, err := d.tcb.Write(d.now, make([]byte, n)); k != n || err != nil {
		d.t.Fatal(k, err)
	}
	for d.tcb.Poll(d.now, &s) {
		lengths = append(lengths, s.Payload.Len())
	}
	return lengths
}

// halfCircles are amounts after which a stale mark would be on the wrong side.
var halfCircles = []int64{1<<31 + 100_000, 3 << 30}

// TestFastRetransmitAfterTwoGiB: RFC 6582's recover doesn't stand in the way.
func TestFastRetransmitAfterTwoGiB(t *testing.T) {
	for _, n := range halfCircles {
		for _, lossFirst := range []bool{false, true} {
			d := start(t, setup{max: 60000})
			d.hold = true
			if lossFirst {
				d.sends(5000)
				d.tcb.Tick(d.tcb.Deadline())
				d.pour(60000)
			}
			d.pour(n)
			d.sends(10000)
			una := d.tcb.snd.una
			dup := wire.Segment{Flags: wire.ACK, Seq: d.tcb.rcv.nxt, Ack: una, Window: uint16(d.win)}
			var s wire.Segment
			for range 3 {
				d.tcb.Segment(d.now, &dup)
			}
			if !d.tcb.Poll(d.now, &s) || s.Seq != una {
				t.Errorf("after %d octets three duplicates have nothing sent again", n)
			}
		}
	}
}

// TestNagleAfterTwoGiB: neither an old push nor an old small segment changes what Nagle's algorithm does.
func TestNagleAfterTwoGiB(t *testing.T) {
	for _, n := range halfCircles {
		d := start(t, setup{max: 60000})
		d.hold = true
		d.sends(10)
		d.tcb.Push(d.now)
		d.in("A 1")
		d.pour(n)
		if got := d.sends(1000); len(got) != 1 {
			t.Errorf("after %d octets a full segment leaves as %v", n, got)
		}
		if got := d.sends(50); len(got) != 1 || got[0] != 50 {
			t.Errorf("after %d octets the first small segment is held: %v", n, got)
		}
		if got := d.sends(50); len(got) != 0 {
			t.Errorf("after %d octets the second small segment is not held: %v", n, got)
		}
	}
}

// TestUrgentAfterTwoGiB: urgent data that was read long ago is not pending again.
func TestUrgentAfterTwoGiB(t *testing.T) {
	for _, n := range halfCircles {
		d := start(t, setup{})
		d.in("PAU 1:11 ack 1 urg 5")
		d.get(10)
		d.hold = true
		d.drink(n)
		if got := d.tcb.UrgentData(); got != 0 {
			t.Errorf("after %d octets UrgentData is %d", n, got)
		}
		d.tcb.Events()
		in := wire.Segment{Flags: wire.ACK | wire.URG, Seq: d.tcb.rcv.nxt, Ack: d.tcb.snd.nxt, Window: uint16(d.win), Urgent: 3}
		in.Payload.Append(make([]byte, 10))
		d.tcb.Segment(d.now, &in)
		if e := d.tcb.Events(); e&Urgent == 0 || d.tcb.UrgentData() != 3 {
			t.Errorf("after %d octets new urgent data is not told: %d", n, d.tcb.UrgentData())
		}
	}
}

// TestReceiveAcrossWrap: the receiver has no mark that goes stale, either.
func TestReceiveAcrossWrap(t *testing.T) {
	d := start(t, setup{sack: true})
	d.hold = true
	d.drink(5 << 30)
	d.hold = false
	at := d.tcb.rcv.nxt
	in := wire.Segment{Flags: wire.ACK, Seq: at.Add(100), Ack: d.tcb.snd.nxt, Window: uint16(d.win)}
	in.Payload.Append(make([]byte, 100))
	d.tcb.Segment(d.now, &in)
	var s wire.Segment
	if !d.tcb.Poll(d.now, &s) || s.Options.NSACK != 1 || s.Options.SACK[0].Start != at.Add(100) || s.Ack != at {
		t.Errorf("a hole after 5 GiB draws %+v", s)
	}
}

// TestUndoAfterTwoGiB: an old recovery is not taken back by a new duplicate.
func TestUndoAfterTwoGiB(t *testing.T) {
	d := start(t, setup{sack: true, max: 60000})
	d.hold = true
	d.sends(10000)
	d.tcb.Tick(d.tcb.Deadline()) // something is sent again, and never reported twice
	var s wire.Segment
	for d.tcb.Poll(d.now, &s) {
	}
	d.in("A 1")
	for range 10 {
		d.pour(1 << 30)
		old := wire.Segment{Flags: wire.ACK, Seq: d.tcb.rcv.nxt, Ack: d.tcb.snd.nxt, Window: uint16(d.win)}
		old.Options.NSACK, old.Options.SACK[0].Start, old.Options.SACK[0].End = 1, old.Ack.Add(-2000), old.Ack.Add(-1000)
		d.tcb.Segment(d.now, &old)
	}
	if got := d.tcb.Info(d.now).Undos; got != 0 {
		t.Errorf("%d recoveries of ten GiB ago are taken back", got)
	}
}

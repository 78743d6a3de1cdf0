package tcp

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/seq"
)

// TestRightEdgeNeverMovesLeft: whatever arrives and is read, no segment takes back a window that an earlier one
// offered, but for the rounding of the scaled field (RFC 7323 2.4).
//
// RFC 9293 SHLD-14: a receiver should not shrink the window.
func TestRightEdgeNeverMovesLeft(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 4))
		s := setup{rcv: 3000 + rng.IntN(60000), ws: rng.IntN(2) * 7, sack: true}
		d := start(t, s)
		unit := 1 << d.tcb.rcv.wscale
		edge, next, arrived := d.tcb.rcv.adv, 1, map[int]bool{}
		for range 400 {
			switch rng.IntN(4) {
			case 0, 1:
				n := min(1+rng.IntN(1000), edge.Minus(testIRS)-next)
				if n > 0 {
					d.in(fmt.Sprintf("A %d:%d ack 1", next, next+n))
					next += n
				}
			case 2:
				if at := next + rng.IntN(3000); at > next && !arrived[at] {
					d.in(fmt.Sprintf("A %d:%d ack 1", at, at+1))
				}
			case 3:
				if n := d.tcb.Queued(); n > 0 {
					d.get(1 + rng.IntN(n))
				}
				if rng.IntN(10) == 0 {
					d.call(func(t *TCB) { t.SetBuffers(d.now, 0, 2000+rng.IntN(60000)) })
				}
			}
			d.elapse(time.Duration(rng.IntN(50)) * time.Millisecond)
			for _, q := range d.queue {
				e := q.seg.Ack.Add(int(q.seg.Window) * unit)
				if e.Before(edge.Add(-unit + 1)) {
					t.Fatalf("seed %d: the edge went from %d to %d", seed, edge.Minus(testIRS), e.Minus(testIRS))
				}
				edge = seq.Max(edge, e)
			}
			d.skip()
			next = max(next, d.tcb.rcv.nxt.Minus(testIRS))
		}
	}
}

// TestWindowCloses: a peer that fills the window octet by octet is stopped, whatever the scale: no more is ever taken
// than the buffer and one rounding.
func TestWindowCloses(t *testing.T) {
	for _, step := range []int{1, 127, 129, 1000, 1 << 16} {
		for _, c := range []setup{{rcv: 10000}, {ws: 7, rcv: 64 << 10}, {ws: 7, rcv: 1000}} {
			d := start(t, c)
			unit := 1 << d.tcb.rcv.wscale
			for at := 1; ; {
				n := min(d.tcb.rcvWnd(), step)
				if n == 0 {
					break
				}
				d.in(fmt.Sprintf("A %d:%d ack 1", at, at+n))
				at += n
				d.elapse(200 * time.Millisecond)
				d.skip()
				if at > c.rcv+2*unit {
					t.Fatalf("step %d, buffer %d, unit %d: %d octets were taken", step, c.rcv, unit, at-1)
				}
			}
		}
	}
}

// TestWindowField: what the header says is what there is, up to the field's limit.
func TestWindowField(t *testing.T) {
	for _, c := range []struct {
		rcv, ws int
		want    string
	}{
		{5000, 0, "A 1 ack 1 win 5000"},
		{65535, 0, "A 1 ack 1 win 65535"}, // exactly: some peers are made for it
		{1 << 20, 0, "A 1 ack 1 win 65535"},
		{1 << 20, 3, "A 1 ack 1 wnd 1048576"},
		{6 << 20, 14, "A 1 ack 1 wnd 6291456"},
	} {
		d := newDUT(t, setup{rcv: c.rcv, ws: c.ws})
		d.connect()
		d.in("SA 0 ack 1" + d.synOptions())
		d.out(c.want)
	}
}

// TestWindowScaleOffered: the smallest shift for the largest buffer (RFC 7323 2.3), as Linux's peers expect it.
func TestWindowScaleOffered(t *testing.T) {
	for buf, want := range map[int]int{65535: 0, 65536: 1, 1 << 20: 5, 6 << 20: 7, 15_000_000: 8, 1 << 30: 14,
		1<<31 - 1: 14} {
		d := newDUT(t, setup{tune: func(c *Config) { c.RcvBufMax = buf }})
		d.tcb.Connect(d.now, d.params())
		d.drain()
		d.out(fmt.Sprintf("S 0 ws %d", want))
	}
}

// TestPeerWindow: SND.WND is unsigned, scaled outside of SYNs only, and the peer's shift is at most 14 (RFC 7323 2.2,
// 2.3).
//
// RFC 9293 MUST-1: the window is an unsigned number.
func TestPeerWindow(t *testing.T) {
	d := start(t, setup{win: 65535})
	if got := d.tcb.Info(d.now).SndWnd; got != 65535 {
		t.Errorf("SND.WND is %d, want 65535", got)
	}
	d = start(t, setup{win: 65535, ws: 14})
	if got := d.tcb.Info(d.now).SndWnd; got != 65535 {
		t.Errorf("SND.WND is %d after a SYN-ACK, whose window is not scaled", got)
	}
	d.in("A 1 ack 1")
	if got := d.tcb.Info(d.now).SndWnd; got != 65535<<14 {
		t.Errorf("SND.WND is %d, want 65535 << 14", got)
	}
	d = start(t, setup{win: 100, ws: 200})
	d.in("A 1 ack 1")
	if got := d.tcb.Info(d.now).SndWnd; got != 100<<14 {
		t.Errorf("SND.WND is %d with a shift of 200, want it taken as 14", got)
	}
}

// TestWindowUpdateOrder: an old segment must not undo a newer window (3.10.7.4: SND.WL1, SND.WL2).
func TestWindowUpdateOrder(t *testing.T) {
	d := start(t, setup{})
	d.write(3000)
	d.in("A 1:101 ack 2001 win 5000")
	for _, c := range []struct {
		ack  string
		want uint32
		why  string
	}{
		{"A 1 ack 2001 win 100", 5000, "SEG.SEQ < SND.WL1 (and not acceptable any more)"},
		{"A 101 ack 1001 win 100", 5000, "SEG.ACK < SND.UNA"},
		{"A 101 ack 2001 win 6000", 6000, "newer by SEG.SEQ"},
		{"A 101 ack 2001 win 50", 50, "the same numbers: the last word"},
		{"A 101 ack 3001 win 0", 0, "newer by SEG.ACK"},
	} {
		d.in(c.ack)
		if got := d.tcb.Info(d.now).SndWnd; got != c.want {
			t.Errorf("%s: SND.WND is %d, want %d: %s", c.ack, got, c.want, c.why)
		}
	}
}

// TestPeerShrinksWindow: the peer takes a window back under way.
//
// RFC 9293 MUST-34: a sender must be robust against that.
// RFC 9293 SHLD-15: it should not send new data then,
// RFC 9293 SHLD-16: but retransmit what lies within the window,
// RFC 9293 SHLD-17: and not time the connection out for what lies beyond.
func TestPeerShrinksWindow(t *testing.T) {
	d := start(t, setup{win: 5000})
	d.write(8000)
	d.out("A 1:1001", "A 1001:2001", "A 2001:3001", "A 3001:4001", "A 4001:5001")
	d.in("A 1 ack 1001 win 1500") // 3500 octets in flight lie beyond
	d.out()
	d.tick(d.due())
	d.out("A 1001:2001 ack 1")
	d.in("A 1 ack 2001 win 500")
	d.out("A 2001:2501 ack 1") // the rest of what the window takes
	d.in("A 1 ack 2501 win 0")
	for d.now < Time(5*time.Hour) { // far longer than R2
		d.elapse(d.due())
		for _, q := range d.queue {
			if q.seg.End().After(testISS.Add(2502)) {
				t.Fatalf("%s is beyond the window, and no probe", d.baseOut().format(&q.seg))
			}
		}
		d.skip()
		d.in("A 1 ack 2501 win 0") // the peer is alive
		d.out()
	}
	d.state(Established)
	d.in("A 1 ack 5001 win 5000") // it has taken everything after all
	d.out("A 5001:6001", "A 6001:7001", "PA 7001:8001")
}

// TestReceiverSWS: small reads don't open the window in small steps (3.8.6.2.2): by a segment or half of the buffer.
//
// RFC 9293 MUST-39: the receiver avoids the silly window.
func TestReceiverSWS(t *testing.T) {
	d := start(t, setup{rcv: 4000})
	for at := 1; at < 4000; at += 1000 {
		d.in(fmt.Sprintf("A %d:%d ack 1", at, at+1000))
	}
	d.delay()
	if d.tcb.rcvWnd() != 0 {
		t.Fatalf("the window is %d, want 0", d.tcb.rcvWnd())
	}
	for range 99 {
		d.get(10)
		d.out()
	}
	d.get(10)
	d.out("A 1 ack 4001 win 1000") // a full segment of the peer's
	// A probe is answered by the old window as long as less is free.
	d.in("A 4001:5001 ack 1")
	d.delay()
	d.get(500)
	d.out()
	d.in("A 5001:5002 ack 1")
	d.out("A 1 ack 5001 win 0")
}

// TestUpdateWithHeldData: the window that Read opens is told, although there is data which may not leave.
func TestUpdateWithHeldData(t *testing.T) {
	d := start(t, setup{rcv: 20000, mss: 1460})
	d.call(func(t *TCB) { t.SetOptions(d.now, UserOptions{Cork: true}) })
	for at := 1; at < 19300; at += 500 {
		d.in(fmt.Sprintf("A %d:%d ack 1", at, min(at+500, 19301)))
	}
	d.delay()
	told := 20000 - 19300
	d.write(10)
	for range 30 {
		d.get(600)
		for _, q := range d.queue {
			told = q.seg.Ack.Add(int(q.seg.Window)).Minus(testIRS.Add(19301))
		}
		d.skip()
		if free := 20000 - d.tcb.Queued(); free >= 4*told {
			t.Fatalf("%d octets are free, and the peer knows of %d", free, told)
		}
	}
}

// TestSenderSWS is 3.8.6.2.1: what leaves is a full segment, all there is, or half of the largest window.
//
// RFC 9293 MUST-38: the sender avoids the silly window.
// RFC 9293 SHLD-28: segments are as large as possible.
func TestSenderSWS(t *testing.T) {
	d := start(t, setup{win: 4000})
	d.write(4000)
	d.in("A 1 ack 4001 win 900")
	d.skip()
	d.write(5000)
	d.out() // 900 of 5000: neither full, nor all, nor half of 4000
	d.in("A 1 ack 4001 win 1000")
	d.out("A 4001:5001 ack 1") // (1) a full segment
	d.in("A 1 ack 5001 win 1999")
	d.out("A 5001:6001 ack 1") // and not the 999 behind it
	d.in("A 1 ack 6001 win 2999")
	d.out("A 6001:7001 ack 1", "A 7001:8001 ack 1")
	d.in("A 1 ack 8001 win 1000")
	d.out("PA 8001:9001 ack 1")
	d.in("A 1 ack 9001 win 100")
	d.write(100)
	d.out("PA 9001:9101 ack 1") // (2) all there is

	d = start(t, setup{win: 600}) // a peer with less than a segment's room
	d.write(900)
	d.out("A 1:601 ack 1")
	d.in("A 1 ack 601 win 299")
	d.out()
	d.in("A 1 ack 601 win 300")
	d.out("PA 601:901 ack 1") // all there is
	d.in("A 1 ack 901 win 299")
	d.write(900)
	d.out() // below half of the largest window that it ever had
	d.in("A 1 ack 901 win 300")
	d.out("A 901:1201 ack 1") // (3)
}

// TestOverrideTimeout: the sender's SWS avoidance doesn't wait for ever (3.8.6.2.1: "the override timeout occurs").
func TestOverrideTimeout(t *testing.T) {
	d := start(t, setup{win: 4000})
	d.write(4000)
	d.in("A 1 ack 4001 win 900")
	d.skip()
	d.write(5000)
	d.out()
	d.tick(d.due())
	d.out("A 4001:4901 ack 1") // what the window takes
}

// TestFINInsideWindow: the FIN takes a sequence number, so it waits where the data fills the window.
func TestFINInsideWindow(t *testing.T) {
	d := start(t, setup{win: 1000})
	d.hold = true
	d.write(1000)
	d.closeWrite()
	d.hold = false
	d.drain()
	d.out("PA 1:1001 ack 1")
	d.in("A 1 ack 1001")
	d.out("FA 1001 ack 1")
}

// TestEdgeMovesByWholeSteps: receiver's SWS avoidance (RFC 9293 3.8.6.2.2): a hundred octets of room are not offered.
//
// RFC 9293 MUST-39
func TestEdgeMovesByWholeSteps(t *testing.T) {
	d := start(t, setup{rcv: 10000})
	d.in("A 1:1001 ack 1")
	d.out("A 1 ack 1001 win 9000")
	d.get(100)
	d.in("A 1001:1101 ack 1")
	d.out("A 1 ack 1101 win 8900") // the edge stays at 10001
	d.get(900)
	d.in("A 1101:1201 ack 1")
	d.out("A 1 ack 1201 win 9800") // a full segment's worth is free
}

// TestEdgeOnTheWire: with window scaling, rounding doesn't take back what was offered while the peer sends odd numbers
// of octets (RFC 9293 SHLD-14): for as long as they are less than a unit of the window field.
func TestEdgeOnTheWire(t *testing.T) {
	d := start(t, setup{ws: 7})
	unit := 1 << d.tcb.rcv.wscale
	edge := 0
	for at := 1; at < unit-1; at++ {
		d.in(fmt.Sprintf("PA %d:%d ack 1", at, at+1))
		d.elapse(200 * ms)
		for _, q := range d.queue {
			now := q.seg.Ack.Minus(testIRS) + int(q.seg.Window)*unit
			if now < edge {
				t.Fatalf("after %d octets the edge goes back from %d to %d", at, edge, now)
			}
			edge = now
		}
		d.skip()
	}
	if edge < 65536 {
		t.Errorf("the edge is at %d, and 65535 octets were offered in the SYN", edge)
	}
}

// TestUpdateWhereDoubled: reading announces a window that has doubled exactly, also after our FIN.
func TestUpdateWhereDoubled(t *testing.T) {
	for _, st := range []string{"ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2"} {
		d := start(t, setup{rcv: 10000})
		if st != "ESTABLISHED" {
			d.closeWrite()
		}
		if st == "FIN-WAIT-2" {
			d.in("A 1 ack 2")
		}
		d.in("A 1:9001 ack 1")
		d.skip()
		d.get(999)
		d.out()
		d.get(1)
		if len(d.queue) != 1 || d.queue[0].seg.Window != 2000 {
			t.Errorf("%s: %d segments announce the room, want one with a window of 2000", st, len(d.queue))
		}
	}
}

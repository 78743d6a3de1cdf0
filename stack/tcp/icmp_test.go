package tcp

import (
	"syscall"
	"testing"
	"time"
)

// TestSoftErrorTold: an ICMP error doesn't end a synchronized connection; it is told when the connection times out (RFC
// 1122 4.2.3.9), and forgotten when there is progress.
//
// RFC 9293 MUST-54: ICMP errors are acted upon.
// RFC 9293 MUST-56: soft ones must not abort.
// RFC 9293 SHLD-25: the user is told.
func TestSoftErrorTold(t *testing.T) {
	d := start(t, setup{user: UserOptions{UserTimeout: 5 * time.Second}})
	d.write(100)
	d.tcb.Unreachable(d.now, testISS.Add(1), syscall.EHOSTUNREACH, false)
	d.state(Established)
	d.elapse(10 * time.Second)
	d.state(Closed)
	d.holds("err EHOSTUNREACH")

	d = start(t, setup{user: UserOptions{UserTimeout: 5 * time.Second}})
	d.write(100)
	d.tcb.Unreachable(d.now, testISS.Add(1), syscall.EHOSTUNREACH, false)
	d.in("A 1 ack 51") // the path works again
	d.elapse(10 * time.Second)
	d.state(Closed)
	d.holds("err ETIMEDOUT")
}

// TestHardErrorBeforeEstablished ends the attempt.
//
// RFC 9293 SHLD-26
func TestHardErrorBeforeEstablished(t *testing.T) {
	d := newDUT(t, setup{})
	d.connect()
	d.tcb.Unreachable(d.now, testISS.Add(-1), syscall.ECONNREFUSED, true) // RFC 5927 4.1: not of ours
	d.tcb.Unreachable(d.now, testISS.Add(1), syscall.ECONNREFUSED, true)
	d.state(SynSent)
	d.tcb.Unreachable(d.now, testISS, syscall.ECONNREFUSED, true)
	d.state(Closed)
	if e := d.tcb.Events(); e&(Opened|Dead) != Opened|Dead {
		t.Errorf("events %b, want Opened and Dead: who waits for the connection has to learn it", e)
	}
	d.fails(syscall.ECONNREFUSED)
	d.fails(ErrEOF)
}

// TestQuotationChecked is RFC 5927 4.1 for all three kinds: only what is in flight is believed.
func TestQuotationChecked(t *testing.T) {
	for _, c := range []struct {
		at       int
		inFlight bool
	}{{1000, false}, {1001, true}, {2500, true}, {3000, true}, {3001, false}, {0, false}, {1 << 30, false},
		{-1 << 30, false}} {
		d := start(t, setup{})
		d.write(3000)
		d.in("A 1 ack 1001")
		d.skip()
		q := testISS.Add(c.at)
		d.tcb.Unreachable(d.now, q, syscall.EHOSTUNREACH, true)
		if got := d.tcb.softErr != 0; got != c.inFlight {
			t.Errorf("a quotation of %d with 1001:3001 in flight: error noted: %v", c.at, got)
		}
		d.tcb.PacketTooBig(d.now, q, 900)
		d.drain()
		if got := len(d.queue) > 0; got != c.inFlight {
			t.Errorf("a quotation of %d with 1001:3001 in flight: MTU believed: %v", c.at, got)
		}
	}
}

// TestPathMTU is RFC 1191 6: smaller segments at once, the data sent again, cwnd untouched (6.5: no congestion).
//
// RFC 9293 SHLD-6: the MSS follows the path's MTU.
func TestPathMTU(t *testing.T) {
	for _, s := range []setup{{}, {sack: true}, {ts: true}, {ts: true, sack: true}} {
		d := flying(t, s)
		before := d.tcb.cong.Window
		d.tcb.PacketTooBig(d.now, testISS.Add(1), 540)
		d.drain()
		per := 500
		if s.ts {
			per -= tsLen
		}
		total := 0
		for _, q := range d.queue {
			n := q.seg.Payload.Len()
			if n > per {
				t.Errorf("%d octets on a path of MTU 540", n)
			}
			total += n
		}
		if d.queue[0].seg.Seq != testISS.Add(1) || total < 10*per-per {
			t.Errorf("begins at %d, %d octets are sent again", d.queue[0].seg.Seq.Minus(testISS), total)
		}
		if w := d.tcb.cong.Window; w.Cwnd < before.Cwnd/1000*per-per || w.Ssthresh != before.Ssthresh {
			t.Errorf("cwnd %d, ssthresh %d: taken for congestion", w.Cwnd, w.Ssthresh)
		}
		in := d.tcb.Info(d.now)
		if in.PMTU != 540 || int(in.SndMSS) != per {
			t.Errorf("Info says PMTU %d, MSS %d; want 540, %d", in.PMTU, in.SndMSS, per)
		}
		d.skip()
		for d.tcb.snd.una.Minus(testISS) < 10001 { // the rest comes without the timer
			if len(d.queue) == 0 && d.tcb.snd.una != d.tcb.snd.nxt {
				d.in("A 1")
			}
			d.skip()
		}
		d.state(Established)
	}
}

// TestPathMTUOnlyDown: a larger or absurd MTU changes nothing, or as much as is reasonable (RFC 5927 7.2, RFC 1191 3).
func TestPathMTUOnlyDown(t *testing.T) {
	d := flying(t, setup{})
	for _, mtu := range []int{1040, 1041, 65535, 1 << 30} {
		d.tcb.PacketTooBig(d.now, testISS.Add(1), mtu)
		d.drain()
		d.out()
	}
	for _, mtu := range []int{68, 20, 0, -5} {
		d.tcb.PacketTooBig(d.now, testISS.Add(1), mtu)
		d.drain()
		if got := d.tcb.Info(d.now).SndMSS; got < 28 {
			t.Errorf("MTU %d: the MSS is %d now", mtu, got)
		}
	}
	for _, q := range d.queue {
		if q.seg.Payload.Len() == 0 {
			t.Error("an empty segment")
		}
	}
}

// TestPathMTUDuringRecovery: the two don't confuse each other.
func TestPathMTUDuringRecovery(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.in("A 1 ack 1 sack 1001:5001")
	d.tcb.PacketTooBig(d.now, testISS.Add(5001), 540)
	d.drain()
	d.in("A 1 ack 5001")
	d.in("A 1")
	for range 50 {
		d.in("A 1")
	}
	if d.tcb.snd.una != testISS.Add(30001) {
		t.Errorf("only %d octets came through", d.tcb.snd.una.Minus(testISS)-1)
	}
}

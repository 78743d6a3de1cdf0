package tcp

import (
	"fmt"
	"testing"
)

// TestUrgentReceived: the pointer points behind the last urgent octet (RFC 6093 4), the user learns that there is
// urgent data and how much is left of it, and it stays in the stream (RFC 6093 5).
//
// RFC 9293 MUST-30: the urgent mechanism is supported.
// RFC 9293 MUST-62: the pointer is of the first octet that is not urgent.
// RFC 9293 MUST-32: the user is told when urgent data arrives, or more of it.
// RFC 9293 MUST-33: and can learn how much is left.
func TestUrgentReceived(t *testing.T) {
	d := start(t, setup{})
	d.tcb.Events()
	d.in("PAU 1:21 ack 1 urg 5")
	if e := d.tcb.Events(); e&Urgent == 0 || e&Readable == 0 {
		t.Errorf("events %b, want Urgent and Readable", e)
	}
	for _, left := range []int{5, 4, 3, 2, 1, 0, 0, 0} {
		if got := d.tcb.UrgentData(); got != left {
			t.Errorf("%d octets to the end of urgent data, want %d", got, left)
		}
		d.get(1)
	}
	d.in("PAU 21:31 ack 1 urg 1")
	if e := d.tcb.Events(); e&Urgent == 0 {
		t.Error("the second time it is not told")
	}
	d.holds("urgent 13") // 12 unread before it
	d.in("PAU 31:41 ack 1 urg 10")
	if e := d.tcb.Events(); e&Urgent != 0 {
		t.Error("told again although some was pending")
	}
	d.holds("urgent 32")
	d.in("A 41 ack 1") // without URG: nothing changes
	d.holds("urgent 32")
	d.get(32)
	d.holds("urgent 0")
}

// TestUrgentAhead: the pointer may run ahead of the data, and never goes back (RCV.UP <- max (RCV.UP, SEG.UP)).
//
// RFC 9293 MUST-31: urgent data may be of any length.
func TestUrgentAhead(t *testing.T) {
	d := start(t, setup{rcv: 1 << 20, ws: 5})
	d.in("AU 1 ack 1 urg 60000")
	d.holds("urgent 60000")
	d.in("AU 1:1001 ack 1 urg 100")
	d.holds("urgent 60000")
	for at := 1001; at <= 150001; at += 1000 { // the pointer is pushed on and on
		d.in(fmt.Sprintf("AU %d:%d ack 1 urg 65535", at, at+1000))
	}
	d.holds("urgent 215535")
	d.get(151000)
	d.holds("urgent 64535")
}

// TestUrgentOld: a pointer into what has been received tells nothing.
func TestUrgentOld(t *testing.T) {
	d := start(t, setup{})
	d.in("A 1:101 ack 1")
	d.get(100)
	d.tcb.Events()
	d.in("AU 51:111 ack 1 urg 50") // points at 101: before the new octets
	d.holds("urgent 0")
	if e := d.tcb.Events(); e&Urgent != 0 {
		t.Error("old urgent data is told")
	}
	d.in("AU 111 ack 1 urg 0")
	d.holds("urgent 0")
}

// TestUrgentSent: WriteUrgent marks its last octet; every segment that begins before its end carries the pointer.
func TestUrgentSent(t *testing.T) {
	d := start(t, setup{})
	d.hold = true
	d.write(500)
	if n, err := d.tcb.WriteUrgent(d.now, patternBytes(500, 1500)); n != 1500 || err != nil {
		t.Fatal(n, err)
	}
	d.written += 1500
	d.write(1500)
	d.hold = false
	d.drain()
	d.out("AU 1:1001 ack 1 urg 2000", "AU 1001:2001 ack 1 urg 1000", "A 2001:3001 ack 1", "PA 3001:3501 ack 1")
	d.in("A 1 ack 1001")
	d.elapse(d.due())
	d.out("AU 1001:2001 ack 1 urg 1000") // again, with it
	d.in("A 1 ack 3501")
	d.write(10)
	d.out("PA 3501:3511 ack 1") // acknowledged: over
}

// TestUrgentFar: a pointer that the field can't hold is the largest that it can (RFC 9293 3.8.5, as BSD and Linux).
func TestUrgentFar(t *testing.T) {
	d := start(t, setup{ws: 4})
	d.hold = true
	if n, err := d.tcb.WriteUrgent(d.now, patternBytes(0, 70000)); n != 70000 || err != nil {
		t.Fatal(n, err)
	}
	d.poll()
	d.out("AU 1:1001 ack 1 urg 65535")
}

// TestUrgentNotHeld: urgent data doesn't wait for Nagle.
func TestUrgentNotHeld(t *testing.T) {
	d := start(t, setup{})
	d.write(10)
	d.out("PA 1:11 ack 1")
	if n, err := d.tcb.WriteUrgent(d.now, patternBytes(10, 1)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	d.drain()
	d.out("PAU 11:12 ack 1 urg 1")
}

// TestUrgentNothing: no octets are no urgent octets.
func TestUrgentNothing(t *testing.T) {
	d := start(t, setup{})
	d.hold = true
	d.write(10)
	if n, err := d.tcb.WriteUrgent(d.now, nil); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	d.hold = false
	d.drain()
	d.out("PA 1:11 ack 1")
}

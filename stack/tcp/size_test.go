package tcp

import (
	"testing"
	"unsafe"
)

// TestSizes: an idle connection is small (law 9), and so is what a connection is before and after its life.
func TestSizes(t *testing.T) {
	for name, s := range map[string]struct{ got, most uintptr }{
		"TCB":      {unsafe.Sizeof(TCB{}), 620},
		"HalfOpen": {unsafe.Sizeof(HalfOpen{}), 80},
		"TimeWait": {unsafe.Sizeof(TimeWait{}), 48},
	} {
		if s.got > s.most {
			t.Errorf("a %s has %d octets, the budget is %d", name, s.got, s.most)
		}
	}
}

// TestIdleHoldsNothing: a connection that has nothing under way holds no memory besides its TCB.
func TestIdleHoldsNothing(t *testing.T) {
	d := start(t, setup{sack: true, ts: true})
	d.write(100000)
	for d.tcb.snd.una != testISS.Add(100001) {
		d.in("A 1")
	}
	d.in("A 1001:2001 ack 100001", "A 1:1001 ack 100001")
	d.get(2000)
	s := &d.tcb
	if s.snd.buf.head != nil || s.rcv.buf.head != nil || s.rcv.ooo != nil || s.reco.board != nil || s.snd.retired != nil {
		t.Error("an idle connection holds memory")
	}
}

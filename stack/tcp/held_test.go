package tcp

import (
	"fmt"
	"testing"
)

// TestDSACKWithHeldData: a D-SACK is not lost because there is data that may not leave.
func TestDSACKWithHeldData(t *testing.T) {
	for name, hold := range map[string]func(d *dut){
		"Nagle":       func(d *dut) { d.write(10); d.write(10) },
		"TCP_CORK":    func(d *dut) { d.tcb.SetOptions(d.now, UserOptions{Cork: true}); d.write(10) },
		"cwnd":        func(d *dut) { d.write(50000) },
		"zero window": func(d *dut) { d.in("A 1 ack 1 win 0"); d.write(10) },
	} {
		t.Run(name, func(t *testing.T) {
			d := start(t, setup{sack: true})
			hold(d)
			d.in("A 1:1001 ack 1 win 0")
			d.skip()
			d.in("A 1:1001 ack 1 win 0")
			d.out("A ack 1001 sack 1:1001")
		})
	}
}

// TestNextSegRule4: the rescue retransmission of the last segment, once per recovery, is not HighRxt ("HighRxt MUST NOT
// be updated"): holes before it are still filled without the timer.
func TestNextSegRule4(t *testing.T) {
	d := start(t, setup{sack: true, tune: func(c *Config) { c.InitialWindow = 20 }, mss: 700})
	d.write(14000)
	d.skip()
	at := func(n int) int { return 1 + 700*n }               // the first octet of segment n
	d.in(fmt.Sprintf("A 1 ack 1 sack %d:%d", at(1), at(15))) // of segments 0-19, 0 and 15-19 are lost
	got := map[int]int{}
	look := func() {
		for _, q := range d.queue {
			got[(q.seg.Seq.Minus(testISS)-1)/700]++
		}
		d.skip()
	}
	look()
	if got[0] != 1 || got[19] != 1 {
		t.Errorf("sent again: %v, want the first segment and, as the rescue, the last", got)
	}
	d.in(fmt.Sprintf("A 1 ack %d", at(15))) // the first arrives
	look()
	for range 5 { // then the last, and each that is sent
		una := 15
		for got[una] > 0 && una < 19 {
			una++
		}
		d.in(fmt.Sprintf("A 1 ack %d sack %d:%d", at(una), at(19), at(20)))
		look()
	}
	for n := 15; n < 19; n++ {
		if got[n] != 1 {
			t.Errorf("segment %d is sent again %d times without the timer, want once", n, got[n])
		}
	}
}

// TestUndo: once all that was sent again is reported as duplicate, the reduction is taken back (RFC 2883 section 5).
func TestUndo(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.in("A 1 ack 1 sack 1001:4001")
	d.cwnd(5000, 5000)
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

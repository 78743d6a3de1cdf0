package tcp

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gotcp/gotcp/stack/seq"
)

// TestReductionEndsAtSsthresh: however much of a flight is lost, in recovery never more leaves than PRR allows, and no
// less is in flight than ssthresh at its end where there was enough to send and few enough losses.
//
// RFC 9937 6.2
func TestReductionEndsAtSsthresh(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 5))
		n := 10 + rng.IntN(50)
		d := start(t, setup{sack: true, ws: 7, max: 1000 << rng.IntN(6), tune: func(c *Config) { c.InitialWindow = n }})
		d.write(1000 * 4 * n)
		d.skip()
		d.elapse(100 * ms)
		sacks := []seq.Span(nil) // of the flight, the first and some others are lost
		for i := 1; i < n; i++ {
			if rng.IntN(6) > 0 {
				sacks = append(sacks, seq.Span{Start: seq.Num(1 + 1000*i), End: seq.Num(1001 + 1000*i)})
			}
		}
		arrived := 0
		for _, s := range sacks {
			d.in(fmt.Sprintf("A 1 ack 1 sack %d:%d", s.Start, s.End))
			arrived += s.Len()
			if r := &d.tcb.reco; r.mode == fastRecovery {
				p := &r.board.prr
				if ceiling := max(roundUp(p.delivered, 1000), 1000); p.out > ceiling {
					t.Fatalf("seed %d: %d octets were sent in recovery, and %d have arrived", seed, p.out, p.delivered)
				}
			}
		}
		if r := &d.tcb.reco; r.mode != fastRecovery {
			continue
		}
		if pipe, ssthresh := d.tcb.pipe(), d.tcb.cong.Ssthresh; pipe > ssthresh+1000 {
			t.Errorf("seed %d: %d octets are in flight at the end of the round trip, ssthresh is %d", seed, pipe, ssthresh)
		} else if lost := n*1000 - arrived; lost < n*1000/4 && pipe < ssthresh-2000 {
			t.Errorf("seed %d: only %d octets are in flight, ssthresh is %d", seed, pipe, ssthresh)
		}
	}
}

// TestReductionAfterTheTimer: where the reordering timer has found the loss nothing has arrived, and the one segment
// that is sent is the fast retransmission.
func TestReductionAfterTheTimer(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.elapse(100 * ms)
	d.in("A 1 ack 1 sack 2001:3001")
	d.skip()
	d.elapse(25 * ms)
	d.out("A 1:1001")
	d.in("A 1 ack 1 sack 2001:4001", "A 1 ack 1 sack 2001:5001")
	d.out()
	d.in("A 1 ack 1 sack 2001:6001")
	d.out("A 1001:2001") // the second of the two that three make, rounded up
}

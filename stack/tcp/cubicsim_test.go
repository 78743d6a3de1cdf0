package tcp

import (
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// useCubic has an end that sends use CUBIC, or not.
func (e *end) useCubic(on bool) {
	if on {
		e.tcb.SetOptions(e.p.now, UserOptions{Congestion: "cubic"})
	}
}

// big gives both ends of a pair buffers that are never the limit.
func (p *pair) big() {
	for _, e := range p.ends {
		e.cfg.RcvBufMax = 1 << 26
		e.param.SndBuf, e.param.RcvBuf = 1<<26, 1<<26
	}
}

// regain is one loss on a path that is otherwise perfect, with a round trip of 100 ms, after cwnd had reached 300
// segments. It returns K, worked out from the cwnd that the loss was found at, how long cwnd took to come back there,
// and cwnd's share of that at K.
func regain(t *testing.T, cubic bool) (k, back time.Duration, share float64) {
	p := newPair(t, 7, network{delay: 50 * time.Millisecond})
	p.big()
	e := p.ends[0]
	e.useCubic(cubic)
	var wMax, last int
	var lossAt Time
	p.net.blocked = func(from int, s *wire.Segment) bool {
		if from != 0 || s.Payload.Len() == 0 {
			return false
		}
		cwnd := e.tcb.cong.Cwnd
		switch {
		case lossAt == 0:
			if cwnd >= 300*1448 {
				lossAt, last = p.now, cwnd
				return true
			}
		case wMax == 0:
			if e.tcb.reco.mode == open && cwnd < last { // recovery is over
				wMax, lossAt = last, p.now
				k = time.Duration(exactK(float64(wMax)/1448, float64(cwnd)/1448) * float64(time.Second))
			}
			if e.tcb.reco.mode == open {
				last = max(last, cwnd)
			}
		default:
			if share == 0 && p.now.Sub(lossAt) >= k {
				share = float64(cwnd) / float64(wMax)
			}
			if back == 0 && cwnd >= wMax*99/100 {
				back = p.now.Sub(lossAt)
			}
		}
		return false
	}
	e.total = 100 << 20
	e.tcb.Connect(p.now, e.param)
	p.run(time.Hour)
	return k, back, share
}

// exactK is Figure 2's K, seconds, found without a root: where W_cubic is W_max.
func exactK(wMax, epoch float64) float64 {
	lo, hi := 0., 1000.
	for range 100 {
		if mid := (lo + hi) / 2; 0.4*mid*mid*mid < wMax-epoch {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// TestCubicLongPath: on a long fat path CUBIC is back where it was in about K after a loss, however long a round trip
// is; Reno needs a round trip for each segment of the half that it had lost.
//
// RFC 9438 4.4
func TestCubicLongPath(t *testing.T) {
	k, back, share := regain(t, true)
	t.Logf("CUBIC: K %v, back to 99 %% after %v, at K %.2f", k, back, share)
	if back < k/2 || back > k*11/10 {
		t.Errorf("CUBIC is back to 99 %% of W_max after %v, want about K, %v", back, k)
	}
	if share < 0.98 || share > 1.02 {
		t.Errorf("CUBIC's cwnd at K is %.2f of W_max, want 1", share)
	}
	_, back, renoShare := regain(t, false)
	t.Logf("Reno: back after %v, at its K %.2f", back, renoShare)
	if renoShare > 0.8 || back != 0 && back < 2*k {
		t.Errorf("Reno's cwnd at K is %.2f of what it was, back after %v; want about 0.7, and much later", renoShare, back)
	}
}

// TestHystartSparesLosses: where the path queues for long, slow start with HyStart++ ends before the queue runs over;
// Reno's fills it, and loses what is too much.
//
// RFC 9438 4.10
func TestHystartSparesLosses(t *testing.T) {
	lost := func(cubic bool) int {
		p := newPair(t, 3, network{delay: 5 * time.Millisecond, rate: 12_500_000, limit: 1_500_000})
		p.big()
		p.ends[0].total = 8 << 20
		p.ends[0].useCubic(cubic)
		p.ends[0].tcb.Connect(p.now, p.ends[0].param)
		p.run(time.Minute)
		return p.lost
	}
	reno, cubic := lost(false), lost(true)
	t.Logf("lost of 8 MiB: with slow start %d packets, with HyStart++ %d", reno, cubic)
	if reno < 100 || cubic > 0 {
		t.Errorf("lost of 8 MiB: with slow start %d packets, want hundreds; with HyStart++ %d, want none", reno, cubic)
	}
}

// compete has two connections share a line for a minute, and returns what each got across.
func compete(t *testing.T, seed uint64, net network, cubic [2]bool) (octets [2]float64) {
	pairs := [2]*pair{newPair(t, 2*seed, net), newPair(t, 2*seed+1, net)}
	for i, p := range pairs {
		p.big()
		p.ends[0].total = 1 << 30
		p.ends[0].useCubic(cubic[i])
		p.ends[0].tcb.Connect(p.now, p.ends[0].param)
	}
	end := pairs[0].now.Add(time.Minute)
	var line Time // when it is free
	for pairs[0].now < end {
		at := Never
		for _, p := range pairs {
			p.ends[0].lineFree = line
			p.deliver()
			for _, e := range p.ends {
				e.tick()
				e.work()
			}
			line = p.ends[0].lineFree
			at = min(at, p.next())
		}
		for _, p := range pairs {
			p.now = max(p.now, min(at, p.next()))
		}
	}
	for i, p := range pairs {
		octets[i] = float64(p.ends[0].tcb.stats.bytesAcked)
	}
	return octets
}

// TestCubicFairToReno: on a short path CUBIC is in its Reno-friendly region, and takes about as much as Reno leaves to
// another Reno (RFC 9438 5.1, 5.2).
//
// RFC 9438 4.3
func TestCubicFairToReno(t *testing.T) {
	path := network{delay: 5 * time.Millisecond, jitter: time.Millisecond, rate: 1_250_000, limit: 25_000}
	var sum [2]float64
	for seed := range uint64(3) {
		got := compete(t, seed, path, [2]bool{true, false})
		sum[0], sum[1] = sum[0]+got[0], sum[1]+got[1]
	}
	ratio := sum[0] / sum[1]
	t.Logf("CUBIC has %.2f times what Reno has", ratio)
	if ratio < 0.6 || ratio > 1.7 {
		t.Errorf("on a short path CUBIC has %.2f times what Reno has, want about the same", ratio)
	}
	if total := sum[0] + sum[1]; total < 0.8*3*60*1_250_000 {
		t.Errorf("together they use %.0f octets of %d", total, 3*60*1_250_000)
	}
}

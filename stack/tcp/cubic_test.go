package tcp

import (
	"fmt"
	"math"
	"math/big"
	"testing"
	"time"
)

// cubicRig is a controller with a window and a clock, and no connection: what RFC 9438 says of windows and times is
// tested by numbers. Segments have 1000 octets.
type cubicRig struct {
	t   *testing.T
	c   *cubic
	w   Window
	now Time
	rtt time.Duration
}

func newCubicRig(t *testing.T, segs int, rtt time.Duration) *cubicRig {
	w := Window{Cwnd: segs * 1000, Ssthresh: noSsthresh, SMSS: 1000}
	return &cubicRig{t: t, c: &cubic{}, w: w, now: Time(time.Hour), rtt: rtt}
}

// lose has a loss with everything that cwnd allows in flight, as fast recovery does it.
func (r *cubicRig) lose() {
	r.w.Ssthresh = r.c.Loss(r.now, &r.w, Loss{Flight: r.w.Cwnd})
	r.w.Cwnd = r.w.Ssthresh
}

// trip acknowledges a window in the course of a round trip, an ACK for a segment.
func (r *cubicRig) trip() {
	n := r.w.Cwnd / 1000
	for range n {
		r.now = r.now.Add(r.rtt / time.Duration(n))
		r.ack(1000)
	}
}

func (r *cubicRig) ack(octets int) {
	r.c.Ack(r.now, &r.w, Ack{Octets: octets, SRTT: r.rtt})
}

func (r *cubicRig) segs() float64 { return float64(r.w.Cwnd) / 1000 }

func (r *cubicRig) near(what string, got, want, off float64) {
	r.t.Helper()
	if math.Abs(got-want) > off {
		r.t.Errorf("%s is %.4f, want %.4f +- %v", what, got, want, off)
	}
}

// exactCubic is W_cubic(t) of Figure 1 and 2, to 200 bits: W_max - C * (K-t)^3, where K is found by bisection from
// C * K^3 = W_max - cwnd_epoch.
func exactCubic(wMax, epoch, t float64) float64 {
	f := func(x float64) *big.Float { return new(big.Float).SetPrec(200).SetFloat64(x) }
	c := new(big.Float).SetPrec(200).Quo(f(4), f(10))
	third := func(x *big.Float) *big.Float { // C * x^3
		y := new(big.Float).Mul(x, x)
		return y.Mul(y.Mul(y, x), c)
	}
	lo, hi := f(0), f(10000)
	for range 180 {
		mid := new(big.Float).Add(lo, hi)
		mid.Quo(mid, f(2))
		if third(mid).Cmp(f(wMax-epoch)) < 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	w, _ := new(big.Float).Add(third(new(big.Float).Sub(f(t), lo)), f(wMax)).Float64()
	return w
}

// TestCubicFunction: cwnd follows W_cubic through the concave region, the plateau and the convex region (4.2, 4.4,
// 4.5). It aims at where the function will be in a round trip, which keeps it within 3*C*RTT^2*|t-K| of where it is.
//
// RFC 9438 4.2, 4.4, 4.5
func TestCubicFunction(t *testing.T) {
	r := newCubicRig(t, 1000, 100*time.Millisecond)
	r.lose()
	r.near("ssthresh", float64(r.w.Ssthresh)/1000, 700, 0) // 4.6: flight_size * beta_cubic
	r.ack(1)
	r.near("K", r.c.k, 9.08560, 1e-5) // the third root of 300 / 0.4
	began := r.now
	for range 150 {
		r.trip()
		at := r.now.Sub(began).Seconds()
		want := exactCubic(1000, 700, at)
		if got := r.c.window(at); math.Abs(got-want) > 1e-9 {
			t.Errorf("W_cubic(%.2f) is %.12f, exactly %.12f", at, got, want)
		}
		r.near(fmt.Sprintf("cwnd after %.2f s", at), r.segs(), want, 0.3)
	}
	r.near("cwnd in the end", r.segs(), 1000+0.4*math.Pow(15-9.0856, 3), 0.5)
}

// TestCubicFunctionByHand has points of the curve that were worked out on paper, for W_max = 160, ssthresh = 112: K is
// the third root of 48/0.4 = 120, 4.93242.
func TestCubicFunctionByHand(t *testing.T) {
	r := newCubicRig(t, 160, time.Millisecond)
	r.lose()
	r.ack(1)
	for at, want := range map[float64]float64{
		0: 112, 1: 135.6757, 2: 149.9135, 3: 157.1135, 4.93242: 160, 6: 160.4867, 7.93242: 170.8,
	} {
		r.near(fmt.Sprintf("W_cubic(%v)", at), r.c.window(at), want, 1e-4)
	}
}

// TestCubicTarget: the target is at most 1.5 times cwnd, and never less than cwnd (4.2).
//
// RFC 9438 4.2
func TestCubicTarget(t *testing.T) {
	r := newCubicRig(t, 1000, time.Second)
	r.lose()
	r.w.Cwnd, r.w.Ssthresh = 100_000, 100_000 // W_cubic is at 291 after a second
	r.ack(1)
	r.now = r.now.Add(10 * time.Millisecond) // W_cubic leaves W_est behind
	for range 100 {
		r.ack(1000)
	}
	r.near("cwnd after a window of ACKs", r.segs(), 150, 0.002)

	r = newCubicRig(t, 1000, time.Second)
	r.lose()
	r.ack(1)
	r.w.Cwnd = 990_000 // ahead of the function, which is at 785 in a second
	r.ack(1000)
	r.near("cwnd that is ahead of the target", r.segs(), 990, 0)
}

// TestCubicBigAck: one ACK for more than a window grows cwnd by half of it at most.
func TestCubicBigAck(t *testing.T) {
	r := newCubicRig(t, 1000, time.Second)
	r.lose()
	r.w.Cwnd, r.w.Ssthresh = 10_000, 10_000
	r.ack(1)
	r.now = r.now.Add(10 * time.Millisecond)
	r.ack(500_000)
	r.near("cwnd", r.segs(), 15, 0.002)
}

// TestCubicRenoFriendly: where Reno would be faster CUBIC is as fast as Reno is on the average: alpha_cubic = 9/17
// segments in a round trip up to cwnd_prior, one from there on (4.3).
//
// RFC 9438 4.3
func TestCubicRenoFriendly(t *testing.T) {
	r := newCubicRig(t, 20, 10*time.Millisecond)
	r.lose()
	for want := 14.; want < 30; {
		before := r.segs()
		r.trip()
		grown := r.segs() - before
		switch {
		case r.segs() < 20:
			r.near(fmt.Sprintf("growth from %.2f on", before), grown, 9./17, 0.05)
		case before > 20:
			r.near(fmt.Sprintf("growth from %.2f on", before), grown, 1, 0.1)
		}
		want += grown
	}
}

// TestCubicFastConvergence: who had to give way before it was back where it had been leaves room for others (4.7).
//
// RFC 9438 4.6, 4.7
func TestCubicFastConvergence(t *testing.T) {
	r := newCubicRig(t, 1000, 100*time.Millisecond)
	for i, s := range []struct{ cwnd, wMax float64 }{
		{1000, 1000},
		{900, 765}, // 900 * (1 + 0.7)/2
		{800, 800}, // more than 765
		{800, 800},
		{700, 595},
	} {
		r.w.Cwnd = int(s.cwnd * 1000)
		r.lose()
		r.near(fmt.Sprintf("W_max after loss %d", i), r.c.wMax, s.wMax, 1e-9)
		r.near("cwnd_prior", r.c.prior, s.cwnd, 0)
		r.near("ssthresh", float64(r.w.Ssthresh)/1000, s.cwnd*0.7, 0.001)
		r.trip()
	}
}

// TestCubicTimeout: after a time-out ssthresh is CUBIC's, and the next stage begins with K = 0 and with W_max and W_est
// at cwnd: no plateau (4.8).
//
// RFC 9438 4.8
func TestCubicTimeout(t *testing.T) {
	r := newCubicRig(t, 1000, 100*time.Millisecond)
	r.w.Ssthresh = r.c.Loss(r.now, &r.w, Loss{Flight: 500_000, Timeout: true})
	r.near("ssthresh", float64(r.w.Ssthresh)/1000, 350, 0)
	r.w.Cwnd = 1000
	for r.w.SlowStart() {
		before := r.w.Cwnd
		r.trip()
		if r.w.Cwnd != min(2*before, 350_000) && before*2 < 350_000 {
			t.Fatalf("slow start from %d to %d in a round trip", before, r.w.Cwnd)
		}
	}
	r.trip()
	r.near("K", r.c.k, 0, 0)
	r.near("W_max", r.c.wMax, 350, 1)
	began := r.c.epoch
	for range 50 {
		r.trip()
	}
	at := r.now.Sub(began).Seconds()
	r.near("cwnd", r.segs(), r.c.wMax+0.4*at*at*at, 1)
}

// TestCubicLeastSsthresh: "ssthresh = max(ssthresh, 2)" (4.6), through the engine.
//
// RFC 9438 4.6
func TestCubicLeastSsthresh(t *testing.T) {
	for flight, want := range map[int]int{1: 2000, 2: 2000, 3: 2100, 6: 4200, 10: 7000} {
		d := start(t, setup{user: UserOptions{Congestion: "cubic"}})
		d.write(flight * 1000)
		d.elapse(d.due())
		d.cwnd(1000, want)
	}
}

// TestCubicLimited: the time in which the user or the peer is the limit doesn't count (4.2, 5.8). Neither does a pause.
//
// RFC 9438 4.2, 5.8
func TestCubicLimited(t *testing.T) {
	r, twin := newCubicRig(t, 1000, 100*time.Millisecond), newCubicRig(t, 1000, 100*time.Millisecond)
	both := func(trips int) {
		for range trips {
			r.trip()
			twin.trip()
		}
	}
	same := func(what string) {
		t.Helper()
		if r.w.Cwnd != twin.w.Cwnd {
			t.Errorf("%s: cwnd is %d, of one that was always in use %d", what, r.w.Cwnd, twin.w.Cwnd)
		}
	}
	r.lose()
	twin.lose()
	both(30)
	for range 1000 { // a user who writes little
		r.now = r.now.Add(r.rtt)
		r.c.Ack(r.now, &r.w, Ack{Octets: 500, SRTT: r.rtt, Limited: true})
	}
	same("at the end of a limited period")
	both(20)
	same("after a limited period")
	r.now = r.now.Add(time.Hour) // a user who writes nothing
	r.c.Resume(r.now)
	both(60)
	same("after a pause")
}

// TestCubicIdleConnection: the same through the engine: an hour of silence doesn't let the window jump.
//
// RFC 9438 5.8
func TestCubicIdleConnection(t *testing.T) {
	d := start(t, setup{ts: true, sack: true, ws: 7, user: UserOptions{Congestion: "cubic"}})
	c := d.tcb.cong.cc.(*cubic)
	d.tcb.cong.Ssthresh = 10_000
	c.wMax, c.prior = 20, 20
	for range 20 {
		d.exchange(d.tcb.cong.Cwnd/1000*1000, 100*time.Millisecond)
	}
	before, at := d.tcb.cong.Cwnd, d.now.Sub(c.epoch)
	if before <= 10_000 || at < 1500*time.Millisecond {
		t.Fatalf("cwnd %d after %v, the test wants it to grow", before, at)
	}
	d.elapse(time.Hour)
	d.tcb.cong.Ssthresh = 5000               // no slow start after the pause, so that the stage goes on
	d.exchange(10_000, 100*time.Millisecond) // the restart window
	if got := d.now.Sub(c.epoch); got > at+200*time.Millisecond {
		t.Errorf("after an hour's pause the stage is %v old, it was %v", got, at)
	}
}

// TestCubicUndo: where D-SACK tells that nothing was lost, the stage goes on as if nothing had happened (4.9).
//
// RFC 9438 4.9
func TestCubicUndo(t *testing.T) {
	d := flying(t, setup{sack: true, user: UserOptions{Congestion: "cubic"}})
	c := d.tcb.cong.cc.(*cubic)
	d.tcb.cong.Ssthresh = 5000
	d.in("A 1 ack 1001")
	stage, cwnd := c.cubicStage, d.tcb.cong.Cwnd
	if !stage.on {
		t.Fatal("no congestion avoidance")
	}
	d.in("A 1 ack 1001 sack 2001:3001", "A 1 ack 1001 sack 2001:4001", "A 1 ack 1001 sack 2001:5001")
	if c.on || d.tcb.cong.Cwnd >= cwnd {
		t.Fatalf("cwnd is %d after a loss at %d", d.tcb.cong.Cwnd, cwnd)
	}
	d.in("A 1 ack 10001 sack 1001:2001") // the original had only been late
	if d.tcb.stats.undos != 1 {
		t.Fatal("the engine has not undone the recovery")
	}
	stage.wEst = c.wEst // the ACK has let it grow
	if c.cubicStage != stage || d.tcb.cong.Cwnd < cwnd {
		t.Errorf("the stage is %+v with cwnd %d, before the loss %+v with %d", c.cubicStage, d.tcb.cong.Cwnd, stage, cwnd)
	}
}

// TestCubicUndoOfSeveral: a time-out in the course of a recovery belongs to it: both are undone.
func TestCubicUndoOfSeveral(t *testing.T) {
	r := newCubicRig(t, 1000, 100*time.Millisecond)
	r.lose()
	r.trip()
	stage, w := r.c.cubicStage, r.w
	r.lose()
	r.w.Ssthresh = r.c.Loss(r.now, &r.w, Loss{Flight: r.w.Cwnd, Timeout: true, Again: true})
	r.w = w
	r.c.Undo(r.now, &r.w)
	if r.c.cubicStage != stage {
		t.Errorf("the stage is %+v, before the losses it was %+v", r.c.cubicStage, stage)
	}
}

// TestCubicUndoTooLate: who has more than before the loss keeps to what is (4.9), and there is nothing to undo twice,
// nor for a controller that has seen no loss.
//
// RFC 9438 4.9
func TestCubicUndoTooLate(t *testing.T) {
	r := newCubicRig(t, 100, 10*time.Millisecond)
	r.c.Undo(r.now, &r.w)
	r.lose()
	for r.segs() < 110 {
		r.trip()
	}
	stage := r.c.cubicStage
	for range 2 {
		if r.c.Undo(r.now, &r.w); r.c.cubicStage != stage {
			t.Fatalf("the stage is %+v, it was %+v", r.c.cubicStage, stage)
		}
	}
}

// TestCubicSegmentSize: smaller segments on the path change no number of segments; larger ones no number of octets.
func TestCubicSegmentSize(t *testing.T) {
	r := newCubicRig(t, 1000, 100*time.Millisecond)
	r.lose()
	r.trip()
	k := r.c.k
	r.w.Cwnd, r.w.Ssthresh, r.w.SMSS = r.w.Cwnd/2, r.w.Ssthresh/2, 500 // as the engine does it
	r.ack(500)
	r.near("W_max of smaller segments", r.c.wMax, 1000, 0)
	r.near("K of smaller segments", r.c.k, k, 0)
	r.w.SMSS = 2000
	r.ack(2000)
	r.near("W_max of segments four times as large", r.c.wMax, 250, 1e-9)
	r.near("cwnd_prior", r.c.prior, 250, 1e-9)
	r.near("K", r.c.k, math.Cbrt((250-r.c.wEst)/0.4), 0.01)
}

// TestCubicTakesOver: a controller that comes in the middle goes on from where the window is: as after a slow start
// without a loss (4.10).
//
// RFC 9438 4.10
func TestCubicTakesOver(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.tcb.cong.Ssthresh = 8000
	d.in("A 1 ack 1001")
	before := d.tcb.cong.Window
	d.call(func(tcb *TCB) { tcb.SetOptions(d.now, UserOptions{Congestion: "cubic"}) })
	if d.tcb.cong.Window != before {
		t.Errorf("the window is %+v, before the change %+v", d.tcb.cong.Window, before)
	}
	d.in("A 1 ack 2001")
	c := d.tcb.cong.cc.(*cubic)
	if segs := float64(before.Cwnd) / 1000; c.k != 0 || c.wMax != segs || c.prior != segs {
		t.Errorf("K %v, W_max %v, cwnd_prior %v; want 0 and twice %v", c.k, c.wMax, c.prior, segs)
	}
	d.in("A 1 ack 2001 sack 3001:6001") // recovery
	d.call(func(tcb *TCB) { tcb.SetOptions(d.now, UserOptions{}) })
	if name := d.tcb.Info(d.now).CongestionControl; name != "reno" {
		t.Errorf("the controller is %s", name)
	}
	d.in("A 1 ack 11001")
}

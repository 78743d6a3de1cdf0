package tcp

import (
	"fmt"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/seq"
)

// hystartRig is a HyStart++ without a connection. Segments have 1000 octets, and numbers are about to wrap.
type hystartRig struct {
	t   *testing.T
	h   hystart
	w   Window
	una seq.Num
}

func newHystartRig(t *testing.T) *hystartRig {
	return &hystartRig{t: t, w: Window{Cwnd: 10_000, Ssthresh: noSsthresh, SMSS: 1000}, una: seq.Num(0).Add(-5000)}
}

// round has everything that cwnd allowed acknowledged, by one ACK for each of the round trips, the last of which covers
// the rest.
func (r *hystartRig) round(rtts ...time.Duration) {
	cwnd := r.w.Cwnd
	end := r.una.Add(cwnd)
	for i, rtt := range rtts {
		n := 1000
		if i == len(rtts)-1 {
			n = end.Minus(r.una) - 1000 // the round's last segment is the next one's first
		}
		nxt := r.una.Add(r.w.Cwnd)
		r.una = r.una.Add(n)
		r.h.ack(&r.w, &Ack{Octets: n, Una: r.una, Nxt: nxt, RTT: rtt})
	}
}

// same is n round trips of the same length, in milliseconds.
func same(n int, rtt float64) (d []time.Duration) {
	for range n {
		d = append(d, time.Duration(rtt*float64(ms)))
	}
	return d
}

func (r *hystartRig) css(what string, want bool) {
	r.t.Helper()
	if got := r.h.baseline != 0; got != want {
		r.t.Fatalf("%s: in CSS: %v, want %v; %+v", what, got, want, r.h)
	}
}

// TestHystartThreshold: RttThresh = max (4 ms, min (lastRoundMinRTT/8, 16 ms)) decides what is longer (RFC 9406 4.2).
//
// RFC 9406 4.2
func TestHystartThreshold(t *testing.T) {
	for _, c := range []struct {
		last, now float64 // milliseconds
		css       bool
	}{
		{10, 13.9, false}, {10, 14, true}, // 4 ms at least
		{32, 35.9, false}, {32, 36, true},
		{80, 89.9, false}, {80, 90, true}, // an eighth
		{128, 143.9, false}, {128, 144, true},
		{1000, 1015.9, false}, {1000, 1016, true}, // 16 ms at most
	} {
		r := newHystartRig(t)
		r.round(same(9, c.last)...)
		r.round(same(9, c.now)...)
		r.css(fmt.Sprintf("from %v ms to %v ms", c.last, c.now), c.css)
	}
}

// TestHystartLeastCounts: it's the least of a round that counts, and eight samples make a round worth looking at.
//
// RFC 9406 4.2
func TestHystartLeastCounts(t *testing.T) {
	r := newHystartRig(t)
	r.round(same(9, 20)...)
	r.round(same(8, 50)...)
	r.css("eight long round trips", true)

	r = newHystartRig(t)
	r.round(same(9, 20)...)
	r.round(append(same(8, 50), same(1, 21)...)...)
	r.css("eight long round trips, and a short one that takes it back", false)

	r = newHystartRig(t)
	r.round(same(9, 20)...)
	r.round(append(same(1, 21), same(8, 50)...)...)
	r.css("one short round trip among long ones", false)

	r = newHystartRig(t)
	r.round(same(9, 20)...)
	r.round(same(7, 50)...)
	r.css("seven samples", false)

	r = newHystartRig(t)
	r.round(same(9, 20)...)
	r.round(append(same(7, 50), same(9, 0)...)...) // ACKs that tell no round trip
	r.css("seven samples and ACKs without", false)
}

// TestHystartConservative: in CSS cwnd grows by a quarter of what is acknowledged, and after five rounds, the one in
// which it began counted, congestion avoidance begins.
//
// RFC 9406 4.2
func TestHystartConservative(t *testing.T) {
	r := newHystartRig(t)
	r.round(same(9, 20)...)
	if r.w.Cwnd != 19_000 {
		t.Fatalf("cwnd is %d after a round of slow start, want 10000 and what was acknowledged", r.w.Cwnd)
	}
	r.round(same(9, 40)...)
	r.css("a queue", true)
	if want := 19_000 + 8*1000 + 10_000/4; r.w.Cwnd != want { // the eighth ACK began CSS
		t.Errorf("cwnd is %d after the round in which CSS began, want %d", r.w.Cwnd, want)
	}
	for round := 2; round <= 5; round++ {
		before := r.w.Cwnd
		r.round(same(9, 41)...)
		if got, want := float64(r.w.Cwnd)/float64(before), 1.25; got < want-0.03 || got > want {
			t.Errorf("cwnd grows by a factor of %.3f in round %d of CSS, want 1.25", got, round)
		}
		if !r.w.SlowStart() {
			t.Fatalf("congestion avoidance in round %d", round)
		}
	}
	before := r.w.Cwnd
	r.round(same(1, 41)...)
	if r.w.SlowStart() || r.w.Cwnd != before || r.w.Ssthresh != before {
		t.Errorf("after five rounds of CSS: %+v, want ssthresh = cwnd = %d", r.w, before)
	}
}

// TestHystartJitter: a round trip shorter than those that had begun CSS shows that they were jitter, and slow start
// goes on; another queue ends it again.
//
// RFC 9406 4.2
func TestHystartJitter(t *testing.T) {
	r := newHystartRig(t)
	r.round(same(9, 20)...)
	r.round(same(9, 40)...)
	r.css("long round trips", true)
	r.round(same(9, 41)...)
	r.css("longer ones", true)
	r.round(same(9, 39)...)
	r.css("shorter ones", false)
	before := r.w.Cwnd
	r.round(same(9, 39)...)
	if r.w.Cwnd < 2*before-1000 {
		t.Errorf("cwnd grew from %d to %d in slow start, want the double", before, r.w.Cwnd)
	}
	r.round(same(9, 60)...)
	r.css("a queue", true)
}

// TestHystartLimited: who doesn't use the window gets no larger one.
func TestHystartLimited(t *testing.T) {
	r := newHystartRig(t)
	r.h.ack(&r.w, &Ack{Octets: 1000, Una: r.una.Add(1000), Nxt: r.una.Add(2000), RTT: 20 * ms, Limited: true})
	if r.w.Cwnd != 10_000 {
		t.Errorf("cwnd is %d, want the 10000 that it was", r.w.Cwnd)
	}
}

// TestHystartOnce: later slow starts have an ssthresh, and HyStart++ leaves them alone (RFC 9406 4.3).
//
// RFC 9406 4.3
func TestHystartOnce(t *testing.T) {
	r := newCubicRig(t, 100, 20*time.Millisecond)
	r.c.Ack(r.now, &r.w, Ack{Octets: 1000, RTT: r.rtt, SRTT: r.rtt})
	if !r.c.first.started {
		t.Error("the first slow start is without HyStart++")
	}
	r.w.Ssthresh = r.c.Loss(r.now, &r.w, Loss{Flight: 100_000, Timeout: true})
	r.w.Cwnd = 1000
	for r.w.SlowStart() {
		r.c.Ack(r.now, &r.w, Ack{Octets: 1000, RTT: r.rtt, SRTT: r.rtt})
	}
	if r.c.first != (hystart{}) || r.w.Cwnd != 70_000 {
		t.Errorf("cwnd %d, HyStart++ %+v: want 70000 and none", r.w.Cwnd, r.c.first)
	}
}

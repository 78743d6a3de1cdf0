package tcp

import "math"

// Constants of RFC 9438.
const (
	cubicC    = 0.4                                   // C (section 5), segments per second to the third
	cubicBeta = 0.7                                   // beta_cubic (4.6)
	renoAlpha = 3 * (1 - cubicBeta) / (1 + cubicBeta) // alpha_cubic (4.3): as fast as Reno on the average
	fastShare = (1 + cubicBeta) / 2                   // what fast convergence leaves of W_max (4.7)
	maxTarget = 1.5                                   // times cwnd, in a round trip (4.2)
)

// cubic is CUBIC, RFC 9438: after a loss cwnd is a cubic function of the time since, flat where it was when the loss
// happened, so that it is back soon on a long path, too, and stays there for a while before it looks for more.
//
// Windows are in segments, as the RFC's formulas have them, so a path that takes smaller segments only changes none.
// They are floating-point numbers without harm: W_cubic is computed anew from the time for each ACK, so nothing adds up
// but W_est and the part of an octet of cwnd, which lose 2^-53 of themselves with each ACK; the third power of
// nanoseconds doesn't fit any integer.
type cubic struct {
	cubicStage
	part float64 // of an octet, that cwnd has besides w.Cwnd
	seen Time    // when Ack or Resume was last called in this stage
	smss int

	first hystart // the first slow start

	undo     cubicStage // before the last loss that was not Again, where undoCwnd isn't 0
	undoCwnd int        // octets
}

// cubicStage is a congestion avoidance stage (4.1.2).
type cubicStage struct {
	wMax  float64 // W_max, segments; 0 where it is undefined (4.8, 4.10)
	prior float64 // cwnd_prior, segments; 0 where it is undefined
	wEst  float64 // W_est, segments
	k     float64 // K, seconds
	epoch Time    // t_epoch, and later by the time in which cwnd was not the limit
	on    bool    // the stage is under way: the three before are valid
}

// Name implements [Controller].
func (*cubic) Name() string { return "cubic" }

// Ack implements [Controller]. Up to ssthresh "CUBIC MUST employ a slow start algorithm" (4.10).
func (c *cubic) Ack(now Time, w *Window, a Ack) {
	c.resize(w)
	acked := a.Octets
	if w.SlowStart() {
		c.on = false
		acked = c.slowStart(w, &a)
	}
	switch {
	case a.Limited:
		c.Resume(now)
	case acked > 0 && !w.SlowStart():
		c.avoid(now, w, acked, a.SRTT.Seconds())
	}
}

// slowStart grows cwnd by what was acknowledged, and returns the octets beyond ssthresh. The first slow start, which
// has no ssthresh, is HyStart++'s; the later ones have one (RFC 9406 4.3).
func (c *cubic) slowStart(w *Window, a *Ack) int {
	if w.Ssthresh == noSsthresh {
		c.first.ack(w, a)
		return 0
	}
	if a.Limited {
		return 0
	}
	grow := min(a.Octets, w.Ssthresh-w.Cwnd)
	w.Cwnd += grow
	return a.Octets - grow
}

// avoid is congestion avoidance by one ACK, 4.2-4.5. rtt is in seconds.
func (c *cubic) avoid(now Time, w *Window, acked int, rtt float64) {
	if !c.on {
		c.begin(now, w)
	}
	c.seen = now
	smss := float64(w.SMSS)
	cwnd := (float64(w.Cwnd) + c.part) / smss
	segs := min(float64(acked)/smss, cwnd) // an ACK may be of more than there is leave to send now
	t := now.Sub(c.epoch).Seconds()

	c.wEst += c.alpha() * segs / cwnd // Figure 4
	next := max(cwnd, c.wEst)
	if c.window(t) >= c.wEst { // else it is the Reno-friendly region: "cwnd SHOULD be set to W_est"
		target := min(max(c.window(t+rtt), cwnd), maxTarget*cwnd)
		next = cwnd + (target-cwnd)*segs/cwnd // (target - cwnd)/cwnd for each segment
	}
	octets := min(next*smss, maxBuffer)
	w.Cwnd = int(octets)
	c.part = octets - float64(w.Cwnd)
}

// begin starts a congestion avoidance stage: Figure 2. W_max is undefined after a time-out, and after a slow start that
// ended without a loss: there "K is set to 0, and W_max is set to the congestion window size at the beginning of the
// current congestion avoidance stage" (4.8, 4.10). The same is done where cwnd is beyond W_max already.
func (c *cubic) begin(now Time, w *Window) {
	cwnd := c.segments(w.Cwnd)
	if c.prior == 0 {
		c.prior = cwnd // "CUBIC sets cwnd_prior = cwnd" (4.10)
	}
	c.wMax = max(c.wMax, cwnd)
	c.k = math.Cbrt((c.wMax - cwnd) / cubicC)
	c.wEst, c.epoch, c.part, c.on = cwnd, now, 0, true
}

// window is W_cubic(t), Figure 1: segments, t seconds into the stage.
func (c *cubic) window(t float64) float64 {
	d := t - c.k
	return float64(cubicC*d*d*d) + c.wMax // the conversion: rounded twice, on every machine
}

// alpha is alpha_cubic: 1 once W_est is what cwnd was at the last loss, as Reno's increase is (4.3).
func (c *cubic) alpha() float64 {
	if c.wEst >= c.prior {
		return 1
	}
	return renoAlpha
}

func (c *cubic) segments(octets int) float64 { return float64(octets) / float64(c.smss) }

// Loss implements [Controller]: multiplicative decrease (4.6), fast convergence (4.7), and what a time-out changes
// (4.8).
func (c *cubic) Loss(_ Time, w *Window, l Loss) int {
	c.resize(w)
	if !l.Again {
		c.undo, c.undoCwnd = c.cubicStage, w.Cwnd
	}
	cwnd := c.segments(w.Cwnd)
	switch {
	case l.Timeout:
		c.wMax = 0
	case cwnd < c.wMax: // others need room: give up more than half of the way
		c.wMax = cwnd * fastShare
	default:
		c.wMax = cwnd
	}
	c.prior, c.on = cwnd, false
	c.first = hystart{}
	return max(int(cubicBeta*float64(l.Flight)), 2*w.SMSS)
}

// Undo implements [Controller]: 4.9. Where cwnd has become larger since than it was before the loss, CUBIC "SHOULD
// continue to use the current and most recent values".
func (c *cubic) Undo(now Time, w *Window) {
	if c.undoCwnd != 0 && w.Cwnd <= c.undoCwnd {
		c.cubicStage, c.seen, c.part = c.undo, now, 0
	}
	c.undoCwnd = 0
}

// Resume implements [Controller]. The time since the last ACK doesn't count: t "MUST NOT include periods during which
// cwnd has not been updated due to application-limited behavior" (4.2, 5.8).
func (c *cubic) Resume(now Time) {
	if c.on {
		c.epoch = c.epoch.Add(now.Sub(c.seen))
		c.seen = now
	}
}

// resize follows a change of the segment size as the engine does: cwnd is as many of smaller segments, and as many
// octets of larger ones.
func (c *cubic) resize(w *Window) {
	if c.smss != 0 && w.SMSS > c.smss {
		share := float64(c.smss) / float64(w.SMSS)
		for _, s := range []*cubicStage{&c.cubicStage, &c.undo} {
			s.wMax *= share
			s.prior *= share
			s.on = false // K and W_est are of the smaller segments
		}
	}
	c.smss = w.SMSS
}

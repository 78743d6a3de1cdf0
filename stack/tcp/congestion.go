package tcp

import (
	"time"

	"github.com/gotcp/gotcp/stack/seq"
)

// Window is the congestion window's state, which the engine and the controller share (RFC 5681 section 2). Octets.
type Window struct {
	Cwnd     int // cwnd
	Ssthresh int // ssthresh
	SMSS     int // SMSS: a full segment's payload
}

// SlowStart reports whether cwnd is in slow start: below ssthresh (RFC 5681 3.1).
func (w *Window) SlowStart() bool { return w.Cwnd < w.Ssthresh }

// Controller decides how fast a connection sends. The engine finds losses, counts what is in flight and recovers; the
// controller only moves [Window]. It is called under the connection's lock and must not block.
type Controller interface {
	// Name is what TCP_CONGESTION shows, at most 15 octets.
	Name() string
	// Ack is told of octets newly acknowledged while the window was in full use, outside of fast recovery. rtt is the
	// smoothed round-trip time, 0 where it isn't known.
	Ack(now Time, w *Window, acked int, rtt time.Duration)
	// Loss returns the new ssthresh once a loss was detected with flight octets outstanding. The engine sets cwnd.
	Loss(now Time, w *Window, flight int) int
	// Undo is told that the last Loss was a mistake, after cwnd and ssthresh were set back.
	Undo(now Time, w *Window)
}

// congestion is the state around the controller.
type congestion struct {
	Window
	cc    Controller
	reno  newReno // the default, stored inline
	limit seq.Num // the window counts as in full use until this is acknowledged
	full  bool    // cwnd, not the user or the peer, limited what was sent in this round trip
	peak  int32   // the most that was in flight in this round trip
}

// initialWindow is RFC 6928 section 2: min (10*MSS, max (2*MSS, 14600)), and 10 may be another number.
func initialWindow(c *Config, smss int) int {
	return min(c.InitialWindow*smss, max(2*smss, 1460*c.InitialWindow))
}

// noSsthresh is ssthresh before the first loss: "arbitrarily high" (RFC 5681 3.1).
const noSsthresh = 1<<31 - 1

// start gives the window its initial size once the handshake is complete.
func (t *TCB) startCongestion() {
	c := &t.cong
	if t.cfg.Congestion != nil {
		c.cc = t.cfg.Congestion()
	}
	if c.cc == nil {
		c.cc = &c.reno
	}
	c.SMSS = t.smss()
	c.Ssthresh = noSsthresh
	c.Cwnd = initialWindow(t.cfg, c.SMSS)
	c.limit = t.snd.nxt
	if t.reco.synRetries > 1 {
		c.Cwnd = c.SMSS // the SYN was lost more than once (RFC 5681 3.1, as Linux reads it)
	}
}

// setSMSS follows a change of the segment size. A cwnd of so many smaller segments is as many segments, as with Linux.
func (c *congestion) setSMSS(smss int) {
	if c.SMSS != 0 && c.Cwnd != 0 {
		if smss < c.SMSS {
			c.Cwnd = c.Cwnd / c.SMSS * smss
		}
		c.Cwnd = max(c.Cwnd, smss) // never below the loss window, LW
	}
	c.SMSS = smss
}

// sent notes how much was in flight after a segment had left.
func (c *congestion) sent(flight int, una, nxt seq.Num) {
	if una.AtOrAfter(c.limit) { // a new round trip
		c.limit, c.full, c.peak = nxt, false, 0
	}
	c.peak = max(c.peak, int32(flight))
	if flight+c.SMSS > c.Cwnd {
		c.full, c.limit = true, nxt
	}
}

// inUse reports whether the window was needed: it must not grow while the user or the peer limits what is sent (RFC
// 7661 section 4, RFC 9293 needs no more; Linux's tcp_is_cwnd_limited).
func (c *congestion) inUse() bool {
	return c.full || c.SlowStart() && c.Cwnd < 2*int(c.peak)
}

// restart takes the window back to its initial size where nothing was sent for an RTO: RFC 5681 4.1.
func (t *TCB) restartAfterIdle(now Time) {
	c := &t.cong
	if t.snd.una != t.snd.nxt || now.Sub(t.snd.last) <= t.rtt.rto || t.reco.mode != open {
		return
	}
	c.Cwnd = min(c.Cwnd, initialWindow(t.cfg, c.SMSS))
}

// newReno is RFC 5681's congestion control. Fast recovery is the engine's.
type newReno struct {
	acked int32 // octets acknowledged in congestion avoidance since cwnd last grew
}

// Name implements [Controller].
func (*newReno) Name() string { return "reno" }

// Ack is RFC 5681 3.1: slow start by the octets acknowledged, then one SMSS for each window that is acknowledged whole.
func (r *newReno) Ack(_ Time, w *Window, acked int, _ time.Duration) {
	if w.SlowStart() {
		grow := min(acked, w.Ssthresh-w.Cwnd)
		w.Cwnd += grow
		acked -= grow
	}
	r.acked += int32(acked)
	if int(r.acked) >= w.Cwnd && acked > 0 {
		r.acked -= int32(w.Cwnd)
		w.Cwnd = min(w.Cwnd+w.SMSS, maxBuffer)
	}
}

// Loss is equation (4) of RFC 5681 3.1: ssthresh = max (FlightSize / 2, 2*SMSS).
func (r *newReno) Loss(_ Time, w *Window, flight int) int {
	r.acked = 0
	return max(flight/2, 2*w.SMSS)
}

// Undo implements [Controller]: there is nothing to take back.
func (*newReno) Undo(Time, *Window) {}

package tcp

import "github.com/gotcp/gotcp/stack/seq"

// Window is the congestion window's state, which the engine and the controller share (RFC 5681 section 2). Octets.
type Window struct {
	Cwnd     int // cwnd
	Ssthresh int // ssthresh
	SMSS     int // SMSS: a full segment's payload
}

// SlowStart reports whether cwnd is in slow start: below ssthresh (RFC 5681 3.1).
func (w *Window) SlowStart() bool { return w.Cwnd < w.Ssthresh }

// congestion is the state around the controller.
type congestion struct {
	Window
	cc    Controller
	reno  reno    // the default, stored inline
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

// startCongestion gives the window its initial size once the handshake is complete.
func (t *TCB) startCongestion() {
	c := &t.cong
	c.cc = t.controller()
	c.SMSS = t.smss()
	c.Ssthresh = noSsthresh
	c.Cwnd = initialWindow(t.cfg, c.SMSS)
	c.limit = t.snd.nxt
	if t.rtt.synRetries > 1 {
		c.Cwnd = c.SMSS // the SYN was lost more than once (RFC 5681 3.1, as Linux reads it)
	}
}

// setSMSS follows a change of the segment size. A cwnd and an ssthresh of so many smaller segments are as many
// segments, as with Linux.
func (c *congestion) setSMSS(smss int) {
	if c.SMSS != 0 && c.Cwnd != 0 {
		if smss < c.SMSS {
			c.Cwnd = c.Cwnd / c.SMSS * smss
			if c.Ssthresh != noSsthresh {
				c.Ssthresh = c.Ssthresh / c.SMSS * smss
			}
		}
		c.Cwnd, c.Ssthresh = max(c.Cwnd, smss), max(c.Ssthresh, smss) // never below the loss window, LW
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

// restartAfterIdle takes the window back to its initial size where nothing was sent for an RTO: RFC 5681 4.1.
func (t *TCB) restartAfterIdle(now Time) {
	c := &t.cong
	if t.snd.una != t.snd.nxt || t.snd.last.age(now) <= t.rtt.rto || t.reco.mode != open {
		return
	}
	c.Cwnd = min(c.Cwnd, initialWindow(t.cfg, c.SMSS))
}

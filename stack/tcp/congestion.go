package tcp

import (
	"slices"
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
	// Ack is told of each acknowledgement of something new, outside of fast recovery.
	Ack(now Time, w *Window, a Ack)
	// Loss returns the new ssthresh once a loss was detected. The engine sets cwnd.
	Loss(now Time, w *Window, l Loss) int
	// Undo is told that all Losses since the last that was not Again were mistakes, after cwnd and ssthresh were set back.
	Undo(now Time, w *Window)
	// Resume is told that something is about to be sent, after all that was sent before had been acknowledged.
	Resume(now Time)
}

// Ack is what an acknowledgement says to a [Controller].
type Ack struct {
	Octets   int           // newly acknowledged
	Una, Nxt seq.Num       // SND.UNA, of which they were the last before, and SND.NXT
	RTT      time.Duration // the round trip of what was acknowledged; 0 where it can't be told
	SRTT     time.Duration // the smoothed round-trip time; 0 before the first measurement
	Limited  bool          // the user or the peer, and not cwnd, limits what is sent: cwnd must not grow
}

// Loss is what a loss says to a [Controller].
type Loss struct {
	Flight  int  // FlightSize, octets
	Timeout bool // the retransmission timer has found it
	Again   bool // the connection still recovers from an earlier one
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

// restart takes the window back to its initial size where nothing was sent for an RTO: RFC 5681 4.1.
func (t *TCB) restartAfterIdle(now Time) {
	c := &t.cong
	if t.snd.una != t.snd.nxt || t.snd.last.age(now) <= t.rtt.rto || t.reco.mode != open {
		return
	}
	c.Cwnd = min(c.Cwnd, initialWindow(t.cfg, c.SMSS))
}

// choice is which controller the user has chosen.
type choice uint8

const (
	choseNone choice = iota // the Config's
	choseReno
	choseCubic
)

// choiceNames are what the choices are called.
var choiceNames = [...]string{choseReno: "reno", choseCubic: "cubic"}

// chosen is the choice of a name: none for one that names no controller.
func chosen(name string) choice { return choice(max(0, slices.Index(choiceNames[:], name))) }

// Congestion returns what makes controllers of the name, for [Config].Congestion, and whether there are any. The names
// are "reno" (NewReno, RFC 5681 and 6582), for which it is nil, and "cubic" (RFC 9438 with HyStart++, RFC 9406).
func Congestion(name string) (maker func() Controller, ok bool) {
	switch chosen(name) {
	case choseReno:
		return nil, true
	case choseCubic:
		return func() Controller { return &cubic{} }, true
	}
	return nil, false
}

// CongestionName is the name of the controller that a connection has whose user has chosen none.
func (c *Config) CongestionName() string {
	if c.Congestion != nil {
		if cc := c.Congestion(); cc != nil {
			return cc.Name()
		}
	}
	return (*newReno)(nil).Name()
}

// controller makes the connection's controller.
func (t *TCB) controller() Controller {
	maker := t.cfg.Congestion
	if t.choice != choseNone {
		maker, _ = Congestion(choiceNames[t.choice])
	}
	if maker != nil {
		if cc := maker(); cc != nil {
			return cc
		}
	}
	t.cong.reno = newReno{}
	return &t.cong.reno
}

// choose sets which controller the connection has. One that takes over goes on with the window as it is, as with Linux.
func (t *TCB) choose(c choice) {
	if c == t.choice {
		return
	}
	t.choice = c
	if t.cong.cc != nil {
		t.cong.cc = t.controller()
	}
}

// newReno is RFC 5681's congestion control. Fast recovery is the engine's.
type newReno struct {
	acked int32 // octets acknowledged in congestion avoidance since cwnd last grew
}

// Name implements [Controller].
func (*newReno) Name() string { return "reno" }

// Ack is RFC 5681 3.1: slow start by the octets acknowledged, then one SMSS for each window that is acknowledged whole.
func (r *newReno) Ack(_ Time, w *Window, a Ack) {
	if a.Limited {
		return
	}
	acked := a.Octets
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
func (r *newReno) Loss(_ Time, w *Window, l Loss) int {
	r.acked = 0
	return max(l.Flight/2, 2*w.SMSS)
}

// Undo implements [Controller]: there is nothing to take back.
func (*newReno) Undo(Time, *Window) {}

// Resume implements [Controller]: time doesn't matter.
func (*newReno) Resume(Time) {}

package tcp

import (
	"slices"
	"time"

	"github.com/gotcp/gotcp/stack/seq"
)

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
	return (*reno)(nil).Name()
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
	t.cong.reno = reno{}
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

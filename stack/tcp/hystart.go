package tcp

import (
	"time"

	"github.com/gotcp/gotcp/stack/seq"
)

// Constants of RFC 9406 4.3.
const (
	hsMinThresh  = 4 * time.Millisecond  // MIN_RTT_THRESH
	hsMaxThresh  = 16 * time.Millisecond // MAX_RTT_THRESH
	hsDivisor    = 8                     // MIN_RTT_DIVISOR
	hsSamples    = 8                     // N_RTT_SAMPLE
	hsCSSDivisor = 4                     // CSS_GROWTH_DIVISOR
	hsCSSRounds  = 5                     // CSS_ROUNDS
)

// hystart is HyStart++, RFC 9406: slow start that ends where the round trips become longer, since a queue builds up,
// and not with the loss of half a window. Where they become shorter again in conservative slow start (CSS), it was
// jitter.
//
// It takes a sample from each ACK, which needs timestamps: without them the engine measures once in a round trip, and
// this is plain slow start. L, which bounds by how much one ACK lets cwnd grow, is left infinite: ours and our peers'
// ACKs are for super-segments, one of which stands for many segments on the wire.
type hystart struct {
	end      seq.Num       // windowEnd
	last     time.Duration // lastRoundMinRTT; 0: none
	current  time.Duration // currentRoundMinRTT; 0: none
	baseline time.Duration // cssBaselineMinRtt; 0 outside of CSS
	samples  uint8         // rttSampleCount, at most hsSamples
	rounds   uint8         // rounds in CSS, the present one not counted
	started  bool          // a round has begun
}

// ack takes an ACK in slow start: 4.2.
func (h *hystart) ack(w *Window, a *Ack) {
	if !h.started || a.Una.AtOrAfter(h.end) {
		h.round(w, a.Nxt)
		if !w.SlowStart() {
			return
		}
	}
	if grow := a.Octets; !a.Limited {
		if h.baseline != 0 {
			grow /= hsCSSDivisor
		}
		w.Cwnd = min(w.Cwnd+grow, maxBuffer)
	}
	if a.RTT > 0 {
		h.sample(a.RTT)
	}
}

// round ends a round of about a round-trip time and begins the next: "when windowEnd is ACKed, the current round ends
// and windowEnd is set to SND.NXT". "If CSS_ROUNDS rounds are complete, enter congestion avoidance".
func (h *hystart) round(w *Window, nxt seq.Num) {
	if h.baseline != 0 {
		if h.rounds++; h.rounds == hsCSSRounds {
			w.Ssthresh = w.Cwnd
		}
	}
	h.end, h.started = nxt, true
	h.last, h.current, h.samples = h.current, 0, 0
}

// sample takes a round trip, and looks whether it tells to begin CSS or to leave it.
func (h *hystart) sample(rtt time.Duration) {
	if h.current == 0 || rtt < h.current {
		h.current = rtt
	}
	if h.samples < hsSamples {
		h.samples++
	}
	if h.samples < hsSamples {
		return
	}
	switch {
	case h.baseline != 0:
		if h.current < h.baseline {
			h.baseline = 0 // "resume slow start including HyStart++"
		}
	case h.last != 0 && h.current >= h.last+max(hsMinThresh, min(h.last/hsDivisor, hsMaxThresh)):
		h.baseline, h.rounds = h.current, 0
	}
}

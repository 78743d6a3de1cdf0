package tcp

import (
	"time"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// lossProbe is the tail loss probe (RFC 8985 section 7): where the last segments of a flight are lost nothing that
// comes later tells of it. So something is sent, long before the retransmission timer expires, whose ACK does.
type lossProbe struct {
	timer Time // PTO's expiry, or Never
	due   bool // the next Poll makes the probe
}

// probed is which probe is unanswered: whether TLP.end_seq, the edge of recovery, is valid, and TLP.is_retrans.
type probed uint8

const (
	probedNothing probed = iota
	probedNew            // with data that had not been sent before
	probedLast           // with the last segment once more
)

// minProbe is the least that a timer adds to 2*SRTT: a shorter wait is shorter than what delays a process on a busy
// machine (Linux's TCP_TIMEOUT_MIN, two ticks of its clock).
const minProbe = 2 * time.Millisecond

// armLossProbe is TLP_calc_PTO and the conditions of 7.2: no probe while something else will tell of losses.
func (t *TCB) armLossProbe(now Time) {
	r := &t.reco
	b := r.board
	if b == nil {
		return
	}
	b.probe = lossProbe{timer: Never}
	if r.mode != open || b.reported > 0 || r.probed != probedNothing || t.rtt.stale || t.snd.probing || t.cfg.NoTLP {
		return
	}
	pto := 2 * t.rtt.srtt
	switch {
	case pto == 0:
		pto = t.cfg.RTOInitial
	case t.flight() <= t.cong.SMSS:
		pto += t.cfg.RTOMin // its ACK may be delayed: TLP.max_ack_delay
	default:
		pto += minProbe
	}
	b.probe.timer = min(now.Add(pto), t.rtxAt)
}

// lossProbeTimeout is PTO's expiry (7.3): the probe is due, and from now on the retransmission timer runs.
func (t *TCB) lossProbeTimeout(now Time) {
	b := t.reco.board
	b.probe.timer = Never
	if t.snd.wnd == 0 || t.gaveUp(now) {
		return // the retransmission timer's business
	}
	b.probe.due = true
	t.rtxAt = Never
	t.armRTO(now)
}

// pollLossProbe is TLP_send_probe: one segment of new data whatever cwnd says, or else the last segment.
func (t *TCB) pollLossProbe(now Time, seg *wire.Segment) bool {
	r := &t.reco
	b := r.board
	if b == nil || !b.probe.due {
		return false
	}
	b.probe.due = false
	if t.probeNew(now, seg) {
		r.probed = probedNew
	} else {
		r.urgent = true
		sent := t.resend(now, seg, t.lastSegment())
		if r.urgent = false; !sent {
			return false
		}
		r.probed = probedLast
	}
	r.edge, t.rtt.stale, b.probe.timer = t.snd.nxt, true, Never
	return true
}

// probeNew makes the probe of a segment that was not sent before, where there is one and the peer's window has room.
func (t *TCB) probeNew(now Time, seg *wire.Segment) bool {
	if !t.hasUnsent() {
		return false
	}
	t.begin(now, seg)
	n := min(t.dataEnd().Minus(t.snd.nxt), t.payloadMSS(seg))
	if t.wndEnd().Minus(t.snd.nxt) < max(n, 1) {
		return t.takeBack(seg)
	}
	t.sendNew(now, seg, n)
	return true
}

// lastSegment is the last segment of what was sent, by the sizes that segments have.
func (t *TCB) lastSegment() seq.Span {
	b := t.reco.board
	s := b.spans[len(b.spans)-1].Span
	n := s.Len()
	if n > 1 && s.End.After(t.dataEnd()) {
		n-- // the FIN goes with the data before it
	}
	s.Start = s.Start.Add((n - 1) / t.cong.SMSS * t.cong.SMSS)
	return s
}

// lossProbeACK is TLP_process_ack (7.4.2). Where the probe was a second copy, and only one copy has arrived, it has
// repaired a loss that nobody else has seen: the window shrinks for it as for any other.
func (t *TCB) lossProbeACK(now Time, d *delivery) {
	r := &t.reco
	if r.probed == probedNothing || t.snd.una.Before(r.edge) {
		return
	}
	switch {
	case r.probed == probedNew, !d.dsack.Empty() && d.dsack.End == r.edge, d.pure:
	case t.snd.una.After(r.edge):
		if r.mode == open {
			// What was in flight then isn't known any more: cwnd stands for it, as with Linux.
			t.cong.Ssthresh = t.cong.cc.Loss(now, &t.cong.Window, Loss{Flight: t.cong.Cwnd})
			t.cong.Cwnd = min(t.cong.Cwnd, t.cong.Ssthresh)
			r.undo = false
		}
	default:
		return
	}
	r.probed = probedNothing
}

package tcp

import (
	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// What finds and repairs losses on a connection without SACK: NewReno, RFC 6582.

// before counts the octets of [SND.UNA, end) that are in flight.
func (t *TCB) before(end seq.Num) int {
	return seq.Span{Start: t.snd.una, End: seq.Min(end, t.snd.nxt)}.Len()
}

// duplicateACK is told of an ACK that does not advance SND.UNA but says that something arrived (RFC 5681 3.2).
func (t *TCB) duplicateACK(now Time) {
	r := &t.reco
	if r.dupacks < 255 {
		r.dupacks++
	}
	if r.mode != lossRecovery {
		r.reno = int32(min(int(r.reno)+t.cong.SMSS, max(t.flight()-t.cong.SMSS, 0)))
		if r.mode == open {
			r.reno = min(r.reno, int32(2*t.cong.SMSS)) // RFC 3042: only the first two let new data out
		}
	}
	if r.mode != open {
		return
	}
	r.edge = t.snd.una
	// RFC 6582 3.2 (2): not again for a window that was recovered already.
	if r.dupacks >= dupThresh && t.snd.una.Add(-1).AtOrAfter(r.recover) {
		t.fastRetransmit(now)
	}
}

// fastRetransmit is 3.2 (2)-(3).
func (t *TCB) fastRetransmit(now Time) {
	r := &t.reco
	t.enterRecovery(now)
	r.highRxt, r.urgent = t.snd.una, true
	r.edge = seq.Min(t.snd.una.Add(t.cong.SMSS), t.snd.nxt)
	t.cong.Cwnd = t.cong.Ssthresh
	r.reno = int32(min(dupThresh*t.cong.SMSS, max(t.flight()-t.cong.SMSS, 0)))
}

// recoveryACK is told of an ACK that has advanced SND.UNA by acked octets.
func (t *TCB) recoveryACK(acked int) {
	r := &t.reco
	r.dupacks = 0
	r.edge = seq.Max(r.edge, t.snd.una)
	full := t.snd.una.AtOrAfter(r.recover)
	switch {
	case r.mode == open:
		r.reno = 0
	case full && r.mode == fastRecovery:
		// The full ACK of 3.2 (3), option 1, which avoids a burst.
		t.leaveRecovery()
		t.cong.Cwnd = min(t.cong.Ssthresh, max(t.flight(), t.cong.SMSS)+t.cong.SMSS)
	case full:
		t.leaveRecovery()
	case r.mode == fastRecovery:
		t.partialACK(acked)
	}
}

// partialACK is 3.2 (3): the next hole begins at SND.UNA.
func (t *TCB) partialACK(acked int) {
	r := &t.reco
	r.reno = int32(max(0, int(r.reno)-max(acked-t.cong.SMSS, 0)))
	r.edge = seq.Max(r.edge, seq.Min(t.snd.una.Add(t.cong.SMSS), t.snd.nxt))
	r.urgent = r.highRxt.AtOrBefore(t.snd.una)
}

// nextHole is what is lost and was not sent again.
func (t *TCB) nextHole() seq.Span {
	s := seq.Span{Start: seq.Max(t.reco.highRxt, t.snd.una), End: seq.Min(t.reco.edge, t.snd.nxt)}
	if s.Empty() {
		return seq.Span{}
	}
	return s
}

// isDuplicate is RFC 5681 section 2's definition.
func (t *TCB) isDuplicate(seg *wire.Segment) bool {
	if t.snd.una == t.snd.nxt || seg.Ack != t.snd.una || t.snd.probing { // answers to probes tell nothing of losses
		return false
	}
	return seg.Len() == 0 && t.scaled(seg) == t.snd.wnd
}

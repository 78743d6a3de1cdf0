package tcp

import (
	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// dupThresh is DupThresh of RFC 6675 and the "three duplicate ACKs" of RFC 5681.
const dupThresh = 3

// mode is what the sender is doing about losses, numbered as Linux's tcpi_ca_state.
type mode uint8

const (
	open         mode = 0 // no loss known
	fastRecovery mode = 3 // RFC 6582, or RFC 6675 with SACK
	lossRecovery mode = 4 // after the retransmission timer, RFC 5681 3.1
)

// recovery is the sender's idea of what is lost. "In flight" is RFC 6675's pipe, for connections without SACK as well:
// there each duplicate ACK stands for a segment that has arrived somewhere, which comes to the same as RFC 6582's
// inflated window.
type recovery struct {
	mode    mode
	dupacks uint8
	urgent  bool    // the first retransmission of a recovery is due, whatever cwnd says (RFC 6675 5 (4.3))
	rescued bool    // NextSeg's rule (4) was used in this recovery
	recover seq.Num // RFC 6582 recover, RFC 6675 RecoveryPoint
	lost    seq.Num // every unreported octet before it counts as lost
	highRxt seq.Num // HighRxt: every unreported octet before it was retransmitted
	board   *scoreboard
	reno    int32 // octets that duplicate ACKs stand for, without SACK

	undoRtx      int32 // of the octets retransmitted, those that were not reported as duplicates
	undoCwnd     int32 // cwnd and ssthresh before the recovery
	undoSsthresh int32
	undoMark     seq.Num
	undo         bool // these are valid

	synRetries uint8 // how often the SYN or SYN-ACK was sent again
}

func (r *recovery) release() {
	if r.board != nil {
		r.board.spans, r.board.n = r.board.spans[:0], 0
		boardPool.Put(r.board)
		r.board = nil
	}
	r.mode, r.reno, r.dupacks, r.urgent, r.undo = open, 0, 0, false, false
}

func (r *recovery) sacked() int {
	if r.board == nil {
		return 0
	}
	return r.board.n
}

// flight is FlightSize: octets sent and not acknowledged (RFC 5681 section 2).
func (t *TCB) flight() int { return t.snd.nxt.Minus(t.snd.una) }

// unreported counts the octets of [SND.UNA, end) that no SACK block covers.
func (t *TCB) unreported(end seq.Num) int {
	s := seq.Span{Start: t.snd.una, End: seq.Min(end, t.snd.nxt)}
	n := s.Len()
	if n > 0 && t.reco.board != nil {
		n -= t.reco.board.within(s)
	}
	return n
}

// pipe is RFC 6675's estimate of the octets in the network: what was sent less what arrived less what is lost, and what
// was retransmitted once more.
func (t *TCB) pipe() int {
	r := &t.reco
	n := t.flight() - r.sacked() - int(r.reno)
	if r.mode != open {
		n += t.unreported(r.highRxt) - t.unreported(r.lost)
	}
	return max(n, 0)
}

// duplicateACK is told of an ACK that does not advance SND.UNA but says that something arrived (RFC 5681 3.2).
func (t *TCB) duplicateACK(now Time) {
	r := &t.reco
	if r.dupacks < 255 {
		r.dupacks++
	}
	if !t.rcv.sackOK && r.mode != lossRecovery {
		r.reno = int32(min(int(r.reno)+t.cong.SMSS, max(t.flight()-t.cong.SMSS, 0)))
		if r.mode == open {
			r.reno = min(r.reno, int32(2*t.cong.SMSS)) // RFC 3042: only the first two let new data out
		}
	}
	if t.rcv.sackOK {
		t.updateLost()
	}
	if r.mode != open {
		return
	}
	// RFC 6582 3.2 (2): not again for a window that was recovered already. RFC 6675 5 (2) (IsLost (HighACK + 1)).
	if t.snd.una.Add(-1).Before(r.recover) && !t.rcv.sackOK {
		return
	}
	if r.dupacks >= dupThresh || t.rcv.sackOK && r.lost.After(t.snd.una) {
		t.enterRecovery(now)
	}
}

// updateLost moves the edge before which everything unreported is lost.
func (t *TCB) updateLost() {
	r := &t.reco
	if r.mode == open {
		r.lost = t.snd.una
	}
	if r.board == nil {
		return
	}
	if edge, ok := r.board.lostBefore(t.cong.SMSS); ok {
		r.lost = seq.Max(r.lost, edge)
	}
}

// enterRecovery is RFC 6675 5 (4) and RFC 6582 3.2 (2)-(3).
func (t *TCB) enterRecovery(now Time) {
	r := &t.reco
	t.saveUndo()
	r.mode = fastRecovery
	r.recover = t.snd.nxt
	r.highRxt = t.snd.una
	if !t.rcv.sackOK {
		r.lost = t.snd.una
	}
	r.lost = seq.Max(r.lost, seq.Min(t.snd.una.Add(t.cong.SMSS), t.snd.nxt))
	r.urgent, r.rescued = true, false
	t.cong.Ssthresh = t.cong.cc.Loss(now, &t.cong.Window, Loss{Flight: t.flight() - t.limitedTransmit()})
	t.cong.Cwnd = t.cong.Ssthresh
	t.rtt.cancel()
	if !t.rcv.sackOK {
		r.reno = int32(min(dupThresh*t.cong.SMSS, max(t.flight()-t.cong.SMSS, 0)))
	}
	t.stats.fastRecoveries++
}

// limitedTransmit is what RFC 3042 let out beyond cwnd; FlightSize must not count it (RFC 5681 3.2 step 2).
func (t *TCB) limitedTransmit() int { return max(0, min(t.flight()-t.cong.Cwnd, 2*t.cong.SMSS)) }

// recoveryACK is told of an ACK that has advanced SND.UNA by acked octets.
func (t *TCB) recoveryACK(now Time, acked int) {
	r := &t.reco
	r.dupacks = 0
	if r.board != nil {
		r.board.forget(t.snd.una)
		if r.board.n == 0 && len(r.board.spans) == 0 {
			boardPool.Put(r.board)
			r.board = nil
		}
	}
	r.lost = seq.Max(r.lost, t.snd.una)
	switch r.mode {
	case open:
		r.reno = 0
	case fastRecovery:
		if t.snd.una.AtOrAfter(r.recover) {
			t.exitRecovery()
			return
		}
		t.partialACK(acked)
	case lossRecovery:
		if t.snd.una.AtOrAfter(r.recover) {
			r.mode, r.reno = open, 0
		} else if t.rcv.sackOK {
			t.updateLost()
		}
	}
}

// partialACK is RFC 6582 3.2 (3): the next hole begins at SND.UNA. With SACK the scoreboard tells.
func (t *TCB) partialACK(acked int) {
	r := &t.reco
	if t.rcv.sackOK {
		t.updateLost()
		return
	}
	r.reno = int32(max(0, int(r.reno)-max(acked-t.cong.SMSS, 0)))
	r.lost = seq.Max(r.lost, seq.Min(t.snd.una.Add(t.cong.SMSS), t.snd.nxt))
	r.urgent = r.highRxt.AtOrBefore(t.snd.una)
}

// exitRecovery is RFC 6675 5 (A) and the full ACK of RFC 6582 3.2 (3), option 1, which avoids a burst.
func (t *TCB) exitRecovery() {
	r := &t.reco
	r.mode, r.reno, r.urgent = open, 0, false
	t.cong.Cwnd = t.cong.Ssthresh
	if !t.rcv.sackOK {
		t.cong.Cwnd = min(t.cong.Ssthresh, max(t.flight(), t.cong.SMSS)+t.cong.SMSS)
	}
}

// nextLost is NextSeg's rule (1): the first octets that are lost, unreported, and were not retransmitted yet.
func (t *TCB) nextLost() seq.Span { return t.holeBefore(t.reco.lost) }

// nextSuspect is NextSeg's rule (3): unreported octets below the highest reported that are not known to be lost.
func (t *TCB) nextSuspect() seq.Span {
	b := t.reco.board
	if t.reco.mode != fastRecovery || b == nil || len(b.spans) == 0 {
		return seq.Span{}
	}
	return t.holeBefore(b.spans[len(b.spans)-1].Start)
}

// nextRescue is NextSeg's rule (4): the last segment, once in a recovery, where nothing else may be sent.
func (t *TCB) nextRescue() seq.Span {
	r := &t.reco
	if r.mode != fastRecovery || r.rescued || r.board == nil || r.highRxt.AtOrAfter(r.recover) {
		return seq.Span{}
	}
	top := t.snd.una
	if n := len(r.board.spans); n > 0 {
		top = r.board.spans[n-1].End
	}
	s := seq.Span{Start: seq.Max(top, r.recover.Add(-t.cong.SMSS)), End: r.recover}
	return s
}

func (t *TCB) holeBefore(edge seq.Num) seq.Span {
	from := seq.Max(t.reco.highRxt, t.snd.una)
	end := seq.Min(edge, t.snd.nxt)
	if from.AtOrAfter(end) {
		return seq.Span{}
	}
	if t.reco.board == nil {
		return seq.Span{Start: from, End: end}
	}
	s := t.reco.board.hole(from, end)
	s.End = seq.Min(s.End, end)
	return s
}

// saveUndo remembers the window in case every retransmission turns out to have been needless.
func (t *TCB) saveUndo() {
	r := &t.reco
	r.undo, r.undoRtx, r.undoMark = true, 0, t.snd.una
	r.undoCwnd, r.undoSsthresh = int32(t.cong.Cwnd), int32(t.cong.Ssthresh)
}

// undoByDSACK takes the reduction of the window back once every octet that was retransmitted since has been reported as
// a duplicate: nothing was lost, the network only reordered or delayed (RFC 2883 section 5, RFC 3708).
func (t *TCB) undoByDSACK(now Time, dup seq.Span) {
	r := &t.reco
	if !r.undo || dup.Start.Before(r.undoMark) || dup.End.After(r.highRxt) || r.undoRtx <= 0 {
		return
	}
	if r.undoRtx -= int32(dup.Len()); r.undoRtx > 0 {
		return
	}
	r.undo = false
	t.cong.Cwnd = max(t.cong.Cwnd, int(r.undoCwnd))
	t.cong.Ssthresh = max(t.cong.Ssthresh, int(r.undoSsthresh))
	t.cong.cc.Undo(now, &t.cong.Window)
	t.stats.undos++
	if r.mode != open {
		r.mode, r.reno, r.urgent = open, 0, false
	}
}

// isDuplicate is RFC 5681 section 2's definition, or RFC 6675 section 2's with SACK: the ACK reports something new.
func (t *TCB) isDuplicate(seg *wire.Segment, info sackInfo) bool {
	if t.snd.una == t.snd.nxt || seg.Ack != t.snd.una || t.snd.probing { // answers to probes tell nothing of losses
		return false
	}
	if t.rcv.sackOK {
		return info.newly > 0
	}
	return seg.Len() == 0 && t.scaled(seg) == t.snd.wnd
}

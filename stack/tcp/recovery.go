package tcp

import "github.com/gotcp/gotcp/stack/seq"

// dupThresh is DupThresh of RFC 6675 and 8985 and the "three duplicate ACKs" of RFC 5681.
const dupThresh = 3

// mode is what the sender is doing about losses, numbered as Linux's tcpi_ca_state.
type mode uint8

const (
	open         mode = 0 // no loss known
	fastRecovery mode = 3 // RFC 6675 and 9937, or RFC 6582 without SACK
	lossRecovery mode = 4 // after the retransmission timer, RFC 5681 3.1
)

// recovery is the sender's idea of what is lost. With SACK the scoreboard has it, and RACK and tail loss probes find it
// (RFC 8985); without, it is NewReno's (RFC 6582).
type recovery struct {
	board *scoreboard

	recover seq.Num // RFC 6582 recover, RFC 6675 RecoveryPoint
	highRxt seq.Num // HighRxt: nothing from it on was sent again; without SACK everything before it was
	edge    seq.Num // without SACK: what lies before it is lost. With SACK: TLP.end_seq, where probed
	reno    int32   // octets that duplicate ACKs stand for, without SACK

	undoRtx      int32 // of the octets retransmitted, those that were not reported as duplicates
	undoCwnd     int32 // cwnd and ssthresh before the recovery
	undoSsthresh int32
	undoMark     seq.Num
	undo         bool // these are valid

	mode    mode
	dupacks uint8
	urgent  bool // the next retransmission is due whatever cwnd says (RFC 6675 5 (4.3))
	probed  probed
	reorder reordering
}

func (r *recovery) release() {
	if r.board != nil {
		boardPool.Put(r.board)
		r.board = nil
	}
	r.mode, r.probed, r.reno, r.dupacks, r.urgent, r.undo = open, probedNothing, 0, 0, false, false
}

func (r *recovery) sacked() int {
	if r.board == nil {
		return 0
	}
	return r.board.reported
}

// flight is FlightSize: octets sent and not acknowledged (RFC 5681 section 2).
func (t *TCB) flight() int { return t.snd.nxt.Minus(t.snd.una) }

// pipe is RFC 6675's estimate of the octets in the network: what was sent less what arrived less what is lost, and what
// was retransmitted once more. Without SACK each duplicate ACK stands for a segment that has arrived somewhere, which
// comes to the same as RFC 6582's inflated window.
func (t *TCB) pipe() int {
	r := &t.reco
	n := t.flight()
	switch b := r.board; {
	case b != nil:
		n += b.again - b.lost - b.reported
	case r.mode != open:
		n += t.before(r.highRxt) - t.before(r.edge) - int(r.reno)
	default:
		n -= int(r.reno)
	}
	return max(n, 0)
}

// enterRecovery is RFC 6675 5 (4) and RFC 6582 3.2 (2)-(3).
func (t *TCB) enterRecovery(now Time) {
	r := &t.reco
	t.saveUndo()
	r.mode = fastRecovery
	r.recover = t.snd.nxt
	r.probed = probedNothing
	if r.board != nil {
		r.board.probe = lossProbe{timer: Never}
	}
	t.cong.Ssthresh = t.cong.cc.Loss(now, &t.cong.Window, Loss{Flight: t.flight() - t.limitedTransmit()})
	t.rtt.cancel()
	t.stats.fastRecoveries++
}

// limitedTransmit is what RFC 3042 let out beyond cwnd; FlightSize must not count it (RFC 5681 3.2 step 2).
func (t *TCB) limitedTransmit() int { return max(0, min(t.flight()-t.cong.Cwnd, 2*t.cong.SMSS)) }

// leaveRecovery ends the recovery once everything that was in flight at its begin is acknowledged: RFC 6675 5 (A),
// "cwnd = ssthresh" (RFC 9937 section 6.3).
func (t *TCB) leaveRecovery() {
	r := &t.reco
	if r.mode == fastRecovery {
		t.cong.Cwnd = t.cong.Ssthresh
	}
	r.mode, r.reno, r.urgent = open, 0, false
	r.reorder.narrow()
}

// nextLost is the first run that is lost and was not sent again yet.
func (t *TCB) nextLost() seq.Span {
	switch {
	case t.reco.board != nil:
		return t.reco.board.nextLost()
	case t.rcv.sackOK:
		return seq.Span{}
	}
	return t.nextHole()
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
		if r.board != nil {
			r.board.forgive()
		}
		r.reorder.narrow()
	}
}

package tcp

import (
	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// Poll makes the next segment to send and reports whether there is one. Ports are left zero: they are the caller's. The
// payload aliases the send store and stays valid until the next Poll, during which any other call is allowed. Call it
// until it returns false after every other call that may have given it something to do.
func (t *TCB) Poll(now Time, seg *wire.Segment) bool {
	t.snd.lent = false
	t.freeRetired()
	*seg = wire.Segment{}
	ok := t.poll(now, seg)
	if ok {
		t.stats.segsOut++
		t.snd.lent = seg.Payload.Len() > 0
	}
	t.check()
	return ok
}

// poll tries the things to send in the order of their urgency.
func (t *TCB) poll(now Time, seg *wire.Segment) bool {
	if t.pollReset(now, seg) {
		return true
	}
	switch t.state {
	case SynSent, SynReceived:
		return t.pollSYN(now, seg) || t.pollACK(now, seg)
	case 0, Closed:
		return false
	}
	if t.canSend() {
		if t.pollRetransmit(now, seg) || t.pollLossProbe(now, seg) || t.pollNew(now, seg) || t.pollProbe(now, seg) {
			return true
		}
		t.waitForWindow(now)
	}
	return t.pollKeepAlive(now, seg) || t.pollACK(now, seg)
}

// begin fills in what every segment of a synchronized connection carries, and changes nothing: it may turn out that the
// segment isn't sent. noteSent adds the window.
func (t *TCB) begin(now Time, seg *wire.Segment) {
	seg.Seq, seg.Ack, seg.Flags = t.snd.nxt, t.rcv.nxt, wire.ACK
	if t.ts.on {
		t.ts.put(now, &seg.Options)
	}
	t.putSACK(&seg.Options)
}

// Lengths of the options that a segment may carry, padding included (RFC 7323 appendix A, RFC 2018 section 3).
const (
	tsLen       = 12
	sackLen     = 4
	sackPerSpan = 8
)

// payloadMSS is Eff.snd.MSS (RFC 9293 3.7.1): what fits besides the options that this very segment carries.
func (t *TCB) payloadMSS(seg *wire.Segment) int {
	n := int(t.snd.mss)
	if seg.Options.HasTS {
		n -= tsLen
	}
	if seg.Options.NSACK > 0 {
		n -= sackLen + sackPerSpan*int(seg.Options.NSACK)
	}
	return max(n, 1)
}

func (t *TCB) pollReset(now Time, seg *wire.Segment) bool {
	r := &t.rst
	if r.flags == 0 {
		return false
	}
	seg.Seq, seg.Ack, seg.Flags = r.seq, r.ack, r.flags
	if t.ts.on && r.flags&wire.ACK != 0 {
		t.ts.put(now, &seg.Options) // RFC 7323 3.2
	}
	*r = pendingReset{}
	return true
}

// pollSYN sends <SEQ=ISS><CTL=SYN>, or <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK> after a simultaneous open (3.5).
func (t *TCB) pollSYN(now Time, seg *wire.Segment) bool {
	if t.snd.started {
		return false
	}
	t.snd.started = true
	seg.Seq, seg.Flags = t.snd.una, wire.SYN
	o := &seg.Options
	o.HasMSS, o.MSS = true, t.rcv.mss
	o.SACKPermitted = t.rcv.sackOK
	o.HasWScale, o.WScale = t.rcv.wscaleOK, t.rcv.wscale
	if t.ts.on {
		t.ts.put(now, o)
	}
	if t.state == SynReceived {
		seg.Flags |= wire.ACK
		seg.Ack = t.rcv.nxt
		seg.Window = t.advertise(0)
		t.acksSent(now, seg)
	} else {
		seg.Window = uint16(min(t.rcv.limit, 0xffff))
		o.TSEcr = 0
	}
	if t.snd.nxt == t.snd.una {
		t.snd.nxt = t.snd.una.Add(1)
		t.snd.since = now
		t.rtt.start(now, t.snd.nxt)
	}
	t.rtxAt = now.Add(t.limitToUserTimeout(now, t.rtt.timeout(t.cfg)))
	return true
}

func (t *TCB) pollACK(now Time, seg *wire.Segment) bool {
	if !t.ackNow || t.state == SynSent {
		return false
	}
	t.begin(now, seg)
	t.noteSent(now, seg, 0)
	return true
}

// cwndRoom is how much more the congestion window lets into the network.
func (t *TCB) cwndRoom() int { return t.cong.Cwnd - t.pipe() }

// pollRetransmit sends what is lost: what RACK has found, or RFC 6582's first unacknowledged segment.
func (t *TCB) pollRetransmit(now Time, seg *wire.Segment) bool {
	if t.reco.mode == open {
		return false
	}
	lost := t.nextLost()
	if lost.Empty() {
		t.reco.urgent = false
		return false
	}
	return t.resend(now, seg, lost)
}

// resend makes a segment of the octets s, as far as the windows allow.
func (t *TCB) resend(now Time, seg *wire.Segment, s seq.Span) bool {
	t.begin(now, seg)
	mss := t.payloadMSS(seg)
	n := min(s.Len(), t.dataEnd().Minus(s.Start))
	if room := t.cwndRoom(); t.reco.urgent {
		n = min(n, mss)
	} else if room < min(n, mss) {
		return t.takeBack(seg)
	} else {
		n = min(n, max(room, mss))
	}
	n = min(n, max(t.wndEnd().Minus(s.Start), 0), int(t.snd.maxSegment))
	if n > mss {
		n -= n % mss
	}
	fin := t.snd.fin && t.snd.nxt.After(t.finSeq()) && s.Start.Add(n) == t.finSeq() && s.End.After(t.finSeq())
	if n <= 0 && !fin {
		return t.takeBack(seg)
	}
	seg.Seq = s.Start
	n = t.snd.buf.view(s.Start.Minus(t.snd.base), n, &seg.Payload)
	if n > mss {
		seg.GSOSize = mss
	}
	t.setFlags(seg, n, fin)
	t.noteResent(now, seg, n)
	return true
}

// takeBack undoes begin where it turns out that nothing is sent.
func (t *TCB) takeBack(seg *wire.Segment) bool {
	*seg = wire.Segment{}
	return false
}

// noteResent keeps the books of a retransmission.
func (t *TCB) noteResent(now Time, seg *wire.Segment, n int) {
	r := &t.reco
	if seg.Seq == t.snd.una {
		t.rtxAt = Never // the timer counts from the retransmission of the earliest segment (RFC 6298 5.6)
	}
	r.urgent = false
	r.highRxt = seq.Max(r.highRxt, seg.End())
	if r.undo {
		r.undoRtx += int32(n)
	}
	t.rtt.cancel()
	t.stats.retransSegs += segments(n, seg.GSOSize)
	t.stats.bytesRetrans += uint64(n)
	t.noteSent(now, seg, n)
}

// setFlags marks the last segment of what there is with PSH (RFC 9293 MUST-61), and, as Linux does, that of each
// super-segment, so that the receiver's coalescing doesn't wait for more; and FIN.
func (t *TCB) setFlags(seg *wire.Segment, n int, fin bool) {
	if n > 0 && (seg.GSOSize > 0 || seg.Seq.Add(n) == t.dataEnd()) {
		seg.Flags |= wire.PSH
	}
	if fin {
		seg.Flags |= wire.FIN
	}
	t.putUrgent(seg)
}

// noteSent completes a segment that is sent, and keeps the books that all share.
func (t *TCB) noteSent(now Time, seg *wire.Segment, n int) {
	seg.Window = t.advertise(t.rcv.wscale)
	t.rcv.dsack = seq.Span{}
	t.acksSent(now, seg)
	if n > 0 {
		t.snd.last = now.ms()
		t.stats.dataSegsOut += segments(n, seg.GSOSize)
	}
	if seg.Len() == 0 {
		return
	}
	t.log(now, seq.Span{Start: seg.Seq, End: seg.End()})
	fresh := seg.End().After(t.snd.nxt)
	if fresh {
		if t.snd.una == t.snd.nxt && !t.snd.probing {
			t.snd.since = now
		}
		t.snd.nxt = seg.End()
	}
	t.armRTO(now)
	if fresh {
		t.armLossProbe(now)
	}
}

// log has the scoreboard know of a segment that is sent.
func (t *TCB) log(now Time, s seq.Span) {
	if !t.rcv.sackOK || !t.state.synchronized() {
		return
	}
	r := &t.reco
	if r.board == nil {
		r.board = newBoard(t.snd.una)
	}
	if r.mode == fastRecovery {
		r.board.prr.out += s.Len()
	}
	if old := s.Intersect(seq.Span{Start: t.snd.una, End: t.snd.nxt}); !old.Empty() {
		r.board.sentAgain(now, old)
		r.highRxt = seq.Max(r.highRxt, old.End)
	}
	if s.Start = seq.Max(s.Start, t.snd.nxt); !s.Empty() {
		r.board.add(now, s)
	}
}

// segments is how many segments on the wire carry n octets.
func segments(n, size int) uint32 {
	if size == 0 {
		return 1
	}
	return uint32((n + size - 1) / size)
}

package tcp

import (
	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// Segment is SEGMENT ARRIVES (3.10.7). The caller has verified the checksum. seg is only read, but for Adopted; what
// is kept of it is copied, or its buffer adopted. In CLOSED it does nothing: see [Reset].
func (t *TCB) Segment(now Time, seg *wire.Segment) {
	t.stats.segsIn++
	switch t.state {
	case 0, Closed, Listen, TimeWaitState:
	case SynSent:
		t.segmentSynSent(now, seg)
	default:
		t.segmentSynchronized(now, seg)
	}
	t.check()
}

// segmentSynSent is 3.10.7.3.
func (t *TCB) segmentSynSent(now Time, seg *wire.Segment) {
	acks := seg.Flags&wire.ACK != 0
	// First, check the ACK bit. "If SEG.ACK =< ISS or SEG.ACK > SND.NXT, send a reset (unless the RST bit is set)". The
	// SYN is not sent again at once.
	if acks && (seg.Ack.AtOrBefore(t.snd.una) || seg.Ack.After(t.snd.nxt)) {
		if seg.Flags&wire.RST == 0 {
			t.rst = pendingReset{seq: seg.Ack, flags: wire.RST}
		}
		return
	}
	// Second, the RST bit.
	if seg.Flags&wire.RST != 0 {
		if acks {
			t.toClosed(t.resetErrno())
		}
		return
	}
	// Fourth, the SYN bit.
	if seg.Flags&wire.SYN == 0 {
		return
	}
	t.takeSYN(now, seg)
	if !acks { // a simultaneous open: answer with SYN, ACK
		t.state = SynReceived
		t.snd.started = false
		t.rtt.cancel()
		return
	}
	t.advance(now, seg, new(delivery))
	t.establish(now)
	t.ackNow = true
	if seg.Payload.Len() > 0 || seg.Flags&wire.FIN != 0 {
		t.segmentUrgent(seg)
		t.segmentText(now, seg)
		t.segmentFIN(now, seg)
	}
}

// takeSYN learns the peer's initial sequence number and options.
func (t *TCB) takeSYN(now Time, seg *wire.Segment) {
	t.rcv.nxt = seg.Seq.Add(1)
	t.rcv.adv = t.rcv.nxt.Add(int(min(t.rcv.limit, 0xffff)))
	t.rcv.ack, t.rcv.up = t.rcv.nxt, t.rcv.nxt
	o := &seg.Options
	t.snd.peerMSS = defaultMSS
	if o.HasMSS && o.MSS != 0 { // 0 says nothing: Linux, too, takes it as if it weren't there
		t.snd.peerMSS = o.MSS
	}
	t.rcv.sackOK = t.rcv.sackOK && o.SACKPermitted
	t.ts.on = t.ts.on && o.HasTS
	if t.ts.on {
		t.ts.set(now, o.TSVal)
	}
	t.rcv.wscaleOK = t.rcv.wscaleOK && o.HasWScale
	if t.rcv.wscaleOK {
		t.snd.wscale = min(o.WScale, maxWScale)
	} else {
		t.rcv.wscale = 0
	}
	t.snd.wnd, t.snd.maxWnd = int32(seg.Window), int32(seg.Window)
	t.snd.wl1, t.snd.wl2 = seg.Seq, seg.Ack
	t.heard(now)
	t.updateMSS()
}

// establish enters ESTABLISHED, or FIN-WAIT-1 where the user has closed already (3.10.4).
func (t *TCB) establish(now Time) {
	t.state = Established
	if t.snd.fin {
		t.state = FinWait1
	}
	t.snd.started = true
	t.rtt.synLost(t.cfg)
	t.startCongestion()
	t.snd.last, t.rcv.last = now.ms(), now
	t.heard(now)
	t.events |= Opened | Writable
}

// segmentSynchronized is 3.10.7.4: the checks in their order, each in a function of its own.
func (t *TCB) segmentSynchronized(now Time, seg *wire.Segment) {
	crossed := t.crossedSYN(seg)
	if t.ts.pawsReject(now, seg) && seg.Flags&wire.RST == 0 {
		t.stats.pawsDropped++
		t.segmentUnacceptable(now, seg)
		return
	}
	if !crossed && !t.acceptable(seg) { // first, the sequence number
		t.segmentUnacceptable(now, seg)
		return
	}
	if seg.Flags&wire.RST != 0 { // second, RST
		t.segmentRST(now, seg)
		return
	}
	if seg.Flags&wire.SYN != 0 && !crossed { // fourth, SYN: RFC 5961 4.2
		t.challengeAck(now)
		return
	}
	t.updateRecent(now, seg)
	if seg.Flags&wire.ACK == 0 || !t.takeACK(now, seg) { // fifth, ACK
		return
	}
	if t.refuseText(now, seg) {
		return
	}
	if t.state.canReceive() {
		t.segmentUrgent(seg)    // sixth, URG
		t.segmentText(now, seg) // seventh, the text
		t.segmentFIN(now, seg)  // eighth, FIN
	}
}

// crossedSYN recognises the SYN, ACK of a peer that opened at the same time as we did: its ACK is the news. RFC 9293
// would have it answered with one more ACK; Linux takes it.
func (t *TCB) crossedSYN(seg *wire.Segment) bool {
	return t.state == SynReceived && seg.Flags&(wire.SYN|wire.ACK|wire.RST) == wire.SYN|wire.ACK &&
		seg.Seq.Add(1) == t.rcv.nxt && seg.Ack == t.snd.nxt
}

// acceptable is the table of 3.4 (and 3.10.7.4, first check), but for one thing: a segment that begins before the
// window and ends behind it is taken, too, as are its octets inside.
func (t *TCB) acceptable(seg *wire.Segment) bool {
	n, wnd := seg.Len(), t.rcvWnd()
	switch {
	case n == 0 && wnd == 0:
		return seg.Seq == t.rcv.nxt
	case n == 0:
		return seg.Seq.In(t.rcv.nxt, t.rcv.adv)
	case wnd == 0: // nothing fits; a FIN takes no room (Linux, too, accepts it)
		return seg.Seq == t.rcv.nxt && seg.Payload.Len() == 0 && seg.Flags&wire.SYN == 0
	}
	return seg.Seq.Before(t.rcv.adv) && seg.End().After(t.rcv.nxt)
}

// segmentUnacceptable answers with <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> and drops the segment, unless it is a RST.
// "Special allowance should be made to accept valid ACKs, URGs, and RSTs" where the window is zero (MUST-66), which is
// extended to a segment that begins at the right edge of any window: that is where a peer that has filled it is.
func (t *TCB) segmentUnacceptable(now Time, seg *wire.Segment) {
	wnd := t.rcvWnd()
	if seg.Flags&wire.RST != 0 {
		if wnd == 0 && seg.Seq == t.rcv.nxt {
			t.segmentRST(now, seg)
		}
		return
	}
	if seg.Len() > 0 && seg.Flags&wire.SYN == 0 {
		t.ackNow = true
		t.quickMode()
		t.updateRecentByDuplicate(now, seg)
		old := seq.Span{Start: seg.Seq, End: seq.Min(seg.Seq.Add(seg.Payload.Len()), t.rcv.nxt)}
		if !old.Empty() {
			t.noteDuplicate(old)
		}
	} else {
		t.challengeAck(now)
	}
	fresh := !t.ts.pawsReject(now, seg) && seg.Flags&(wire.ACK|wire.SYN) == wire.ACK
	if fresh && seg.Seq == t.rcv.adv && t.state != SynReceived && t.takeACK(now, seg) {
		t.segmentUrgent(seg)
	}
}

// takeACK is the fifth check. In SYN-RECEIVED, "If SND.UNA < SEG.ACK =< SND.NXT, then enter ESTABLISHED state".
func (t *TCB) takeACK(now Time, seg *wire.Segment) bool {
	if t.state == SynReceived {
		if !seg.Ack.After(t.snd.una) || seg.Ack.After(t.snd.nxt) {
			t.rst = pendingReset{seq: seg.Ack, flags: wire.RST}
			return false
		}
		t.establish(now)
		t.snd.wnd = t.scaled(seg)
		t.snd.maxWnd = max(t.snd.maxWnd, t.snd.wnd)
		t.snd.wl1, t.snd.wl2 = seg.Seq, seg.Ack
	}
	if !t.segmentACK(now, seg) {
		return false
	}
	t.heard(now)
	return true
}

// refuseText resets a connection that nobody will read from any more when data arrives on it (RFC 1122 4.2.2.13).
func (t *TCB) refuseText(now Time, seg *wire.Segment) bool {
	n := seg.Payload.Len()
	if !t.userClosed || n == 0 || !t.state.canReceive() || seg.Seq.Add(n).AtOrBefore(t.rcv.nxt) {
		return false
	}
	t.rst = pendingReset{seq: seg.Ack, flags: wire.RST} // as for a connection that is no more (3.10.7.1)
	t.toClosed(0)
	return true
}

// segmentFIN is the eighth check: once everything before the FIN has been received, RCV.NXT advances over it.
func (t *TCB) segmentFIN(now Time, seg *wire.Segment) {
	if seg.Flags&wire.FIN != 0 {
		fin := seg.End().Add(-1)
		if fin.After(t.rcv.nxt) && fin.AtOrBefore(t.rcv.adv) {
			if t.rcv.ooo == nil {
				t.rcv.ooo = new(reassembly)
			}
			t.rcv.ooo.fin, t.rcv.ooo.finSeq = true, fin
			t.ackNow = true
		}
		if fin == t.rcv.nxt {
			t.takeFIN(now)
		}
		return
	}
	if o := t.rcv.ooo; o != nil && o.fin && o.finSeq == t.rcv.nxt {
		t.takeFIN(now)
	}
}

func (t *TCB) takeFIN(now Time) {
	t.rcv.nxt = t.rcv.nxt.Add(1)
	t.rcv.adv = seq.Max(t.rcv.adv, t.rcv.nxt)
	t.finRcvd = true
	t.ackNow = true
	t.dropOutOfOrder()
	t.events |= Readable
	switch t.state {
	case SynReceived, Established:
		t.state = CloseWait
	case FinWait1:
		t.state = Closing
		if t.FinAcked() {
			t.toTimeWait(now)
		}
	case FinWait2:
		t.toTimeWait(now)
	}
}

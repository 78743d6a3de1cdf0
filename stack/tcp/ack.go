package tcp

import (
	"time"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// segmentACK is the fifth check of 3.10.7.4 in a synchronized state. It reports whether the segment may be processed
// further.
func (t *TCB) segmentACK(now Time, seg *wire.Segment) bool {
	if !t.ackAcceptable(seg) {
		t.challengeAck(now)
		return false
	}
	d := t.delivery(now, seg)
	t.segmentSACK(now, seg, &d)
	acked := seg.Ack.Minus(t.snd.una)
	duplicate := t.isDuplicate(seg)
	var rtt time.Duration
	if acked > 0 {
		rtt = t.advance(now, seg, &d)
	}
	t.updateWindow(now, seg)
	if t.dead() {
		return false
	}
	if acked > 0 {
		t.grow(now, acked, rtt)
	}
	switch {
	case t.rcv.sackOK:
		t.sackACK(now, &d)
	case acked > 0:
		t.recoveryACK(acked)
	case duplicate:
		t.duplicateACK(now)
	}
	return true
}

// advance takes a cumulative ACK: SND.UNA <- SEG.ACK. "Any segments on the retransmission queue that are thereby
// entirely acknowledged are removed." It returns the round trip of what was acknowledged, 0 where it can't be told.
func (t *TCB) advance(now Time, seg *wire.Segment, d *delivery) time.Duration {
	rtt := t.measure(now, seg)
	t.snd.una = seg.Ack
	t.forget(d)
	n := min(seg.Ack.Minus(t.snd.base), t.snd.buf.len())
	if n > 0 {
		t.snd.buf.drop(n, t.retiring())
		t.snd.base = t.snd.base.Add(n)
		t.stats.bytesAcked += uint64(n)
	}
	t.snd.retries = 0
	t.snd.since = now
	t.softErr = 0
	t.pullMarks()
	if t.snd.probing {
		t.snd.probing, t.rtt.backoff = false, 0 // the window took it: the back-off was not for congestion
	}
	t.rtxAt = Never // RFC 6298 5.2
	if t.snd.una != t.snd.nxt {
		t.armRTO(now) // 5.3
	}
	if t.snd.full && t.writable() {
		t.snd.full = false
		t.events |= Writable
	}
	if t.snd.buf.len() == 0 {
		t.events |= Writable // who waits for everything to be acknowledged (linger) looks now
	}
	if t.FinAcked() {
		t.finAcked(now)
	}
	return rtt
}

// pullMarks has marks that lie behind follow SND.UNA: half a circle later they would seem to lie ahead.
func (t *TCB) pullMarks() {
	una, r := t.snd.una, &t.reco
	if t.snd.urgent && t.snd.up.AtOrBefore(una) {
		t.snd.urgent = false
	}
	t.snd.push = seq.Max(t.snd.push, una)
	t.snd.small = seq.Max(t.snd.small, una)
	if r.mode == open && una.After(r.recover) {
		r.recover = una.Add(-1)
	}
	if una.Minus(r.undoMark) > maxBuffer {
		r.undo, r.undoMark, r.highRxt = false, una, una
	}
}

// grow has the congestion window opened, unless it is not what limits the connection.
func (t *TCB) grow(now Time, acked int, rtt time.Duration) {
	if t.reco.mode == fastRecovery {
		return
	}
	t.cong.cc.Ack(now, &t.cong.Window, Ack{Octets: acked, Una: t.snd.una, Nxt: t.snd.nxt, RTT: rtt, SRTT: t.rtt.srtt,
		Limited: t.reco.mode == open && !t.cong.inUse()})
}

// finAcked moves on where our FIN is acknowledged (3.10.7.4, fifth check).
func (t *TCB) finAcked(now Time) {
	switch t.state {
	case FinWait1:
		t.state = FinWait2
		if t.userClosed {
			t.startFinTimeout(now)
		}
	case Closing:
		t.toTimeWait(now)
	case LastAck:
		t.toClosed(0)
	}
}

// toTimeWait enters TIME-WAIT. The shell then asks for the record with TimeWait.
func (t *TCB) toTimeWait(now Time) {
	t.state = TimeWaitState
	t.snd.since = now
	t.retire()
}

// scaled is SEG.WND in octets.
func (t *TCB) scaled(seg *wire.Segment) int32 {
	if seg.Flags&wire.SYN != 0 {
		return int32(seg.Window) // RFC 7323 2.2: not scaled
	}
	return int32(seg.Window) << t.snd.wscale
}

// updateWindow is 3.10.7.4: "If SND.UNA =< SEG.ACK =< SND.NXT, the send window should be updated. If (SND.WL1 < SEG.SEQ
// or (SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK)), set SND.WND <- SEG.WND".
func (t *TCB) updateWindow(now Time, seg *wire.Segment) {
	if seg.Ack.Before(t.snd.una) || seg.Ack.After(t.snd.nxt) {
		return
	}
	if !(t.snd.wl1.Before(seg.Seq) || t.snd.wl1 == seg.Seq && t.snd.wl2.AtOrBefore(seg.Ack)) {
		return
	}
	t.snd.wnd = t.scaled(seg)
	t.snd.wl1, t.snd.wl2 = seg.Seq, seg.Ack
	t.snd.maxWnd = max(t.snd.maxWnd, t.snd.wnd)
	if t.snd.probing {
		t.probeAnswered(now)
	}
}

// wndEnd is the right edge of the send window.
func (t *TCB) wndEnd() seq.Num { return t.snd.una.Add(int(t.snd.wnd)) }

// dataEnd is the number behind the last octet that was written; finSeq is the FIN's where there is one.
func (t *TCB) dataEnd() seq.Num { return t.snd.base.Add(t.snd.buf.len()) }
func (t *TCB) finSeq() seq.Num  { return t.dataEnd() }

package tcp

import (
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// keepAlive is RFC 1122 4.2.3.6 (RFC 9293 3.8.4).
type keepAlive struct {
	probes uint16 // unanswered
	due    bool
}

// maxProbes is as far as keep-alive probes are counted. No more are sent.
const maxProbes = 1<<16 - 1

// waitForWindow starts the timer of 3.8.6.1 where there is something to send, nothing is in flight whose ACK could open
// the window, and the window, SWS avoidance or TCP_CORK holds it back. It is also the override time-out of 3.8.6.2.1.
func (t *TCB) waitForWindow(now Time) {
	if t.rtxAt != Never || t.snd.una != t.snd.nxt || !t.canSend() || !t.hasUnsent() {
		return
	}
	t.snd.probing = true
	t.snd.since = now
	t.rtxAt = now.Add(t.limitToUserTimeout(now, t.rtt.timeout(t.cfg)))
}

// hasUnsent reports whether data or a FIN waits to be sent for the first time.
func (t *TCB) hasUnsent() bool {
	return t.snd.nxt.Before(t.dataEnd()) || t.snd.fin && t.snd.nxt == t.finSeq()
}

// canSend reports whether the state lets data and FIN go out.
func (t *TCB) canSend() bool {
	switch t.state {
	case Established, CloseWait, FinWait1, Closing, LastAck:
		return true
	}
	return false
}

// probeTimeout has the next probe sent. "The sending TCP peer must regularly transmit at least one octet of new data (if
// available), or retransmit to the receiving TCP peer even if the send window is zero" (3.8.6.1, MUST-36); the interval
// grows exponentially (SHLD-30). It does not end the connection as long as the peer answers (MUST-37).
func (t *TCB) probeTimeout(now Time) {
	limit := t.cfg.Retries
	if t.userClosed {
		limit = t.cfg.OrphanRetries
	}
	expired := int(t.snd.retries) >= limit
	if t.userTimeout() > 0 {
		expired = now.Sub(t.snd.since) >= t.userTimeout()
	}
	if expired {
		t.giveUp()
		return
	}
	t.backOff()
	t.snd.probing, t.probeNow = true, true
	t.rtxAt = now.Add(t.limitToUserTimeout(now, t.rtt.timeout(t.cfg)))
}

// pollProbe makes the probe: as much as the window takes, at least one octet of data or the FIN, from SND.UNA on.
func (t *TCB) pollProbe(now Time, seg *wire.Segment) bool {
	if !t.probeNow {
		return false
	}
	t.probeNow = false
	if t.snd.una == t.snd.nxt && !t.hasUnsent() {
		return false
	}
	t.begin(now, seg)
	seg.Seq = t.snd.una
	avail := t.dataEnd().Minus(t.snd.una)
	n := min(max(int(t.snd.wnd), 1), avail, t.payloadMSS(seg))
	n = t.snd.buf.view(seg.Seq.Minus(t.snd.base), n, &seg.Payload)
	t.setFlags(seg, n, n == avail && t.snd.fin && int(t.snd.wnd) >= n)
	t.noteSent(now, seg, n)
	return true
}

// probeAnswered is told of a window update while probing: where the window is open again, what the probes sent beyond
// it was most likely dropped, and is sent again with the rest.
func (t *TCB) probeAnswered(now Time) {
	if t.snd.wnd == 0 {
		return
	}
	t.snd.probing = false
	t.rtxAt = Never
	t.rtt.backoff = 0
	switch {
	case t.snd.una == t.snd.nxt:
	case t.snd.nxt == t.snd.una.Add(1):
		t.snd.nxt = t.snd.una // the probe's octet: as if it had not been sent
		t.reco.release()      // nor reported, without being acknowledged
	default:
		t.markAllLost()
		t.reco.urgent = true
	}
	if t.snd.una != t.snd.nxt {
		t.armRTO(now)
	}
}

// keepDeadline is when the next keep-alive probe, or the verdict, is due. Probes are sent only while nothing else is
// under way (MUST-26).
func (t *TCB) keepDeadline() Time {
	if !t.user.keepAlive || !t.state.synchronized() || t.dead() || t.snd.una != t.snd.nxt || t.hasUnsent() || t.keep.due {
		return Never
	}
	if t.keep.probes == maxProbes {
		return t.heardAt.Add(t.userTimeout()) // which alone can have let it come so far
	}
	return t.heardAt.Add(t.keepIdle() + time.Duration(t.keep.probes)*t.keepInterval())
}

// keepTimeout sends the next probe, or ends a connection whose peer has not answered enough of them. Linux, too, resets
// the peer then, and lets the user's time-out take the place of the count.
func (t *TCB) keepTimeout(now Time) {
	expired := int(t.keep.probes) >= t.keepCount()
	if t.userTimeout() > 0 {
		expired = t.keep.probes > 0 && now.Sub(t.heardAt) >= t.userTimeout()
	}
	if expired {
		t.sendReset()
		t.giveUp()
		return
	}
	t.keep.due = true
}

// pollKeepAlive makes a probe: an empty segment with a sequence number that was acknowledged already, which the peer
// must answer (RFC 1122 4.2.3.6: SEG.SEQ = SND.NXT-1).
func (t *TCB) pollKeepAlive(now Time, seg *wire.Segment) bool {
	if !t.keep.due {
		return false
	}
	t.keep.due = false
	if t.keep.probes < maxProbes {
		t.keep.probes++
	}
	t.begin(now, seg)
	seg.Seq = t.snd.nxt.Add(-1)
	t.noteSent(now, seg, 0)
	return true
}

// heard is told that the peer is alive.
func (t *TCB) heard(now Time) {
	t.heardAt, t.keep = now, keepAlive{}
	if t.snd.probing {
		t.snd.retries = 0
	}
}

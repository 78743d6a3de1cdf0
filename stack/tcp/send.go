package tcp

import "github.com/gotcp/gotcp/stack/wire"

// pollNew sends data that was not sent before, and the FIN: as large a piece as the windows, Nagle's algorithm and the
// sender's SWS avoidance allow (RFC 9293 3.8.6.2.1, 3.7.4).
func (t *TCB) pollNew(now Time, seg *wire.Segment) bool {
	if !t.hasUnsent() {
		return false
	}
	t.restartAfterIdle(now)
	t.begin(now, seg)
	mss := t.payloadMSS(seg)
	avail := t.dataEnd().Minus(t.snd.nxt)
	room := t.wndEnd().Minus(t.snd.nxt)
	n := t.sendable(avail, room, mss)
	fin := t.snd.fin && n == avail && room > n
	if n == 0 && !(fin && avail == 0) {
		return t.takeBack(seg)
	}
	t.sendNew(now, seg, n)
	return true
}

// sendNew makes a segment of the next n unsent octets, and of the FIN where it follows them and the window has room.
func (t *TCB) sendNew(now Time, seg *wire.Segment, n int) {
	mss := t.payloadMSS(seg)
	avail := t.dataEnd().Minus(t.snd.nxt)
	fin := t.snd.fin && n == avail && t.wndEnd().Minus(t.snd.nxt) > n
	n = t.snd.buf.view(seg.Seq.Minus(t.snd.base), n, &seg.Payload)
	fin = fin && n == avail
	if n > mss {
		seg.GSOSize = mss
	}
	t.setFlags(seg, n, fin)
	if n%mss != 0 {
		t.snd.small = seg.Seq.Add(n)
	}
	if t.snd.probing { // the window is open: the timer is the retransmission timer again
		t.snd.probing, t.rtt.backoff, t.rtxAt = false, 0, Never
	}
	if t.snd.una == t.snd.nxt {
		t.cong.cc.Resume(now)
	}
	t.noteSent(now, seg, n)
	t.rtt.start(now, t.snd.nxt)
	t.cong.sent(t.pipe(), t.snd.una, t.snd.nxt)
}

// sendable is how many of avail unsent octets may leave in the next segment, given room in the peer's window.
func (t *TCB) sendable(avail, room, mss int) int {
	cwnd := t.cwndRoom()
	n := min(avail, room, cwnd, max(int(t.snd.maxSegment), mss))
	if n <= 0 {
		return 0
	}
	if n == avail { // everything fits: only the tail may have to wait
		tail := n % mss
		if tail != 0 && t.holdSmall(n, tail) {
			n -= tail
		}
		return n
	}
	if n >= mss {
		return n - n%mss
	}
	// Less than a full segment, and more is waiting. Where cwnd is the limit, its ACKs will come. Where the window is,
	// rule (3) of 3.8.6.2.1: at least half of the largest window that the peer ever offered.
	if room <= cwnd && n >= int(t.snd.maxWnd)/2 && (t.snd.una == t.snd.nxt || t.user.noDelay) {
		return n
	}
	return 0
}

// holdSmall is Nagle's algorithm (RFC 9293 3.7.4, RFC 896) with Minshall's refinement: a segment of tail octets that is
// not full waits only while another such segment is unacknowledged, so that a large write is not held up by its own
// last piece. n is the length up to and including the tail.
func (t *TCB) holdSmall(n, tail int) bool {
	end := t.snd.nxt.Add(n)
	switch {
	case t.snd.fin, t.snd.urgent, end.AtOrBefore(t.snd.push):
		return false
	case t.user.cork:
		return true
	case t.user.noDelay:
		return false
	}
	return t.snd.una != t.snd.nxt && t.snd.small.After(t.snd.una)
}

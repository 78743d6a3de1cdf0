package tcp

import "github.com/gotcp/gotcp/stack/seq"

const (
	defaultMSS = 536 // SendMSS without the option (RFC 9293 MUST-15)
	minMSS     = 48  // Linux's TCP_MIN_SND_MSS: a smaller announcement is an attack on our processor
	maxWScale  = 14  // RFC 7323 2.3
)

// wscaleFor is the smallest shift count that can express the largest receive buffer (RFC 7323 2.3).
func wscaleFor(c *Config) uint8 {
	if c.NoWScale {
		return 0
	}
	shift := uint8(0)
	for shift < maxWScale && c.RcvBufMax>>shift > 0xffff {
		shift++
	}
	return shift
}

// updateMSS recomputes SND.MSS: what the peer, the path and the user allow (RFC 9293 3.7.1), options counted in.
func (t *TCB) updateMSS() {
	mss := min(t.snd.peerMSS, t.snd.pathMSS)
	if t.user.maxSeg != 0 {
		mss = min(mss, t.user.maxSeg)
	}
	t.snd.mss = max(mss, minMSS)
	t.cong.setSMSS(t.smss())
}

// clampMSS keeps a segment size in what the stack handles and a header can express.
func clampMSS(n int) uint16 { return uint16(min(max(n, minMSS), 0xffff)) }

// smss is the payload of a full segment that carries the options which every segment carries: SMSS of RFC 5681.
func (t *TCB) smss() int {
	n := int(t.snd.mss)
	if t.ts.on {
		n -= tsLen
	}
	return n
}

// rcvUsed is what counts against the receive buffer.
func (t *TCB) rcvUsed() int { return t.rcv.buf.len() + t.outOfOrder() }

// rcvWnd is RCV.WND: what is left of the window that was advertised.
func (t *TCB) rcvWnd() int { return max(0, t.rcv.adv.Minus(t.rcv.nxt)) }

// offer is the window that could be advertised now. The right edge never moves to the left (RFC 9293 SHLD-14), and
// moves to the right only by a worthwhile step: receiver's SWS avoidance, min(Fr * RCV.BUFF, Eff.snd.MSS) (3.8.6.2.2).
func (t *TCB) offer() int {
	now := t.rcvWnd()
	limit := min(int(t.rcv.limit), 0xffff<<t.rcv.wscale)
	free := max(0, limit-t.rcvUsed())
	step := min(int(t.rcv.limit)/2, max(int(t.rcv.segSize), 1))
	if free-now < step && free != limit {
		return now
	}
	return max(free, now)
}

// advertise moves RCV.ADV and returns the header's window field. shift is 0 in a SYN (RFC 7323 2.2).
func (t *TCB) advertise(shift uint8) uint16 {
	wnd := t.offer()
	field := wnd >> shift
	// Rounding must not take back what was offered, nor let the peer's odd octets push the window along for ever: at
	// most one rounding beyond the buffer (RFC 7323 2.4 has senders cope with the rest).
	if up := field + 1; field<<shift < t.rcvWnd() && t.rcvUsed()+up<<shift < int(t.rcv.limit)+1<<shift {
		field = up
	}
	field = min(field, 0xffff)
	t.rcv.adv = seq.Max(t.rcv.adv, t.rcv.nxt.Add(field<<shift))
	return uint16(field)
}

// windowUpdate announces the room that Read made, where it is worth a segment: the window has at least doubled (Linux's
// rule), or was too small for one segment.
func (t *TCB) windowUpdate() {
	if t.state != Established && t.state != FinWait1 && t.state != FinWait2 {
		return
	}
	now, then := t.rcvWnd(), t.offer()
	if then > now && then >= 2*now {
		t.ackNow = true
	}
}

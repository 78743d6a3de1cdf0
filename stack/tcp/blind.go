package tcp

import (
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// challenge throttles the ACKs that an attacker can provoke: RFC 5961 section 7.
type challenge struct {
	since uint16 // tenths of a second, modulo 2^16
	n     uint8
}

// Section 7's own example: no more than 10 challenge ACKs in any 5 seconds.
const (
	challengeLimit  = 10
	challengePeriod = 5 * time.Second
)

// allow reports whether one more may be sent now.
func (c *challenge) allow(now Time) bool {
	at := uint16(now / Time(100*ms))
	if c.n == 0 || time.Duration(at-c.since)*100*ms >= challengePeriod {
		c.since, c.n = at, 0
	}
	if c.n >= challengeLimit {
		return false
	}
	c.n++
	return true
}

// challengeAck answers a segment that may be forged with <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>: a real peer then proves
// that it means it (RFC 5961 sections 3-5).
func (t *TCB) challengeAck(now Time) {
	if !t.chal.allow(now) {
		return
	}
	t.stats.challengeAcks++
	t.ackNow = true
}

// segmentRST is the second check of 3.10.7.4: a RST must hit RCV.NXT exactly (RFC 5961 3.2). The segment is in the
// window.
func (t *TCB) segmentRST(now Time, seg *wire.Segment) {
	if seg.Seq != t.rcv.nxt {
		t.challengeAck(now)
		return
	}
	t.toClosed(t.resetErrno())
}

// ackAcceptable is RFC 5961 5.2: an ACK must lie within ((SND.UNA - MAX.SND.WND) <= SEG.ACK <= SND.NXT).
func (t *TCB) ackAcceptable(seg *wire.Segment) bool {
	back := t.snd.una.Minus(seg.Ack)
	return seg.Ack.AtOrBefore(t.snd.nxt) && back <= max(int(t.snd.maxWnd), 0)
}

package tcp

import (
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// quickAcks is how many ACKs leave at once when a connection starts or after a hole, so that the peer's slow start gets
// its ACK clock (Linux's TCP_MAX_QUICKACKS).
const quickAcks = 16

// ackData decides when data that arrived in order is acknowledged: at once for every second full segment (RFC 9293
// SHLD-19, RFC 5681 4.2), in quick mode, and while a hole exists; else after a delay of less than 0.5 s (MUST-40).
func (t *TCB) ackData(now Time, seg *wire.Segment) {
	t.adaptDelay(now)
	t.rcv.last = now
	t.estimateMSS(seg)
	unacked := t.rcv.nxt.Minus(t.rcv.ack)
	quick := t.rcv.quick > 0 && !t.rcv.replying
	switch {
	case t.ackNow:
	case quick, unacked > int(t.rcv.segSize), t.outOfOrder() > 0:
		t.ackNow = true
	case t.delackAt == Never:
		t.delackAt = now.Add(max(t.cfg.DelAckMin, min(t.delay(), t.cfg.DelAckMax)))
	}
}

// estimateMSS tracks how large the peer's full segments are: the largest seen, or two of the same size in a row that
// don't end a burst (Linux's tcp_measure_rcv_mss).
func (t *TCB) estimateMSS(seg *wire.Segment) {
	n := uint16(min(seg.Payload.Len(), int(t.rcv.mss)))
	switch {
	case n >= t.rcv.segSize:
		t.rcv.segSize = n
	case n >= minMSS && seg.Flags&wire.PSH == 0:
		if n == t.rcv.lastSize {
			t.rcv.segSize = n
		}
		t.rcv.lastSize = n
	}
}

func (t *TCB) delay() time.Duration     { return time.Duration(t.rcv.ato) * time.Microsecond }
func (t *TCB) setDelay(d time.Duration) { t.rcv.ato = int32(d / time.Microsecond) }

// adaptDelay tracks the gaps between arriving segments: Linux's tcp_event_data_recv.
func (t *TCB) adaptDelay(now Time) {
	gap := now.Sub(t.rcv.last)
	floor, delay := t.cfg.DelAckMin, t.delay()
	switch {
	case gap <= floor/2:
		t.setDelay(delay/2 + floor/2)
	case gap < delay:
		t.setDelay(min(delay/2+gap, t.rtt.rto))
	case gap > t.rtt.rto && t.stats.bytesReceived > 0:
		t.quickMode() // the sender restarts: give it its clock
	}
}

// quickMode has the next ACKs sent at once.
func (t *TCB) quickMode() {
	t.rcv.replying = false
	if !t.user.noQuickAck {
		t.rcv.quick = quickAcks
	}
}

// delayedAckTimeout sends the ACK that waited for company in vain.
func (t *TCB) delayedAckTimeout() {
	t.delackAt = Never
	if !t.state.synchronized() {
		return
	}
	if t.rcv.replying {
		t.rcv.replying = false // the user did not answer in time
		t.setDelay(t.cfg.DelAckMin)
	} else {
		t.setDelay(min(2*t.delay(), t.cfg.DelAckMax))
	}
	t.ackNow = true
}

// acksSent notes that a segment carried everything there is to acknowledge.
func (t *TCB) acksSent(now Time, seg *wire.Segment) {
	if seg.Flags&wire.ACK == 0 {
		return
	}
	if t.rcv.quick > 0 {
		t.rcv.quick--
	}
	t.ackNow = false
	t.delackAt = Never
	t.rcv.ack = seg.Ack
	if seg.Payload.Len() > 0 && now.Sub(t.rcv.last) < max(t.delay(), time.Millisecond) && t.stats.bytesReceived > 0 {
		t.rcv.replying = true
	}
}

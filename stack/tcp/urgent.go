package tcp

import "github.com/gotcp/gotcp/stack/wire"

// segmentUrgent is the sixth check of 3.10.7.4: RCV.UP <- max(RCV.UP, SEG.UP), and the user is told when urgent data
// is announced while none was pending (RFC 9293 MUST-32). SEG.UP points behind the last urgent octet, as Linux and
// everyone else has it (RFC 6093 section 4). The data stays in the stream (RFC 6093 section 5).
func (t *TCB) segmentUrgent(seg *wire.Segment) {
	if seg.Flags&wire.URG == 0 || !t.state.canReceive() {
		return
	}
	up := seg.Seq.Add(int(seg.Urgent))
	if up.AtOrBefore(t.rcv.nxt) {
		return // it points at what was received already
	}
	if t.UrgentData() == 0 {
		t.events |= Urgent
	} else if up.AtOrBefore(t.rcv.up) {
		return
	}
	t.rcv.urgent, t.rcv.up = true, up
}

// putUrgent announces SND.UP on a segment that begins before it.
func (t *TCB) putUrgent(seg *wire.Segment) {
	if !t.snd.urgent {
		return
	}
	d := t.snd.up.Minus(seg.Seq)
	if d <= 0 {
		return
	}
	seg.Flags |= wire.URG
	seg.Urgent = uint16(min(d, 0xffff))
}

package tcp

import (
	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// TimeWait is a connection in TIME-WAIT, as a small record.
type TimeWait struct {
	sndNxt, rcvNxt seq.Num
	wnd            uint16 // the header's window field
	ts             bool
	tsRecent       uint32
	tsOffset       uint32
	expires        Time
	chal           challenge
}

// TimeWait makes the record of a connection that is in TIME-WAIT.
func (t *TCB) TimeWait(now Time) TimeWait {
	return TimeWait{sndNxt: t.snd.nxt, rcvNxt: t.rcv.nxt, wnd: uint16(min(t.rcvWnd()>>t.rcv.wscale, 0xffff)),
		ts: t.ts.on, tsRecent: t.ts.recent, tsOffset: t.ts.offset, expires: now.Add(t.cfg.TimeWait)}
}

// Deadline is when the record is to be forgotten: 2 MSL after the last FIN of the peer.
func (w *TimeWait) Deadline() Time { return w.expires }

// NextISS is the least initial sequence number that a new connection with this four-tuple may have, so that nothing of
// the old one can be mistaken for it (RFC 6191 section 2, RFC 9293 3.6.1; Linux leaves as large a gap).
func (w *TimeWait) NextISS() seq.Num { return w.sndNxt.Add(1<<16 + 1) }

// Segment judges a segment for the record: 3.10.7.4 in TIME-WAIT, with RFC 5961's care about RST and SYN.
func (w *TimeWait) Segment(now Time, c *Config, in, out *wire.Segment) Verdict {
	stale := w.ts && in.Options.HasTS && tsBefore(in.Options.TSVal, w.tsRecent)
	switch {
	case in.Flags&wire.RST != 0:
		if in.Seq == w.rcvNxt {
			return Gone
		}
		return Ignore
	case in.Flags&(wire.SYN|wire.ACK) == wire.SYN && w.mayReopen(in):
		return Reopen
	case in.Flags&wire.SYN != 0:
		return w.answer(now, out)
	case in.Flags&wire.FIN != 0 && !stale:
		// "The only thing that can arrive in this state is a retransmission of the remote FIN. Acknowledge it, and
		// restart the 2 MSL timeout."
		w.expires = now.Add(c.TimeWait)
		return w.answer(now, out)
	case in.Flags&wire.ACK == 0, !stale && in.Len() == 0 && in.Seq == w.rcvNxt:
		return Ignore
	}
	return w.answer(now, out)
}

// mayReopen is RFC 6191 section 2: the SYN is newer than anything of the old connection by its timestamp, or, where
// that doesn't tell, by its sequence number (RFC 1122 4.2.2.13).
func (w *TimeWait) mayReopen(in *wire.Segment) bool {
	if w.ts && in.Options.HasTS && in.Options.TSVal != w.tsRecent {
		return tsBefore(w.tsRecent, in.Options.TSVal)
	}
	return in.Seq.After(w.rcvNxt)
}

func (w *TimeWait) answer(now Time, out *wire.Segment) Verdict {
	if !w.chal.allow(now) {
		return Ignore
	}
	*out = wire.Segment{Seq: w.sndNxt, Ack: w.rcvNxt, Flags: wire.ACK, Window: w.wnd}
	if w.ts {
		out.Options.HasTS, out.Options.TSVal, out.Options.TSEcr = true, tsNow(now, w.tsOffset), w.tsRecent
	}
	return Reply
}

// Reset makes the RST that answers a segment for which there is no connection, and reports whether there is one to
// send: 3.10.7.1. The caller swaps the ports.
func Reset(in, out *wire.Segment) bool {
	if in.Flags&wire.RST != 0 {
		return false
	}
	if in.Flags&wire.ACK != 0 {
		*out = wire.Segment{Seq: in.Ack, Flags: wire.RST}
	} else {
		*out = wire.Segment{Ack: in.End(), Flags: wire.RST | wire.ACK}
	}
	return true
}

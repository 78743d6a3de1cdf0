package tcp

import (
	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// Verdict says what a record makes of a segment or of a deadline.
type Verdict uint8

const (
	Ignore    Verdict = iota // nothing to do
	Reply                    // send the segment that was made
	Promote                  // half-open: the handshake is complete, make the connection
	Reopen                   // TIME-WAIT: a SYN that may have this four-tuple (RFC 6191); hand it to the listener
	Gone                     // forget the record
	ReplyGone                // send the segment that was made and forget the record
)

// HalfOpen is a connection in SYN-RECEIVED after a passive open, as a small record: a flood of SYNs costs little, and
// nothing of a connection exists before its peer has proved that it is there. The exported fields can be rebuilt from a
// SYN cookie.
type HalfOpen struct {
	ISS, IRS  seq.Num
	TSRecent  uint32 // the SYN's TSval
	TSOffset  uint32
	MSS       uint16 // the peer's; 536 where it gave none
	Wnd       uint16 // SEG.WND of the SYN
	SndWScale uint8
	SACK      bool // these three: both ends have the option
	TS        bool
	WScale    bool

	retries  uint8
	advMSS   uint16
	offered  uint16 // the window in our SYN-ACK
	sent     Time
	deadline Time
	data     []byte // text that came with the SYN
}

// maxSYNText is how much text of a SYN is kept. Segments with more have it sent again.
const maxSYNText = 1460

// Open fills in the record from a SYN (3.10.7.2). p.ISS and p.TSOffset are the connection's.

func (h *HalfOpen) Open(now Time, p *Params, syn *wire.Segment) {
	o, c := &syn.Options, p.Config
	*h = HalfOpen{ISS: p.ISS, IRS: syn.Seq, TSOffset: p.TSOffset, MSS: defaultMSS, Wnd: syn.Window,
		SACK: o.SACKPermitted && !c.NoSACK, TS: o.HasTS && !c.NoTimestamps, WScale: o.HasWScale && !c.NoWScale,
		sent: now, deadline: now.Add(c.RTOInitial)}
	if o.HasMSS && o.MSS != 0 { // 0 says nothing: Linux, too, takes it as if it weren't there
		h.MSS = o.MSS
	}
	if h.TS {
		h.TSRecent = o.TSVal
	}
	if h.WScale {
		h.SndWScale = min(o.WScale, maxWScale)
	}
	h.Offer(p)
}

// Offer sets what our SYN-ACK announces, or has announced: the MSS and the window.
func (h *HalfOpen) Offer(p *Params) {
	h.advMSS = uint16(min(p.MSS, 0xffff))
	h.offered = uint16(min(p.RcvBuf, 0xffff))
}

// KeepText has the text of the SYN delivered once the connection is established (3.10.7.2: "Any other control or text
// should be queued for processing later"). The caller bounds how many records keep text.
func (h *HalfOpen) KeepText(syn *wire.Segment) {
	text := syn.Payload.Bytes()
	h.data = append(h.data[:0], text[:min(len(text), maxSYNText, int(h.offered))]...)
}

// TextLen is the number of octets that KeepText kept.
func (h *HalfOpen) TextLen() int { return len(h.data) }

// SYNACK makes <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>.
func (h *HalfOpen) SYNACK(now Time, c *Config, out *wire.Segment) {
	*out = wire.Segment{Seq: h.ISS, Ack: h.IRS.Add(1), Flags: wire.SYN | wire.ACK, Window: h.offered}
	o := &out.Options
	o.HasMSS, o.MSS = true, h.advMSS
	o.SACKPermitted = h.SACK
	if h.TS {
		o.HasTS, o.TSVal, o.TSEcr = true, tsNow(now, h.TSOffset), h.TSRecent
	}
	if h.WScale {
		o.HasWScale, o.WScale = true, wscaleFor(c)
	}
}

// Segment judges a segment for the record: 3.10.7.4 in SYN-RECEIVED after a passive open. Promote means that in
// acknowledges our SYN: the caller makes the connection with TCB.Accept and gives it in.
func (h *HalfOpen) Segment(now Time, c *Config, in, out *wire.Segment) Verdict {
	nxt := h.IRS.Add(1)
	if in.Flags&(wire.SYN|wire.ACK|wire.RST) == wire.SYN && in.Seq == h.IRS {
		h.SYNACK(now, c, out) // the peer has not got our SYN-ACK: Linux, too, sends it again
		return Reply
	}
	stale := h.TS && in.Options.HasTS && tsBefore(in.Options.TSVal, h.TSRecent) && in.Flags&wire.RST == 0
	if stale || !h.acceptable(in, nxt) {
		return h.answer(now, in, out)
	}
	switch {
	case in.Flags&wire.RST != 0:
		if in.Seq != nxt {
			return h.answer(now, &wire.Segment{}, out) // RFC 5961 3.2
		}
		return Gone // "return this connection to the LISTEN state"
	case in.Flags&wire.SYN != 0:
		return Gone // the same
	case in.Flags&wire.ACK == 0:
		return Ignore
	case in.Ack != h.ISS.Add(1):
		*out = wire.Segment{Seq: in.Ack, Flags: wire.RST}
		return Reply
	}
	return Promote
}

func (h *HalfOpen) acceptable(in *wire.Segment, nxt seq.Num) bool {
	end := nxt.Add(int(h.offered))
	if in.Len() == 0 {
		return in.Seq == nxt || in.Seq.In(nxt, end)
	}
	return in.Seq.Before(end) && in.End().After(nxt) || in.Seq == nxt && in.Payload.Len() == 0
}

// answer is the ACK for an unacceptable segment.
func (h *HalfOpen) answer(now Time, in, out *wire.Segment) Verdict {
	if in.Flags&wire.RST != 0 {
		return Ignore
	}
	*out = wire.Segment{Seq: h.ISS.Add(1), Ack: h.IRS.Add(1), Flags: wire.ACK, Window: h.offered}
	if h.TS {
		out.Options.HasTS, out.Options.TSVal, out.Options.TSEcr = true, tsNow(now, h.TSOffset), h.TSRecent
	}
	return Reply
}

// Tick sends the SYN-ACK again (Reply), or gives up (Gone).
func (h *HalfOpen) Tick(now Time, c *Config, out *wire.Segment) Verdict {
	if now < h.deadline {
		return Ignore
	}
	if int(h.retries) >= c.SynAckRetries {
		return Gone
	}
	h.retries++
	d := c.RTOInitial
	for range h.retries {
		d = min(2*d, c.RTOMax)
	}
	h.deadline = now.Add(d)
	h.SYNACK(now, c, out)
	return Reply
}

// Deadline is when Tick is due.
func (h *HalfOpen) Deadline() Time { return h.deadline }

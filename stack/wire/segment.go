package wire

import "github.com/gotcp/gotcp/stack/seq"

// Flags are the control bits of a TCP header (RFC 9293 section 3.1), with NS's old place left out.
type Flags uint8

// The control bits, in the header's order.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// Has reports whether all bits of f2 are set in f.
func (f Flags) Has(f2 Flags) bool { return f&f2 == f2 }

// MaxVec is the number of slices that a segment's payload may be scattered over.
const MaxVec = 6

// Payload is a segment's data: one slice on input, up to [MaxVec] slices into the send store on output. It aliases its
// owner's memory, and is valid only as long as the owner says.
type Payload struct {
	vec [MaxVec][]byte
	n   int
	len int
}

// Append adds b at the end and reports whether there was a place for it. An empty b takes no place.
func (p *Payload) Append(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if p.n == MaxVec {
		return false
	}
	p.vec[p.n] = b
	p.n++
	p.len += len(b)
	return true
}

// Len is the number of octets in all.
func (p *Payload) Len() int { return p.len }

// Slices returns the pieces in order. They alias p's array: valid until p changes.
func (p *Payload) Slices() [][]byte { return p.vec[:p.n] }

// Bytes returns the data as one slice: the only piece where there is one, a fresh copy where there are more. For
// tests, printing and input, not for the path of a byte out.
func (p *Payload) Bytes() []byte {
	switch p.n {
	case 0:
		return nil
	case 1:
		return p.vec[0]
	}
	b := make([]byte, 0, p.len)
	for _, v := range p.vec[:p.n] {
		b = append(b, v...)
	}
	return b
}

// Reset empties p.
func (p *Payload) Reset() { *p = Payload{} }

// Options are the TCP options that this stack knows (RFC 9293 3.2, RFC 7323, RFC 2018). A field says nothing where its
// Has flag is off.
type Options struct {
	HasMSS        bool
	HasWScale     bool
	SACKPermitted bool
	HasTS         bool
	WScale        uint8  // shift count as sent, unclamped
	NSACK         uint8  // blocks used in SACK
	MSS           uint16 // octets
	TSVal, TSEcr  uint32
	SACK          [4]seq.Span
}

// SACKBlocks returns the blocks in the order sent. They alias o.
func (o *Options) SACKBlocks() []seq.Span { return o.SACK[:o.NSACK] }

// Segment is one TCP segment, or on output one super-segment that the device cuts into segments of GSOSize octets.
type Segment struct {
	SrcPort, DstPort uint16
	Seq, Ack         seq.Num
	Flags            Flags
	TOS              uint8  // of the IP header: the two low bits are ECN (RFC 3168)
	Window           uint16 // as on the wire, not scaled
	Urgent           uint16 // SEG.UP
	GSOSize          int    // output: the largest payload of one segment on the wire, where Payload holds more; else 0
	Options          Options
	Payload          Payload

	// Buf is, on input, the whole buffer in which Payload lies, where its reader offers it for adoption (else nil). A
	// receiver that keeps it sets Adopted, and the reader takes another one.
	Buf     []byte
	Adopted bool
}

// Len is SEG.LEN: the octets of sequence space that the segment takes, SYN and FIN counted (RFC 9293 3.3.1).
func (s *Segment) Len() int {
	n := s.Payload.Len()
	if s.Flags&SYN != 0 {
		n++
	}
	if s.Flags&FIN != 0 {
		n++
	}
	return n
}

// End is SEG.SEQ+SEG.LEN: the number after the last one that the segment takes.
func (s *Segment) End() seq.Num { return s.Seq.Add(s.Len()) }

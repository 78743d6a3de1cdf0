package wire

import (
	"encoding/binary"

	"github.com/gotcp/gotcp/stack/seq"
)

// Sizes of a TCP header, in octets.
const (
	TCPMinHeader = 20
	TCPMaxHeader = 60
)

const tcpChecksumAt = 16

// ParseSegment takes the TCP segment b apart into seg, whose payload aliases b. It fills all that is in a TCP header
// and leaves TOS, GSOSize and Buf zero. It doesn't look at the checksum: see [VerifyTransport]. Reserved bits are
// ignored (RFC 9293 section 3.1). It may say ErrTruncated or ErrDataOffset; options never make it fail.
func ParseSegment(b []byte, seg *Segment) error {
	hlen, err := tcpHeaderLen(b)
	if err != nil {
		return err
	}
	*seg = Segment{
		SrcPort: binary.BigEndian.Uint16(b[0:]),
		DstPort: binary.BigEndian.Uint16(b[2:]),
		Seq:     seq.Num(binary.BigEndian.Uint32(b[4:])),
		Ack:     seq.Num(binary.BigEndian.Uint32(b[8:])),
		Flags:   Flags(b[13]),
		Window:  binary.BigEndian.Uint16(b[14:]),
		Urgent:  binary.BigEndian.Uint16(b[18:]),
	}
	seg.Options.parse(b[TCPMinHeader:hlen])
	seg.Payload.Append(b[hlen:])
	return nil
}

// tcpHeaderLen returns the length in octets of the header at the start of b, options included.
func tcpHeaderLen(b []byte) (int, error) {
	if len(b) < TCPMinHeader {
		return 0, ErrTruncated
	}
	n := int(b[12]>>4) * 4
	if n < TCPMinHeader || n > len(b) {
		return 0, ErrDataOffset
	}
	return n, nil
}

// HeaderLen is the length in octets of the header that PutHeader writes, options and their padding included.
func (s *Segment) HeaderLen() int { return TCPMinHeader + s.Options.Len() }

// PutHeader writes the header at the start of b, with the checksum field zero, and returns its length. b must have room
// for it. The checksum comes next: see [SetTransportChecksum] and [SetPartialChecksum].
func (s *Segment) PutHeader(b []byte) int {
	n := TCPMinHeader + s.Options.put(b[TCPMinHeader:])
	binary.BigEndian.PutUint16(b[0:], s.SrcPort)
	binary.BigEndian.PutUint16(b[2:], s.DstPort)
	binary.BigEndian.PutUint32(b[4:], uint32(s.Seq))
	binary.BigEndian.PutUint32(b[8:], uint32(s.Ack))
	b[12] = uint8(n/4) << 4
	b[13] = uint8(s.Flags)
	binary.BigEndian.PutUint16(b[14:], s.Window)
	b[16], b[17] = 0, 0
	binary.BigEndian.PutUint16(b[18:], s.Urgent)
	return n
}

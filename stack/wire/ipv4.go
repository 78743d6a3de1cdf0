package wire

import (
	"encoding/binary"
	"net/netip"
)

// Protocol numbers in an IPv4 header.
const (
	ProtoICMP uint8 = 1
	ProtoTCP  uint8 = 6
	ProtoUDP  uint8 = 17
)

// Sizes of an IPv4 header, in octets.
const (
	IPv4MinHeader = 20
	IPv4MaxHeader = 60
)

const (
	flagDF     = 0x4000
	flagMF     = 0x2000
	offsetMask = 0x1fff // in units of eight octets
)

// IPv4 is a view of a datagram that [ParseIPv4] has checked (RFC 791 section 3.1): the methods read its own bytes.
type IPv4 []byte

// ParseIPv4 checks the header at the start of b and returns the datagram, without what follows its total length (a link
// may pad). It may say ErrTruncated, ErrVersion, ErrHeaderLength, ErrTotalLength or ErrHeaderChecksum.
func ParseIPv4(b []byte) (IPv4, error) {
	if len(b) == 0 {
		return nil, ErrTruncated
	}
	if b[0]>>4 != 4 {
		return nil, ErrVersion
	}
	if len(b) < IPv4MinHeader {
		return nil, ErrTruncated
	}
	hlen := int(b[0]&0xf) * 4
	if hlen < IPv4MinHeader {
		return nil, ErrHeaderLength
	}
	total := int(binary.BigEndian.Uint16(b[2:]))
	if total < hlen {
		return nil, ErrTotalLength
	}
	if total > len(b) {
		return nil, ErrTruncated
	}
	var c Checksum
	c.Add(b[:hlen])
	if c.Fold() != 0 {
		return nil, ErrHeaderChecksum
	}
	return IPv4(b[:total]), nil // its capacity stays b's: the text's place in a buffer that may be adopted shows by it
}

// HeaderLen is the header's length in octets, options included.
func (p IPv4) HeaderLen() int { return int(p[0]&0xf) * 4 }

// TotalLen is the datagram's length in octets, header included.
func (p IPv4) TotalLen() int { return int(binary.BigEndian.Uint16(p[2:])) }

// TOS is the octet of DSCP and, in the two low bits, ECN (RFC 3168 section 5).
func (p IPv4) TOS() uint8 { return p[1] }

// ID is the identification that the fragments of one datagram share.
func (p IPv4) ID() uint16 { return binary.BigEndian.Uint16(p[4:]) }

// DontFragment reports whether DF is set.
func (p IPv4) DontFragment() bool { return binary.BigEndian.Uint16(p[6:])&flagDF != 0 }

// MoreFragments reports whether MF is set.
func (p IPv4) MoreFragments() bool { return binary.BigEndian.Uint16(p[6:])&flagMF != 0 }

// FragmentOffset is the place of the payload in the whole datagram's, in octets.
func (p IPv4) FragmentOffset() int { return int(binary.BigEndian.Uint16(p[6:])&offsetMask) * 8 }

// IsFragment reports whether p is a part of a datagram.
func (p IPv4) IsFragment() bool { return binary.BigEndian.Uint16(p[6:])&(flagMF|offsetMask) != 0 }

// TTL is the time to live, in hops.
func (p IPv4) TTL() uint8 { return p[8] }

// Protocol is the number of the payload's protocol.
func (p IPv4) Protocol() uint8 { return p[9] }

// Src is the source address.
func (p IPv4) Src() netip.Addr { return netip.AddrFrom4([4]byte(p[12:16])) }

// Dst is the destination address.
func (p IPv4) Dst() netip.Addr { return netip.AddrFrom4([4]byte(p[16:20])) }

// Options are the header's octets after the first 20: see [ParseIPv4Options].
func (p IPv4) Options() []byte { return p[IPv4MinHeader:p.HeaderLen()] }

// Payload is what follows the header.
func (p IPv4) Payload() []byte { return p[p.HeaderLen():] }

// IPv4Header is what a header is made of.
type IPv4Header struct {
	TOS            uint8
	ID             uint16
	DontFragment   bool
	MoreFragments  bool
	FragmentOffset int // octets, a multiple of 8
	TTL            uint8
	Protocol       uint8
	Src, Dst       netip.Addr // IPv4
	Options        []byte     // at most 40 octets; padded with zeros to a multiple of 4
}

// Len is the header's length in octets.
func (h *IPv4Header) Len() int { return IPv4MinHeader + (len(h.Options)+3)&^3 }

// Put writes the header with its checksum at the start of b, for a datagram with payloadLen octets after it, and
// returns its length. b must have room for it.
func (h *IPv4Header) Put(b []byte, payloadLen int) int {
	n := h.Len()
	b = b[:n]
	frag := uint16(h.FragmentOffset/8) & offsetMask
	if h.DontFragment {
		frag |= flagDF
	}
	if h.MoreFragments {
		frag |= flagMF
	}
	src, dst := h.Src.As4(), h.Dst.As4()
	b[0] = 4<<4 | uint8(n/4)
	b[1] = h.TOS
	binary.BigEndian.PutUint16(b[2:], uint16(n+payloadLen))
	binary.BigEndian.PutUint16(b[4:], h.ID)
	binary.BigEndian.PutUint16(b[6:], frag)
	b[8] = h.TTL
	b[9] = h.Protocol
	b[10], b[11] = 0, 0
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	clear(b[IPv4MinHeader+copy(b[IPv4MinHeader:], h.Options):])
	putIPv4Checksum(b)
	return n
}

// putIPv4Checksum writes the checksum of header, whose checksum field must be zero.
func putIPv4Checksum(header []byte) {
	var c Checksum
	c.Add(header)
	binary.BigEndian.PutUint16(header[10:], c.Fold())
}

package wire

import (
	"encoding/binary"
	"net/netip"
)

// ICMPHeaderLen is the length in octets of an ICMP header: type, code, checksum, and four octets that depend on the
// type.
const ICMPHeaderLen = 8

const icmpChecksumAt = 2

// ICMP is a view of a message that [ParseICMP] has checked (RFC 792).
type ICMP []byte

// ParseICMP checks the message b, the payload of an IPv4 datagram. It may say ErrTruncated or ErrChecksum.
func ParseICMP(b []byte) (ICMP, error) {
	if len(b) < ICMPHeaderLen {
		return nil, ErrTruncated
	}
	var c Checksum
	c.Add(b)
	if c.Fold() != 0 {
		return nil, ErrChecksum
	}
	return ICMP(b), nil
}

// Type says what kind of message it is.
func (m ICMP) Type() ICMPType { return ICMPType(m[0]) }

// Code tells messages of one type apart.
func (m ICMP) Code() uint8 { return m[1] }

// EchoID is an echo's identifier.
func (m ICMP) EchoID() uint16 { return binary.BigEndian.Uint16(m[4:]) }

// EchoSeq is an echo's sequence number.
func (m ICMP) EchoSeq() uint16 { return binary.BigEndian.Uint16(m[6:]) }

// NextHopMTU is the MTU in "fragmentation needed" (RFC 1191 section 4); 0 where the router doesn't tell.
func (m ICMP) NextHopMTU() int { return int(binary.BigEndian.Uint16(m[6:])) }

// Pointer is the place of the octet at fault, counted from the quoted header's start, in "parameter problem".
func (m ICMP) Pointer() int { return int(m[4]) }

// Gateway is the better router in a redirect.
func (m ICMP) Gateway() netip.Addr { return netip.AddrFrom4([4]byte(m[4:8])) }

// Body is what follows the header: an echo's data, or the datagram that an error quotes.
func (m ICMP) Body() []byte { return m[ICMPHeaderLen:] }

// PutEcho writes an echo or echo reply with data at the start of b and returns its length. b must have room for it;
// data may lie in b where it is to go.
func PutEcho(b []byte, t ICMPType, id, seqno uint16, data []byte) int {
	n := ICMPHeaderLen + copy(b[ICMPHeaderLen:ICMPHeaderLen+len(data)], data)
	putICMPHeader(b[:n], t, 0, uint32(id)<<16|uint32(seqno))
	return n
}

// PutEchoReply writes the answer to request at the start of b and returns its length, which is request's. b may be
// request itself.
func PutEchoReply(b []byte, request ICMP) int {
	n := copy(b[:len(request)], request)
	putICMPHeader(b[:n], ICMPEchoReply, 0, binary.BigEndian.Uint32(request[4:]))
	return n
}

// putICMPHeader writes the header of message b, whose body is in place, with its checksum.
func putICMPHeader(b []byte, t ICMPType, code uint8, rest uint32) {
	b[0], b[1], b[2], b[3] = uint8(t), code, 0, 0
	binary.BigEndian.PutUint32(b[4:], rest)
	var c Checksum
	c.Add(b)
	binary.BigEndian.PutUint16(b[icmpChecksumAt:], c.Fold())
}

package wire

import "encoding/binary"

// UDPHeaderLen is the length of a UDP header in octets.
const UDPHeaderLen = 8

const udpChecksumAt = 6

// UDP is a view of a datagram that [ParseUDP] has checked (RFC 768).
type UDP []byte

// ParseUDP checks the header at the start of b, the payload of an IPv4 datagram, and returns the UDP datagram without
// what follows its length. It doesn't look at the checksum: see [VerifyTransport]. It may say ErrTruncated or
// ErrLength.
func ParseUDP(b []byte) (UDP, error) {
	if len(b) < UDPHeaderLen {
		return nil, ErrTruncated
	}
	n := int(binary.BigEndian.Uint16(b[4:]))
	if n < UDPHeaderLen || n > len(b) {
		return nil, ErrLength
	}
	return UDP(b[:n:n]), nil
}

// SrcPort is the source port; 0 where the sender wants no answer.
func (u UDP) SrcPort() uint16 { return binary.BigEndian.Uint16(u[0:]) }

// DstPort is the destination port.
func (u UDP) DstPort() uint16 { return binary.BigEndian.Uint16(u[2:]) }

// Checksum is the checksum field; 0 where the sender made none.
func (u UDP) Checksum() uint16 { return binary.BigEndian.Uint16(u[udpChecksumAt:]) }

// Payload is what follows the header.
func (u UDP) Payload() []byte { return u[UDPHeaderLen:] }

// UDPHeader is what a header is made of.
type UDPHeader struct{ SrcPort, DstPort uint16 }

// Put writes the header at the start of b, for payloadLen octets after it, and returns its length. The checksum field
// is 0, which stands for none: [SetTransportChecksum] or [SetPartialChecksum] fills it.
func (h UDPHeader) Put(b []byte, payloadLen int) int {
	b = b[:UDPHeaderLen]
	binary.BigEndian.PutUint16(b[0:], h.SrcPort)
	binary.BigEndian.PutUint16(b[2:], h.DstPort)
	binary.BigEndian.PutUint16(b[4:], uint16(UDPHeaderLen+payloadLen))
	b[6], b[7] = 0, 0
	return UDPHeaderLen
}

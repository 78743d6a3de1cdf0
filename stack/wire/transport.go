package wire

import (
	"encoding/binary"
	"net/netip"
)

// checksumAt returns the place of the checksum field in the header of proto, which is TCP or UDP.
func checksumAt(proto uint8) int {
	switch proto {
	case ProtoTCP:
		return tcpChecksumAt
	case ProtoUDP:
		return udpChecksumAt
	}
	panic("wire: no checksum over a pseudo-header in this protocol")
}

// wireChecksum is the value that stands in the field for checksum sum: UDP has 0 for "none", and sends the other zero
// of one's complement in its stead (RFC 768).
func wireChecksum(proto uint8, sum uint16) uint16 {
	if proto == ProtoUDP && sum == 0 {
		return 0xffff
	}
	return sum
}

// SetTransportChecksum writes the whole checksum of the TCP or UDP segment that is header, then p (nil: nothing). It
// overwrites what the field held.
func SetTransportChecksum(src, dst netip.Addr, proto uint8, header []byte, p *Payload) {
	at := checksumAt(proto)
	length := len(header)
	if p != nil {
		length += p.len
	}
	c := PseudoHeader(src, dst, proto, length)
	header[at], header[at+1] = 0, 0
	c.Add(header)
	if p != nil {
		for _, b := range p.vec[:p.n] {
			c.Add(b)
		}
	}
	binary.BigEndian.PutUint16(header[at:], wireChecksum(proto, c.Fold()))
}

// SetPartialChecksum writes the sum of the pseudo-header into the TCP or UDP header's checksum field, as a device that
// completes checksums wants it. length counts header and payload.
func SetPartialChecksum(src, dst netip.Addr, proto uint8, header []byte, length int) {
	at := checksumAt(proto)
	c := PseudoHeader(src, dst, proto, length)
	binary.BigEndian.PutUint16(header[at:], c.Partial())
}

// VerifyTransport reports whether segment, the payload of a datagram from src to dst, has the right checksum. A UDP
// datagram without one (RFC 768) passes, and so does a protocol that this package doesn't know. Octets after UDP's own
// length don't count.
func VerifyTransport(src, dst netip.Addr, proto uint8, segment []byte) bool {
	var c Checksum
	switch proto {
	case ProtoICMP:
	case ProtoTCP:
		c = PseudoHeader(src, dst, proto, len(segment))
	case ProtoUDP:
		u, err := ParseUDP(segment)
		if err != nil {
			return false
		}
		if u.Checksum() == 0 {
			return true
		}
		segment = u
		c = PseudoHeader(src, dst, proto, len(segment))
	default:
		return true
	}
	c.Add(segment)
	return c.Fold() == 0
}

// CompleteChecksum makes a partial checksum whole, in place: packet is an IPv4 datagram with TCP or UDP whose checksum
// field holds the pseudo-header's sum. Besides the errors of [ParseIPv4] it may say ErrFragment, ErrProtocol, or that
// the transport header is malformed.
func CompleteChecksum(packet []byte) error {
	ip, err := ParseIPv4(packet)
	if err != nil {
		return err
	}
	if ip.IsFragment() {
		return ErrFragment
	}
	proto, segment := ip.Protocol(), ip.Payload()
	switch proto {
	case ProtoTCP:
		if len(segment) < TCPMinHeader {
			return ErrTruncated
		}
	case ProtoUDP:
		u, err := ParseUDP(segment)
		if err != nil {
			return err
		}
		segment = u
	default:
		return ErrProtocol
	}
	at := checksumAt(proto)
	var c Checksum // the pseudo-header's part is in the field already
	c.Add(segment)
	binary.BigEndian.PutUint16(segment[at:], wireChecksum(proto, c.Fold()))
	return nil
}

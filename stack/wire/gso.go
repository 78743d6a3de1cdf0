package wire

import (
	"encoding/binary"
	"iter"

	"github.com/gotcp/gotcp/stack/seq"
)

// Segments cuts a TCP super-segment or a train of UDP datagrams into the packets that a device without that offload
// sends: packet is an IPv4 datagram in one piece, and each packet yielded has at most gsoSize octets of its transport
// payload (all of it, where gsoSize is below 1). They differ as those that Linux makes do: the IP ID counts up, the
// sequence number advances, FIN and PSH are on the last one only, CWR on the first one only (RFC 3168 section 6.1.2).
// Every packet has whole checksums, no matter whether packet's was partial; a UDP checksum of 0 stays 0.
//
// Each packet is made in scratch, where it has room for one (headers and gsoSize octets; else a slice is allocated), and
// is valid until the next one. packet isn't changed. Besides the errors of [ParseIPv4] it may say ErrFragment,
// ErrProtocol, or that the transport header is malformed.
func Segments(packet []byte, gsoSize int, scratch []byte) (iter.Seq[[]byte], error) {
	c, err := newCutter(packet, gsoSize, scratch)
	return func(yield func([]byte) bool) { c.run(yield) }, err
}

// cutter holds what all packets of one train share.
type cutter struct {
	proto   uint8
	ipLen   int    // octets of IP header
	header  []byte // IP and transport headers
	payload []byte
	size    int    // octets of payload in each packet but the last
	out     []byte // room for one packet
}

func newCutter(packet []byte, gsoSize int, scratch []byte) (cutter, error) {
	ip, err := ParseIPv4(packet)
	if err != nil {
		return cutter{}, err
	}
	if ip.IsFragment() {
		return cutter{}, ErrFragment
	}
	end, hlen := len(ip), ip.HeaderLen()
	switch ip.Protocol() {
	case ProtoTCP:
		n, err := tcpHeaderLen(ip.Payload())
		if err != nil {
			return cutter{}, err
		}
		hlen += n
	case ProtoUDP:
		u, err := ParseUDP(ip.Payload())
		if err != nil {
			return cutter{}, err
		}
		end = hlen + len(u)
		hlen += UDPHeaderLen
	default:
		return cutter{}, ErrProtocol
	}
	c := cutter{proto: ip.Protocol(), ipLen: ip.HeaderLen(), header: ip[:hlen], payload: ip[hlen:end], size: gsoSize}
	if c.size < 1 || c.size > len(c.payload) {
		c.size = len(c.payload)
	}
	c.out = scratch[:cap(scratch)]
	if len(c.out) < hlen+c.size {
		c.out = make([]byte, hlen+c.size)
	}
	return c, nil
}

// run makes the packets. At least one, even where there's no payload; none for a cutter that could not be made.
func (c *cutter) run(yield func([]byte) bool) {
	if c.header == nil {
		return
	}
	for i, at := 0, 0; i == 0 || at < len(c.payload); i++ {
		end := min(at+c.size, len(c.payload))
		if !yield(c.packet(i, at, end)) {
			return
		}
		at = end
	}
}

// packet makes the packet of number i, which carries payload[at:end].
func (c *cutter) packet(i, at, end int) []byte {
	n := copy(c.out, c.header)
	n += copy(c.out[n:], c.payload[at:end])
	ip := IPv4(c.out[:n])
	binary.BigEndian.PutUint16(ip[2:], uint16(n))
	binary.BigEndian.PutUint16(ip[4:], ip.ID()+uint16(i))
	ip[10], ip[11] = 0, 0
	putIPv4Checksum(ip[:c.ipLen])

	segment := ip[c.ipLen:]
	switch c.proto {
	case ProtoTCP:
		c.adjustTCP(segment, at, end)
	case ProtoUDP:
		binary.BigEndian.PutUint16(segment[4:], uint16(len(segment)))
		if UDP(segment).Checksum() == 0 {
			return ip
		}
	}
	SetTransportChecksum(ip.Src(), ip.Dst(), c.proto, segment, nil)
	return ip
}

// adjustTCP makes the copied TCP header that of the segment with payload[at:end].
func (c *cutter) adjustTCP(segment []byte, at, end int) {
	n := seq.Num(binary.BigEndian.Uint32(segment[4:])).Add(at)
	binary.BigEndian.PutUint32(segment[4:], uint32(n))
	if at > 0 {
		segment[13] &^= uint8(CWR)
	}
	if end < len(c.payload) {
		segment[13] &^= uint8(FIN | PSH)
	}
}

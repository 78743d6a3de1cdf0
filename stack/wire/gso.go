package wire

import (
	"encoding/binary"

	"github.com/gotcp/gotcp/stack/seq"
)

// Train is a TCP super-segment, or a train of UDP datagrams, about to be cut into the packets that a device without
// that offload sends: [Segments] makes it, All gives them.
type Train struct {
	proto   uint8
	ipLen   int    // octets of IP header
	header  []byte // IP and transport headers
	payload []byte
	size    int    // octets of payload in each packet but the last
	out     []byte // room for one packet
}

// Segments prepares packet, an IPv4 datagram in one piece, to be cut into packets of at most gsoSize octets of
// transport payload (all of it, where gsoSize is below 1). They differ as those that Linux makes do: the IP ID counts
// up, the sequence number advances, FIN and PSH are on the last one only, CWR on the first one only (RFC 3168 section
// 6.1.2).
// Every packet has whole checksums, no matter whether packet's was partial; a UDP checksum of 0 stays 0.
//
// The packets are made one after the other in scratch, where it is long enough for one (headers and gsoSize octets;
// else a slice is allocated). packet isn't changed, so the two must not overlap. Besides the errors of [ParseIPv4] it
// may say ErrFragment, ErrProtocol, or that the transport header is malformed.
func Segments(packet []byte, gsoSize int, scratch []byte) (Train, error) {
	ip, err := ParseIPv4(packet)
	if err != nil {
		return Train{}, err
	}
	if ip.IsFragment() {
		return Train{}, ErrFragment
	}
	end, hlen := len(ip), ip.HeaderLen()
	switch ip.Protocol() {
	case ProtoTCP:
		n, err := tcpHeaderLen(ip.Payload())
		if err != nil {
			return Train{}, err
		}
		hlen += n
	case ProtoUDP:
		u, err := ParseUDP(ip.Payload())
		if err != nil {
			return Train{}, err
		}
		end = hlen + len(u)
		hlen += UDPHeaderLen
	default:
		return Train{}, ErrProtocol
	}
	t := Train{proto: ip.Protocol(), ipLen: ip.HeaderLen(), header: ip[:hlen], payload: ip[hlen:end], size: gsoSize}
	if t.size < 1 || t.size > len(t.payload) {
		t.size = len(t.payload)
	}
	t.out = scratch
	if len(t.out) < hlen+t.size {
		t.out = make([]byte, hlen+t.size)
	}
	return t, nil
}

// All gives the packets in order, each valid until the next one: for packet := range train.All. That is at least one,
// even where there's no payload, and none for the zero Train.
func (t *Train) All(yield func([]byte) bool) {
	if t.header == nil {
		return
	}
	for i, at := 0, 0; i == 0 || at < len(t.payload); i++ {
		end := min(at+t.size, len(t.payload))
		if !yield(t.packet(i, at, end)) {
			return
		}
		at = end
	}
}

// packet makes the packet of number i, which carries payload[at:end].
func (t *Train) packet(i, at, end int) []byte {
	n := copy(t.out, t.header)
	n += copy(t.out[n:], t.payload[at:end])
	ip := IPv4(t.out[:n])
	binary.BigEndian.PutUint16(ip[2:], uint16(n))
	binary.BigEndian.PutUint16(ip[4:], ip.ID()+uint16(i))
	ip[10], ip[11] = 0, 0
	putIPv4Checksum(ip[:t.ipLen])

	segment := ip[t.ipLen:]
	switch t.proto {
	case ProtoTCP:
		t.adjustTCP(segment, at, end)
	case ProtoUDP:
		binary.BigEndian.PutUint16(segment[4:], uint16(len(segment)))
		if UDP(segment).Checksum() == 0 {
			return ip
		}
	}
	SetTransportChecksum(ip.Src(), ip.Dst(), t.proto, segment, nil)
	return ip
}

// adjustTCP makes the copied TCP header that of the segment with payload[at:end].
func (t *Train) adjustTCP(segment []byte, at, end int) {
	n := seq.Num(binary.BigEndian.Uint32(segment[4:])).Add(at)
	binary.BigEndian.PutUint32(segment[4:], uint32(n))
	if at > 0 {
		segment[13] &^= uint8(CWR)
	}
	if end < len(t.payload) {
		segment[13] &^= uint8(FIN | PSH)
	}
}

package wire_test

import (
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/gotcp/gotcp/stack/wire"
)

var (
	left  = netip.MustParseAddr("192.0.2.1")
	right = netip.MustParseAddr("198.51.100.2")
)

// unhex decodes hexadecimal digits, in which blanks are ignored.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// octets returns n octets that look random and are the same every time.
func octets(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// naiveSum is RFC 1071's definition, word by word: the folded sum, not complemented.
func naiveSum(b []byte) uint16 {
	var s uint32
	for i := 0; i < len(b); i += 2 {
		w := uint32(b[i]) << 8
		if i+1 < len(b) {
			w |= uint32(b[i+1])
		}
		s += w
		if s > 0xffff {
			s -= 0xffff // the end-around carry
		}
	}
	return uint16(s)
}

// naiveTransport is the checksum that the transport header in segment should have, whose checksum field is at place at.
func naiveTransport(src, dst netip.Addr, proto uint8, segment []byte, at int) uint16 {
	s, d := src.As4(), dst.As4()
	b := append(append([]byte{}, s[:]...), d[:]...)
	b = append(b, 0, proto, byte(len(segment)>>8), byte(len(segment)))
	b = append(b, segment...)
	b[12+at], b[12+at+1] = 0, 0
	return ^naiveSum(b)
}

// payload scatters b over slices of at most n octets.
func payload(t testing.TB, b []byte, n int) *wire.Payload {
	t.Helper()
	var p wire.Payload
	for len(b) > 0 {
		k := min(n, len(b))
		if !p.Append(b[:k]) {
			t.Fatal("the payload has too many pieces")
		}
		b = b[k:]
	}
	return &p
}

// tcpPacket makes a datagram from left to right with whole checksums. The segment's TOS goes into the IP header.
func tcpPacket(s *wire.Segment) []byte {
	n := s.HeaderLen() + s.Payload.Len()
	h := wire.IPv4Header{
		ID: 7, TOS: s.TOS, DontFragment: true, TTL: 64, Protocol: wire.ProtoTCP, Src: left, Dst: right,
	}
	b := make([]byte, wire.IPv4MinHeader+n)
	segment := b[h.Put(b, n):]
	copy(segment[s.PutHeader(segment):], s.Payload.Bytes())
	wire.SetTransportChecksum(left, right, wire.ProtoTCP, segment, nil)
	return b
}

// udpPacket makes a datagram from left to right with whole checksums.
func udpPacket(srcPort, dstPort uint16, data []byte) []byte {
	n := wire.UDPHeaderLen + len(data)
	h := wire.IPv4Header{ID: 7, DontFragment: true, TTL: 64, Protocol: wire.ProtoUDP, Src: left, Dst: right}
	b := make([]byte, wire.IPv4MinHeader+n)
	segment := b[h.Put(b, n):]
	copy(segment[wire.UDPHeader{SrcPort: srcPort, DstPort: dstPort}.Put(segment, len(data)):], data)
	wire.SetTransportChecksum(left, right, wire.ProtoUDP, segment, nil)
	return b
}

// icmpPacket makes a datagram from left to right around message m.
func icmpPacket(m []byte) []byte {
	h := wire.IPv4Header{ID: 7, TTL: 64, Protocol: wire.ProtoICMP, Src: left, Dst: right}
	b := make([]byte, wire.IPv4MinHeader+len(m))
	copy(b[h.Put(b, len(m)):], m)
	return b
}

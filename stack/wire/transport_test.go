package wire_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/gotcp/gotcp/stack/wire"
)

func TestSetTransportChecksum(t *testing.T) {
	// Whatever pieces the data is in, the checksum is that of one piece.
	for _, proto := range []uint8{wire.ProtoTCP, wire.ProtoUDP} {
		headerLen, at := protoLayout(proto)
		for _, n := range []int{0, 1, 2, 3, 7, 100, 1459, 1460} {
			data := octets(n)
			whole := append(octets(headerLen), data...)
			want := naiveTransport(left, right, proto, whole, at)
			for _, piece := range []int{max(1, (n+wire.MaxVec-1)/wire.MaxVec), n/2 + 1, n + 1} {
				header := bytes.Clone(whole[:headerLen])
				wire.SetTransportChecksum(left, right, proto, header, payload(t, data, piece))
				if got := binary.BigEndian.Uint16(header[at:]); got != want {
					t.Errorf("protocol %d, %d octets in pieces of %d: checksum %#04x, want %#04x",
						proto, n, piece, got, want)
				}
			}
			wire.SetTransportChecksum(left, right, proto, whole, nil)
			if got := binary.BigEndian.Uint16(whole[at:]); got != want {
				t.Errorf("protocol %d, %d octets in line: checksum %#04x, want %#04x", proto, n, got, want)
			}
		}
	}
}

// protoLayout gives a header's smallest length and where its checksum is (RFC 9293 section 3.1, RFC 768).
func protoLayout(proto uint8) (headerLen, at int) {
	if proto == wire.ProtoTCP {
		return 20, 16
	}
	return 8, 6
}

func TestPartialChecksumCompleted(t *testing.T) {
	packets := map[string][]byte{
		"udp": udpPacket(5, 6, octets(33)), "udp, empty": udpPacket(5, 6, nil),
		"tcp, the smallest": tcpPacket(&wire.Segment{Flags: wire.ACK}),
	}
	for _, n := range []int{0, 1, 1460, 65000} {
		seg := exampleSegment()
		seg.Payload.Append(octets(n))
		packets[fmt.Sprintf("tcp, %d octets", n)] = tcpPacket(&seg)
	}
	for name, whole := range packets {
		ip, err := wire.ParseIPv4(whole)
		if err != nil {
			t.Fatal(err)
		}
		_, at := protoLayout(ip.Protocol())
		b := bytes.Clone(whole)
		segment := b[20:]
		wire.SetPartialChecksum(left, right, ip.Protocol(), segment, len(segment))
		pseudo := append(bytes.Clone(b[12:20]), 0, ip.Protocol(), byte(len(segment)>>8), byte(len(segment)))
		if got, want := binary.BigEndian.Uint16(segment[at:]), naiveSum(pseudo); got != want {
			t.Errorf("%s: partial checksum %#04x, want the pseudo-header's sum %#04x", name, got, want)
		}
		if err := wire.CompleteChecksum(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(b, whole) {
			t.Errorf("%s: completed, the packet differs from one that was never partial", name)
		}
	}
}

func TestCompleteChecksumWithPadding(t *testing.T) {
	whole := udpPacket(5, 6, octets(5))
	b := append(bytes.Clone(whole), 0xaa, 0xbb, 0xcc)
	wire.SetPartialChecksum(left, right, wire.ProtoUDP, b[20:], wire.UDPHeaderLen+5)
	if err := wire.CompleteChecksum(b); err != nil || !bytes.Equal(b[:len(whole)], whole) {
		t.Errorf("%v; what follows the datagram must not count", err)
	}
}

func TestCompleteChecksumRefuses(t *testing.T) {
	put := func(h wire.IPv4Header, payload []byte) []byte {
		h.Src, h.Dst = left, right
		b := make([]byte, h.Len()+len(payload))
		copy(b[h.Put(b, len(payload)):], payload)
		return b
	}
	rows := []struct {
		name   string
		packet []byte
		want   error
	}{
		{"nothing", nil, wire.ErrTruncated},
		{"ICMP", put(wire.IPv4Header{Protocol: wire.ProtoICMP}, make([]byte, 30)), wire.ErrProtocol},
		{"a first fragment", put(wire.IPv4Header{Protocol: wire.ProtoTCP, MoreFragments: true}, make([]byte, 30)),
			wire.ErrFragment},
		{"TCP without a header", put(wire.IPv4Header{Protocol: wire.ProtoTCP}, make([]byte, 19)), wire.ErrTruncated},
		{"UDP without a header", put(wire.IPv4Header{Protocol: wire.ProtoUDP}, make([]byte, 7)), wire.ErrTruncated},
		{"UDP with length 0", put(wire.IPv4Header{Protocol: wire.ProtoUDP}, make([]byte, 8)), wire.ErrLength},
	}
	for _, r := range rows {
		if err := wire.CompleteChecksum(r.packet); err != r.want {
			t.Errorf("%s: %v, want %v", r.name, err, r.want)
		}
	}
}

func TestVerifyTransport(t *testing.T) {
	seg := exampleSegment()
	seg.Payload.Append([]byte("odd"))
	echo := make([]byte, 11)
	wire.PutEcho(echo, wire.ICMPEcho, 1, 2, []byte("odd"))
	for proto, segment := range map[uint8][]byte{
		wire.ProtoTCP:  tcpPacket(&seg)[20:],
		wire.ProtoUDP:  udpPacket(1, 2, []byte("odd"))[20:],
		wire.ProtoICMP: echo,
	} {
		if !wire.VerifyTransport(left, right, proto, segment) {
			t.Errorf("protocol %d: a right checksum is refused", proto)
		}
		for i := range segment {
			for bit := range 8 {
				segment[i] ^= 1 << bit
				if wire.VerifyTransport(left, right, proto, segment) {
					t.Errorf("protocol %d: bit %d of octet %d flipped is not noticed", proto, bit, i)
				}
				segment[i] ^= 1 << bit
			}
		}
		if proto != wire.ProtoICMP && wire.VerifyTransport(left, left, proto, segment) {
			t.Errorf("protocol %d: another destination is not noticed", proto)
		}
	}
	if wire.VerifyTransport(left, right, wire.ProtoUDP, make([]byte, 7)) {
		t.Error("a UDP datagram without a header is accepted")
	}
	if !wire.VerifyTransport(left, right, 99, []byte("what it means is unknown")) {
		t.Error("an unknown protocol can't have a wrong checksum")
	}
}

func TestTransportAllocatesNothing(t *testing.T) {
	var sent wire.Segment
	sent.Options = wire.Options{HasTS: true, TSVal: 1, TSEcr: 2}
	data := octets(4000)
	for i := range 4 {
		sent.Payload.Append(data[i*1000 : i*1000+999])
	}
	received := tcpPacket(&sent)
	buf := make([]byte, 128)
	h := wire.IPv4Header{TTL: 64, Protocol: wire.ProtoTCP, Src: left, Dst: right}
	out := func() {
		n := h.Put(buf, sent.HeaderLen()+sent.Payload.Len())
		header := buf[n : n+sent.PutHeader(buf[n:])]
		wire.SetTransportChecksum(left, right, wire.ProtoTCP, header, &sent.Payload)
		wire.SetPartialChecksum(left, right, wire.ProtoTCP, header, len(header)+sent.Payload.Len())
	}
	in := func() {
		ip, err := wire.ParseIPv4(received)
		var seg wire.Segment
		if err != nil || wire.ParseSegment(ip.Payload(), &seg) != nil ||
			!wire.VerifyTransport(ip.Src(), ip.Dst(), ip.Protocol(), ip.Payload()) {
			t.Error("a good packet is refused")
		}
	}
	if n := testing.AllocsPerRun(100, out); n != 0 {
		t.Errorf("a segment on its way out costs %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, in); n != 0 {
		t.Errorf("a segment on its way in costs %v allocations", n)
	}
}

func BenchmarkSegmentOut(b *testing.B) {
	seg := wire.Segment{Options: wire.Options{HasTS: true}}
	seg.Payload.Append(octets(1448))
	buf := make([]byte, 128)
	h := wire.IPv4Header{TTL: 64, Protocol: wire.ProtoTCP, Src: left, Dst: right}
	b.ReportAllocs()
	for b.Loop() {
		n := h.Put(buf, seg.HeaderLen()+seg.Payload.Len())
		header := buf[n : n+seg.PutHeader(buf[n:])]
		wire.SetTransportChecksum(left, right, wire.ProtoTCP, header, &seg.Payload)
	}
}

func BenchmarkSegmentIn(b *testing.B) {
	sent := wire.Segment{Options: wire.Options{HasTS: true}}
	sent.Payload.Append(octets(1448))
	packet := tcpPacket(&sent)
	var seg wire.Segment
	b.ReportAllocs()
	for b.Loop() {
		ip, _ := wire.ParseIPv4(packet)
		if wire.ParseSegment(ip.Payload(), &seg) != nil ||
			!wire.VerifyTransport(ip.Src(), ip.Dst(), ip.Protocol(), ip.Payload()) {
			b.Fatal("a good packet is refused")
		}
	}
}

func TestChecksumOfUnknownProtocolPanics(t *testing.T) {
	// Where there is no pseudo-header, a caller has mixed up something: that must not go unnoticed.
	for _, proto := range []uint8{wire.ProtoICMP, 99} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("protocol %d: a checksum was written somewhere", proto)
				}
			}()
			wire.SetPartialChecksum(left, right, proto, make([]byte, 20), 20)
		}()
	}
}

package wire_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// cut returns copies of the packets that packet is cut into.
func cut(t testing.TB, packet []byte, size int, scratch []byte) [][]byte {
	t.Helper()
	train, err := wire.Segments(packet, size, scratch)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for p := range train.All {
		out = append(out, bytes.Clone(p))
	}
	return out
}

func superSegment(data []byte) *wire.Segment {
	seg := &wire.Segment{
		SrcPort: 80, DstPort: 4321, Seq: 0xfffffff0, Ack: 99, Window: 500, TOS: 2,
		Flags:   wire.ACK | wire.PSH | wire.FIN | wire.CWR | wire.ECE,
		Options: wire.Options{HasTS: true, TSVal: 5, TSEcr: 6},
	}
	seg.Payload.Append(data)
	return seg
}

func TestSegmentsTCP(t *testing.T) {
	data := octets(3500)
	seg := superSegment(data)
	packet := tcpPacket(seg)
	binary.BigEndian.PutUint16(packet[4:], 0xffff) // the IP ID wraps, too
	fixIPv4(packet)
	before := bytes.Clone(packet)
	got := cut(t, packet, 1000, make([]byte, 1500))
	if !bytes.Equal(packet, before) {
		t.Error("the super-segment itself was changed")
	}
	if len(got) != 4 {
		t.Fatalf("%d packets, want 4", len(got))
	}
	wantFlags := []wire.Flags{ // FIN and PSH on the last one, CWR on the first one, ECE and ACK on all
		wire.ACK | wire.ECE | wire.CWR,
		wire.ACK | wire.ECE,
		wire.ACK | wire.ECE,
		wire.ACK | wire.ECE | wire.PSH | wire.FIN,
	}
	for i, b := range got {
		ip, err := wire.ParseIPv4(b)
		if err != nil || len(ip) != len(b) {
			t.Fatalf("packet %d: %v, total length %d of %d", i, err, len(ip), len(b))
		}
		want := uint16(0xffff) + uint16(i)
		if ip.ID() != want || !ip.DontFragment() || ip.TOS() != 2 || ip.TTL() != 64 {
			t.Errorf("packet %d: IP ID %d, DF %v, TOS %d, TTL %d; want the super-segment's with ID %d",
				i, ip.ID(), ip.DontFragment(), ip.TOS(), ip.TTL(), want)
		}
		var s wire.Segment
		if err := wire.ParseSegment(ip.Payload(), &s); err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		if !wire.VerifyTransport(ip.Src(), ip.Dst(), ip.Protocol(), ip.Payload()) {
			t.Errorf("packet %d: the checksum is wrong", i)
		}
		one := *seg
		one.TOS, one.Seq, one.Flags = 0, seg.Seq.Add(1000*i), wantFlags[i]
		one.Payload.Reset()
		one.Payload.Append(data[1000*i : min(1000*i+1000, 3500)])
		if s.String() != one.String() || !bytes.Equal(s.Payload.Bytes(), one.Payload.Bytes()) {
			t.Errorf("packet %d: got %v\nwant %v", i, &s, &one)
		}
		if s.SrcPort != 80 || s.DstPort != 4321 {
			t.Errorf("packet %d: ports %d and %d", i, s.SrcPort, s.DstPort)
		}
	}
}

func TestSegmentsUDP(t *testing.T) {
	data := octets(2500)
	packet := udpPacket(53, 4321, data)
	got := cut(t, packet, 1200, nil)
	if len(got) != 3 {
		t.Fatalf("%d datagrams, want 3", len(got))
	}
	for i, b := range got {
		want := udpPacket(53, 4321, data[i*1200:min(i*1200+1200, 2500)])
		binary.BigEndian.PutUint16(want[4:], 7+uint16(i))
		fixIPv4(want)
		if !bytes.Equal(b, want) {
			t.Errorf("datagram %d isn't as if it had been sent alone:\n got %x\nwant %x", i, b, want)
		}
	}

	packet[26], packet[27] = 0, 0
	for i, b := range cut(t, packet, 1200, nil) {
		if c := binary.BigEndian.Uint16(b[26:]); c != 0 {
			t.Errorf("datagram %d has checksum %#04x where its sender made none", i, c)
		}
	}
}

func TestSegmentsOfPartialChecksum(t *testing.T) {
	for _, packet := range [][]byte{tcpPacket(superSegment(octets(300))), udpPacket(1, 2, octets(300))} {
		want := cut(t, packet, 100, nil)
		wire.SetPartialChecksum(left, right, packet[9], packet[20:], len(packet)-20)
		got := cut(t, packet, 100, nil)
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("protocol %d: what the checksum field held changes the packets", packet[9])
		}
	}
}

func TestSegmentsSizes(t *testing.T) {
	rows := []struct {
		data, size, packets int
		why                 string
	}{
		{1000, 1000, 1, "it fits"},
		{1000, 1001, 1, "it fits with room"},
		{1000, 999, 2, "one octet too many"},
		{1000, 500, 2, "no empty packet at the end"},
		{1000, 1, 1000, "one by one"},
		{1000, 0, 1, "no size, no cut"},
		{1000, -5, 1, "no size, no cut"},
		{0, 100, 1, "a packet without data stays a packet"},
		{0, 0, 1, "neither data nor size"},
	}
	for _, r := range rows {
		seg := superSegment(octets(r.data))
		for _, packet := range [][]byte{tcpPacket(seg), udpPacket(1, 2, octets(r.data))} {
			got := cut(t, packet, r.size, nil)
			if len(got) != r.packets {
				t.Errorf("protocol %d: %d octets by %d are %d packets, want %d: %s",
					packet[9], r.data, r.size, len(got), r.packets, r.why)
			}
			if r.packets == 1 && !bytes.Equal(got[0], packet) {
				t.Errorf("protocol %d: one packet, but not the same: %s", packet[9], r.why)
			}
		}
	}
}

func TestSegmentsWithPaddingAndOptions(t *testing.T) {
	h := wire.IPv4Header{Options: []byte{148, 4, 0, 0}, Protocol: wire.ProtoUDP, Src: left, Dst: right}
	b := make([]byte, 24+8+10+6) // six octets of link padding and, before them, two within the IP datagram
	h.Put(b, 8+10)
	wire.UDPHeader{SrcPort: 1, DstPort: 2}.Put(b[24:], 8)
	wire.SetTransportChecksum(left, right, wire.ProtoUDP, b[24:40], nil)
	got := cut(t, b, 5, nil)
	if len(got) != 2 || len(got[0]) != 24+8+5 || len(got[1]) != 24+8+3 {
		t.Fatalf("%x, want packets of 37 and 35 octets", got)
	}
	for i, p := range got {
		ip, err := wire.ParseIPv4(p)
		if err != nil || !bytes.Equal(ip.Options(), h.Options) ||
			!wire.VerifyTransport(left, right, wire.ProtoUDP, ip.Payload()) {
			t.Errorf("packet %d: %v, options %x", i, err, ip.Options())
		}
	}
}

func TestSegmentsScratch(t *testing.T) {
	packet := tcpPacket(superSegment(octets(1000)))
	scratch := make([]byte, 52+100) // headers of 20 and 32 octets
	train, err := wire.Segments(packet, 100, scratch)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for p := range train.All {
		if &p[0] != &scratch[0] {
			t.Error("the packet doesn't lie in the scratch buffer, which has room")
		}
		if n++; n == 3 {
			break // an iterator must bear that
		}
	}
	for _, short := range [][]byte{scratch[:151], scratch[:0], nil} {
		clear(scratch)
		if got := cut(t, packet, 100, short); len(got) != 10 || scratch[0] != 0 {
			t.Errorf("with %d octets of scratch: %d packets, want 10; octets of scratch written: %v",
				len(short), len(got), scratch[0] != 0)
		}
	}
	allocs := testing.AllocsPerRun(10, func() {
		train, err := wire.Segments(packet, 100, scratch)
		if err != nil {
			t.Error(err)
		}
		for p := range train.All {
			sink += uint16(len(p))
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for a super-segment of ten packets", allocs)
	}
}

func TestSegmentsRefuses(t *testing.T) {
	tcp := tcpPacket(superSegment(octets(10)))
	edit := func(b []byte, at int, v byte) []byte {
		b = bytes.Clone(b)
		b[at] = v
		fixIPv4(b)
		return b
	}
	rows := []struct {
		name   string
		packet []byte
		want   error
	}{
		{"nothing", nil, wire.ErrTruncated},
		{"a cut packet", tcp[:40], wire.ErrTruncated},
		{"a fragment", edit(tcp, 6, 0x20), wire.ErrFragment},
		{"another protocol", edit(tcp, 9, wire.ProtoICMP), wire.ErrProtocol},
		{"data offset 0", edit(tcp, 32, 0), wire.ErrDataOffset},
		{"data offset past the end", edit(tcp, 32, 0xf0), wire.ErrDataOffset},
		{"half a TCP header", edit(tcp[:30], 3, 30), wire.ErrTruncated},
		{"half a UDP header", edit(udpPacket(1, 2, nil)[:27], 3, 27), wire.ErrTruncated},
		{"UDP length past the end", edit(udpPacket(1, 2, nil), 25, 9), wire.ErrLength},
	}
	for _, r := range rows {
		train, err := wire.Segments(r.packet, 100, nil)
		if err != r.want {
			t.Errorf("%s: %v, want %v", r.name, err, r.want)
		}
		for range train.All {
			t.Errorf("%s: there is a packet in spite of the error", r.name)
		}
	}
}

// FuzzSegments checks that the packets' data, in order, is the super-segment's, and that each is in good order.
func FuzzSegments(f *testing.F) {
	f.Add(tcpPacket(superSegment([]byte("some data"))), 4)
	f.Add(udpPacket(1, 2, []byte("some data")), 4)
	f.Add(udpPacket(1, 2, nil), 0)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		train, err := wire.Segments(b, size, make([]byte, 256))
		if err != nil {
			return
		}
		whole, _ := wire.ParseIPv4(b)
		first := seq.Num(binary.BigEndian.Uint32(whole.Payload()[4:]))
		var data []byte
		for p := range train.All {
			ip, err := wire.ParseIPv4(p)
			if err != nil || len(ip) != len(p) ||
				!wire.VerifyTransport(ip.Src(), ip.Dst(), ip.Protocol(), ip.Payload()) {
				t.Fatalf("packet %x: %v, or a bad length or checksum", p, err)
			}
			part := payloadOf(t, ip)
			if size > 0 && len(part) > size {
				t.Errorf("%d octets in a packet, more than %d", len(part), size)
			}
			n := seq.Num(binary.BigEndian.Uint32(ip.Payload()[4:]))
			if ip.Protocol() == wire.ProtoTCP && n != first.Add(len(data)) {
				t.Errorf("sequence number %v after %d octets from %v", n, len(data), first)
			}
			data = append(data, part...)
		}
		if !bytes.Equal(data, payloadOf(t, whole)) {
			t.Errorf("data %x became %x", payloadOf(t, whole), data)
		}
	})
}

// payloadOf is the TCP or UDP payload of ip.
func payloadOf(t *testing.T, ip wire.IPv4) []byte {
	t.Helper()
	if ip.Protocol() == wire.ProtoUDP {
		u, err := wire.ParseUDP(ip.Payload())
		if err != nil {
			t.Fatal(err)
		}
		return u.Payload()
	}
	var s wire.Segment
	if err := wire.ParseSegment(ip.Payload(), &s); err != nil {
		t.Fatal(err)
	}
	return s.Payload.Bytes()
}

func BenchmarkSegments(b *testing.B) {
	packet := tcpPacket(superSegment(octets(64000)))
	scratch := make([]byte, 1500)
	b.SetBytes(int64(len(packet)))
	b.ReportAllocs()
	for b.Loop() {
		train, err := wire.Segments(packet, 1448, scratch)
		if err != nil {
			b.Fatal(err)
		}
		for p := range train.All {
			sink += uint16(len(p))
		}
	}
}

package wire_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

func TestSegmentString(t *testing.T) {
	data := func(n int, s wire.Segment) wire.Segment { s.Payload.Append(make([]byte, n)); return s }
	rows := []struct {
		s    wire.Segment
		want string
	}{
		{wire.Segment{Flags: wire.SYN | wire.ACK, Ack: 1, Window: 65535, Options: wire.Options{
			HasMSS: true, MSS: 1460, SACKPermitted: true, HasTS: true, TSVal: 1, HasWScale: true, WScale: 7,
		}}, "S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>"},
		{wire.Segment{Flags: wire.SYN, Window: 100, Options: wire.Options{
			HasMSS: true, MSS: 536, HasTS: true, TSVal: 1, TSEcr: 2,
		}}, "S 0:0(0) win 100 <mss 536,nop,nop,TS val 1 ecr 2>"},
		{wire.Segment{Flags: wire.SYN, Options: wire.Options{HasMSS: true, MSS: 1, SACKPermitted: true}},
			"S 0:0(0) win 0 <mss 1,nop,nop,sackOK>"},
		{data(10, wire.Segment{Flags: wire.ACK | wire.PSH, Seq: 4294967290, Ack: 5, Window: 1}),
			"P. 4294967290:4(10) ack 5 win 1"},
		{data(1, wire.Segment{Flags: wire.FIN | wire.ACK, Seq: 9, Ack: 5, Window: 1}), "F. 9:10(1) ack 5 win 1"},
		{wire.Segment{Flags: wire.RST, Seq: 7, Ack: 5}, "R 7:7(0) win 0"},
		{wire.Segment{Seq: 7}, "- 7:7(0) win 0"},
		{wire.Segment{Flags: wire.ACK | wire.URG | wire.ECE | wire.CWR, Ack: 1, Urgent: 3},
			"UEW. 0:0(0) ack 1 win 0 urg 3"},
		{wire.Segment{Flags: wire.ACK, Ack: 1, Window: 9, Options: wire.Options{
			HasTS: true, TSVal: 4294967295, TSEcr: 2,
			NSACK: 2, SACK: [4]seq.Span{{Start: 10, End: 20}, {Start: 4294967290, End: 4}}}},
			". 0:0(0) ack 1 win 9 <nop,nop,TS val 4294967295 ecr 2,nop,nop,sack 10:20 4294967290:4>"},
	}
	for _, r := range rows {
		if got := r.s.String(); got != r.want {
			t.Errorf("got  %s\nwant %s", got, r.want)
		}
		if got := r.s.Options.String(); got != "" && !strings.HasSuffix(r.want, "<"+got+">") {
			t.Errorf("the options alone are %q, want the end of %q", got, r.want)
		}
	}
	var none wire.Options
	if none.String() != "" {
		t.Errorf("no options print as %q", none.String())
	}
}

func TestSegmentStringRelative(t *testing.T) {
	s := wire.Segment{Flags: wire.ACK, Seq: 1001, Ack: 4, Window: 9,
		Options: wire.Options{NSACK: 1, SACK: [4]seq.Span{{Start: 104, End: 204}}}}
	s.Payload.Append(make([]byte, 100))
	// The acknowledgment number and the SACK blocks count the peer's octets, whose origin is before the wrap here.
	want := ". 1:101(100) ack 10 win 9 <nop,nop,sack 110:210>"
	if got := s.StringRelative(1000, 4294967290); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDescribePacket(t *testing.T) {
	seg := wire.Segment{SrcPort: 80, DstPort: 4321, Seq: 1, Ack: 1, Flags: wire.ACK | wire.PSH, Window: 512}
	seg.Payload.Append([]byte("data"))
	const tcpText = "192.0.2.1:80 > 198.51.100.2:4321: P. 1:5(4) ack 1 win 512"
	const udpText = "192.0.2.1:53 > 198.51.100.2:4321: udp (4)"
	tcp := func() []byte { return tcpPacket(&seg) }
	udp := func() []byte { return udpPacket(53, 4321, []byte("data")) }
	echo := make([]byte, 12)
	wire.PutEcho(echo, wire.ICMPEcho, 1, 2, []byte("data"))
	ip := func(h wire.IPv4Header, payload []byte) []byte {
		h.Src, h.Dst = left, right
		b := make([]byte, h.Len()+len(payload))
		copy(b[h.Put(b, len(payload)):], payload)
		return b
	}
	edit := func(b []byte, f func([]byte)) []byte { f(b); return b }
	fragment := wire.IPv4Header{ID: 9, MoreFragments: true, Protocol: wire.ProtoUDP}
	last := wire.IPv4Header{ID: 9, FragmentOffset: 1480, Protocol: wire.ProtoICMP}
	rows := []struct {
		name   string
		packet []byte
		want   string
	}{
		{"TCP", tcp(), tcpText},
		{"TCP with padding", append(tcp(), 0, 0), tcpText},
		{"a partial checksum is nothing special", edit(tcp(), func(b []byte) {
			wire.SetPartialChecksum(left, right, wire.ProtoTCP, b[20:], len(b)-20)
		}), tcpText},
		{"a wrong checksum", edit(tcp(), func(b []byte) { b[43] ^= 1 }), tcpText + " (checksum is wrong)"},
		{"ECN", edit(tcp(), func(b []byte) { b[1] = 3; fixIPv4(b) }), tcpText + " [ce]"},
		{"ECT(0)", edit(tcp(), func(b []byte) { b[1] = 2; fixIPv4(b) }), tcpText + " [ect0]"},
		{"ECT(1)", edit(tcp(), func(b []byte) { b[1] = 1; fixIPv4(b) }), tcpText + " [ect1]"},
		{"a wrong IP checksum", edit(tcp(), func(b []byte) { b[10] ^= 1 }), tcpText + " (IP header checksum is wrong)"},
		{"half a TCP header", ip(wire.IPv4Header{Protocol: wire.ProtoTCP}, []byte{1, 2}),
			"192.0.2.1 > 198.51.100.2: bad tcp (packet ends before its headers say): 0102"},
		{"UDP", udp(), udpText},
		{"UDP, wrong", edit(udp(), func(b []byte) { b[30] ^= 1 }), udpText + " (checksum is wrong)"},
		{"UDP, partial", edit(udp(), func(b []byte) {
			wire.SetPartialChecksum(left, right, wire.ProtoUDP, b[20:], len(b)-20)
		}), udpText},
		{"UDP with a bad length", edit(udp(), func(b []byte) { b[25] = 99 }),
			"192.0.2.1 > 198.51.100.2: bad udp (UDP length is out of range): 003510e10063" + "XXXX" + "64617461"},
		{"UDP, first fragment", ip(fragment, []byte{0, 53, 0x10, 0xe1, 5, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}),
			"192.0.2.1:53 > 198.51.100.2:4321: udp (8) (fragment of 9: 0+16, more)"},
		{"a later fragment", ip(last, []byte("whatever")),
			"192.0.2.1 > 198.51.100.2: icmp (fragment of 9: 1480+8)"},
		{"an echo", icmpPacket(echo), "192.0.2.1 > 198.51.100.2: icmp echo_request id 1 seq 2 (4)"},
		{"an echo, wrong", edit(icmpPacket(echo), func(b []byte) { b[22] ^= 1 }),
			"192.0.2.1 > 198.51.100.2: icmp echo_request id 1 seq 2 (4) (checksum is wrong)"},
		{"half a message", icmpPacket(echo[:7]),
			"192.0.2.1 > 198.51.100.2: bad icmp (packet ends before its headers say): " + "08XXXXXX000100"},
		{"another protocol", ip(wire.IPv4Header{Protocol: 47}, make([]byte, 9)),
			"192.0.2.1 > 198.51.100.2: protocol 47, 9 octets"},
		{"IP options", ip(wire.IPv4Header{Protocol: 47, Options: []byte{148, 4, 0, 0}}, nil),
			"192.0.2.1 > 198.51.100.2: protocol 47, 0 octets (IP options 94040000)"},
		{"IPv6", []byte{0x60, 1}, "bad packet of 2 octets (IP version is not 4): 6001"},
		{"nothing", nil, "bad packet of 0 octets (packet ends before its headers say): "},
		{"a long one is cut", append([]byte{0x60}, make([]byte, 99)...),
			"bad packet of 100 octets (IP version is not 4): 60" + zeros(39)},
	}
	for _, r := range rows {
		if got := wire.DescribePacket(r.packet); !matches(got, r.want) {
			t.Errorf("%s:\n got %s\nwant %s", r.name, got, r.want)
		}
	}
}

// matches compares got with want, where an X stands for any letter: a checksum's digit.
func matches(got, want string) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range len(got) {
		if want[i] != 'X' && want[i] != got[i] {
			return false
		}
	}
	return true
}

func TestDescribeQuotes(t *testing.T) {
	echo := make([]byte, 8)
	wire.PutEcho(echo, wire.ICMPEcho, 1, 2, nil)
	rows := []struct {
		quoted []byte
		want   string
	}{
		{udpPacket(53, 4321, nil), "[192.0.2.1:53 > 198.51.100.2:4321: udp]"},
		{icmpPacket(echo), "[192.0.2.1 > 198.51.100.2: icmp echo id 1 seq 2]"},
		{icmpPacket(make([]byte, 8)), "[192.0.2.1 > 198.51.100.2: icmp echo id 0 seq 0]"},
	}
	other := udpPacket(1, 2, nil)
	other[9] = 47
	rows = append(rows, struct {
		quoted []byte
		want   string
	}{other, "[192.0.2.1 > 198.51.100.2: protocol 47]"})
	for _, r := range rows {
		m := make([]byte, 100)
		n := wire.TimeExceeded(0).Put(m, r.quoted)
		want := "192.0.2.1 > 198.51.100.2: icmp time_exceeded ttl " + r.want
		if got := wire.DescribePacket(icmpPacket(m[:n])); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// FuzzDescribePacket checks that any packet can be printed, on one line.
func FuzzDescribePacket(f *testing.F) {
	f.Add(tcpPacket(superSegment([]byte("some data"))))
	f.Add(udpPacket(1, 2, []byte("some data")))
	m := make([]byte, 600)
	f.Add(icmpPacket(m[:wire.FragmentationNeeded(1400).Put(m, udpPacket(1, 2, []byte("some data")))]))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.Clone(b)
		if len(b) >= 20 && b[0]>>4 == 4 && int(b[0]&0xf)*4 <= len(b) {
			fixIPv4(b) // else hardly a packet comes through
		}
		if s := wire.DescribePacket(b); s == "" || strings.Contains(s, "\n") {
			t.Errorf("%x prints as %q", b, s)
		}
	})
}

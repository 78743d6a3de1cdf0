package wire_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"

	"github.com/gotcp/gotcp/stack/wire"
)

// pingData and its checksum, 4d5a, are those of the first ping that Windows sends.
const pingData = "abcdefghijklmnopqrstuvwabcdefghi"

func TestPutEcho(t *testing.T) {
	b := make([]byte, 60)
	n := wire.PutEcho(b, wire.ICMPEcho, 1, 1, []byte(pingData))
	want := append(unhex(t, "0800 4d5a 0001 0001"), pingData...)
	if !bytes.Equal(b[:n], want) {
		t.Errorf("got  %x\nwant %x", b[:n], want)
	}
	request, err := wire.ParseICMP(b[:n])
	if err != nil {
		t.Fatal(err)
	}
	if request.Type() != wire.ICMPEcho || request.Code() != 0 || request.EchoID() != 1 || request.EchoSeq() != 1 ||
		string(request.Body()) != pingData {
		t.Errorf("%v code %d id %d seq %d %q",
			request.Type(), request.Code(), request.EchoID(), request.EchoSeq(), request.Body())
	}

	// The answer has all that came (RFC 1122 section 3.2.2.6), and 0x0800 less in the sum: 4d5a + 0800 = 555a.
	want = append(unhex(t, "0000 555a 0001 0001"), pingData...)
	reply := make([]byte, n)
	if m := wire.PutEchoReply(reply, request); m != n || !bytes.Equal(reply, want) {
		t.Errorf("reply of %d octets %x\nwant %x", m, reply, want)
	}
	if m := wire.PutEchoReply(request, request); m != n || !bytes.Equal(request, want) {
		t.Errorf("reply in place, %d octets %x\nwant %x", m, []byte(request), want)
	}
}

func TestPutEchoInPlace(t *testing.T) {
	b := append(make([]byte, 8), "data"...)
	n := wire.PutEcho(b, wire.ICMPEchoReply, 0xabcd, 0xef01, b[8:])
	m, err := wire.ParseICMP(b[:n])
	if err != nil || m.EchoID() != 0xabcd || m.EchoSeq() != 0xef01 || string(m.Body()) != "data" {
		t.Errorf("%v, %x", err, b[:n])
	}
}

func TestParseICMPRefuses(t *testing.T) {
	good := make([]byte, 8)
	wire.PutEcho(good, wire.ICMPEcho, 1, 2, nil)
	if _, err := wire.ParseICMP(good); err != nil {
		t.Errorf("an echo without data: %v", err)
	}
	if _, err := wire.ParseICMP(good[:7]); err != wire.ErrTruncated {
		t.Errorf("seven octets: %v, want %v", err, wire.ErrTruncated)
	}
	good[5] ^= 0x10
	if _, err := wire.ParseICMP(good); err != wire.ErrChecksum {
		t.Errorf("a flipped bit: %v, want %v", err, wire.ErrChecksum)
	}
}

func TestICMPErrors(t *testing.T) {
	seg := exampleSegment()
	packet := tcpPacket(&seg)
	gateway := netip.MustParseAddr("192.0.2.254")
	rows := []struct {
		e      wire.ICMPError
		header string // without the checksum
		text   string
	}{
		{wire.Unreachable(wire.CodePortUnreachable), "0303 00000000", "unreachable port_unreachable"},
		{wire.Unreachable(wire.CodeAdminProhibited), "030d 00000000", "unreachable packet_filtered"},
		// RFC 1191 section 4: the MTU is in the low-order 16 bits of the last word.
		{wire.FragmentationNeeded(1400), "0304 00000578", "unreachable frag_needed mtu 1400"},
		{wire.FragmentationNeeded(65536), "0304 0000ffff", "unreachable frag_needed mtu 65535"},
		{wire.TimeExceeded(wire.CodeTTLExceeded), "0b00 00000000", "time_exceeded ttl"},
		{wire.TimeExceeded(wire.CodeReassemblyExceeded), "0b01 00000000", "time_exceeded reassembly"},
		{wire.ParameterProblem(21), "0c00 15000000", "parameter_problem pointer at 21"},
		{wire.Redirect(wire.CodeRedirectHost, gateway), "0501 c00002fe", "redirect host to 192.0.2.254"},
	}
	for _, r := range rows {
		b := make([]byte, 600)
		n := r.e.Put(b, packet)
		if n != r.e.Len(packet) || n != 8+len(packet) {
			t.Errorf("%s: %d octets, %d foretold, want the header and the packet, %d",
				r.text, n, r.e.Len(packet), 8+len(packet))
		}
		m, err := wire.ParseICMP(b[:n])
		if err != nil {
			t.Errorf("%s: %v", r.text, err)
			continue
		}
		if got := append(bytes.Clone(m[:2]), m[4:8]...); !bytes.Equal(got, unhex(t, r.header)) {
			t.Errorf("%s: header %x, want %s", r.text, got, r.header)
		}
		if !bytes.Equal(m.Body(), packet) {
			t.Errorf("%s: the quote isn't the packet", r.text)
		}
		want := "192.0.2.1 > 198.51.100.2: icmp " + r.text +
			" [192.0.2.1:4321 > 198.51.100.2:80: tcp seq 3735928559]"
		if got := wire.DescribePacket(icmpPacket(m)); got != want {
			t.Errorf("printed as %q\nwant       %q", got, want)
		}
	}
}

func TestICMPErrorQuotesWhatFits(t *testing.T) {
	// RFC 1812 section 4.3.2.3: "as much of the original datagram as possible without the length of the ICMP datagram
	// exceeding 576 bytes".
	for _, n := range []int{28, 547, 548, 549, 1500, 65535} {
		b := make([]byte, 600)
		got := wire.Unreachable(0).Put(b, octets(n))
		if want := min(20+8+n, 576) - 20; got != want {
			t.Errorf("about %d octets: a message of %d, want %d", n, got, want)
		}
	}
}

func TestICMPViews(t *testing.T) {
	m := wire.ICMP(unhex(t, "0304 0000 c000 05dc"))
	if m.NextHopMTU() != 1500 || m.Pointer() != 0xc0 || m.Gateway() != netip.MustParseAddr("192.0.5.220") {
		t.Errorf("MTU %d, pointer %d, gateway %v", m.NextHopMTU(), m.Pointer(), m.Gateway())
	}
}

func TestQuoted(t *testing.T) {
	seg := exampleSegment()
	seg.TOS = 2
	packet := tcpPacket(&seg)
	quote := func(b []byte) (wire.Quote, bool) {
		m := make([]byte, 600)
		return wire.ICMP(m[:wire.TimeExceeded(0).Put(m, b)]).Quoted()
	}
	b := bytes.Clone(packet[:28]) // the least that must be quoted (RFC 792)
	b[8] = 1                      // the TTL when it got lost; the checksum isn't right any more
	q, ok := quote(b)
	want := wire.Quote{
		Protocol: wire.ProtoTCP, TOS: 2, TTL: 1, ID: 7, TotalLen: len(packet), Src: left, Dst: right,
		HasPorts: true, SrcPort: 4321, DstPort: 80, Seq: 0xdeadbeef, Transport: b[20:],
	}
	if !ok || fmt.Sprintf("%+v", q) != fmt.Sprintf("%+v", want) {
		t.Errorf("%v\ngot  %+v\nwant %+v", ok, q, want)
	}

	q, ok = quote(udpPacket(7, 9, nil))
	if !ok || !q.HasPorts || q.SrcPort != 7 || q.DstPort != 9 || q.Seq != 0 || q.HasEcho {
		t.Errorf("UDP: %v %+v", ok, q)
	}
	echo := make([]byte, 8)
	wire.PutEcho(echo, wire.ICMPEcho, 3, 4, nil)
	q, ok = quote(icmpPacket(echo))
	if !ok || q.HasPorts || !q.HasEcho || q.EchoID != 3 || q.EchoSeq != 4 {
		t.Errorf("echo: %v %+v", ok, q)
	}
	redirect := make([]byte, 60)
	q, ok = quote(icmpPacket(redirect[:wire.Redirect(0, left).Put(redirect, packet[:28])]))
	if !ok || q.HasEcho || q.HasPorts {
		t.Errorf("an error is no echo: %v %+v", ok, q)
	}
	q, ok = quote(append(bytes.Clone(packet), "RFC 4884's extensions"...))
	if !ok || len(q.Transport) != len(packet)-20 {
		t.Errorf("%d octets quoted after the IP header, want %d", len(q.Transport), len(packet)-20)
	}
}

func TestQuotedWithOptionsAndFragments(t *testing.T) {
	put := func(h wire.IPv4Header) wire.ICMP {
		h.Protocol, h.Src, h.Dst = wire.ProtoUDP, left, right
		b := make([]byte, 80)
		n := h.Put(b, 20)
		wire.UDPHeader{SrcPort: 1, DstPort: 2}.Put(b[n:], 12)
		m := make([]byte, 600)
		return wire.ICMP(m[:wire.TimeExceeded(0).Put(m, b[:n+20])])
	}
	q, ok := put(wire.IPv4Header{Options: []byte{148, 4, 0, 0}}).Quoted()
	if !ok || q.SrcPort != 1 || q.DstPort != 2 || len(q.Transport) != 20 {
		t.Errorf("after IP options: %v %+v", ok, q)
	}
	q, ok = put(wire.IPv4Header{MoreFragments: true}).Quoted()
	if !ok || !q.HasPorts || q.Offset != 0 {
		t.Errorf("the first fragment has the ports: %v %+v", ok, q)
	}
	q, ok = put(wire.IPv4Header{FragmentOffset: 1480}).Quoted()
	if !ok || q.HasPorts || q.Offset != 1480 || q.SrcPort != 0 {
		t.Errorf("a later fragment has none: %v %+v", ok, q)
	}
}

func TestQuotedRefuses(t *testing.T) {
	seg := exampleSegment()
	packet := tcpPacket(&seg)
	edit := func(at int, v byte) []byte { b := bytes.Clone(packet); b[at] = v; return b }
	rows := []struct {
		name string
		typ  wire.ICMPType
		body []byte
		want bool
	}{
		{"an error", wire.ICMPUnreachable, packet, true},
		{"source quench", wire.ICMPSourceQuench, packet, true},
		{"an echo quotes nothing", wire.ICMPEcho, packet, false},
		{"a type without a name", 200, packet, false},
		{"nothing", wire.ICMPUnreachable, nil, false},
		{"less than a header", wire.ICMPUnreachable, packet[:19], false},
		{"seven octets of TCP", wire.ICMPUnreachable, packet[:27], false},
		{"eight octets of TCP", wire.ICMPUnreachable, packet[:28], true},
		{"IPv6", wire.ICMPUnreachable, edit(0, 0x65), false},
		{"IHL 4", wire.ICMPUnreachable, edit(0, 0x44), false},
		{"IHL past the quote", wire.ICMPUnreachable, edit(0, 0x4f)[:60], false},
		{"total length just the header's", wire.ICMPUnreachable, edit(3, 20), true},
		{"total length below the header's", wire.ICMPUnreachable, edit(3, 19), false},
	}
	for _, r := range rows {
		m := make([]byte, 8+len(r.body))
		m[0] = byte(r.typ)
		copy(m[8:], r.body)
		if q, ok := wire.ICMP(m).Quoted(); ok != r.want {
			t.Errorf("%s: %v %+v, want %v", r.name, ok, q, r.want)
		}
	}
	// A total length that leaves less than eight octets: the rest isn't of the datagram.
	m := append(make([]byte, 8), edit(3, 24)...)
	m[0] = byte(wire.ICMPUnreachable)
	if q, ok := wire.ICMP(m).Quoted(); !ok || q.HasPorts || len(q.Transport) != 4 {
		t.Errorf("four octets of TCP: %v %+v", ok, q)
	}
}

func TestICMPNames(t *testing.T) {
	rows := []struct {
		typ  wire.ICMPType
		code uint8
		want string
	}{
		{wire.ICMPEchoReply, 0, "echo_reply/"},
		{wire.ICMPEcho, 0, "echo_request/"},
		{wire.ICMPEcho, 1, "echo_request/code_1"},
		{wire.ICMPUnreachable, wire.CodeNetUnreachable, "unreachable/net_unreachable"},
		{wire.ICMPUnreachable, wire.CodePrecedenceCutoffEffect, "unreachable/precedence_cutoff"},
		{wire.ICMPUnreachable, 16, "unreachable/code_16"},
		{wire.ICMPRedirect, wire.CodeRedirectTOSHost, "redirect/tos_host"},
		{wire.ICMPTimeExceeded, wire.CodeReassemblyExceeded, "time_exceeded/reassembly"},
		{wire.ICMPTimeExceeded, 2, "time_exceeded/code_2"},
		{wire.ICMPParameterProblem, wire.CodeBadLength, "parameter_problem/bad_length"},
		{wire.ICMPSourceQuench, 0, "source_quench/"},
		{wire.ICMPTimestamp, 0, "timestamp_request/"},
		{wire.ICMPTimestampReply, 0, "timestamp_reply/"},
		{42, 3, "type_42/code_3"},
	}
	for _, r := range rows {
		if got := r.typ.String() + "/" + r.typ.CodeName(r.code); got != r.want {
			t.Errorf("type %d code %d is %s, want %s", r.typ, r.code, got, r.want)
		}
	}
}

func FuzzICMP(f *testing.F) {
	seg := exampleSegment()
	for _, e := range []wire.ICMPError{wire.Unreachable(3), wire.FragmentationNeeded(1400), wire.Redirect(1, left)} {
		m := make([]byte, 600)
		f.Add(m[:e.Put(m, tcpPacket(&seg))])
	}
	f.Add(append(unhex(f, "0800 4d5a 0001 0001"), pingData...))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := wire.ParseICMP(b)
		if err != nil {
			m = wire.ICMP(append(bytes.Clone(b), make([]byte, 8)...)) // a view must bear a wrong checksum, too
		}
		q, ok := m.Quoted()
		if ok && (!m.Type().IsError() || len(q.Transport) > len(m)-28 || q.HasPorts && len(q.Transport) < 8) {
			t.Errorf("%x quotes %+v", []byte(m), q)
		}
		reply := make([]byte, len(m))
		wire.PutEchoReply(reply, m)
		r, err := wire.ParseICMP(reply)
		if err != nil || r.Type() != wire.ICMPEchoReply || r.EchoID() != m.EchoID() ||
			!bytes.Equal(r.Body(), m.Body()) {
			t.Errorf("%x is answered with %x: %v", []byte(m), reply, err)
		}
	})
}

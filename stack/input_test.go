package stack

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

// resum repairs an IP header's checksum after a test has changed the header.
func resum(p []byte) []byte {
	n := int(p[0]&0xf) * 4
	p[10], p[11] = 0, 0
	var c wire.Checksum
	c.Add(p[:n])
	binary.BigEndian.PutUint16(p[10:], c.Fold())
	return p
}

// Every reason to drop a packet before a protocol sees it has a counter, and none of them draws an answer.
func TestInputDrops(t *testing.T) {
	good := func() []byte { return udpPacket(theirs(1000), ours(2000), []byte("data")) }
	change := func(f func(p []byte)) []byte {
		p := good()
		f(p)
		return resum(p)
	}
	badSum := good()
	badSum[10] ^= 1
	from := func(s string) []byte { return udpPacket(netip.AddrPortFrom(addr(s), 1000), ours(2000), nil) }
	to := func(s string) []byte { return udpPacket(theirs(1000), netip.AddrPortFrom(addr(s), 2000), nil) }
	for name, c := range map[string]struct {
		p    []byte
		want Counter
	}{
		"empty":                          {nil, DropNotIPv4},
		"version 6":                      {change(func(p []byte) { p[0] = 6<<4 | 5 }), DropNotIPv4},
		"header of 16":                   {change(func(p []byte) { p[0] = 4<<4 | 4 }), DropNotIPv4},
		"shorter than it says":           {good()[:30], DropNotIPv4},
		"header checksum":                {badSum, DropIPChecksum},
		"transport checksum":             {change(func(p []byte) { p[len(p)-1] ^= 1 }), DropChecksum},
		"from this network":              {from("0.0.0.0"), DropIPMartian},
		"from 0/8":                       {from("0.1.2.3"), DropIPMartian},
		"from loopback":                  {from("127.0.0.1"), DropIPMartian},
		"from a group":                   {from("224.0.0.1"), DropIPMartian},
		"from class E":                   {from("240.0.0.1"), DropIPMartian},
		"from everyone":                  {from("255.255.255.255"), DropIPMartian},
		"from the network's broadcast":   {from("10.0.0.255"), DropIPMartian},
		"from ourselves":                 {from("10.0.0.2"), DropIPMartian},
		"to loopback":                    {to("127.0.0.1"), DropIPMartian},
		"to nobody":                      {to("0.0.0.0"), DropIPMartian},
		"to class E":                     {to("250.0.0.1"), DropIPMartian},
		"to a group":                     {to("224.0.0.251"), DropMulticast},
		"to a neighbour":                 {to("10.0.0.3"), DropNotOurs},
		"to far away":                    {to("192.0.2.1"), DropNotOurs},
		"UDP length beyond the datagram": {change(func(p []byte) { p[25]++ }), DropChecksum},
		"loose source route": {packet(wire.IPv4Header{Protocol: wire.ProtoUDP, Src: theirIP, Dst: ourIP,
			Options: []byte{131, 7, 4, 10, 0, 0, 9}}, udpSegment(theirs(1000), ours(2000), nil)), DropSourceRoute},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{}, nil)
			d := r.datagram(ours(2000))
			r.dev.inject(c.p)
			r.counted(c.want, 1)
			r.counted(IPIn, 1)
			r.sentNone()
			if readable, _ := d.Ready(); readable {
				t.Error("it was delivered")
			}
		})
	}
}

// What looks odd but is right must get through.
func TestInputAccepts(t *testing.T) {
	seg := udpSegment(theirs(1000), ours(2000), []byte("data"))
	h := wire.IPv4Header{Protocol: wire.ProtoUDP, Src: theirIP, Dst: ourIP}
	with := func(f func(*wire.IPv4Header)) []byte {
		h := h
		f(&h)
		return packet(h, seg)
	}
	to := func(s string) []byte {
		return udpPacket(theirs(1000), netip.AddrPortFrom(addr(s), 2000), []byte("data"))
	}
	noSum := append([]byte(nil), seg...)
	noSum[6], noSum[7] = 0, 0
	ttl0 := with(func(h *wire.IPv4Header) {})
	ttl0[8] = 0
	for name, p := range map[string][]byte{
		"plain":               packet(h, seg),
		"TTL 1":               with(func(h *wire.IPv4Header) { h.TTL = 1 }),
		"TTL 0":               resum(ttl0), // RFC 1122 3.2.1.7: a host must not drop for the TTL
		"record route":        with(func(h *wire.IPv4Header) { h.Options = []byte{7, 7, 4, 0, 0, 0, 0} }),
		"unknown option":      with(func(h *wire.IPv4Header) { h.Options = []byte{99, 4, 1, 2} }),
		"padded by the link":  append(packet(h, seg), 0, 0, 0, 0),
		"no UDP checksum":     packet(h, noSum),
		"DF":                  with(func(h *wire.IPv4Header) { h.DontFragment = true }),
		"broadcast":           to("10.0.0.255"),
		"limited broadcast":   to("255.255.255.255"),
		"another own address": to("10.1.0.2"),
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := newTwoLinkRig(t)
			d := r.datagram(netip.AddrPortFrom(netip.IPv4Unspecified(), 2000))
			r.dev.inject(p)
			data, from := received(t, d)
			if string(data) != "data" || from != theirs(1000) {
				t.Errorf("%q from %v", data, from)
			}
		})
	}
}

// The checksum is looked at unless the device vouches for it, or it was never made.
func TestInputChecksumPromises(t *testing.T) {
	for csum, want := range map[link.Csum]bool{link.CsumFull: false, link.CsumPartial: true, link.CsumVerified: true} {
		r := newRig(t, Config{}, nil)
		d := r.datagram(ours(2000))
		p := udpPacket(theirs(1000), ours(2000), []byte("data"))
		p[26] ^= 0xff // the UDP checksum
		r.dev.recv(&link.Frame{Head: p, Csum: csum})
		if got, _ := d.Ready(); got != want {
			t.Errorf("checksum kind %d with a wrong field: delivered %v, want %v", csum, got, want)
		}
	}
}

// RFC 1122 3.2.1.8, 3.2.2.5: who sends a malformed option is told which octet is at fault.
func TestInputMalformedOption(t *testing.T) {
	r := newRig(t, Config{}, nil)
	p := packet(wire.IPv4Header{Protocol: wire.ProtoUDP, Src: theirIP, Dst: ourIP, Options: []byte{1, 7, 40}},
		udpSegment(theirs(1000), ours(2000), nil))
	r.dev.inject(p)
	r.counted(DropIPOptions, 1)
	m := r.sentICMP()
	if m.Type() != wire.ICMPParameterProblem || m.Pointer() != 22 {
		t.Errorf("%v pointer %d, want a parameter problem at 22, the option's length", m.Type(), m.Pointer())
	}
}

// sentICMP returns the only packet sent, which must be an ICMP message from us to them.
func (r *rig) sentICMP() wire.ICMP {
	r.t.Helper()
	ip := r.sentOne()
	if ip.Protocol() != wire.ProtoICMP || ip.Src() != ourIP || ip.Dst() != theirIP {
		r.t.Fatalf("sent %s", wire.DescribePacket(ip))
	}
	m, err := wire.ParseICMP(ip.Payload())
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// RFC 1122 3.2.2.1: a protocol that we don't have draws "protocol unreachable".
func TestInputUnknownProtocol(t *testing.T) {
	r := newRig(t, Config{}, nil)
	r.dev.inject(packet(wire.IPv4Header{Protocol: 132, Src: theirIP, Dst: ourIP}, pattern(100)))
	r.counted(DropProtocol, 1)
	if m := r.sentICMP(); m.Type() != wire.ICMPUnreachable || m.Code() != wire.CodeProtocolUnreachable {
		t.Errorf("%v code %d", m.Type(), m.Code())
	}
}

// RFC 9293 MUST-57: a segment to a broadcast address is dropped silently, without a RST.
func TestInputBroadcastTCP(t *testing.T) {
	r := newRig(t, Config{}, nil)
	all := addr("10.0.0.255")
	seg := wire.Segment{SrcPort: 1, DstPort: 2, Flags: wire.SYN}
	b := make([]byte, seg.HeaderLen())
	seg.PutHeader(b)
	wire.SetTransportChecksum(theirIP, all, wire.ProtoTCP, b, nil)
	r.dev.inject(packet(wire.IPv4Header{Protocol: wire.ProtoTCP, Src: theirIP, Dst: all}, b))
	r.counted(DropMalformed, 1)
	r.counted(TCPIn, 0)
	r.sentNone()
}

// Package craft makes packets and frames for the tests of links.
package craft

import (
	"errors"
	"net/netip"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

// Flow is where packets come from and go to.
type Flow struct{ Src, Dst netip.AddrPort }

// NewFlow makes a flow of "address:port" texts.
func NewFlow(src, dst string) Flow {
	return Flow{netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)}
}

// Back is the other direction.
func (f Flow) Back() Flow { return Flow{f.Dst, f.Src} }

// UDP makes a datagram with whole checksums.
func (f Flow) UDP(data []byte) []byte {
	h := make([]byte, wire.UDPHeaderLen)
	wire.UDPHeader{SrcPort: f.Src.Port(), DstPort: f.Dst.Port()}.Put(h, len(data))
	return f.packet(wire.ProtoUDP, h, data)
}

// TCP makes a segment with whole checksums. The ports in s are set.
func (f Flow) TCP(s wire.Segment) []byte {
	return f.packet(wire.ProtoTCP, f.header(&s), s.Payload.Bytes())
}

// Echo makes an ICMP echo request.
func (f Flow) Echo(id, seqno uint16, data []byte) []byte {
	m := make([]byte, wire.ICMPHeaderLen+len(data))
	wire.PutEcho(m, wire.ICMPEcho, id, seqno, data)
	return f.packet(wire.ProtoICMP, m, nil)
}

// SuperTCP makes a frame as a stack writes one: headers with a partial checksum in Head, the payload in two pieces in
// Tail, to be cut into segments of gso octets.
func (f Flow) SuperTCP(s wire.Segment, gso int) *link.Frame {
	return f.super(wire.ProtoTCP, f.header(&s), s.Payload.Bytes(), gso)
}

// SuperUDP makes a frame that is a train of datagrams of gso octets each.
func (f Flow) SuperUDP(data []byte, gso int) *link.Frame {
	h := make([]byte, wire.UDPHeaderLen)
	wire.UDPHeader{SrcPort: f.Src.Port(), DstPort: f.Dst.Port()}.Put(h, len(data))
	return f.super(wire.ProtoUDP, h, data, gso)
}

func (f Flow) super(proto uint8, header, data []byte, gso int) *link.Frame {
	b := f.packet(proto, header, data)
	transport := b[wire.IPv4MinHeader:]
	wire.SetPartialChecksum(f.Src.Addr(), f.Dst.Addr(), proto, transport, len(transport))
	n := wire.IPv4MinHeader + len(header)
	half := n + len(data)/2
	return &link.Frame{Head: b[:n], Tail: [][]byte{b[n:half], b[half:]}, Csum: link.CsumPartial, GSOSize: gso}
}

func (f Flow) header(s *wire.Segment) []byte {
	s.SrcPort, s.DstPort = f.Src.Port(), f.Dst.Port()
	h := make([]byte, s.HeaderLen())
	s.PutHeader(h)
	return h
}

func (f Flow) packet(proto uint8, header, data []byte) []byte {
	ip := wire.IPv4Header{ID: 1, DontFragment: true, TTL: 64, Protocol: proto, Src: f.Src.Addr(), Dst: f.Dst.Addr()}
	n := len(header) + len(data)
	b := make([]byte, wire.IPv4MinHeader+n)
	transport := b[ip.Put(b, n):]
	copy(transport[copy(transport, header):], data)
	if proto != wire.ProtoICMP {
		wire.SetTransportChecksum(f.Src.Addr(), f.Dst.Addr(), proto, transport, nil)
	}
	return b
}

// Data is n octets, no two windows of which are easily confused.
func Data(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// Payload is data as a segment has it.
func Payload(data []byte) (p wire.Payload) {
	p.Append(data)
	return p
}

// Bytes is the packet of a frame, in one piece of its own.
func Bytes(f *link.Frame) []byte {
	b := append([]byte(nil), f.Head...)
	for _, t := range f.Tail {
		b = append(b, t...)
	}
	return b
}

// ErrChecksum says that a packet's transport checksum is wrong.
var ErrChecksum = errors.New("transport checksum is wrong")

// Check says what is wrong with a packet as it is on the wire, if anything.
func Check(b []byte) error {
	ip, err := wire.ParseIPv4(b)
	if err != nil {
		return err
	}
	if !wire.VerifyTransport(ip.Src(), ip.Dst(), ip.Protocol(), ip.Payload()) {
		return ErrChecksum
	}
	return nil
}

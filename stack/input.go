package stack

import (
	"errors"
	"net/netip"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

// inPacket is an IP datagram on its way in, checked and whole. It is lent: nothing of it may be kept after the call
// that carries it, but for the frame's buffer, which may be adopted as [link.Frame] says.
type inPacket struct {
	ifc      *Iface // where it came from
	ip       wire.IPv4
	src, dst netip.Addr
	payload  []byte      // after the IP header
	frame    *link.Frame // whose Buf holds payload, where it can be adopted; nil for a reassembled datagram
	gso      int         // the payload of each original segment or datagram, where the frame holds several; else 0
	csumOK   bool        // the transport checksum is right, or needs no look: it is verified before a protocol sees it
	group    bool        // to a broadcast or multicast address: nothing may be sent in reply to it
}

// input takes a packet from a link. It is what the devices call: from several goroutines at a time, holding nothing.
func (s *Stack) input(ifc *Iface, f *link.Frame) {
	s.count(IPIn)
	if s.closed.Load() {
		s.count(DropClosed)
		return
	}
	ip, err := wire.ParseIPv4(f.Head)
	if err != nil {
		s.count(headerDrop(err))
		return
	}
	in := inPacket{
		ifc: ifc, ip: ip, src: ip.Src(), dst: ip.Dst(), payload: ip.Payload(),
		frame: f, gso: f.GSOSize, csumOK: f.Csum != link.CsumFull,
	}
	if !s.forUs(&in) || len(ip.Options()) > 0 && !s.optionsOK(&in) {
		return
	}
	if ip.IsFragment() {
		s.inputFragment(&in)
		return
	}
	s.deliver(&in)
}

// headerDrop names the reason why a header was refused (RFC 1122 3.2.1.1, 3.2.1.2).
func headerDrop(err error) Counter {
	if errors.Is(err, wire.ErrHeaderChecksum) {
		return DropIPChecksum
	}
	return DropNotIPv4
}

// forUs looks at the addresses: a packet is dropped where they cannot be, and where they are another host's. A TTL of
// any value will do: "a host MUST NOT discard a datagram just because it was received with TTL less than 2"
// ([RFC 1122 section 3.2.1.7](https://www.rfc-editor.org/rfc/rfc1122#page-34)).
func (s *Stack) forUs(in *inPacket) bool {
	n := s.net.Load()
	src, dst := addr4(in.src.As4()), addr4(in.dst.As4())
	if n.martianSource(in.ifc, src) || martianDestination(in.ifc, dst) {
		s.count(DropIPMartian)
		return false
	}
	switch {
	case n.isOwn(dst):
		return true
	case n.isBroadcast(dst):
		in.group = true
		return true
	case dst.multicast():
		s.count(DropMulticast)
		return false
	case n.takesAll(in.ifc):
		return true
	}
	s.count(DropNotOurs)
	return false
}

// martianSource reports whether no packet from elsewhere can have the source address: it names no single host, or this
// one ([RFC 1122 section 3.2.1.3](https://www.rfc-editor.org/rfc/rfc1122#page-29)).
func (n *network) martianSource(ifc *Iface, a addr4) bool {
	if a.thisNet() || a.multicast() || a.classE() || n.isBroadcast(a) {
		return true
	}
	return !ifc.loopback() && n.isOwn(a)
}

// martianDestination reports whether no packet can have the destination: nobody, or loopback "outside a host".
func martianDestination(ifc *Iface, a addr4) bool {
	return a.thisNet() || a.classE() && a != limitedBcast || a.loopback() && !ifc.loopback()
}

// optionsOK looks at the IP options. Those that are right are ignored, but for source routes, which no host needs and
// attackers like (RFC 7126 section 4.3).
func (s *Stack) optionsOK(in *inPacket) bool {
	o, err := wire.ParseIPv4Options(in.ip.Options())
	switch {
	case err != nil:
		s.count(DropIPOptions)
		s.sendICMPError(in, wire.ParameterProblem(o.Pointer))
		return false
	case o.SourceRoute:
		s.count(DropSourceRoute)
		return false
	}
	return true
}

// deliver gives a whole datagram to its protocol.
func (s *Stack) deliver(in *inPacket) {
	proto := in.ip.Protocol()
	if !in.csumOK && proto != wire.ProtoICMP { // whose parser looks for itself
		if !wire.VerifyTransport(in.src, in.dst, proto, in.payload) {
			s.count(DropChecksum)
			return
		}
		in.csumOK = true
	}
	s.count(IPDelivered)
	switch proto {
	case wire.ProtoTCP:
		if in.group { // "must be silently discarded": RFC 9293 MUST-57
			s.count(DropMalformed)
			return
		}
		s.count(TCPIn)
		s.inputTCP(in)
	case wire.ProtoUDP:
		s.inputUDP(in)
	case wire.ProtoICMP:
		s.inputICMP(in)
	default:
		s.count(DropProtocol)
		if s.net.Load().foreign(addrOf(in.dst)) {
			return // there may be a host that has it
		}
		s.sendICMPError(in, wire.Unreachable(wire.CodeProtocolUnreachable))
	}
}

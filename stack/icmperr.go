package stack

import (
	"syscall"

	"github.com/gotcp/gotcp/stack/wire"
)

// icmpEvent is an ICMP error about something that we sent, as the quoted packet's protocol is told. The protocol first
// checks that it really sent that packet, for anybody can send an ICMP message
// ([RFC 5927 section 4](https://www.rfc-editor.org/rfc/rfc5927#section-4)).
type icmpEvent struct {
	errno syscall.Errno // by Linux's table; EMSGSIZE where the packet was too big
	hard  bool          // RFC 1122 4.2.3.9, by Linux's table: asking again is useless
	// mtu, of a packet that was too big, is what fits, in octets with the IP header: plausible, and below what the
	// packet's length was; else 0. A protocol that believes the message calls Stack.learnMTU.
	mtu int
}

// unreachable is Linux's reading of the codes of "destination unreachable" (RFC 792, RFC 1122 3.2.2.1): an errno, and
// whether the error is hard.
var unreachable = [...]icmpEvent{
	wire.CodeNetUnreachable:         {errno: syscall.ENETUNREACH},
	wire.CodeHostUnreachable:        {errno: syscall.EHOSTUNREACH},
	wire.CodeProtocolUnreachable:    {errno: syscall.ENOPROTOOPT, hard: true},
	wire.CodePortUnreachable:        {errno: syscall.ECONNREFUSED, hard: true},
	wire.CodeFragmentationNeeded:    {errno: syscall.EMSGSIZE},
	wire.CodeSourceRouteFailed:      {errno: syscall.EOPNOTSUPP},
	wire.CodeNetUnknown:             {errno: syscall.ENETUNREACH, hard: true},
	wire.CodeHostUnknown:            {errno: syscall.EHOSTDOWN, hard: true},
	wire.CodeSourceHostIsolated:     {errno: syscall.ENONET, hard: true},
	wire.CodeNetProhibited:          {errno: syscall.ENETUNREACH, hard: true},
	wire.CodeHostProhibited:         {errno: syscall.EHOSTUNREACH, hard: true},
	wire.CodeNetUnreachableForTOS:   {errno: syscall.ENETUNREACH},
	wire.CodeHostUnreachableForTOS:  {errno: syscall.EHOSTUNREACH},
	wire.CodeAdminProhibited:        {errno: syscall.EHOSTUNREACH, hard: true},
	wire.CodeHostPrecedence:         {errno: syscall.EHOSTUNREACH, hard: true},
	wire.CodePrecedenceCutoffEffect: {errno: syscall.EHOSTUNREACH, hard: true},
}

// readICMPError makes an event of an error message; false where it is one that is not acted upon: source quench (RFC
// 6633 section 4: "a host MUST NOT ... react"), redirects (there is one way out), codes that don't exist.
func readICMPError(m wire.ICMP, q *wire.Quote) (icmpEvent, bool) {
	switch m.Type() {
	case wire.ICMPUnreachable:
		if int(m.Code()) >= len(unreachable) {
			return icmpEvent{}, false
		}
		e := unreachable[m.Code()]
		if m.Code() == wire.CodeFragmentationNeeded {
			e.mtu = reportedMTU(m.NextHopMTU(), q.TotalLen)
			return e, e.mtu != 0
		}
		return e, true
	case wire.ICMPTimeExceeded:
		return icmpEvent{errno: syscall.EHOSTUNREACH}, true
	case wire.ICMPParameterProblem:
		return icmpEvent{errno: syscall.EPROTO, hard: true}, true
	}
	return icmpEvent{}, false
}

// reportedMTU is the MTU that a router reports for a packet of n octets: what it says, or for a router older than RFC
// 1191 the next plateau below n; 0 where it makes no sense.
func reportedMTU(mtu, n int) int {
	if mtu == 0 {
		mtu = plateauBelow(n)
	}
	if mtu < minMTU || mtu >= n {
		return 0
	}
	return mtu
}

// inputICMPError takes an error message: it goes to the protocol of the packet that it quotes, if that can have been
// ours.
func (s *Stack) inputICMPError(in *inPacket, m wire.ICMP) {
	s.count(ICMPErrorIn)
	q, ok := m.Quoted()
	if !ok {
		s.count(DropICMPMalformed)
		return
	}
	e, ok := readICMPError(m, &q)
	if !ok {
		s.count(DropICMPIgnored)
		return
	}
	if !s.net.Load().isLocal(addrOf(q.Src)) || q.Offset != 0 {
		s.count(DropICMPUnmatched)
		return
	}
	k := flowKey{addrOf(q.Src), addrOf(q.Dst), q.SrcPort, q.DstPort}
	switch {
	case q.HasPorts && q.Protocol == wire.ProtoTCP:
		s.tcpICMP(k, q.Seq, e)
	case q.HasPorts && q.Protocol == wire.ProtoUDP:
		s.udpICMP(k, e)
	case q.HasEcho:
		s.pingICMP(in, &q, e)
	default:
		s.count(DropICMPUnmatched)
	}
}

// learnMTU remembers for new connections and for datagrams what e says about the path to dst. It returns what the
// caller's own path is to become; a connection hands the MTU to its engine.
func (s *Stack) learnMTU(dst addr4, e icmpEvent) (mtu int, nodf bool) {
	s.count(ICMPPathMTU)
	s.pmtu.learn(dst, e.mtu, s.now())
	return clampMTU(e.mtu)
}

// sendICMPError answers a packet with an error, where one may be sent at all: never about an ICMP error, a broadcast or
// multicast, a fragment but the first, or a packet whose source is no single host
// ([RFC 1122 section 3.2.2](https://www.rfc-editor.org/rfc/rfc1122#page-38); the last was looked at on input).
func (s *Stack) sendICMPError(in *inPacket, e wire.ICMPError) {
	if in.group || in.ip.FragmentOffset() != 0 {
		return
	}
	if p := in.ip.Payload(); in.ip.Protocol() == wire.ProtoICMP && (len(p) == 0 || wire.ICMPType(p[0]).IsError()) {
		return
	}
	// The source is the address that was written to, so that the sender's RFC 5927 checks find their packet.
	p, err := s.route(in.dst, in.src)
	if err != nil {
		s.count(DropNoRoute)
		return
	}
	if !s.mayAnswer(&p, &s.icmp.errors) {
		return
	}
	t := getScratch()
	defer t.put()
	body := make([]byte, e.Len(in.ip))
	e.Put(body, in.ip)
	const internetworkControl = 0xc0 // precedence 6: RFC 1812 section 4.3.2.5
	d := outDatagram{
		src: p.src, dst: in.src, proto: wire.ProtoICMP, frag: fragWant, body: body,
		opts: ipOptions{tos: internetworkControl},
	}
	if s.sendDatagram(&p, &d, t) == nil {
		s.count(ICMPErrorOut)
	}
}

package wire

import (
	"encoding/binary"
	"net/netip"

	"github.com/gotcp/gotcp/stack/seq"
)

// MaxICMPError is the largest IPv4 datagram with an ICMP error that is sent: as much as fits of the datagram at fault
// is quoted (RFC 1812 section 4.3.2.3).
const MaxICMPError = 576

// maxQuote is what remains for the quote.
const maxQuote = MaxICMPError - IPv4MinHeader - ICMPHeaderLen

// ICMPError is what an ICMP error is made of, but for the quote. The functions below make each kind.
type ICMPError struct {
	Type ICMPType
	Code uint8
	Rest uint32 // the header's last four octets, which depend on Type
}

// Unreachable makes "destination unreachable" with one of its codes.
func Unreachable(code uint8) ICMPError { return ICMPError{Type: ICMPUnreachable, Code: code} }

// FragmentationNeeded makes the message that tells the MTU of the next hop (RFC 1191 section 4).
func FragmentationNeeded(mtu int) ICMPError {
	return ICMPError{Type: ICMPUnreachable, Code: CodeFragmentationNeeded, Rest: uint32(uint16(min(mtu, 0xffff)))}
}

// TimeExceeded makes the message for a TTL that has run out or a reassembly that took too long, by code.
func TimeExceeded(code uint8) ICMPError { return ICMPError{Type: ICMPTimeExceeded, Code: code} }

// ParameterProblem makes the message that points at an octet, counted from the IP header's start.
func ParameterProblem(pointer int) ICMPError {
	return ICMPError{Type: ICMPParameterProblem, Code: CodePointer, Rest: uint32(uint8(pointer)) << 24}
}

// Redirect makes the message that names a better router.
func Redirect(code uint8, gateway netip.Addr) ICMPError {
	a := gateway.As4()
	return ICMPError{Type: ICMPRedirect, Code: code, Rest: binary.BigEndian.Uint32(a[:])}
}

// Len is the length in octets of the message about packet.
func (e ICMPError) Len(packet []byte) int { return ICMPHeaderLen + min(len(packet), maxQuote) }

// Put writes the message about packet, an IPv4 datagram, at the start of b and returns its length. b must have room for
// it: [ICMPError.Len] octets, never more than 556.
func (e ICMPError) Put(b, packet []byte) int {
	n := e.Len(packet)
	copy(b[ICMPHeaderLen:n], packet)
	putICMPHeader(b[:n], e.Type, e.Code, e.Rest)
	return n
}

// Quote is what an ICMP error tells of the datagram that had the error, which this host may have sent.
type Quote struct {
	Protocol uint8
	TOS      uint8
	TTL      uint8
	ID       uint16
	TotalLen int // of the datagram as sent, in octets
	Offset   int // of the fragment, in octets; where it isn't 0 there are no ports
	Src, Dst netip.Addr
	// HasPorts says that the ports, and where Protocol is TCP the sequence number, are those of the datagram. For an
	// echo the ports are 0 and HasEcho is set.
	HasPorts         bool
	HasEcho          bool
	SrcPort, DstPort uint16
	Seq              seq.Num
	EchoID, EchoSeq  uint16
	Transport        []byte // what is quoted after the IP header
}

// Quoted reads the datagram that an error quotes. It reports false where m is no error, or doesn't quote an IPv4 header
// and the 8 octets after it that RFC 792 promises. The quoted header's checksum isn't verified: routers on the way may
// have changed it. What the quote says is not proven: RFC 5927 section 4 tells what to check.
func (m ICMP) Quoted() (Quote, bool) {
	b := m.Body()
	if !m.Type().IsError() || len(b) < IPv4MinHeader || b[0]>>4 != 4 {
		return Quote{}, false
	}
	ip := IPv4(b)
	hlen := ip.HeaderLen()
	if hlen < IPv4MinHeader || len(b) < hlen+8 || ip.TotalLen() < hlen {
		return Quote{}, false
	}
	q := Quote{
		Protocol: ip.Protocol(), TOS: ip.TOS(), TTL: ip.TTL(), ID: ip.ID(),
		TotalLen: ip.TotalLen(), Offset: ip.FragmentOffset(),
		Src: ip.Src(), Dst: ip.Dst(),
		Transport: b[hlen:max(hlen, min(len(b), ip.TotalLen()))], // after it RFC 4884 may have extensions
	}
	if q.Offset == 0 && len(q.Transport) >= 8 {
		q.readTransport()
	}
	return q, true
}

// readTransport reads the first 8 octets of the transport header.
func (q *Quote) readTransport() {
	t := q.Transport
	switch q.Protocol {
	case ProtoTCP, ProtoUDP:
		q.HasPorts = true
		q.SrcPort, q.DstPort = binary.BigEndian.Uint16(t[0:]), binary.BigEndian.Uint16(t[2:])
		if q.Protocol == ProtoTCP {
			q.Seq = seq.Num(binary.BigEndian.Uint32(t[4:]))
		}
	case ProtoICMP:
		if t := t[:8]; ICMPType(t[0]) == ICMPEcho || ICMPType(t[0]) == ICMPEchoReply {
			q.HasEcho = true
			q.EchoID, q.EchoSeq = binary.BigEndian.Uint16(t[4:]), binary.BigEndian.Uint16(t[6:])
		}
	}
}

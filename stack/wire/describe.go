package wire

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// DescribePacket gives one line about any IPv4 packet, for traces and for the messages of failed tests, such as
// "10.0.0.1:80 > 10.0.0.2:4321: P. 1:5(4) ack 1 win 512". TCP is in packetdrill's notation with absolute numbers. What
// is wrong with a packet is said; nothing is said of a transport checksum that is right or partial.
func DescribePacket(b []byte) string {
	ip, err := ParseIPv4(b)
	switch {
	case err == ErrHeaderChecksum: // the rest is fit to be read
		ip = IPv4(b[:binary.BigEndian.Uint16(b[2:])])
	case err != nil:
		return fmt.Sprintf("bad packet of %d octets (%v): %x", len(b), err, b[:min(len(b), 40)])
	}
	var text string
	switch {
	case ip.FragmentOffset() > 0:
		text = fmt.Sprintf("%v > %v: %s", ip.Src(), ip.Dst(), protocolName(ip.Protocol()))
	case ip.Protocol() == ProtoTCP:
		text = describeTCP(ip)
	case ip.Protocol() == ProtoUDP:
		text = describeUDP(ip)
	case ip.Protocol() == ProtoICMP:
		text = fmt.Sprintf("%v > %v: %s", ip.Src(), ip.Dst(), describeICMP(ip.Payload(), ip.IsFragment()))
	default:
		text = fmt.Sprintf("%v > %v: %s, %d octets", ip.Src(), ip.Dst(), protocolName(ip.Protocol()), len(ip.Payload()))
	}
	return text + describeHeader(ip, err)
}

// describeHeader gives what is unusual in the IP header; headerErr is what its parser said.
func describeHeader(ip IPv4, headerErr error) string {
	var s strings.Builder
	if headerErr != nil {
		fmt.Fprintf(&s, " (%v)", headerErr)
	}
	if ecn := ip.TOS() & 3; ecn != 0 {
		fmt.Fprintf(&s, " [%s]", [...]string{"", "ect1", "ect0", "ce"}[ecn])
	}
	if ip.IsFragment() {
		fmt.Fprintf(&s, " (fragment of %d: %d+%d", ip.ID(), ip.FragmentOffset(), len(ip.Payload()))
		if ip.MoreFragments() {
			s.WriteString(", more")
		}
		s.WriteByte(')')
	}
	if opts := ip.Options(); len(opts) > 0 {
		fmt.Fprintf(&s, " (IP options %x)", opts)
	}
	return s.String()
}

func protocolName(proto uint8) string {
	switch proto {
	case ProtoICMP:
		return "icmp"
	case ProtoTCP:
		return "tcp"
	case ProtoUDP:
		return "udp"
	}
	return fmt.Sprintf("protocol %d", proto)
}

func describeTCP(ip IPv4) string {
	var seg Segment
	if err := ParseSegment(ip.Payload(), &seg); err != nil {
		return fmt.Sprintf("%v > %v: bad tcp (%v): %x", ip.Src(), ip.Dst(), err, ip.Payload())
	}
	return fmt.Sprintf("%v:%d > %v:%d: %v", ip.Src(), seg.SrcPort, ip.Dst(), seg.DstPort, &seg) +
		describeChecksum(ip, ip.Payload())
}

func describeUDP(ip IPv4) string {
	b := ip.Payload()
	u, err := ParseUDP(b)
	if err == ErrLength && ip.MoreFragments() { // the length is the whole datagram's
		u, err = UDP(b), nil
	}
	if err != nil {
		return fmt.Sprintf("%v > %v: bad udp (%v): %x", ip.Src(), ip.Dst(), err, b)
	}
	return fmt.Sprintf("%v:%d > %v:%d: udp (%d)", ip.Src(), u.SrcPort(), ip.Dst(), u.DstPort(), len(u.Payload())) +
		describeChecksum(ip, u)
}

// describeChecksum tells of a checksum that is neither whole nor partial.
func describeChecksum(ip IPv4, segment []byte) string {
	if ip.IsFragment() || VerifyTransport(ip.Src(), ip.Dst(), ip.Protocol(), segment) {
		return ""
	}
	at := checksumAt(ip.Protocol())
	partial := PseudoHeader(ip.Src(), ip.Dst(), ip.Protocol(), len(segment))
	if binary.BigEndian.Uint16(segment[at:]) == partial.Partial() {
		return ""
	}
	return " (checksum is wrong)"
}

// describeICMP describes the message b. A fragment's checksum can't be verified.
func describeICMP(b []byte, fragment bool) string {
	m, err := ParseICMP(b)
	wrong := ""
	if err == ErrChecksum {
		m = ICMP(b)
		if !fragment {
			wrong = " (checksum is wrong)"
		}
	} else if err != nil {
		return fmt.Sprintf("bad icmp (%v): %x", err, b)
	}
	text := "icmp " + m.Type().String()
	if name := m.Type().CodeName(m.Code()); name != "" {
		text += " " + name
	}
	switch m.Type() {
	case ICMPEcho, ICMPEchoReply:
		text += fmt.Sprintf(" id %d seq %d (%d)", m.EchoID(), m.EchoSeq(), len(m.Body()))
	case ICMPRedirect:
		text += fmt.Sprintf(" to %v", m.Gateway())
	case ICMPParameterProblem:
		text += fmt.Sprintf(" at %d", m.Pointer())
	case ICMPUnreachable:
		if m.Code() == CodeFragmentationNeeded {
			text += fmt.Sprintf(" mtu %d", m.NextHopMTU())
		}
	}
	if q, ok := m.Quoted(); ok {
		text += " [" + q.String() + "]"
	}
	return text + wrong
}

// String gives the quoted datagram's addresses and, for TCP, its sequence number, such as
// "10.0.0.1:80 > 10.0.0.2:4321: tcp seq 17".
func (q Quote) String() string {
	switch {
	case q.HasPorts && q.Protocol == ProtoTCP:
		return fmt.Sprintf("%v:%d > %v:%d: tcp seq %v", q.Src, q.SrcPort, q.Dst, q.DstPort, q.Seq)
	case q.HasPorts:
		return fmt.Sprintf("%v:%d > %v:%d: udp", q.Src, q.SrcPort, q.Dst, q.DstPort)
	case q.HasEcho:
		return fmt.Sprintf("%v > %v: icmp echo id %d seq %d", q.Src, q.Dst, q.EchoID, q.EchoSeq)
	}
	return fmt.Sprintf("%v > %v: %s", q.Src, q.Dst, protocolName(q.Protocol))
}

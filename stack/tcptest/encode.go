package tcptest

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/gotcp/gotcp/stack/tcptest/script"
)

// The referee reads and writes packets by this code of its own, not by package wire, so that a mistake there cannot
// hide itself; a run on the kernel checks this code.

const (
	protoICMP = 1
	protoTCP  = 6
	protoUDP  = 17

	ipHeader  = 20
	tcpHeader = 20
	udpHeader = 8
)

// packet is an IPv4 packet with the numbers as on the wire.
type packet struct {
	script.Packet
	at       time.Time
	src, dst netip.AddrPort // the ports are zero with ICMP
	// quoteSrc and quoteDst are those of the packet that an ICMP message quotes.
	quoteSrc, quoteDst netip.AddrPort
	payload            []byte // TCP's and UDP's; of ICMP what follows the first eight octets
	total              int    // IP total length
}

// checksum adds b, as 16-bit words, to a one's complement sum.
func checksum(sum uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return sum
}

// pseudo is the sum of the pseudo-header (RFC 9293 3.1).
func pseudo(src, dst netip.Addr, proto byte, length int) uint32 {
	s, d := src.As4(), dst.As4()
	return checksum(checksum(checksum(uint32(proto), s[:]), d[:]), []byte{byte(length >> 8), byte(length)})
}

// encode makes the packet's octets.
func (p *packet) encode() []byte {
	head := ipHeader + len(p.IP.Options)
	b := make([]byte, head, 128)
	copy(b[ipHeader:], p.IP.Options)
	switch {
	case p.TCP != nil:
		b = p.encodeTCP(b)
	case p.UDP != nil:
		b = p.encodeUDP(b)
	case p.ICMP != nil:
		b = p.encodeICMP(b)
	}
	p.encodeIP(b[:head], len(b))
	return b
}

// encodeIP fills in the header, which is b.
func (p *packet) encodeIP(b []byte, total int) {
	b[0] = 0x40 | byte(len(b)/4)
	b[1] = p.IP.TOS
	if p.IP.HasECN {
		b[1] = b[1]&^3 | p.IP.ECN
	}
	binary.BigEndian.PutUint16(b[2:], uint16(total))
	if !p.IP.HasDF || p.IP.DF {
		b[6] = 0x40
	}
	b[8] = 64
	if p.IP.HasTTL {
		b[8] = p.IP.TTL
	}
	b[9] = p.proto()
	s, d := p.src.Addr().As4(), p.dst.Addr().As4()
	copy(b[12:], s[:])
	copy(b[16:], d[:])
	binary.BigEndian.PutUint16(b[10:], 0)
	binary.BigEndian.PutUint16(b[10:], ^uint16(checksum(0, b)))
}

func (p *packet) proto() byte {
	switch {
	case p.TCP != nil:
		return protoTCP
	case p.UDP != nil:
		return protoUDP
	}
	return protoICMP
}

// seal puts the checksum into a transport header at the field given.
func (p *packet) seal(b []byte, field int, sum uint32) {
	c := ^uint16(checksum(sum, b))
	if p.UDP != nil && c == 0 {
		c = 0xffff // zero says that there is none (RFC 768)
	}
	if p.IP.BadSum {
		c ^= 0x5555
	}
	binary.BigEndian.PutUint16(b[field:], c)
}

func (p *packet) encodeTCP(b []byte) []byte {
	h := tcpFixed(p.TCP, p.src.Port(), p.dst.Port())
	h = appendOptions(h, p.TCP.Options)
	h[12] = byte(len(h)/4) << 4
	h = append(h, p.payload...)
	p.seal(h, 16, pseudo(p.src.Addr(), p.dst.Addr(), protoTCP, len(h)))
	return append(b, h...)
}

// tcpFixed makes the first twenty octets of a header without its length and checksum.
func tcpFixed(t *script.TCP, src, dst uint16) []byte {
	h := make([]byte, tcpHeader, tcpHeader+40+t.Len)
	binary.BigEndian.PutUint16(h[0:], src)
	binary.BigEndian.PutUint16(h[2:], dst)
	binary.BigEndian.PutUint32(h[4:], t.Seq)
	binary.BigEndian.PutUint32(h[8:], t.Ack)
	h[12], h[13] = 5<<4, byte(t.Flags)
	binary.BigEndian.PutUint16(h[14:], t.Win)
	binary.BigEndian.PutUint16(h[18:], t.Urg)
	return h
}

// appendOptions appends options in the order given, filled up with zeros to a multiple of four octets.
func appendOptions(b []byte, opts []script.Option) []byte {
	for i := range opts {
		switch o := &opts[i]; o.Kind {
		case script.Raw:
			b = append(b, o.Raw...)
			continue
		case script.EOL, script.NOP:
			b = append(b, byte(o.Kind))
			continue
		default:
			b = append(b, byte(o.Kind), byte(o.Len()))
			b = appendOptionValue(b, o)
		}
	}
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func appendOptionValue(b []byte, o *script.Option) []byte {
	switch o.Kind {
	case script.MSS:
		return binary.BigEndian.AppendUint16(b, uint16(o.Value))
	case script.WScale:
		return append(b, byte(o.Value))
	case script.TS:
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, o.Value), o.Ecr)
	}
	for _, s := range o.Blocks {
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, s[0]), s[1])
	}
	return b
}

func (p *packet) encodeUDP(b []byte) []byte {
	h := make([]byte, udpHeader)
	binary.BigEndian.PutUint16(h[0:], p.src.Port())
	binary.BigEndian.PutUint16(h[2:], p.dst.Port())
	binary.BigEndian.PutUint16(h[4:], uint16(udpHeader+len(p.payload)))
	h = append(h, p.payload...)
	p.seal(h, 6, pseudo(p.src.Addr(), p.dst.Addr(), protoUDP, len(h)))
	return append(b, h...)
}

// encodeICMP makes a message. An error quotes an IP header and eight octets, the least that RFC 792 asks for.
func (p *packet) encodeICMP(b []byte) []byte {
	m := p.ICMP
	h := make([]byte, 8, 36)
	h[0], h[1] = m.Type, m.Code
	binary.BigEndian.PutUint16(h[6:], m.MTU)
	if m.Quote == nil && m.QuoteUDP == nil {
		copy(h[4:], "\x12\x34\x00\x01") // identifier and sequence number of an echo
	}
	quoted := packet{src: p.quoteSrc, dst: p.quoteDst}
	switch {
	case m.Quote != nil:
		quoted.TCP = m.Quote
		h = append(h, make([]byte, ipHeader)...)
		h = append(h, tcpFixed(m.Quote, p.quoteSrc.Port(), p.quoteDst.Port())[:8]...)
		quoted.encodeIP(h[8:8+ipHeader], ipHeader+tcpHeader+m.Quote.Len)
	case m.QuoteUDP != nil:
		quoted.UDP, quoted.payload = m.QuoteUDP, make([]byte, m.QuoteUDP.Len)
		h = append(h, quoted.encode()[:ipHeader+udpHeader]...)
	default:
		h = append(h, p.payload...)
	}
	p.seal(h, 2, 0)
	return append(b, h...)
}

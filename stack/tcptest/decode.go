package tcptest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/gotcp/gotcp/stack/tcptest/script"
)

// decode reads a packet that the host sent. What is wrong with it is a failure of the host.
func decode(b []byte) (*packet, error) {
	if len(b) < ipHeader || b[0] != 0x45 {
		return nil, fmt.Errorf("not an IPv4 packet with a header of 20 octets: % x", b[:min(len(b), 40)])
	}
	total := int(binary.BigEndian.Uint16(b[2:]))
	if total != len(b) {
		return nil, fmt.Errorf("IP total length %d of a packet of %d octets", total, len(b))
	}
	if checksum(0, b[:ipHeader]) != 0xffff {
		return nil, errors.New("bad IP header checksum")
	}
	if b[6]&0xbf != 0 || b[7] != 0 {
		return nil, errors.New("an IP fragment")
	}
	p := &packet{total: total}
	p.IP = script.IP{HasECN: true, ECN: b[1] & 3, HasTOS: true, TOS: b[1], HasTTL: true, TTL: b[8], HasDF: true,
		DF: b[6]&0x40 != 0}
	src, dst := netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	p.src, p.dst = netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0)
	body := b[ipHeader:]
	var sum uint32
	switch b[9] {
	case protoTCP, protoUDP:
		sum = pseudo(src, dst, b[9], len(body))
	case protoICMP:
	default:
		return nil, fmt.Errorf("IP protocol %d", b[9])
	}
	if err := verify(b[9], body, sum); err != nil {
		return nil, err
	}
	return p, p.decodeBody(b[9], body)
}

// verify checks the transport checksum.
func verify(proto byte, body []byte, sum uint32) error {
	field := map[byte]int{protoTCP: 16, protoUDP: 6, protoICMP: 2}[proto]
	if len(body) < field+2 {
		return errors.New("transport header cut short")
	}
	none := proto == protoUDP && binary.BigEndian.Uint16(body[field:]) == 0
	if checksum(sum, body) != 0xffff && !none {
		return errors.New("bad transport checksum")
	}
	return nil
}

func (p *packet) decodeBody(proto byte, b []byte) error {
	ports := func(b []byte) (src, dst uint16) { return binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]) }
	if proto == protoICMP {
		return p.decodeICMP(b)
	}
	srcPort, dstPort := ports(b)
	p.src = netip.AddrPortFrom(p.src.Addr(), srcPort)
	p.dst = netip.AddrPortFrom(p.dst.Addr(), dstPort)
	if proto == protoUDP {
		if n := int(binary.BigEndian.Uint16(b[4:])); n != len(b) {
			return fmt.Errorf("UDP length %d of %d octets", n, len(b))
		}
		p.payload = b[udpHeader:]
		p.UDP = &script.UDP{Len: len(p.payload)}
		return nil
	}
	return p.decodeTCP(b)
}

func (p *packet) decodeTCP(b []byte) error {
	n := int(b[12]>>4) * 4
	if len(b) < tcpHeader || n < tcpHeader || n > len(b) {
		return fmt.Errorf("TCP header of %d octets in a segment of %d", n, len(b))
	}
	t := &script.TCP{
		Flags: script.Flags(b[13]), Seq: binary.BigEndian.Uint32(b[4:]), Ack: binary.BigEndian.Uint32(b[8:]),
		HasWin: true, Win: binary.BigEndian.Uint16(b[14:]), Urg: binary.BigEndian.Uint16(b[18:]),
	}
	if b[12]&0xf != 0 {
		return errors.New("reserved bits of the TCP header are set") // RFC 9293 3.1: must be zero in what is sent
	}
	t.HasAck = t.Flags&script.ACK != 0
	t.HasUrg = t.Flags&script.URG != 0
	p.TCP, p.payload = t, b[n:]
	t.Len = len(p.payload)
	return decodeOptions(t, b[tcpHeader:n])
}

// decodeOptions reads the options. Zeros that only fill up the header are left out.
func decodeOptions(t *script.TCP, b []byte) error {
	for len(b) > 0 {
		kind := script.OptionKind(b[0])
		if kind == script.EOL {
			for _, c := range b {
				if c != 0 {
					return errors.New("padding of the TCP header is not zero") // RFC 9293 MUST-69
				}
			}
			return nil
		}
		if kind == script.NOP {
			t.Options = append(t.Options, script.Option{Kind: kind})
			b = b[1:]
			continue
		}
		if len(b) < 2 || int(b[1]) < 2 || int(b[1]) > len(b) {
			return fmt.Errorf("TCP option %d has a bad length", kind)
		}
		t.Options = append(t.Options, decodeOption(kind, b[:b[1]]))
		b = b[b[1]:]
	}
	return nil
}

func decodeOption(kind script.OptionKind, b []byte) script.Option {
	o := script.Option{Kind: kind}
	switch v := b[2:]; {
	case kind == script.MSS && len(v) == 2:
		o.Value = uint32(binary.BigEndian.Uint16(v))
	case kind == script.WScale && len(v) == 1:
		o.Value = uint32(v[0])
	case kind == script.SACKOK && len(v) == 0:
	case kind == script.TS && len(v) == 8:
		o.Value, o.Ecr = binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:])
	case kind == script.SACK && len(v) > 0 && len(v)%8 == 0:
		for ; len(v) > 0; v = v[8:] {
			o.Blocks = append(o.Blocks, [2]uint32{binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:])})
		}
	default:
		return script.Option{Kind: script.Raw, Raw: b}
	}
	return o
}

func (p *packet) decodeICMP(b []byte) error {
	if len(b) < 8 {
		return errors.New("ICMP message cut short")
	}
	m := &script.ICMP{Type: b[0], Code: b[1]}
	p.ICMP, p.payload = m, b[8:]
	if m.Type == 0 || m.Type == 8 {
		return nil // an echo: what follows is data
	}
	q := p.payload
	if len(q) < ipHeader+8 || q[0]>>4 != 4 || len(q) < int(q[0]&0xf)*4+8 {
		return errors.New("ICMP error quotes less than an IP header and 8 octets") // RFC 1122 3.2.2
	}
	if m.Type == 3 && m.Code == 4 {
		m.MTU = binary.BigEndian.Uint16(b[6:])
	}
	h := q[int(q[0]&0xf)*4:]
	p.quoteSrc = netip.AddrPortFrom(netip.AddrFrom4([4]byte(q[12:16])), binary.BigEndian.Uint16(h))
	p.quoteDst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(q[16:20])), binary.BigEndian.Uint16(h[2:]))
	n := int(binary.BigEndian.Uint16(q[2:])) - int(q[0]&0xf)*4
	switch q[9] {
	case protoUDP:
		m.QuoteUDP = &script.UDP{Len: n - udpHeader}
	case protoTCP:
		m.Quote = &script.TCP{Flags: script.ACK, Seq: binary.BigEndian.Uint32(h[4:]), Len: max(0, n-tcpHeader)}
	}
	return nil
}

package script

import (
	"encoding/hex"
	"math"
	"net/netip"
	"slices"
	"strings"
	"unicode"
)

// packet parses what follows a time and begins with < or >.
func (p *parser) packet() *Packet {
	pk := &Packet{In: p.is("<")}
	p.advance()
	for p.accept("[") {
		p.ipField(pk)
		for p.accept(",") {
			p.ipField(pk)
		}
		p.want("]")
	}
	if p.is("(") {
		p.advance()
		p.ipField(pk)
		p.want(")")
	}
	switch {
	case p.accept("icmp"):
		pk.ICMP = p.icmp()
	case p.accept("udp"):
		pk.UDP = p.udp()
	default:
		pk.TCP = p.segment(pk.In)
	}
	return pk
}

var ecnNames = map[string]uint8{"noecn": 0, "ect1": 1, "ect0": 2, "ce": 3}

// ipField parses one of the fields in brackets.
func (p *parser) ipField(pk *Packet) {
	ip := &pk.IP
	at := p.tok.pos
	name := p.ident("an IP field").text
	ecn, isECN := ecnNames[name]
	switch {
	case isECN:
		ip.HasECN, ip.ECN = true, ecn
	case name == "tos":
		ip.HasTOS, ip.TOS = true, uint8(p.integer("a TOS", 255))
	case name == "ttl":
		ip.HasTTL, ip.TTL = true, uint8(p.integer("a TTL", 255))
	case name == "df" || name == "nodf":
		ip.HasDF, ip.DF = true, name == "df"
	case name == "badsum" && pk.In:
		ip.BadSum = true
	case (name == "src" || name == "dst" || name == "ipopt") && pk.In:
		p.ipString(ip, name)
	case name == "port":
		ip.RemotePort = uint16(p.integer("the remote port", math.MaxUint16))
	case name == "local":
		ip.LocalPort = uint16(p.integer("the local port", math.MaxUint16))
	default:
		p.fail(at, "unknown IP field %q, expected noecn, ect0, ect1, ce, tos N, ttl N, df, nodf, port N, local N, "+
			"or of a packet in badsum, src, dst, ipopt", name)
	}
}

// ipString parses the fields that have a string.
func (p *parser) ipString(ip *IP, name string) {
	at := p.tok.pos
	if p.tok.kind != tString {
		p.expected("a string")
	}
	text := p.tok.text
	p.advance()
	if name == "ipopt" {
		b, err := hex.DecodeString(text)
		if err != nil || len(b) == 0 || len(b) > 40 || len(b)%4 != 0 {
			p.fail(at, "bad IP options %q, expected hexadecimal digits of 4 to 40 octets, a multiple of 4", text)
		}
		ip.Options = b
		return
	}
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		p.fail(at, "bad address %q, expected one of IPv4", text)
	}
	if name == "src" {
		ip.Src = a
	} else {
		ip.Dst = a
	}
}

const flagLetters = "FSRP.UEW" // in the header's order: W is CWR

// flags takes the letters, which stand together without white space; "-" is none of them, and "p" says that PSH may be
// there or not.
func (p *parser) flags() (f Flags, anyPush bool) {
	if p.accept("-") {
		return 0, false
	}
	const what = `TCP flags (letters of "FSRP.UEW", "p" for PSH or not, "-" for none), "icmp" or "udp"`
	seen := ""
	for (p.tok.kind == tIdent || p.is(".")) && (seen == "" || p.tok.glued) {
		for _, c := range p.tok.text {
			i := strings.IndexRune(flagLetters, c)
			if i < 0 && c != 'p' || strings.ContainsRune(strings.ToUpper(seen), unicode.ToUpper(c)) {
				p.expected(what)
			}
			if c == 'p' {
				anyPush = true
			} else {
				f |= 1 << i
			}
			seen += string(c)
		}
		p.advance()
	}
	if seen == "" {
		p.expected(what)
	}
	return f, anyPush
}

// segment parses flags, numbers and options of a TCP segment.
func (p *parser) segment(in bool) *TCP {
	t := &TCP{}
	at := p.tok.pos
	if t.Flags, t.AnyPush = p.flags(); in && t.AnyPush {
		p.fail(at, "\"p\" says nothing about a packet that is injected, expected P or not")
	}
	p.span(t)
	for !p.tok.newline && p.tok.kind == tIdent {
		p.segmentField(t)
	}
	at = p.tok.pos
	if !p.tok.newline && p.accept("<") {
		p.options(t)
	}
	if in && t.AnyOptions {
		p.fail(at, "<...> says nothing about a packet that is injected, expected its options")
	}
	if t.HasAck != (t.Flags&ACK != 0) && (in || t.HasAck) {
		p.fail(at, "an ack number goes with the flag \".\": expected both or neither")
	}
	return t
}

// span takes seq:end(len).
func (p *parser) span(t *TCP) {
	at := p.tok.pos
	t.Seq = uint32(p.integer("a sequence number", math.MaxUint32))
	p.want(":")
	end := uint32(p.integer("the sequence number after the last octet", math.MaxUint32))
	p.want("(")
	t.Len = int(p.integer("the length of the payload", math.MaxUint16))
	p.want(")")
	if t.End() != end {
		p.fail(at, "sequence numbers %d:%d don't fit the length %d, expected %d:%d(%d)", t.Seq, end, t.Len, t.Seq, t.End(),
			t.Len)
	}
}

func (p *parser) segmentField(t *TCP) {
	const max16 = math.MaxUint16
	at := p.tok.pos
	name := p.tok.text
	p.advance()
	switch {
	case name == "ack" && !t.HasAck:
		t.HasAck, t.Ack = true, uint32(p.integer("an ack number", math.MaxUint32))
	case name == "win" && !t.HasWin:
		t.HasWin, t.Win = true, uint16(p.integer("a window", max16))
	case name == "urg" && !t.HasUrg:
		t.HasUrg, t.Urg = true, uint16(p.integer("an urgent pointer", max16))
	default:
		p.fail(at, "unexpected %q, expected ack N, win N, urg N (each once), <options> or the end of the line", name)
	}
}

// options parses the list after "<", to the ">" at its end.
func (p *parser) options(t *TCP) {
	if p.accept("...") {
		t.AnyOptions = true
	} else {
		t.Options = append(t.Options, p.option())
		for p.accept(",") {
			t.Options = append(t.Options, p.option())
		}
	}
	if n := OptionsLen(t.Options); n > 40 {
		p.fail(p.tok.pos, "the options take %d octets, expected at most 40", n)
	}
	p.want(">")
}

func (p *parser) option() Option {
	at := p.tok.pos
	switch name := p.ident("a TCP option").text; name {
	case "mss":
		return Option{Kind: MSS, Value: uint32(p.integer("an MSS", math.MaxUint16))}
	case "wscale":
		return Option{Kind: WScale, Value: uint32(p.integer("a shift count", 255))}
	case "sackOK":
		return Option{Kind: SACKOK}
	case "nop":
		return Option{Kind: NOP}
	case "eol":
		return Option{Kind: EOL}
	case "TS":
		o := Option{Kind: TS}
		p.want("val")
		o.Value, o.AnyValue = p.stamp()
		p.want("ecr")
		o.Ecr, o.AnyEcr = p.stamp()
		return o
	case "sack":
		return p.sack()
	case "raw":
		return p.rawOption()
	default:
		p.fail(at, "unknown TCP option %q, expected mss, sackOK, TS, nop, eol, wscale, sack or raw", name)
		return Option{}
	}
}

// stamp takes a timestamp, or "..." for any.
func (p *parser) stamp() (n uint32, anything bool) {
	if p.accept("...") {
		return 0, true
	}
	return uint32(p.integer("a timestamp", math.MaxUint32)), false
}

func (p *parser) sack() Option {
	o := Option{Kind: SACK}
	for p.tok.kind == tNumber {
		start := uint32(p.integer("a SACK block", math.MaxUint32))
		p.want(":")
		o.Blocks = append(o.Blocks, [2]uint32{start, uint32(p.integer("the end of a SACK block", math.MaxUint32))})
	}
	if len(o.Blocks) == 0 {
		p.expected("a SACK block (start:end)")
	}
	return o
}

func (p *parser) rawOption() Option {
	at := p.tok.pos
	if p.tok.kind != tString {
		p.expected(`the option's octets in hexadecimal ("fd04abcd")`)
	}
	b, err := hex.DecodeString(p.tok.text)
	if err != nil || len(b) == 0 {
		p.fail(at, "bad octets %q, expected hexadecimal digits", p.tok.text)
	}
	p.advance()
	return Option{Kind: Raw, Raw: b}
}

// Len is the number of octets that the option takes in a header.
func (o *Option) Len() int {
	switch o.Kind {
	case EOL, NOP:
		return 1
	case SACKOK:
		return 2
	case WScale:
		return 3
	case MSS:
		return 4
	case TS:
		return 10
	case SACK:
		return 2 + 8*len(o.Blocks)
	}
	return len(o.Raw)
}

// OptionsLen is the number of octets that the options take, without padding.
func OptionsLen(opts []Option) int {
	n := 0
	for i := range opts {
		n += opts[i].Len()
	}
	return n
}

// udp parses "(len)".
func (p *parser) udp() *UDP {
	p.want("(")
	n := p.integer("the length of the payload", math.MaxUint16-28)
	p.want(")")
	return &UDP{Len: int(n)}
}

// icmp parses type, code, mtu and the quoted packet.
func (p *parser) icmp() *ICMP {
	m := &ICMP{}
	at := p.tok.pos
	name := p.ident("an ICMP type").text
	typ := slices.IndexFunc(icmpTypes, func(t icmpType) bool { return t.name == name })
	if typ < 0 {
		p.fail(at, "unknown ICMP type %q, expected %s", name, icmpTypeNames())
	}
	m.Type = icmpTypes[typ].number
	if codes := icmpTypes[typ].codes; codes != nil {
		at := p.tok.pos
		name := p.ident("an ICMP code").text
		code := slices.Index(codes, name)
		if code < 0 {
			p.fail(at, "unknown ICMP code %q, expected one of %s", name, strings.Join(codes, ", "))
		}
		m.Code = uint8(code)
	}
	if p.accept("mtu") {
		m.MTU = uint16(p.integer("an MTU", math.MaxUint16))
	}
	if !p.tok.newline && p.accept("[") {
		p.quote(m)
		p.want("]")
	}
	return m
}

// quote parses the packet that an ICMP error is about: "[1:1001(1000)]" or "[udp (8)]".
func (p *parser) quote(m *ICMP) {
	if p.accept("udp") {
		m.QuoteUDP = p.udp()
		return
	}
	m.Quote = &TCP{Flags: ACK, PayloadOmitted: true}
	if p.tok.kind == tIdent || p.is(".") {
		m.Quote.Flags, m.Quote.AnyPush = p.flags()
	}
	p.span(m.Quote)
}

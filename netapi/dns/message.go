package dns

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gotcp/gotcp/netapi/likenet"
)

// message is a response. Its records stay the octets that came, so that types that nobody here knows pass unharmed.
type message struct {
	rcode   dnsmessage.RCode // with the upper bits that an OPT record has
	aa, ad  bool             // the header's flags
	explain *explanation     // why, where it is a failure

	text  []byte // from the header on
	count [3]int // of the answer, authority and additional sections: how many records
	end   [3]int // where each ends in text; of the additional section what comes before OPT or a signature only

	ra, tc, opt bool // of servers' responses: flags of the header, and whether there is an OPT record

	addrs []netip.Addr  // the addresses of the name that was asked for, for Found
	ttl   time.Duration // how long they hold
}

// nameEnd finds the end of a name that begins at off.
func nameEnd(msg []byte, off int) (end int, ok bool) {
	for off < len(msg) {
		c := int(msg[off])
		switch {
		case c == 0:
			return off + 1, true
		case c&0xc0 == 0xc0: // a pointer
			return off + 2, off+2 <= len(msg)
		case c&0xc0 != 0:
			return 0, false
		}
		off += 1 + c
	}
	return 0, false
}

// recordEnd finds the end of a resource record that begins at off, and where its fixed part begins (RFC 1035 4.1.3).
func recordEnd(msg []byte, off int) (fixed, end int, ok bool) {
	const fixedLen = 10
	fixed, ok = nameEnd(msg, off)
	if !ok || fixed+fixedLen > len(msg) {
		return 0, 0, false
	}
	end = fixed + fixedLen + int(binary.BigEndian.Uint16(msg[fixed+8:]))
	return fixed, end, end <= len(msg)
}

// parseMessage cuts a response into its sections. It must have one question, of so many octets.
func parseMessage(msg []byte, question int) (*message, bool) {
	off := headerLen + question
	if len(msg) < off || binary.BigEndian.Uint16(msg[4:]) != 1 {
		return nil, false
	}
	flags := binary.BigEndian.Uint16(msg[2:])
	m := &message{
		text: msg, rcode: dnsmessage.RCode(flags & 0xf),
		aa: flags&flagAA != 0, ad: flags&flagAD != 0, ra: flags&flagRA != 0, tc: flags&flagTC != 0,
	}
	for i := range m.count {
		open := true // for records that are passed on
		m.end[i] = off
		for range binary.BigEndian.Uint16(msg[6+2*i:]) {
			fixed, end, ok := recordEnd(msg, off)
			if !ok {
				return nil, false
			}
			off = end
			switch t := dnsmessage.Type(binary.BigEndian.Uint16(msg[fixed:])); {
			case i == 2 && t == dnsmessage.TypeOPT:
				m.opt, open = true, false
				m.rcode |= dnsmessage.RCode(msg[fixed+4]) << 4
			case i == 2 && t == typeTSIG:
				open = false
			}
			if open {
				m.count[i]++
				m.end[i] = end
			}
		}
	}
	return m, true
}

// findAddrs reads the addresses that a name has by the answer section: its own, or those at the end of the chain of
// its aliases. It reports whether what it had to read is in order.
func (m *message) findAddrs(name string) bool {
	var p dnsmessage.Parser
	if _, err := p.Start(m.text); err != nil || p.SkipAllQuestions() != nil {
		return false
	}
	owners := map[string]*owner{}
	for {
		h, err := p.AnswerHeader()
		if err == dnsmessage.ErrSectionDone {
			break
		}
		if err != nil {
			return false
		}
		if h.Class != dnsmessage.ClassINET {
			if p.SkipAnswer() != nil {
				return false
			}
			continue
		}
		key := likenet.Name(h.Name.String())
		o := owners[key]
		if o == nil {
			o = &owner{ttl: maxTTL}
			owners[key] = o
		}
		if !o.read(&p, h) {
			return false
		}
	}
	m.addrs, m.ttl = follow(owners, name)
	return true
}

// maxTTL is RFC 2181 section 8's: a TTL with the most significant bit counts as zero.
const maxTTL = 1<<31 - 1

// owner is what an answer section says of one name.
type owner struct {
	addrs []netip.Addr
	alias string // CNAME
	ttl   uint32 // seconds; the least of its records
	seen  bool
}

// read takes the record whose header was just read.
func (o *owner) read(p *dnsmessage.Parser, h dnsmessage.ResourceHeader) bool {
	switch h.Type {
	case dnsmessage.TypeA:
		r, err := p.AResource()
		if err != nil {
			return false
		}
		o.addrs = append(o.addrs, netip.AddrFrom4(r.A))
	case dnsmessage.TypeAAAA:
		r, err := p.AAAAResource()
		if err != nil {
			return false
		}
		o.addrs = append(o.addrs, netip.AddrFrom16(r.AAAA))
	case dnsmessage.TypeCNAME:
		r, err := p.CNAMEResource()
		if err != nil {
			return false
		}
		o.alias = likenet.Name(r.CNAME.String())
	default:
		return p.SkipAnswer() == nil
	}
	if h.TTL > maxTTL {
		h.TTL = 0
	}
	o.ttl = min(o.ttl, h.TTL)
	return true
}

// follow goes from a name over its aliases to the addresses. They hold as long as the whole chain does.
func follow(owners map[string]*owner, name string) ([]netip.Addr, time.Duration) {
	ttl := uint32(maxTTL)
	for {
		o := owners[name]
		if o == nil || o.seen { // the chain ends outside, or in itself
			return nil, 0
		}
		o.seen = true
		ttl = min(ttl, o.ttl)
		if len(o.addrs) > 0 {
			return o.addrs, time.Duration(ttl) * time.Second
		}
		name = o.alias
	}
}

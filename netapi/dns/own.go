package dns

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// ownTTL is for how long a name of the network's own may be remembered: the table can change while programs run.
const ownTTL = time.Minute

var (
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6 = netip.IPv6Loopback()
)

// maxOwn is how many records an own name's answer has at most: so many fit into a message of 64 KiB.
const maxOwn = 2000

// constant answers what has the same answer on each network, and is none of a server's business.
func constant(q *query) (m *message, ok bool) {
	name := q.name
	switch {
	case within(name, "localhost"): // RFC 6761 6.3
		return q.addrMessage(q.suitable([]netip.Addr{loopback4, loopback6})), true
	case within(name, "invalid"), within(name, "onion"): // RFC 6761 6.4, RFC 7686 2
		return &message{rcode: dnsmessage.RCodeNameError, aa: true}, true
	}
	if a, ok := reverse(name); ok && (a == loopback4 || a == loopback6) { // RFC 6303 4.2 and 4.3
		return q.nameMessage([]string{"localhost"}), true
	}
	return nil, false
}

// within reports whether a name is in a domain or its head.
func within(name, domain string) bool {
	rest, ok := strings.CutSuffix(name, domain)
	return ok && (rest == "" || strings.HasSuffix(rest, "."))
}

// own answers from the hosts table.
func (s *Server) own(q *query) (m *message, ok bool) {
	if addrs, ok := s.Hosts[q.name]; ok {
		addrs = q.suitable(addrs)
		m := q.addrMessage(addrs)
		m.addrs, m.ttl = addrs, ownTTL
		return m, true
	}
	a, ok := reverse(q.name)
	if !ok {
		return nil, false
	}
	var names []string
	for name, addrs := range s.Hosts {
		if slices.ContainsFunc(addrs, func(b netip.Addr) bool { return plain(b) == a }) {
			names = append(names, name)
		}
	}
	if names == nil {
		return nil, false
	}
	slices.Sort(names)
	return q.nameMessage(names), true
}

// plain is an address as a record has it.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// suitable are the addresses that the question is for, by their family.
func (q *query) suitable(addrs []netip.Addr) []netip.Addr {
	var fit []netip.Addr
	for _, a := range addrs {
		a = plain(a)
		t := q.question.Type
		if t == dnsmessage.TypeALL || t == dnsmessage.TypeA && a.Is4() || t == dnsmessage.TypeAAAA && a.Is6() {
			fit = append(fit, a)
		}
	}
	return fit[:min(len(fit), maxOwn)]
}

// addrMessage is the response that a name has these addresses. None is an answer, too: the name exists.
func (q *query) addrMessage(addrs []netip.Addr) *message {
	return q.ownMessage(func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) error {
		for _, a := range addrs {
			var err error
			if a.Is4() {
				err = b.AResource(h, dnsmessage.AResource{A: a.As4()})
			} else {
				err = b.AAAAResource(h, dnsmessage.AAAAResource{AAAA: a.As16()})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// nameMessage is the response that an address has these names.
func (q *query) nameMessage(names []string) *message {
	if t := q.question.Type; t != dnsmessage.TypePTR && t != dnsmessage.TypeALL {
		names = nil
	}
	return q.ownMessage(func(b *dnsmessage.Builder, h dnsmessage.ResourceHeader) error {
		for _, name := range names[:min(len(names), maxOwn)] {
			n, ok := toWire(name)
			if !ok {
				continue
			}
			if err := b.PTRResource(h, dnsmessage.PTRResource{PTR: n}); err != nil {
				return err
			}
		}
		return nil
	})
}

// toWire makes a name of a hosts table one of a message, where it can be one (RFC 1035 2.3.4).
func toWire(name string) (dnsmessage.Name, bool) {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return dnsmessage.Name{}, false
		}
	}
	n, err := dnsmessage.NewName(name + ".")
	return n, err == nil && len(name) <= 253
}

// ownMessage makes a response of the records that add adds.
func (q *query) ownMessage(add func(*dnsmessage.Builder, dnsmessage.ResourceHeader) error) *message {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{Response: true, Authoritative: true})
	b.EnableCompression()
	h := dnsmessage.ResourceHeader{
		Name: q.question.Name, Class: dnsmessage.ClassINET, TTL: uint32(ownTTL / time.Second),
	}
	err := b.StartQuestions()
	if err == nil {
		err = b.Question(q.question)
	}
	if err == nil {
		err = b.StartAnswers()
	}
	if err == nil {
		err = add(&b, h)
	}
	if err != nil {
		return failure(err)
	}
	text, err := b.Finish()
	if err != nil {
		return failure(err)
	}
	m, ok := parseMessage(text, len(q.wire))
	if !ok {
		return failure(errBadAnswer)
	}
	return m
}

// reverse is the address that a name below in-addr.arpa (RFC 1035 3.5) or ip6.arpa (RFC 3596 2.5) stands for.
func reverse(name string) (netip.Addr, bool) {
	if digits, ok := strings.CutSuffix(name, ".in-addr.arpa"); ok {
		l := strings.Split(digits, ".")
		slices.Reverse(l)
		a, err := netip.ParseAddr(strings.Join(l, "."))
		return a, err == nil && a.Is4()
	}
	digits, ok := strings.CutSuffix(name, ".ip6.arpa")
	l := strings.Split(digits, ".")
	if !ok || len(l) != 32 {
		return netip.Addr{}, false
	}
	var a [16]byte
	for i, d := range l {
		n, err := strconv.ParseUint(d, 16, 4)
		if err != nil || len(d) != 1 {
			return netip.Addr{}, false
		}
		a[15-i/2] |= byte(n) << (4 * (i % 2))
	}
	return netip.AddrFrom16(a), true
}

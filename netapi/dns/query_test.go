package dns_test

import (
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gotcp/gotcp/netapi/dns"
)

// TestFaults: queries that lead to no look-up are answered with why (RFC 1035 4.1.1, RFC 6891).
func TestFaults(t *testing.T) {
	s := alone(t)
	change := func(f func(m *dnsmessage.Message)) []byte {
		m := question("db.example.", dnsmessage.TypeA)
		f(&m)
		return pack(t, m)
	}
	good := pack(t, question("db.example.", dnsmessage.TypeA))
	raw := func(at int, b ...byte) []byte {
		p := append([]byte(nil), good...)
		copy(p[at:], b)
		return p
	}
	version1 := opt(1232)
	version1.Header.TTL = 1 << 16
	named := opt(1232)
	named.Header.Name = dnsmessage.MustNewName("x.")
	for name, c := range map[string]struct {
		query []byte
		want  dnsmessage.RCode
	}{
		"another opcode": {change(func(m *dnsmessage.Message) { m.OpCode = 5 }), dnsmessage.RCodeNotImplemented},
		"class CHAOS": {change(func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassCHAOS }),
			dnsmessage.RCodeNotImplemented},
		"a transfer": {change(func(m *dnsmessage.Message) { m.Questions[0].Type = dnsmessage.TypeAXFR }),
			dnsmessage.RCodeNotImplemented},
		"OPT is no type to ask for": {change(func(m *dnsmessage.Message) { m.Questions[0].Type = dnsmessage.TypeOPT }),
			dnsmessage.RCodeFormatError},
		"no question": {change(func(m *dnsmessage.Message) { m.Questions = nil }), dnsmessage.RCodeFormatError},
		"two questions": {change(func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) }),
			dnsmessage.RCodeFormatError}, // RFC 9619
		"a cut question":         {good[:len(good)-3], dnsmessage.RCodeFormatError},
		"a name that is pointed": {raw(12, 0xc0, 0), dnsmessage.RCodeFormatError},
		"a dot in a label":       {raw(14, '.'), dnsmessage.RCodeFormatError}, // which Allow could not tell apart
		"a promised record":      {raw(10, 0, 1), dnsmessage.RCodeFormatError},
		"two OPT": {change(func(m *dnsmessage.Message) { m.Additionals = []dnsmessage.Resource{opt(512), opt(512)} }),
			dnsmessage.RCodeFormatError},
		"OPT with a name": {change(func(m *dnsmessage.Message) { m.Additionals = []dnsmessage.Resource{named} }),
			dnsmessage.RCodeFormatError},
	} {
		text, err := s.Exchange(t.Context(), c.query, false)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m := unpack(t, text)
		if m.RCode != c.want || !m.Response || m.ID != 4711 || len(m.Answers) > 0 {
			t.Errorf("%s: %+v; want %v", name, m, c.want)
		}
	}
	m := exchange(t, s, question("db.example.", dnsmessage.TypeA, version1), false)
	if len(m.Answers) > 0 || len(m.Additionals) != 1 || m.Additionals[0].Header.ExtendedRCode(m.RCode) != 16 {
		t.Errorf("EDNS version 1: %+v; want BADVERS", m)
	}
}

// TestNoQuery: what is no query gets no answer, or two servers could keep each other busy for ever.
func TestNoQuery(t *testing.T) {
	s := &dns.Server{}
	m := question("db.example.", dnsmessage.TypeA)
	m.Response = true
	for name, msg := range map[string][]byte{"nothing": nil, "half a header": make([]byte, 11), "a response": pack(t, m)} {
		if text, err := s.Exchange(t.Context(), msg, true); err == nil {
			t.Errorf("%s is answered: % x", name, text)
		}
	}
}

package dns

import (
	"encoding/binary"
	"errors"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// Flags of the header (RFC 1035 4.1.1, RFC 4035 3).
const (
	flagQR = 1 << 15
	flagAA = 1 << 10
	flagTC = 1 << 9
	flagRD = 1 << 8
	flagRA = 1 << 7
	flagAD = 1 << 5
	flagCD = 1 << 4
)

// explanation is an extended DNS error (RFC 8914): why, in words.
type explanation struct {
	code uint16
	text string
}

// The codes of RFC 8914 section 4 that are used here.
const (
	explainProhibited   = 18
	explainNetworkError = 23
)

// optionEDE is the EDNS option that has an explanation in it.
const optionEDE = 15

// maxExplain is how many octets of an error's text go into a message, so that it fits into any.
const maxExplain = 200

// failure is the response that tells of an error.
func failure(err error) *message {
	m := &message{rcode: dnsmessage.RCodeServerFailure, explain: &explanation{explainNetworkError, err.Error()}}
	if r, ok := errors.AsType[*refusal](err); ok {
		m.rcode, m.explain.code, m.explain.text = dnsmessage.RCodeRefused, explainProhibited, r.Error()
	}
	return m
}

// reply writes the response m to the query, with as many of its sections as fit into limit octets; cut says that
// those left out are missed, which the flag TC says, too. "The TC bit should not be set merely because some extra
// information could have been included" (RFC 2181 section 9): authorities that come with an answer, and additional
// records, are extra.
func (q *query) reply(m *message, limit int) (text []byte, cut bool) {
	opt, sections := q.opt(m), 3
	for sections > 0 && q.length(m, sections)+len(opt) > limit {
		sections--
		if sections == 1 && m.count[0] == 0 { // the authorities are the answer: there is none (RFC 2308)
			sections = 0
		}
		cut = sections == 0
	}
	text = q.header(m, cut)
	text = append(text, q.wire...)
	if sections > 0 && m.text != nil {
		from := headerLen + len(q.wire)
		text = append(text, m.text[from:max(from, m.end[sections-1])]...)
	}
	for i := range sections {
		binary.BigEndian.PutUint16(text[6+2*i:], uint16(m.count[i]))
	}
	if opt != nil {
		text = append(text, opt...)
		binary.BigEndian.PutUint16(text[10:], binary.BigEndian.Uint16(text[10:])+1)
	}
	return text, cut
}

// length is the length of a response with the first so many sections, without OPT.
func (q *query) length(m *message, sections int) int {
	if sections == 0 || m.text == nil {
		return headerLen + len(q.wire)
	}
	return m.end[sections-1]
}

// header is the header of the response, without the counts of records.
func (q *query) header(m *message, cut bool) []byte {
	flags := flagQR | flagRA | uint16(q.opcode)<<11 | uint16(m.rcode)&0xf
	set := func(flag uint16, on bool) {
		if on {
			flags |= flag
		}
	}
	set(flagAA, m.aa)
	set(flagTC, cut)
	set(flagRD, q.rd)
	set(flagCD, q.cd)
	set(flagAD, m.ad && (q.ad || q.do)) // for who can make use of it (RFC 6840 5.8)
	text := make([]byte, headerLen, minUDP)
	binary.BigEndian.PutUint16(text, q.id)
	binary.BigEndian.PutUint16(text[2:], flags)
	if q.wire != nil {
		binary.BigEndian.PutUint16(text[4:], 1)
	}
	return text
}

// opt is the OPT record of the response: nil where the query had none, for then "responders MUST NOT include" one
// (RFC 6891 7).
func (q *query) opt(m *message) []byte {
	if !q.edns {
		return nil
	}
	o := []byte{0, 0, byte(dnsmessage.TypeOPT)}
	o = binary.BigEndian.AppendUint16(o, upstreamSize)
	flags := uint16(0)
	if q.do {
		flags = 1 << 15
	}
	o = append(o, byte(m.rcode>>4), 0) // upper bits of the RCODE; version
	o = binary.BigEndian.AppendUint16(o, flags)
	if m.explain == nil {
		return append(o, 0, 0)
	}
	why := m.explain.text
	if len(why) > maxExplain {
		why = strings.ToValidUTF8(why[:maxExplain], "")
	}
	o = binary.BigEndian.AppendUint16(o, uint16(2+2+2+len(why)))
	o = binary.BigEndian.AppendUint16(o, optionEDE)
	o = binary.BigEndian.AppendUint16(o, uint16(2+len(why)))
	o = binary.BigEndian.AppendUint16(o, m.explain.code)
	return append(o, why...)
}

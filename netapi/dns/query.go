package dns

import (
	"encoding/binary"
	"errors"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gotcp/gotcp/netapi/likenet"
)

const (
	headerLen = 12
	minUDP    = 512  // what each client of UDP can take (RFC 1035 4.2.1)
	maxUDP    = 4096 // what is sent at most: "a good compromise" (RFC 6891 6.2.5)
	maxTCP    = 0xffff
)

// Types that package dnsmessage has no name for.
const (
	typeTKEY  dnsmessage.Type = 249
	typeTSIG  dnsmessage.Type = 250
	typeMAILA dnsmessage.Type = 254
)

// rcodeBadVers is BADVERS: an EDNS version that isn't known (RFC 6891 9).
const rcodeBadVers dnsmessage.RCode = 16

// errNoQuery is what no answer is given to: an answer to it could begin a war of answers.
var errNoQuery = errors.New("dns: the message is no query")

// query is a query as it was understood.
type query struct {
	id         uint16
	opcode     dnsmessage.OpCode
	rd, ad, cd bool // the header's flags
	edns, do   bool // whether there is an OPT record, and its flag DO (RFC 3225)
	size       int  // what the client can take by UDP, octets
	question   dnsmessage.Question
	wire       []byte // the question section; nil where it wasn't understood
	name       string // the question's name in lower case, without a dot at the end
}

// parseQuery understands a query. The error is [errNoQuery]; a fault is the RCODE of the answer where it is a query
// that leads to no look-up.
func parseQuery(msg []byte) (q *query, fault dnsmessage.RCode, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || h.Response {
		return nil, 0, errNoQuery
	}
	q = &query{
		id: h.ID, opcode: h.OpCode, size: minUDP,
		rd: h.RecursionDesired, ad: h.AuthenticData, cd: h.CheckingDisabled,
	}
	if h.OpCode != 0 {
		return q, dnsmessage.RCodeNotImplemented, nil
	}
	if binary.BigEndian.Uint16(msg[4:]) != 1 { // RFC 9619: a query has one question
		return q, dnsmessage.RCodeFormatError, nil
	}
	if !q.parseQuestion(&p, msg) {
		return q, dnsmessage.RCodeFormatError, nil
	}
	if fault := q.parseOPT(&p); fault != 0 {
		return q, fault, nil
	}
	return q, q.suits(), nil
}

// parseQuestion reads the question. Its name must be written out, for nothing is before it that could be pointed at.
func (q *query) parseQuestion(p *dnsmessage.Parser, msg []byte) bool {
	question, err := p.Question()
	if err != nil {
		return false
	}
	end, ok := nameEnd(msg, headerLen)
	name := question.Name.String()
	wireLen := len(name) + 1
	if name == "." {
		wireLen = 1
	}
	if !ok || end-headerLen != wireLen {
		return false
	}
	q.question, q.wire, q.name = question, msg[headerLen:end+4:end+4], likenet.Name(name)
	return true
}

// parseOPT looks for the OPT record (RFC 6891 6.1) in what follows the question.
func (q *query) parseOPT(p *dnsmessage.Parser) (fault dnsmessage.RCode) {
	if p.SkipAllQuestions() != nil || p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil {
		return dnsmessage.RCodeFormatError
	}
	for {
		h, err := p.AdditionalHeader()
		if err == dnsmessage.ErrSectionDone {
			return fault
		}
		if err != nil {
			return dnsmessage.RCodeFormatError
		}
		if h.Type == dnsmessage.TypeOPT {
			if q.edns || h.Name.String() != "." { // "FORMERR", both
				return dnsmessage.RCodeFormatError
			}
			q.edns, q.do, q.size = true, h.DNSSECAllowed(), max(int(h.Class), minUDP)
			if h.TTL>>16&0xff != 0 {
				fault = rcodeBadVers
			}
		}
		if p.SkipAdditional() != nil {
			return dnsmessage.RCodeFormatError
		}
	}
}

// suits says whether the question can be looked up.
func (q *query) suits() dnsmessage.RCode {
	t := q.question.Type
	switch {
	case q.question.Class != dnsmessage.ClassINET:
		return dnsmessage.RCodeNotImplemented
	case t == dnsmessage.TypeOPT:
		return dnsmessage.RCodeFormatError
	case typeTKEY <= t && t <= typeMAILA: // keys, signatures, transfers: matters between two servers
		return dnsmessage.RCodeNotImplemented
	}
	return 0
}

// limit is how long the answer may be, in octets.
func (q *query) limit(tcp bool) int {
	if tcp {
		return maxTCP
	}
	return min(q.size, maxUDP)
}

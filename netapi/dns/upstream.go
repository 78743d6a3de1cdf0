package dns

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gotcp/gotcp/netapi/likenet"
)

const (
	// attempts and patience are resolv.conf's defaults: how often each server is asked, and for how long.
	attempts = 2
	patience = 5 * time.Second

	// upstreamSize is what we say that we can take by UDP: what passes all links unfragmented (DNS flag day 2020).
	upstreamSize = 1232

	// maxStrays is how many datagrams may come that aren't the answer. More are somebody's guesses at it: the query
	// goes out again from another port, with another ID.
	maxStrays = 64
)

var (
	errBadAnswer = errors.New("dns: the server's answer doesn't hold together")
	errStrays    = errors.New("dns: too many datagrams came that don't answer the query")
	errTruncated = errors.New("dns: the server's answer was cut")
)

// serverError is a response that is no answer.
type serverError struct {
	server netip.AddrPort
	rcode  dnsmessage.RCode
}

func (e *serverError) Error() string {
	switch e.rcode {
	case dnsmessage.RCodeSuccess:
		return fmt.Sprintf("server %v knows nothing and asks nobody: it is no recursive resolver", e.server)
	case dnsmessage.RCodeFormatError:
		return fmt.Sprintf("server %v doesn't understand the query (FORMERR)", e.server)
	case dnsmessage.RCodeServerFailure:
		return fmt.Sprintf("server %v failed (SERVFAIL)", e.server)
	case dnsmessage.RCodeNotImplemented:
		return fmt.Sprintf("server %v doesn't do such queries (NOTIMP)", e.server)
	case dnsmessage.RCodeRefused:
		return fmt.Sprintf("server %v refuses to answer (REFUSED)", e.server)
	}
	return fmt.Sprintf("server %v answers with RCODE %d", e.server, e.rcode)
}

// Timeout and Temporary make it a net.Error, which net.Resolver looks for.
func (e *serverError) Timeout() bool   { return false }
func (e *serverError) Temporary() bool { return e.rcode == dnsmessage.RCodeServerFailure }

// ask asks the servers in turn. The first one's error is the most telling.
func (s *Server) ask(ctx context.Context, q *query) (*message, error) {
	servers := s.Servers
	if len(servers) == 0 {
		servers = systemServers()
	}
	var first error
	for range attempts {
		for i, server := range servers {
			m, err := s.askOne(ctx, server, q, share(ctx, len(servers)-i))
			if err == nil {
				return m, nil
			}
			if first == nil {
				first = err
			}
			if over(ctx) != nil {
				return nil, first
			}
		}
	}
	return nil, first
}

// share is the patience with a server, where so many are to be asked before ctx ends.
func share(ctx context.Context, left int) time.Duration {
	if d, ok := ctx.Deadline(); ok {
		return min(patience, time.Until(d)/time.Duration(left))
	}
	return patience
}

// askOne asks one server, by UDP, and by TCP where the answer was cut (RFC 7766 5). A server that doesn't know EDNS0
// is asked without it (RFC 6891 7).
func (s *Server) askOne(ctx context.Context, server netip.AddrPort, q *query, wait time.Duration) (*message, error) {
	u := upstream{s: s, server: server, q: q, wait: wait}
	m, err := u.exchange(ctx, "udp", true)
	edns := true
	if err == nil && !m.opt && (m.rcode == dnsmessage.RCodeFormatError || m.rcode == dnsmessage.RCodeNotImplemented) {
		edns = false
		m, err = u.exchange(ctx, "udp", edns)
	}
	if err == nil && m.tc {
		m, err = u.exchange(ctx, "tcp", edns)
	}
	switch {
	case err != nil:
		return nil, err
	case m.tc:
		return nil, errTruncated
	case m.rcode != dnsmessage.RCodeSuccess && m.rcode != dnsmessage.RCodeNameError,
		m.rcode == dnsmessage.RCodeSuccess && !m.aa && !m.ra && m.count[0] == 0: // a lame referral
		return nil, &serverError{server, m.rcode}
	case !m.findAddrs(q.name):
		return nil, errBadAnswer
	}
	return m, nil
}

// upstream is a query to one server.
type upstream struct {
	s      *Server
	server netip.AddrPort
	q      *query
	wait   time.Duration
}

// exchange asks over a new connection, so that the port is as hard to guess as the ID (RFC 5452 4.5), and takes no
// answer but from that server.
func (u *upstream) exchange(ctx context.Context, network string, edns bool) (*message, error) {
	ctx, cancel := context.WithTimeout(ctx, u.wait)
	defer cancel()
	dial := u.s.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	c, err := dial(ctx, network, u.server.String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	query, err := u.q.forward(edns)
	if err != nil {
		return nil, err
	}
	if network == "tcp" {
		return u.stream(c, query)
	}
	return u.datagram(c, query)
}

// datagram asks by UDP. Datagrams that are no answer to the query are passed over, for they may be forged.
func (u *upstream) datagram(c net.Conn, query []byte) (*message, error) {
	if _, err := c.Write(query); err != nil {
		return nil, err
	}
	buf := make([]byte, maxUDP)
	for range maxStrays {
		n, err := c.Read(buf)
		if err != nil {
			return nil, err
		}
		if m, ok := u.q.accept(buf[:n], binary.BigEndian.Uint16(query)); ok {
			return m, nil
		}
	}
	return nil, errStrays
}

// stream asks by TCP.
func (u *upstream) stream(c net.Conn, query []byte) (*message, error) {
	if err := writeFrame(c, query); err != nil {
		return nil, err
	}
	answer, err := readFrame(c)
	if err != nil {
		return nil, err
	}
	m, ok := u.q.accept(answer, binary.BigEndian.Uint16(query))
	if !ok {
		return nil, errBadAnswer
	}
	return m, nil
}

// forward is the query as it goes to a server: the question with an ID of its own; of the client's message nothing else
// but the flags that matter there.
func (q *query) forward(edns bool) ([]byte, error) {
	var id [2]byte
	rand.Read(id[:])
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{
		ID: binary.BigEndian.Uint16(id[:]), RecursionDesired: q.rd, AuthenticData: q.ad, CheckingDisabled: q.cd,
	})
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(q.question); err != nil {
		return nil, err
	}
	if !edns {
		return b.Finish()
	}
	if err := b.StartAdditionals(); err != nil {
		return nil, err
	}
	var h dnsmessage.ResourceHeader
	if err := h.SetEDNS0(upstreamSize, dnsmessage.RCodeSuccess, q.do); err != nil {
		return nil, err
	}
	if err := b.OPTResource(h, dnsmessage.OPTResource{}); err != nil {
		return nil, err
	}
	return b.Finish()
}

// accept takes a message as the answer where it is one: the ID's, and to the same question (RFC 5452 9.1).
func (q *query) accept(msg []byte, id uint16) (*message, bool) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || !h.Response || h.ID != id || h.OpCode != 0 {
		return nil, false
	}
	// The question section must be as long as ours, so that ours, whose letters may have another case, fits its place.
	if end, ok := nameEnd(msg, headerLen); !ok || end+4 != headerLen+len(q.wire) {
		return nil, false
	}
	got, err := p.Question()
	if err != nil || got.Type != q.question.Type || got.Class != q.question.Class ||
		likenet.Name(got.Name.String()) != q.name {
		return nil, false
	}
	return parseMessage(msg, len(q.wire))
}

// readFrame reads a message from a stream, where two octets with its length come first (RFC 1035 4.2.2).
func readFrame(r io.Reader) ([]byte, error) {
	var n [2]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(n[:]))
	if _, err := io.ReadFull(r, msg); err != nil {
		return nil, err
	}
	return msg, nil
}

// writeFrame writes a message to a stream with its length, in one piece (RFC 7766 8).
func writeFrame(w io.Writer, msg []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(msg)), uint16(len(msg))), msg...))
	return err
}

package parity

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer answers at the peer for the names below test, by their first label:
//
//	peer        the peer
//	closed      the peer, twice
//	void-peer   the address that never answers, then the peer
//	large       the peer, but by TCP only
//	broken      a failure of the server's
//	nothing     no address, though the name exists
//	silent      never
//
// Others don't exist.
type nameServer struct{ h *Host }

// resolver is one of the subject's that asks a name server at the peer.
func (q *asking) resolver() *net.Resolver {
	s := &nameServer{q.h}
	p := q.packetConn(q.h.Peer.ListenPacket(q.ctx, "udp4", netip.AddrPortFrom(q.h.To, 0).String()))
	l := q.listen(q.h.Peer, q.h.To) // whose port is another
	go s.serveUDP(p)
	go s.serveTCP(l)
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		if strings.HasPrefix(network, "tcp") {
			return q.h.Net.DialContext(ctx, network, l.Addr().String())
		}
		return q.h.Net.DialContext(ctx, network, p.LocalAddr().String())
	}}
}

func (s *nameServer) serveUDP(p net.PacketConn) {
	b := make([]byte, 2000)
	for {
		n, from, err := p.ReadFrom(b)
		if err != nil {
			return
		}
		if a := s.answer(b[:n], false); a != nil {
			p.WriteTo(a, from) // who asked in vain asks again
		}
	}
}

func (s *nameServer) serveTCP(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go s.serveConn(c)
	}
}

// serveConn answers one query (RFC 1035 section 4.2.2).
func (s *nameServer) serveConn(c net.Conn) {
	defer c.Close()
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return
	}
	b := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		return
	}
	a := s.answer(b, true)
	c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...))
}

// answer makes the answer to a query; nil for none.
func (s *nameServer) answer(query []byte, tcp bool) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	question := m.Questions[0]
	label, _, _ := strings.Cut(question.Name.String(), ".")
	m = dnsmessage.Message{
		Header:    dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: m.Questions,
	}
	addrs := map[string][]netip.Addr{
		"peer": {s.h.To}, "closed": {s.h.To, s.h.To}, "void-peer": {s.h.Void, s.h.To}, "large": {s.h.To}, "nothing": {},
	}
	switch list, ok := addrs[label]; {
	case label == "silent":
		return nil
	case label == "broken":
		m.RCode = dnsmessage.RCodeServerFailure
	case !ok:
		m.RCode = dnsmessage.RCodeNameError
	case label == "large" && !tcp:
		m.Truncated = true
	case question.Type == dnsmessage.TypeA:
		for _, a := range list {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 1},
				Body:   &dnsmessage.AResource{A: a.As4()},
			})
		}
	}
	b, err := m.Pack()
	if err != nil {
		return nil
	}
	return b
}

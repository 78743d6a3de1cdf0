// Package dns answers the DNS queries of one network: names of the network's own first, as a hosts file has them, then
// those that name servers know, which are asked over that network.
//
// It is what stands behind a network's net.Resolver ([Server.Resolver]), and behind the port 53 of programs that ask
// by themselves ([Server.ServePacket], [Server.Serve]). It keeps no cache: an answer is as fresh as the servers'.
//
// Messages of both sides are taken for hostile: what doesn't hold together is refused (RFC 1035's FORMERR) or not
// answered at all, and a server's answer that doesn't fit its question is as if it had not come.
package dns

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Server answers queries. Its fields must not change while it is in use; all methods may be called concurrently.
type Server struct {
	// Hosts are the network's own names, in lower case and without a dot at the end, as [ParseHosts] makes them. They
	// are asked before any server, and what they say of a name is all there is: no server is asked for what is missing.
	Hosts map[string][]netip.Addr

	// Servers are asked in turn until one answers; where there are none, those that the system's resolv.conf names at
	// the time. (A system that keeps a resolver on an address of its own loopback, such as 127.0.0.53, names a server
	// that another network cannot reach.)
	Servers []netip.AddrPort

	// Dial connects to a server, with network "udp" or "tcp"; nil means the kernel's network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Allow is asked before a name is looked up, own names included; its error refuses the look-up (RCODE REFUSED).
	// The name is in lower case, without a dot at the end; addresses are asked for by names below in-addr.arpa. Only
	// localhost, which is no look-up, is answered unasked. nil allows all.
	Allow func(name string) error

	// Found is told, before they are answered, of a name's addresses and for how long they hold: those of the name
	// itself, or of the canonical name at the end of its aliases. The name is as Allow has it. It is not told of
	// localhost. Which addresses a name has is the word of its owner: they may be anybody's. May be nil.
	Found func(name string, addrs []netip.Addr, ttl time.Duration)
}

// Exchange answers one query, a message of RFC 1035 without the length that it has on a stream. Where tcp is false the
// answer has at most 512 octets, or what the query grants by EDNS0 (RFC 6891) up to 4096; what doesn't fit is left out
// and the answer marked as truncated.
//
// Failures are answers, too: REFUSED where Allow says no, SERVFAIL where no server answered, each with the reason in
// words (RFC 8914) for who speaks EDNS0. The error is for what gets none: the message is no query, or ctx has ended.
func (s *Server) Exchange(ctx context.Context, query []byte, tcp bool) ([]byte, error) {
	text, err := s.exchange(ctx, query, tcp)
	if text != nil {
		return text, nil
	}
	if end := over(ctx); end != nil {
		return nil, end
	}
	return nil, err
}

// over is ctx.Err that goes by the deadline, too: of two timers of one time either may run first.
func over(ctx context.Context) error {
	if d, ok := ctx.Deadline(); ok && !time.Now().Before(d) && ctx.Err() == nil {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// exchange is Exchange that gives the cause of a failure beside the answer that tells of it.
func (s *Server) exchange(ctx context.Context, msg []byte, tcp bool) ([]byte, error) {
	q, fault, err := parseQuery(msg)
	if err != nil {
		return nil, err
	}
	limit := q.limit(tcp)
	if fault != 0 {
		text, _ := q.reply(&message{rcode: fault}, limit)
		return text, nil
	}
	m, err := s.answer(ctx, q)
	if err != nil {
		if over(ctx) != nil {
			return nil, err
		}
		text, _ := q.reply(failure(err), limit)
		return text, err
	}
	text, cut := q.reply(m, limit)
	if s.Found != nil && !cut && len(m.addrs) > 0 {
		s.Found(q.name, m.addrs, m.ttl)
	}
	return text, nil
}

// answer finds the answer: constant names, the network's own, those of servers.
func (s *Server) answer(ctx context.Context, q *query) (*message, error) {
	if m, ok := constant(q); ok {
		return m, nil
	}
	if s.Allow != nil {
		if err := s.Allow(q.name); err != nil {
			return nil, &refusal{err}
		}
	}
	if m, ok := s.own(q); ok {
		return m, nil
	}
	return s.ask(ctx, q)
}

// refusal is Allow's error.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

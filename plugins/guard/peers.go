package guard

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// maxPeers is how many peers of a UDP socket are remembered.
const maxPeers = 1024

// peers are those that a UDP socket without a fixed peer has to do with: whom it may write to, and who may write to it.
type peers struct {
	f    *flow
	last atomic.Pointer[peer] // the one of the last datagram, either way: it needs no lock

	mu    sync.Mutex
	known *lru[netip.AddrPort, *peer]
}

// peer is one of them. It doesn't change: another one takes its place.
type peer struct {
	at    netip.AddrPort
	rules *Rules   // by which it was judged
	names []string // that the address had then: a name's TTL ends, and an exchange of datagrams goes on
	sent  bool     // it may be written to, and was
	heard bool     // it wrote first, to a socket that was announced
}

func newPeers(f *flow) *peers {
	return &peers{f: f, known: newLRU[netip.AddrPort, *peer](maxPeers)}
}

// key is a peer's address as the table has it: where a datagram to it arrives, and an answer comes from.
func key(a netip.AddrPort) netip.AddrPort {
	addr := a.Addr().Unmap()
	if addr.IsUnspecified() {
		addr = loopback4
	}
	return netip.AddrPortFrom(addr, a.Port())
}

// mayWrite decides whether a datagram may go to an address.
func (s *peers) mayWrite(to netip.AddrPort) *RefusedError {
	to = key(to)
	n := s.f.n
	rules := n.rules.Load()
	if p := s.last.Load(); p != nil && p.at == to && p.rules == rules && p.sent {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.known.get(to)
	if old != nil && old.rules == rules && old.sent {
		s.last.Store(old)
		return nil
	}
	p, why := s.judge(rules, to, old)
	if why != nil {
		return why
	}
	s.put(p)
	return nil
}

// judge makes a peer of one that may be written to.
func (s *peers) judge(rules *Rules, to netip.AddrPort, old *peer) (*peer, *RefusedError) {
	p := &peer{at: to, rules: rules, sent: true, names: s.f.n.book.namesOf(to.Addr())}
	if old != nil {
		p.heard = old.heard
		if len(p.names) == 0 {
			p.names = old.names
		}
	}
	at := place{proto: "udp", names: p.names, addr: to.Addr(), port: to.Port()}
	ok, denied := rules.reach(at)
	if ok || denied == nil && p.heard {
		return p, nil
	}
	return nil, s.f.n.refusal("write", &at, denied)
}

// put remembers a peer. The caller holds mu.
func (s *peers) put(p *peer) {
	s.known.put(p.at, p)
	s.last.Store(p)
}

// mayRead decides whether a datagram from an address is given to the user.
func (s *peers) mayRead(from netip.AddrPort) bool {
	from = key(from)
	rules := s.f.n.rules.Load()
	if p := s.last.Load(); p != nil && p.at == from && p.rules == rules && (p.heard || s.f.client && p.sent) {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.known.get(from)
	switch {
	case !s.f.client && old == nil:
		s.put(&peer{at: from, rules: rules, heard: true})
		return true
	case !s.f.client:
		if !old.heard {
			p := *old
			p.heard = true
			s.put(&p)
		}
		return true
	case old == nil:
		return false
	case old.rules != rules:
		p, why := s.judge(rules, from, old)
		if why != nil {
			return false
		}
		s.put(p)
	}
	return true
}

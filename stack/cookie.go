package stack

import (
	"time"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

// SYN cookies (RFC 4987 section 3.6): where there are too many half-open connections, the SYN-ACK's sequence number and
// timestamp hold all that is to be known, the peer's ACK brings it back, and nothing is kept meanwhile. The encoding is
// Linux's.
const (
	// cookieAge is how long a generation of cookies lasts, cookieAges how many are accepted.
	cookieAge  = 60 * time.Second
	cookieAges = 2
	// The sequence number has the generation in its 8 high bits and the index of an MSS in the 24 low ones, each plus
	// a keyed hash.
	cookieBits = 24
	cookieMask = 1<<cookieBits - 1
	// The low bits of the timestamp: the peer's window scale (noScale: none), and whether it permits SACK.
	cookieTSBits = 6
	cookieTSMask = 1<<cookieTSBits - 1
	cookieScale  = 0xf
	cookieSACK   = 1 << 4
	noScale      = 0xf
)

// cookieMSS are the segment sizes that a cookie can tell: the default of RFC 9293, what fits IPv6's minimum MTU, PPPoE
// and Ethernet.
var cookieMSS = [...]uint16{536, 1300, 1440, 1460}

// cookieIndex is the largest of these sizes that isn't above mss.
func cookieIndex(mss uint16) uint32 {
	for i := len(cookieMSS) - 1; i > 0; i-- {
		if cookieMSS[i] <= mss {
			return uint32(i)
		}
	}
	return 0
}

// generation is the number of the current generation of cookies.
func generation(now tcp.Time) uint32 { return uint32(now / tcp.Time(cookieAge)) }

// cookie is the initial sequence number that says what we want to know again: the peer's initial sequence number irs
// and the MSS with the index given.
func (s *Stack) cookie(k flowKey, irs seq.Num, index, gen uint32) seq.Num {
	base := uint32(s.cookieHash(k, 0)) + uint32(irs) + gen<<cookieBits
	return seq.Num(base + (uint32(s.cookieHash(k, 1+uint64(gen)))+index)&cookieMask)
}

// openCookie is the inverse: the MSS, and whether c is a cookie of ours that is not too old.
func (s *Stack) openCookie(k flowKey, irs, c seq.Num, gen uint32) (mss uint16, ok bool) {
	v := uint32(c) - uint32(s.cookieHash(k, 0)) - uint32(irs)
	age := (gen - v>>cookieBits) & (1<<(32-cookieBits) - 1)
	if age >= cookieAges || age > gen {
		return 0, false
	}
	index := (v - uint32(s.cookieHash(k, 1+uint64(gen-age)))) & cookieMask
	if index >= uint32(len(cookieMSS)) {
		return 0, false
	}
	return cookieMSS[index], true
}

// sendCookie answers a SYN and keeps nothing of it.
func (s *Stack) sendCookie(k flowKey, p *path, pr *tcp.Params, syn *wire.Segment, to acceptor) {
	now := s.now()
	to.ln.overflow.Store(max(1, int64(now)))
	peer := *syn
	if !peer.Options.HasTS { // there is no place for the rest
		peer.Options.HasWScale, peer.Options.SACKPermitted = false, false
	}
	mss := uint16(536)
	if peer.Options.HasMSS {
		mss = peer.Options.MSS
	}
	pr.ISS = s.cookie(k, syn.Seq, cookieIndex(mss), generation(now))
	var rec tcp.HalfOpen
	out := getSegment()
	defer putSegment(out)
	rec.Open(now, pr, &peer)
	rec.SYNACK(now, &s.cfg.TCP, out)
	if out.Options.HasTS {
		out.Options.TSVal = cookieTS(out.Options.TSVal, &peer.Options)
	}
	s.count(TCPCookieSent)
	s.sendTCP(p, k, out, to.heritage().ip())
}

// cookieTS puts the peer's options into the low bits of a timestamp, which must not run ahead of the clock by that.
func cookieTS(ts uint32, peer *wire.Options) uint32 {
	bits := uint32(noScale)
	if peer.HasWScale {
		bits = min(uint32(peer.WScale), 14) // RFC 7323 2.3
	}
	if peer.SACKPermitted {
		bits |= cookieSACK
	}
	t := ts&^cookieTSMask | bits
	if int32(t-ts) > 0 {
		t -= 1 << cookieTSBits
	}
	return t
}

// cookieInput looks whether an ACK without a connection brings back a cookie, makes the connection if so, and reports
// whether it has dealt with the segment. A cookie is believed only where some have been sent lately.
func (s *Stack) cookieInput(k flowKey, ack *wire.Segment, in *inPacket) bool {
	now := s.now()
	to := s.cookieAcceptor(k, in, now)
	if to.ln == nil {
		return false
	}
	irs, iss := ack.Seq.Add(-1), ack.Ack.Add(-1)
	mss, ok := s.openCookie(k, irs, iss, generation(now))
	if !ok {
		s.count(TCPCookieBad)
		return false
	}
	p, err := s.route(k.local.netip(), k.remote.netip())
	if err != nil {
		s.count(DropNoRoute)
		return true
	}
	pr := s.paramsHalfOpen(k, &p, to.heritage())
	pr.ISS = iss
	h := &halfOpen{s: s, key: k, iss: iss, to: to}
	syn := cookieSYN(ack, irs, mss)
	h.rec.Open(now.Add(-s.cookieRTT(now, &pr, ack)), &pr, &syn)
	out := getSegment()
	defer putSegment(out)
	if v := h.rec.Segment(now, &s.cfg.TCP, ack, out); v != tcp.Promote {
		return false
	}
	s.promoteCookie(h, ack)
	return true
}

// cookieRTT is how long ago the SYN-ACK was sent, as far as the timestamp tells: the engine is to take its first round
// trip time from it. Where it doesn't tell, a third of the initial time-out, which that time leads to again
// (RFC 6298 2.2).
func (s *Stack) cookieRTT(now tcp.Time, pr *tcp.Params, ack *wire.Segment) time.Duration {
	unknown := s.cfg.TCP.RTOInitial / 3
	if !ack.Options.HasTS {
		return unknown
	}
	ms := int32(uint32(now/tcp.Time(time.Millisecond)) + pr.TSOffset - ack.Options.TSEcr)
	if d := time.Duration(ms) * time.Millisecond; 0 <= d && d <= s.cfg.TCP.RTOInitial {
		return d
	}
	return unknown
}

// cookieAcceptor is the acceptor for the connection that the ACK may open, or none where no cookies are about.
func (s *Stack) cookieAcceptor(k flowKey, in *inPacket, now tcp.Time) acceptor {
	recent := func(l *listener) bool {
		t := l.overflow.Load()
		return t != 0 && now.Sub(tcp.Time(t)) < cookieAges*cookieAge
	}
	if h := s.tcp.hooks.of(in); h != nil && !recent(&h.listener) {
		in = nil // whose listeners are asked for SYNs and cookies only
	}
	to := s.acceptorFor(k, in)
	if to.ln != nil && !recent(to.ln) {
		return acceptor{}
	}
	return to
}

// cookieSYN is the SYN as far as the cookie and the ACK tell of it.
func cookieSYN(ack *wire.Segment, irs seq.Num, mss uint16) wire.Segment {
	syn := wire.Segment{
		SrcPort: ack.SrcPort, DstPort: ack.DstPort, Seq: irs, Flags: wire.SYN, Window: ack.Window, TOS: ack.TOS,
		Options: wire.Options{HasMSS: true, MSS: mss},
	}
	if o := &ack.Options; o.HasTS {
		syn.Options.HasTS, syn.Options.TSVal = true, o.TSVal
		if scale := o.TSEcr & cookieScale; scale != noScale {
			syn.Options.HasWScale, syn.Options.WScale = true, uint8(scale)
		}
		syn.Options.SACKPermitted = o.TSEcr&cookieSACK != 0
	}
	return syn
}

// promoteCookie makes the connection, unless another segment was quicker or the listener has no room: then the ACK is
// dropped, and the peer's next one is another try.
func (s *Stack) promoteCookie(h *halfOpen, ack *wire.Segment) {
	ln := h.to.ln
	if !ln.reserve() {
		s.count(DropTCPListenFull)
		return
	}
	c := s.acceptConn(h)
	if c == nil {
		ln.queued.Add(-1)
		return
	}
	sh := s.tcp.shard(h.key)
	sh.mu.Lock()
	if sh.taken(h.key) || sh.waits[h.key] != nil || ln.closed.Load() || s.tcp.closed.Load() {
		sh.mu.Unlock()
		ln.queued.Add(-1)
		s.tcp.conns.Add(-1)
		s.tcp.open.Add(-1)
		return
	}
	sh.insert(h.key, c)
	sh.mu.Unlock()
	s.count(TCPCookieGood)
	s.launch(c, h.to, ack)
}

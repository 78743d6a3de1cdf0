package stack

import (
	"syscall"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

// halfOpen is a connection between a SYN and the ACK of our SYN-ACK. Anybody can make us keep one by sending a single
// packet from an address that isn't his, so it is small, and their number is bounded, per listener and in all; beyond
// the bounds the peer keeps the state (see cookie.go).
type halfOpen struct {
	dueSlot
	s   *Stack
	key flowKey
	iss seq.Num
	to  acceptor
	rec tcp.HalfOpen // guarded by the shard's lock
}

func (h *halfOpen) slot() *dueSlot { return &h.dueSlot }

// params is what the engine is told about a connection of the flow k over p.
func (s *Stack) params(k flowKey, p *path, o *heritage) tcp.Params {
	pr := tcp.Params{
		Config: &s.cfg.TCP, ISS: s.isn(k), TSOffset: s.tsOffset(k),
		MSS:    p.mtu - wire.IPv4MinHeader - wire.TCPMinHeader,
		SndBuf: s.cfg.SndBuf, RcvBuf: s.cfg.RcvBuf,
	}
	if off := &p.ifc.off; off.TSO {
		pr.MaxSegment = off.MaxSize - wire.IPv4MinHeader - wire.TCPMaxHeader
	}
	if o.snd > 0 {
		pr.SndBuf = o.snd
	}
	if o.rcv > 0 {
		pr.RcvBuf = o.rcv
	}
	return pr
}

// paramsHalfOpen is params for a half-open connection: what it announces is bounded by TCP_MAXSEG, which the engine
// learns later.
func (s *Stack) paramsHalfOpen(k flowKey, p *path, o *heritage) tcp.Params {
	pr := s.params(k, p, o)
	if o.opts.MaxSeg > 0 {
		pr.MSS = min(pr.MSS, o.opts.MaxSeg)
	}
	return pr
}

// synInput takes in a SYN for a listener. old is the TIME-WAIT record that it may replace (RFC 6191), or nil.
func (s *Stack) synInput(k flowKey, seg *wire.Segment, to acceptor, old *timeWait) {
	ln := to.ln
	if seg.Flags&wire.FIN != 0 { // nobody means this; Linux drops it as well
		s.count(DropMalformed)
		return
	}
	if ln.full() {
		s.count(DropTCPListenFull)
		return
	}
	p, err := s.route(k.local.netip(), k.remote.netip())
	if err != nil {
		s.count(DropNoRoute)
		return
	}
	heir := to.heritage()
	pr := s.paramsHalfOpen(k, &p, heir)
	if old != nil {
		pr.ISS = seq.Max(pr.ISS, old.rec.NextISS())
	} else if ln.crowded() || s.tcp.halfOpen.full() {
		s.sendCookie(k, &p, &pr, seg, to)
		return
	}
	s.answerSYN(&halfOpen{s: s, key: k, iss: pr.ISS, to: to}, &p, &pr, seg, old)
}

// answerSYN makes h of a SYN and sends the SYN-ACK, unless h has no place in the table. old is as in synInput.
func (s *Stack) answerSYN(h *halfOpen, p *path, pr *tcp.Params, syn *wire.Segment, old *timeWait) bool {
	out := getSegment()
	defer putSegment(out)
	now := s.now()
	h.rec.Open(now, pr, syn)
	if syn.Payload.Len() > 0 && s.tcp.texts.Load() < maxTexts {
		h.rec.KeepText(syn)
	}
	h.rec.SYNACK(now, &s.cfg.TCP, out)
	if !s.insertHalfOpen(h, old) {
		return false
	}
	if old != nil {
		s.releasePort(&old.bind)
	}
	s.sendTCP(p, h.key, out, h.to.heritage().ip())
	return true
}

// insertHalfOpen puts h into the table, and reports whether it could: another segment of the flow may have been
// quicker, and the listener may have closed.
func (s *Stack) insertHalfOpen(h *halfOpen, old *timeWait) bool {
	sh := s.tcp.shard(h.key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.taken(h.key) || sh.waits[h.key] != old || h.to.ln.closed.Load() || s.tcp.closed.Load() {
		return false
	}
	if old != nil {
		s.dropTimeWait(sh, old)
	}
	if sh.half == nil {
		sh.half = map[flowKey]*halfOpen{}
	}
	sh.half[h.key] = h
	h.to.ln.half.Add(1)
	if h.rec.TextLen() > 0 {
		s.tcp.texts.Add(1)
	}
	s.tcp.halfOpen.put(h, h.rec.Deadline())
	return true
}

// maxTexts is how many half-open records may keep text that came with their SYN. What isn't kept the peer sends again.
const maxTexts = 256

// dropHalfOpen forgets h. The caller holds the shard's lock.
func (s *Stack) dropHalfOpen(sh *tcpShard, h *halfOpen) {
	delete(sh.half, h.key)
	h.to.ln.half.Add(-1)
	if h.rec.TextLen() > 0 {
		s.tcp.texts.Add(-1)
	}
	s.tcp.halfOpen.remove(h)
}

// halfOpenInput takes in a segment for h. The caller holds the shard's lock, which is given up.
func (s *Stack) halfOpenInput(sh *tcpShard, h *halfOpen, seg *wire.Segment) {
	out := getSegment()
	defer putSegment(out)
	var c *stream
	v := h.rec.Segment(s.now(), &s.cfg.TCP, seg, out)
	switch v {
	case tcp.Promote:
		c = s.promote(sh, h)
	case tcp.Gone, tcp.ReplyGone:
		s.dropHalfOpen(sh, h)
		h.to.fail(syscall.ECONNRESET)
	default:
		s.tcp.halfOpen.put(h, h.rec.Deadline())
	}
	sh.mu.Unlock()
	if v == tcp.Reply || v == tcp.ReplyGone {
		s.reply(h.key, out, h.to.heritage().ip())
	}
	if c != nil {
		s.launch(c, h.to, seg)
	}
}

// launch starts a connection that has just entered the table, with the ACK that completed its handshake, and gives it
// to its listener.
func (s *Stack) launch(c *stream, to acceptor, ack *wire.Segment) {
	if b := to.ln.bind; b != nil {
		c.mu.Lock()
		c.bind = s.tcpPorts.accepted(b, c.key.local)
		c.freePort() // where the stack has closed it meanwhile
		c.mu.Unlock()
	}
	s.count(TCPPassiveOpen)
	c.input(ack)
	to.give(c)
}

// promote makes a connection of h, whose handshake is complete, or nil where the listener's queue has no room: then the
// record stays, and the peer's next segment or answer to the repeated SYN-ACK is another try, as with Linux. The caller
// holds the shard's lock.
func (s *Stack) promote(sh *tcpShard, h *halfOpen) *stream {
	ln := h.to.ln
	if !ln.reserve() {
		s.count(DropTCPListenFull)
		return nil
	}
	c := s.acceptConn(h)
	if c == nil {
		ln.queued.Add(-1)
		return nil
	}
	s.dropHalfOpen(sh, h)
	sh.insert(h.key, c)
	return c
}

// acceptConn makes the connection of a half-open record, or nil where there is no way to the peer any more or there are
// too many connections.
func (s *Stack) acceptConn(h *halfOpen) *stream {
	p, err := s.route(h.key.local.netip(), h.key.remote.netip())
	if err != nil {
		s.count(DropNoRoute)
		return nil
	}
	if !s.countConn() {
		return nil
	}
	now, heir := s.now(), h.to.heritage()
	c := newStreamOn(s)
	c.key, c.phase, c.inTable = h.key, connected, true
	c.setPath(&p)
	c.inherit(now, heir)
	pr := s.params(h.key, &p, heir)
	pr.ISS = h.iss
	c.tcb.Accept(now, pr, &h.rec)
	return c
}

// countConn counts a connection that is to enter the table, and reports whether there is room for it.
func (s *Stack) countConn() bool {
	if s.tcp.conns.Add(1) > int64(s.cfg.MaxConns) {
		s.tcp.conns.Add(-1)
		s.count(DropTCPMaxConns)
		return false
	}
	return true
}

// due repeats the SYN-ACK, or gives up.
func (h *halfOpen) due(now tcp.Time, forced bool) {
	s := h.s
	sh := s.tcp.shard(h.key)
	out := getSegment()
	defer putSegment(out)
	sh.mu.Lock()
	if sh.half[h.key] != h {
		sh.mu.Unlock()
		return
	}
	v, why := tcp.Gone, syscall.ENOBUFS
	if forced {
		s.count(DropTCPHalfOpen)
	} else {
		v, why = h.rec.Tick(now, &s.cfg.TCP, out), syscall.ETIMEDOUT
	}
	if v == tcp.Gone || v == tcp.ReplyGone {
		s.dropHalfOpen(sh, h)
		h.to.fail(why)
	} else {
		s.tcp.halfOpen.put(h, h.rec.Deadline())
	}
	sh.mu.Unlock()
	if v == tcp.Reply || v == tcp.ReplyGone {
		s.reply(h.key, out, h.to.heritage().ip())
	}
}

// resetHalfOpen gives up the half-open connections of a listener that closes, and tells their peers so.
func (s *Stack) resetHalfOpen(ln *listener) {
	if ln.half.Load() == 0 {
		return
	}
	var gone []*halfOpen
	for i := range s.tcp.shards {
		sh := &s.tcp.shards[i]
		sh.mu.Lock()
		for _, h := range sh.half {
			if h.to.ln == ln {
				s.dropHalfOpen(sh, h)
				gone = append(gone, h)
			}
		}
		sh.mu.Unlock()
	}
	for _, h := range gone {
		h.reset()
	}
}

// reset tells the peer of h, which is in no table any more, that there will be no connection: the SYN-ACK again, but as
// an RST with the sequence number that follows it. The ACK makes it good for a peer in SYN-SENT as well.
func (h *halfOpen) reset() {
	out := getSegment()
	defer putSegment(out)
	h.rec.SYNACK(h.s.now(), &h.s.cfg.TCP, out)
	out.Flags = wire.RST | wire.ACK
	out.Seq = out.Seq.Add(1)
	out.Window = 0
	out.Options = wire.Options{}
	h.s.reply(h.key, out, h.to.heritage().ip())
}

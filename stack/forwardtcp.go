package stack

import (
	"context"
	"net/netip"
	"sync/atomic"
	"syscall"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// ForwardTCP is a connection that somebody opens to an address that the stack stands in for: see [Forwarder].
type ForwardTCP struct {
	Local  netip.AddrPort // what the peer has dialled
	Remote netip.AddrPort // the peer

	s    *Stack
	key  flowKey
	ln   listener        // stands for the listener where the half-open connection is counted
	done chan forwardEnd // has room for the one end that there is

	ended atomic.Bool // done has the end, or had it

	// Guarded by the forwardTable's mu.
	decided bool
	syn     wire.Segment // the latest, without text
	packet  inPacket     // that it came in, as far as an error quotes it
}

// forwardEnd is how the opening of a connection ended.
type forwardEnd struct {
	conn *stream
	err  error
}

// forwardHeir is what connections have that no listener has accepted: the stack's own defaults.
var forwardHeir = heritage{linger: -1}

// forwardSYN takes in a SYN for which there is no listener. It reports false where no forwarder wants it.
func (s *Stack) forwardSYN(k flowKey, seg *wire.Segment, in *inPacket) bool {
	fwd := s.forwarderFor(in)
	if fwd == nil {
		return false
	}
	if seg.Flags&wire.FIN != 0 { // as in synInput
		s.count(DropMalformed)
		return true
	}
	t := &s.forward
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.tcp[k]
	switch {
	case f != nil:
		if !f.decided {
			f.note(seg, in) // the peer's timestamp, or, where it has tried anew, its sequence number
		}
		return true
	case t.closed:
		return true
	case len(t.tcp) >= s.cfg.MaxForwards:
		s.count(DropForwardFull)
		return true
	}
	f = &ForwardTCP{Local: k.localAddr(), Remote: k.remoteAddr(), s: s, key: k, done: make(chan forwardEnd, 1)}
	f.ln.fwd = f
	f.ln.heir.Store(&forwardHeir)
	f.note(seg, in)
	t.tcp[k] = f
	s.count(TCPForwarded)
	go f.ask(fwd)
	return true
}

// note keeps a SYN. What text it has the peer sends again.
func (f *ForwardTCP) note(syn *wire.Segment, in *inPacket) {
	f.syn = wire.Segment{
		SrcPort: syn.SrcPort, DstPort: syn.DstPort, Seq: syn.Seq, Flags: syn.Flags, TOS: syn.TOS, Window: syn.Window,
		Options: syn.Options,
	}
	f.packet = quote(in)
}

// ask has the forwarder decide.
func (f *ForwardTCP) ask(fwd Forwarder) {
	fwd.ForwardTCP(f)
	if _, _, err := f.decide(); err == nil {
		f.forget()
	}
}

// decide marks the flow as decided, and returns the SYN that is to be answered and its packet.
func (f *ForwardTCP) decide() (wire.Segment, inPacket, error) {
	t := &f.s.forward
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case f.decided:
		return wire.Segment{}, inPacket{}, syscall.EINVAL
	case t.closed:
		return wire.Segment{}, inPacket{}, ErrClosed
	}
	f.decided = true
	return f.syn, f.packet, nil
}

// forget takes the flow out of the table: its next SYN is a new one.
func (f *ForwardTCP) forget() {
	t := &f.s.forward
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tcp[f.key] == f {
		delete(t.tcp, f.key)
	}
}

// Accept answers the SYN and returns the connection once it is established; its local address is the one that was
// dialled. ETIMEDOUT where the peer acknowledges nothing, ECONNRESET where it has given up, ENOBUFS where the stack has
// too many half-open connections, EADDRINUSE where it has the connection by other means, EINVAL where the flow is
// decided already, [ErrClosed], or ctx's error: then the peer is sent an RST.
func (f *ForwardTCP) Accept(ctx context.Context) (Socket, error) {
	syn, _, err := f.decide()
	if err != nil {
		return nil, err
	}
	defer f.forget()
	h, err := f.answer(&syn)
	if err != nil {
		return nil, err
	}
	select {
	case e := <-f.done:
		if e.err != nil {
			return nil, e.err
		}
		return e.conn, nil
	case <-ctx.Done():
	}
	f.abandon(h)
	return nil, ctx.Err()
}

// answer makes a half-open connection of the SYN and sends the SYN-ACK. Unlike a listener's it is made however many
// there are, in the place of another one if need be: a forwarder that has dialled out is not to have done so in vain,
// and no more than Config.MaxForwards are made so. A SYN cookie would not do, as nobody would know what it is for.
func (f *ForwardTCP) answer(syn *wire.Segment) (*halfOpen, error) {
	s := f.s
	p, err := s.route(f.key.local.netip(), f.key.remote.netip())
	if err != nil {
		return nil, err
	}
	pr := s.paramsHalfOpen(f.key, &p, &forwardHeir)
	sh := s.tcp.shard(f.key)
	sh.mu.Lock()
	old := sh.waits[f.key]
	if old != nil {
		pr.ISS = seq.Max(pr.ISS, old.rec.NextISS())
	}
	sh.mu.Unlock()
	h := &halfOpen{s: s, key: f.key, iss: pr.ISS, to: acceptor{ln: &f.ln}}
	if !s.answerSYN(h, &p, &pr, syn, old) {
		if s.tcp.closed.Load() {
			return nil, ErrClosed
		}
		return nil, syscall.EADDRINUSE
	}
	return h, nil
}

// end tells Accept of the connection, or why there will be none. What comes second is too late. Where c isn't nil the
// caller holds no lock.
func (f *ForwardTCP) end(c *stream, err error) {
	if !f.ended.Swap(true) {
		f.done <- forwardEnd{c, err}
	} else if c != nil {
		c.Abort()
	}
}

// abandon gives up the half-open connection, or the connection that has become of it.
func (f *ForwardTCP) abandon(h *halfOpen) {
	f.end(nil, context.Canceled) // a connection from here on is too late
	if e := <-f.done; e.conn != nil {
		e.conn.Abort()
	}
	sh := f.s.tcp.shard(f.key)
	sh.mu.Lock()
	half := sh.half[f.key] == h
	if half {
		f.s.dropHalfOpen(sh, h)
	}
	sh.mu.Unlock()
	if half {
		h.reset()
	}
}

// Reject answers as the destination, or the way to it, would have with the error: EACCES and EPERM as a router's
// "administratively prohibited" (which the peer sees as EHOSTUNREACH, as on Linux), ENETUNREACH and EHOSTUNREACH as
// "unreachable", a timeout not at all, and everything else, ECONNREFUSED first of all, with RST. err may be wrapped.
// Where the flow is decided already it does nothing.
func (f *ForwardTCP) Reject(err error) {
	syn, packet, decided := f.decide()
	if decided != nil {
		return
	}
	defer f.forget()
	f.s.count(ForwardRejected)
	switch r := refusalFor(err); {
	case r.silent:
	case r.icmp:
		f.s.sendICMPError(&packet, wire.Unreachable(r.code))
	default:
		f.s.reset(f.key, &syn)
	}
}

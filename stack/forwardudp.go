package stack

import (
	"net/netip"
	"syscall"

	"github.com/gotcp/gotcp/stack/wire"
)

// ForwardUDP is the beginning of a flow of datagrams to an address that the stack stands in for: see [Forwarder].
type ForwardUDP struct {
	Local  netip.AddrPort // where the peer has sent the datagram
	Remote netip.AddrPort // the peer

	s      *Stack
	key    flowKey
	packet inPacket // the first one, as far as an error quotes it

	// Guarded by the forwardTable's mu.
	decided bool
	queue   dgramQueue
	waiting uint64 // datagrams in queue
}

// Bounds of what datagrams hold while their flow is undecided: one flow's, beyond the first, and all together, octets.
const (
	forwardFlowMemory = 64 << 10
	forwardMemory     = 4 << 20
)

// forwardDatagrams takes in a datagram for which there was no socket, or a train of them. It returns a socket that was
// made meanwhile and is to have them.
func (s *Stack) forwardDatagrams(fwd Forwarder, k flowKey, in *inPacket, b []byte) *udpSocket {
	t := &s.forward
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.udp[k]
	if f == nil {
		if d := s.udp.lookup(k); d != nil {
			return d
		}
		if t.closed {
			return nil
		}
		if len(t.udp) >= s.cfg.MaxForwards {
			s.count(DropForwardFull)
			return nil
		}
		f = &ForwardUDP{Local: k.localAddr(), Remote: k.remoteAddr(), s: s, key: k, packet: quote(in)}
		t.udp[k] = f
		s.count(UDPForwarded)
		go f.ask(fwd)
	}
	for in.gso > 0 && len(b) > in.gso {
		f.push(b[:in.gso])
		b = b[in.gso:]
	}
	f.push(b)
	return nil
}

// push has a datagram wait. The caller holds the table's lock.
func (f *ForwardUDP) push(b []byte) {
	t := &f.s.forward
	cost := dgramSizes[dgramClass(len(b))] + dgramCost
	if f.queue.head != nil && f.queue.bytes+cost > forwardFlowMemory || t.bytes+cost > forwardMemory {
		f.s.count(DropForwardFull)
		return
	}
	g := getDgram(b)
	g.from, g.fport = f.key.remote, f.key.rport
	f.queue.push(g)
	f.waiting++
	t.bytes += cost
}

// ask has the forwarder decide.
func (f *ForwardUDP) ask(fwd Forwarder) {
	fwd.ForwardUDP(f)
	f.drop()
}

// take ends the waiting: the flow's next datagram that finds no socket is a new one. It reports false where the flow is
// decided already. The caller holds the table's lock.
func (f *ForwardUDP) take() bool {
	if f.decided {
		return false
	}
	f.decided = true
	t := &f.s.forward
	delete(t.udp, f.key)
	t.bytes -= f.queue.bytes
	return true
}

// drop decides for nothing, and reports false where the flow is decided already.
func (f *ForwardUDP) drop() bool {
	t := &f.s.forward
	t.mu.Lock()
	defer t.mu.Unlock()
	if !f.take() {
		return false
	}
	for g := f.queue.pop(); g != nil; g = f.queue.pop() {
		g.put()
	}
	return true
}

// Accept returns a socket that is connected to the peer, whose local address is the one that the peer has sent to, and
// from which the datagrams that have come can be read. Closing it ends the flow: a later datagram begins a new one.
// EINVAL where the flow is decided already, [ErrClosed].
func (f *ForwardUDP) Accept() (Socket, error) {
	d := f.s.newDatagram().(*udpSocket)
	if err := f.give(d); err != nil {
		d.Close() // ErrClosed, where the stack is closed
		return nil, err
	}
	return d, nil
}

// give makes d the flow's socket.
func (f *ForwardUDP) give(d *udpSocket) error {
	s, t := f.s, &f.s.forward
	if _, err := s.route(f.Local.Addr(), f.Remote.Addr()); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case f.decided:
		return syscall.EINVAL
	case d.closed: // with the stack
		return ErrClosed
	}
	f.take()
	// A hold of its own, which the table of ports doesn't have: the flow keeps nobody else from its port.
	d.hold = &binding{addr: f.key.local, port: f.key.lport, kind: bindConn, refs: 1}
	d.local, d.remote, d.connected = f.Local, f.Remote, true
	d.queue = f.queue
	s.counts[UDPIn].Add(f.waiting)
	s.udp.file(d, f.key)
	return nil
}

// Reject answers as [ForwardTCP.Reject] does, but for RST, in whose place "port unreachable" is. The datagrams that
// have come are dropped.
func (f *ForwardUDP) Reject(err error) {
	if !f.drop() {
		return
	}
	f.s.count(ForwardRejected)
	r := refusalFor(err)
	if r.silent {
		return
	}
	if !r.icmp {
		r.code = wire.CodePortUnreachable
	}
	f.s.sendICMPError(&f.packet, wire.Unreachable(r.code))
}

package stack

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"syscall"

	"github.com/gotcp/gotcp/stack/wire"
)

// Forwarder decides about flows to addresses that the stack only stands in for (see [Stack.AnyIP]) and on which nothing
// listens. Each call is made in a goroutine of its own and may take its time: it can dial the destination elsewhere
// before it answers, so that the peer learns what has become of that. It has until then to accept or to reject: a flow
// about which nothing was said when the call returns is dropped, and the peer's next packet is asked about again.
type Forwarder interface {
	// ForwardTCP is called for a connection that somebody opens. Until it is decided nothing is answered, and the
	// peer's repeated SYNs lead to no further call.
	ForwardTCP(f *ForwardTCP)
	// ForwardUDP is called for a datagram that belongs to no flow that was accepted. Others that follow it wait with
	// it.
	ForwardUDP(f *ForwardUDP)
}

// AnyIP has the stack stand in for the rest of the world on a link: packets that come in there to any unicast address
// are taken as its own, as by Linux's AnyIP, so that sockets bound to 0.0.0.0 get them, too. f decides about flows for
// which there is no socket; where it is nil they are refused. Echo requests to foreign addresses are not answered: only
// f knows who is there. Packets from foreign addresses leave by the interface that the routes name, if it is such a
// one, else by the first such.
//
// Sockets of the stack may then use foreign addresses as their own, once IP_TRANSPARENT (19, of level IPPROTO_IP) is
// set on them. A second call for an interface replaces its f, which may still be asked what came before. ENODEV where
// the interface is not attached, or is the loopback; [ErrClosed].
func (s *Stack) AnyIP(ifc *Iface, f Forwarder) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.net.Load()
	switch {
	case s.closed.Load():
		return ErrClosed
	case ifc == nil || ifc.loopback() || !slices.Contains(n.ifaces, ifc):
		return syscall.ENODEV
	}
	m := *n
	m.anyIP = slices.DeleteFunc(slices.Clone(n.anyIP), func(a anyIP) bool { return a.ifc == ifc })
	m.anyIP = append(m.anyIP, anyIP{ifc, f})
	s.net.Store(&m)
	return nil
}

// anyIP is an interface on which packets to any address are ours, and who decides about them.
type anyIP struct {
	ifc *Iface
	fwd Forwarder // may be nil
}

// takesAll reports whether packets to any address that come in on ifc are ours.
func (n *network) takesAll(ifc *Iface) bool {
	return slices.ContainsFunc(n.anyIP, func(a anyIP) bool { return a.ifc == ifc })
}

// foreign reports whether a is the address of some host that the stack may stand in for.
func (n *network) foreign(a addr4) bool {
	return len(n.anyIP) > 0 && !a.thisNet() && !a.multicast() && !a.classE() && !n.isOwn(a) && !n.isBroadcast(a)
}

// isLocal reports whether packets from a may be sent, and those to it be meant for us.
func (n *network) isLocal(a addr4) bool { return n.isOwn(a) || n.foreign(a) }

// ipTransparent is Linux's IP_TRANSPARENT: the socket may be bound to another host's address.
const ipTransparent = 19

// setTransparent sets IP_TRANSPARENT: EPERM where packets to other addresses are nowhere ours, and answers would not
// come.
func (s *Stack) setTransparent(p *bool, value int) error {
	if value != 0 && len(s.net.Load().anyIP) == 0 {
		return syscall.EPERM
	}
	*p = value != 0
	return nil
}

// forwarderFor is who decides about a packet without a socket; nil where nobody does.
func (s *Stack) forwarderFor(in *inPacket) Forwarder {
	n := s.net.Load()
	if !n.foreign(addrOf(in.dst)) {
		return nil
	}
	for _, a := range n.anyIP {
		if a.ifc == in.ifc {
			return a.fwd
		}
	}
	return nil
}

// forwardTable has the flows that wait for a forwarder's decision: Config.MaxForwards of TCP and as many of UDP. They
// are no half-open connections yet. Where there are too many, SYNs and datagrams of further ones are dropped, and a
// flood of them costs nothing more.
type forwardTable struct {
	mu     sync.Mutex // comes after a socket's, before udpState's
	tcp    map[flowKey]*ForwardTCP
	udp    map[flowKey]*ForwardUDP
	bytes  int // memory of datagrams that wait
	closed bool
}

func (t *forwardTable) init() {
	t.tcp = map[flowKey]*ForwardTCP{}
	t.udp = map[flowKey]*ForwardUDP{}
}

// close ends the waiting of those who have accepted a connection. Who is still to decide is told when he does.
func (t *forwardTable) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, f := range t.tcp {
		f.end(nil, ErrClosed)
	}
}

// maxQuoted is how many octets of a packet are kept for the ICMP error that may quote it: all of a SYN without text.
const maxQuoted = wire.IPv4MaxHeader + wire.TCPMaxHeader

// quote keeps what an error about the packet is to quote.
func quote(in *inPacket) inPacket {
	ip := wire.IPv4(bytes.Clone(in.ip[:min(len(in.ip), maxQuoted)]))
	return inPacket{ifc: in.ifc, ip: ip, src: in.src, dst: in.dst}
}

// refusal is how a peer is told that a flow was rejected: by RST or "port unreachable" where nothing else is said.
type refusal struct {
	silent bool // not at all
	icmp   bool // by "destination unreachable" with the code
	code   uint8
}

// refusalFor makes of an error what the network would have said, had the peer met it itself.
func refusalFor(err error) refusal {
	var errno syscall.Errno
	errors.As(err, &errno)
	switch errno {
	case syscall.EACCES, syscall.EPERM:
		return refusal{icmp: true, code: wire.CodeAdminProhibited}
	case syscall.ENETUNREACH, syscall.ENETDOWN:
		return refusal{icmp: true, code: wire.CodeNetUnreachable}
	case syscall.EHOSTUNREACH, syscall.EHOSTDOWN:
		return refusal{icmp: true, code: wire.CodeHostUnreachable}
	}
	var t interface{ Timeout() bool }
	return refusal{silent: errors.As(err, &t) && t.Timeout()}
}

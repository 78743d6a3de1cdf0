package stack

import (
	"sync"
	"syscall"

	"github.com/gotcp/gotcp/stack/wire"
)

// udpState finds the socket for a datagram. A connected socket is filed under its four-tuple, one that isn't under its
// local address, which may be 0.0.0.0, and port, with zeros for the peer.
type udpState struct {
	mu     sync.RWMutex // a leaf; comes after a socket's mutex
	m      map[flowKey]*udpSocket
	open   map[*udpSocket]struct{} // all that are not closed
	closed bool
}

func (u *udpState) init() {
	u.m = map[flowKey]*udpSocket{}
	u.open = map[*udpSocket]struct{}{}
}

// add takes in a new socket; false where the stack is closed.
func (u *udpState) add(d *udpSocket) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return false
	}
	u.open[d] = struct{}{}
	return true
}

// file puts a socket where datagrams for key find it, before others that share the key: the latest to bind is asked
// first, as in Linux.
func (u *udpState) file(d *udpSocket, key flowKey) {
	u.mu.Lock()
	defer u.mu.Unlock()
	d.key = key
	d.next = u.m[key]
	u.m[key] = d
}

// unfile takes it out again; also out of the open ones, where it is closed.
func (u *udpState) unfile(d *udpSocket, closed bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if closed {
		delete(u.open, d)
	}
	head := u.m[d.key]
	for p := &head; *p != nil; p = &(*p).next {
		if *p == d {
			*p = d.next
			break
		}
	}
	d.next = nil
	if head != nil {
		u.m[d.key] = head
	} else {
		delete(u.m, d.key)
	}
}

// count is the number of open sockets.
func (u *udpState) count() int {
	u.mu.RLock()
	defer u.mu.RUnlock()
	return len(u.open)
}

// close closes all sockets.
func (u *udpState) close() {
	u.mu.Lock()
	u.closed = true
	all := make([]*udpSocket, 0, len(u.open))
	for d := range u.open {
		all = append(all, d)
	}
	u.mu.Unlock()
	for _, d := range all {
		d.Close() // ErrClosed, where its user was faster
	}
}

// lookup finds the socket of a flow: connected to the peer, else bound to the local address, else to all.
func (u *udpState) lookup(k flowKey) *udpSocket {
	u.mu.RLock()
	defer u.mu.RUnlock()
	if d := u.m[k]; d != nil {
		return d
	}
	k.remote, k.rport = addr4{}, 0
	if d := u.m[k]; d != nil {
		return d
	}
	k.local = addr4{}
	return u.m[k]
}

// group finds the sockets that a datagram to a broadcast address is for: all that are bound to it or to all addresses.
func (u *udpState) group(k flowKey) []*udpSocket {
	u.mu.RLock()
	defer u.mu.RUnlock()
	var l []*udpSocket
	for _, a := range []addr4{k.local, {}} {
		for d := u.m[flowKey{local: a, lport: k.lport}]; d != nil; d = d.next {
			l = append(l, d)
		}
	}
	return l
}

// inputUDP takes a datagram, or a train of them that the device left in one piece.
func (s *Stack) inputUDP(in *inPacket) {
	u, err := wire.ParseUDP(in.payload)
	if err != nil {
		s.count(DropMalformed)
		return
	}
	k := flowKey{addr4(in.dst.As4()), addr4(in.src.As4()), u.DstPort(), u.SrcPort()}
	if in.group {
		for _, d := range s.udp.group(k) {
			d.enqueue(k, u.Payload())
		}
		return
	}
	b := u.Payload()
	d := s.udp.lookup(k)
	if d == nil {
		if d = s.udpNoPort(k, in, b); d == nil {
			return
		}
	}
	for in.gso > 0 && len(b) > in.gso {
		d.enqueue(k, b[:in.gso])
		b = b[in.gso:]
	}
	d.enqueue(k, b)
}

// udpNoPort takes a datagram for which there is no socket. It returns one that was made meanwhile and is to have it.
func (s *Stack) udpNoPort(k flowKey, in *inPacket, b []byte) *udpSocket {
	if fwd := s.forwarderFor(in); fwd != nil {
		return s.forwardDatagrams(fwd, k, in, b)
	}
	s.count(DropUDPNoPort)
	s.sendICMPError(in, wire.Unreachable(wire.CodePortUnreachable))
	return nil
}

// udpICMP takes an ICMP error about a datagram of the flow k. It is believed where there is a socket that can have sent
// it. Only a connected socket is told, for only there the user knows which datagram is meant, and only of hard errors
// and of what was too big (RFC 1122 4.1.3.3, as Linux).
func (s *Stack) udpICMP(k flowKey, e icmpEvent) {
	d := s.udp.lookup(k)
	if d == nil {
		s.count(DropICMPUnmatched)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.mtu != 0 {
		if d.opt.frag == fragNever {
			return
		}
		s.learnMTU(k.remote, e)
	}
	if d.connected && (e.hard || e.errno == syscall.EMSGSIZE) {
		d.err = e.errno
		d.rq.signal()
	}
}

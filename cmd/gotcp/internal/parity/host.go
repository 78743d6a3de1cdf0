package parity

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack/tcp"
)

// Host is one that is asked, and the one that it talks to.
type Host struct {
	Net  netapi.Tuned // whose behaviour is observed
	Peer netapi.Tuned
	Addr netip.Addr // of Net
	To   netip.Addr // of Peer; equal to Addr where Net talks to itself
	Void netip.Addr // has a route, but nobody there ever answers; not valid where there is none
	None netip.Addr // has no route; not valid where there is none
	Link *Link      // the peer's device, where questions are to decide what becomes of packets; else nil
}

// Pair is a way for packets on which the stack and the kernel are asked. Another network than a stack's can stand in the
// stack's place: what it has to have is in [netapi.Tuned] and [dialer.TCPConn]. Its TCP connections need Info, by which
// questions see what has arrived, and its connections GetsockoptInt and SetUserTimeout as netapi's have them.
type Pair struct {
	Name          string
	Stack, Kernel Host
}

// tcpConn is what is asked of a TCP connection of either network.
type tcpConn = dialer.TCPConn

// listen announces an address of a host for one question. Its end closes the listener.
func (q *asking) listen(n netapi.Network, addr netip.Addr) net.Listener {
	l, err := n.Listen(q.ctx, "tcp4", netip.AddrPortFrom(addr, 0).String())
	q.must(err)
	q.cleanup(l.Close)
	return l
}

// dialled makes a connection that the subject dials.
func (q *asking) dialled() (subject, peer tcpConn) { return q.dialledBy(&net.Dialer{}) }

// dialledBy is dialled with settings.
func (q *asking) dialledBy(d *net.Dialer) (subject, peer tcpConn) {
	return q.connect(q.h.Net, d, "tcp", q.listen(q.h.Peer, q.h.To))
}

// accepted makes a connection that the subject accepts.
func (q *asking) accepted() (subject, peer tcpConn) { return q.acceptedBy(&net.ListenConfig{}) }

// acceptedBy is accepted with settings.
func (q *asking) acceptedBy(lc *net.ListenConfig) (subject, peer tcpConn) {
	l, err := q.h.Net.ListenWith(q.ctx, lc, "tcp4", netip.AddrPortFrom(q.h.Addr, 0).String())
	q.must(err)
	q.cleanup(l.Close)
	peer, subject = q.connect(q.h.Peer, &net.Dialer{}, "tcp4", l)
	return subject, peer
}

// connect makes a connection from a network to a listener.
func (q *asking) connect(
	from netapi.Tuned, d *net.Dialer, network string, l net.Listener,
) (dialled, accepted tcpConn) {
	c, err := from.DialWith(q.ctx, d, network, l.Addr().String())
	q.must(err)
	q.cleanup(c.Close)
	a, err := l.Accept()
	q.must(err)
	q.cleanup(a.Close)
	return c.(tcpConn), a.(tcpConn)
}

// reset ends a connection with a RST and waits until the other end has seen it.
func (q *asking) reset(peer, subject tcpConn) {
	q.must(peer.SetLinger(0))
	q.must(peer.Close())
	q.awaitClosed(subject, "reset")
}

// closePeer ends the peer's stream and waits until the subject has seen it.
func (q *asking) closePeer(peer, subject tcpConn) {
	q.must(peer.Close())
	q.awaitState(subject, "FIN", func(s status) bool { return s.state != stateEstablished })
}

// send has the peer write, and waits until the subject has it.
func (q *asking) send(peer, subject tcpConn, text string) {
	before, err := statusOf(subject)
	q.must(err)
	_, err = io.WriteString(peer, text)
	q.must(err)
	q.awaitState(subject, "data", func(s status) bool { return s.received >= before.received+uint64(len(text)) })
}

// States of a connection, by Linux's numbers.
const (
	stateEstablished = 1
	stateClosed      = 7
)

// status is what tells how far a connection is.
type status struct {
	state    int
	received uint64 // octets
}

// awaitClosed waits until a connection has been reset or given up.
func (q *asking) awaitClosed(c net.Conn, why string) {
	q.awaitState(c, why, func(s status) bool { return s.state == stateClosed })
}

// awaitState waits until a connection is as ok wants it.
func (q *asking) awaitState(c net.Conn, what string, ok func(status) bool) {
	var s status
	q.await(what, func() bool {
		var err error
		s, err = statusOf(c)
		q.must(err)
		return ok(s)
	})
}

// await waits until ok holds. It looks again and again: packets need time, and nothing tells when they have arrived
// without changing what is to be observed.
func (q *asking) await(what string, ok func() bool) {
	for !ok() {
		if q.ctx.Err() != nil {
			q.failf("waited in vain for: %s", what)
		}
		q.pause(time.Millisecond)
	}
}

// pause waits.
func (q *asking) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-q.ctx.Done():
	}
}

// statusOf is a connection's own answer, or the kernel's.
func statusOf(c net.Conn) (status, error) {
	if c, ok := c.(interface{ Info() tcp.Info }); ok {
		i := c.Info()
		return status{int(i.State), i.BytesReceived}, nil
	}
	return kernelStatus(c)
}

// optionOf gets an option of a connection of either network.
func optionOf(c net.Conn, level, opt int) (int, error) {
	if c, ok := c.(interface {
		GetsockoptInt(level, opt int) (int, error)
	}); ok {
		return c.GetsockoptInt(level, opt)
	}
	raw, err := rawOf(c)
	if err != nil {
		return 0, err
	}
	return getInt(raw, level, opt)
}

// tcpUserTimeout is Linux's TCP_USER_TIMEOUT, milliseconds, for which package syscall has no name.
const tcpUserTimeout = 18

// setUserTimeout sets what package net has no method for.
func setUserTimeout(c net.Conn, d time.Duration) error {
	if c, ok := c.(interface{ SetUserTimeout(time.Duration) error }); ok {
		return c.SetUserTimeout(d)
	}
	raw, err := rawOf(c)
	if err != nil {
		return err
	}
	return setInt(raw, syscall.IPPROTO_TCP, tcpUserTimeout, int(d/time.Millisecond))
}

// expired is a deadline that has passed.
func expired() time.Time { return time.Unix(1, 0) }

// rawOf is the way to the descriptor of one of the kernel's.
func rawOf(c any) (syscall.RawConn, error) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("%T has no way to its options: it needs GetsockoptInt and SetUserTimeout", c)
	}
	return s.SyscallConn()
}

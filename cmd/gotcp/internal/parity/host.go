package parity

import (
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/gotcp/gotcp/netapi"
)

// Host is one that is asked, and the one that it talks to.
type Host struct {
	Net  netapi.Tuned // whose behaviour is observed
	Peer netapi.Tuned
	Addr netip.Addr // of Net
	To   netip.Addr // of Peer; equal to Addr where Net talks to itself
	Void netip.Addr // has a route, but nobody there ever answers; not valid where there is none
	None netip.Addr // has no route; not valid where there is none
}

// Pair is a way for packets on which the stack and the kernel are asked.
type Pair struct {
	Name          string
	Stack, Kernel Host
}

// tcpConn is what is asked of a TCP connection of either network.
type tcpConn interface {
	net.Conn
	io.ReaderFrom
	io.WriterTo
	CloseRead() error
	CloseWrite() error
	SetLinger(sec int) error
	SetNoDelay(on bool) error
	SetKeepAlive(on bool) error
	SetKeepAlivePeriod(d time.Duration) error
	SetKeepAliveConfig(config net.KeepAliveConfig) error
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
	MultipathTCP() (bool, error)
}

// listen announces an address of a host for one question. Its end closes the listener.
func (q *asking) listen(n netapi.Network, addr netip.Addr) net.Listener {
	l, err := n.Listen(q.ctx, "tcp4", netip.AddrPortFrom(addr, 0).String())
	q.must(err)
	q.cleanup(l.Close)
	return l
}

// dialled makes a connection that the subject dials.
func (q *asking) dialled() (subject, peer tcpConn) {
	l := q.listen(q.h.Peer, q.h.To)
	return q.connect(q.h.Net, "tcp", l)
}

// accepted makes a connection that the subject accepts.
func (q *asking) accepted() (subject, peer tcpConn) {
	peer, subject = q.connect(q.h.Peer, "tcp4", q.listen(q.h.Net, q.h.Addr))
	return subject, peer
}

// connect makes a connection from a network to a listener.
func (q *asking) connect(from netapi.Network, network string, l net.Listener) (dialled, accepted tcpConn) {
	d, err := from.DialContext(q.ctx, network, l.Addr().String())
	q.must(err)
	q.cleanup(d.Close)
	a, err := l.Accept()
	q.must(err)
	q.cleanup(a.Close)
	return d.(tcpConn), a.(tcpConn)
}

// reset ends a connection with a RST and waits until the other end has seen it.
func (q *asking) reset(peer, subject tcpConn) {
	q.must(peer.SetLinger(0))
	q.must(peer.Close())
	q.awaitState(subject, "reset", func(s status) bool { return s.state == stateClosed })
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

// awaitState waits until a connection is as ok wants it. It looks again and again: packets need time, and nothing tells
// when they have arrived without changing what is to be observed.
func (q *asking) awaitState(c net.Conn, what string, ok func(status) bool) {
	for {
		s, err := statusOf(c)
		q.must(err)
		if ok(s) {
			return
		}
		if q.ctx.Err() != nil {
			q.failf("no %s has arrived (state %d)", what, s.state)
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

// statusOf is a stack's answer, or the kernel's.
func statusOf(c net.Conn) (status, error) {
	if c, ok := c.(*netapi.TCPConn); ok {
		i := c.Info()
		return status{int(i.State), i.BytesReceived}, nil
	}
	return kernelStatus(c)
}

// expired is a deadline that has passed.
func expired() time.Time { return time.Unix(1, 0) }

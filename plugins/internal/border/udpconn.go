package border

import (
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi/likenet"
	"github.com/gotcp/gotcp/plugins/internal/pump"
)

// UDPConn is a UDP socket of a [Network], connected to a peer or not, a dialer.UDPConn. Out-of-band data is neither
// given nor taken.
//
// A datagram to a new peer is waited for until the host has sent it: so its error is the call's. Errors of further ones
// to the same peer come with the next call.
type UDPConn struct {
	base

	pending error // for the first call that sees it; these are base's mutex's
	kicked  bool  // the path's read deadline has passed, for pending's sake
	known   map[netip.AddrPort]bool
	lastSeq uint32
	waits   map[uint32]chan error // who waits for sent
}

// maxKnown bounds the peers that a socket is known to reach.
const maxKnown = 1024

func newUDPConn(o origin) *UDPConn {
	return &UDPConn{
		base: base{origin: o}, known: make(map[netip.AddrPort]bool), waits: make(map[uint32]chan error),
	}
}

// connected reports whether the socket has a peer.
func (c *UDPConn) connected() bool { return c.remoteAP.IsValid() }

// died is the host's word of an error that comes with the next call.
func (c *UDPConn) died(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.pending = err
	clear(c.known)
	if err == ErrGone {
		c.wakeSenders(err)
		c.stopWriting()
		c.stopReading()
		return
	}
	c.kicked = true
	c.readStopped = true // until who reads has seen it
	c.p.SetReadDeadline(past)
}

// sent is the host's word of how sending has ended.
func (c *UDPConn) sent(m *sent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.waits[uint32(m.seq)]; w != nil {
		w <- m.err
		delete(c.waits, uint32(m.seq))
	}
}

// wakeSenders ends the waiting for sent. The caller holds the mutex.
func (c *UDPConn) wakeSenders(err error) {
	for _, w := range c.waits {
		w <- err
	}
	clear(c.waits)
}

// reasonOnce is the error that is pending, for the first call that sees it. ErrGone is for all. The caller holds the
// mutex.
func (c *UDPConn) reasonOnce() error {
	err := c.pending
	if err == ErrGone {
		return err
	}
	c.pending = nil
	c.resume()
	return err
}

// resume puts the path's read deadline back. The caller holds the mutex.
func (c *UDPConn) resume() {
	if c.kicked {
		c.kicked, c.readStopped = false, false
		c.p.SetReadDeadline(c.rdl)
	}
}

// Close closes the socket; when it returns its port is free.
func (c *UDPConn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return c.opError("close", net.ErrClosed)
	}
	c.closed = true
	c.wakeSenders(net.ErrClosed)
	c.stopReading()
	c.stopWriting()
	c.mu.Unlock()
	c.p.Close()
	_, err := c.n.call(&call{id: c.id, op: opClose})
	c.n.forget(c.id)
	if err == syscall.EBADF || err == ErrGone {
		err = nil // it is closed
	}
	return err
}

// Read reads one datagram of the connected peer; what doesn't fit in b is lost.
func (c *UDPConn) Read(b []byte) (int, error) {
	if len(b) == 0 && !c.isClosed() {
		return 0, nil // and the datagram stays, as with package net
	}
	n, _, _, err := c.recv("read", b)
	return n, err
}

// ReadFrom reads one datagram and says, as a *net.UDPAddr, who sent it; what doesn't fit in b is lost.
func (c *UDPConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDP(b)
	return n, likenet.OrNil(from), err
}

// ReadFromUDP is ReadFrom with another result type.
func (c *UDPConn) ReadFromUDP(b []byte) (int, *net.UDPAddr, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	return n, likenet.UDPAddr(from), err
}

// ReadFromUDPAddrPort is ReadFrom with another result type.
func (c *UDPConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, _, from, err := c.recv("recvfrom", b)
	return n, from, err
}

// ReadMsgUDP is ReadFrom that also gives flags: syscall.MSG_TRUNC where the datagram didn't fit in b. oob stays empty.
func (c *UDPConn) ReadMsgUDP(b, oob []byte) (n, oobn, flags int, addr *net.UDPAddr, err error) {
	n, oobn, flags, from, err := c.ReadMsgUDPAddrPort(b, oob)
	return n, oobn, flags, likenet.UDPAddr(from), err
}

// ReadMsgUDPAddrPort is ReadMsgUDP with another result type.
func (c *UDPConn) ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error) {
	n, full, addr, err := c.recv("recvmsg", b)
	if full > n {
		flags = syscall.MSG_TRUNC
	}
	return n, 0, flags, addr, err
}

// recv reads one datagram, full being its whole length.
func (c *UDPConn) recv(call string, b []byte) (n, full int, from netip.AddrPort, err error) {
	for {
		if err := c.beginRecv(); err != nil {
			return 0, 0, from, c.opError("read", dress(call, err))
		}
		p, size, err := c.p.next()
		if err == os.ErrDeadlineExceeded || err == net.ErrClosed {
			continue // beginRecv knows why, or that it is over
		}
		if err != nil {
			return 0, 0, from, c.opError("read", dress(call, c.pathError(err)))
		}
		h, text, err := decodePacket(p[:size])
		if err == nil {
			n, full, from = copy(b, text), len(text), h.addr
			if !from.IsValid() {
				from = c.remoteAP
			}
		}
		pump.Put(p)
		return n, full, from, err
	}
}

// pathError says what an error of the path means: the host has gone, which it can be asked, or the network has closed
// the socket.
func (c *UDPConn) pathError(err error) error {
	if c.isClosed() {
		return net.ErrClosed
	}
	if err != io.EOF && err != syscall.EPIPE && err != syscall.ECONNRESET {
		return err
	}
	if _, err := c.n.call(&call{id: c.id, op: opSockopt}); err == ErrGone {
		return err
	}
	return syscall.ECONNABORTED
}

func (c *UDPConn) beginRecv() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return net.ErrClosed
	case expired(c.rdl):
		return os.ErrDeadlineExceeded
	case c.pending != nil:
		return c.reasonOnce()
	}
	c.resume()
	return nil
}

// Write sends one datagram to the connected peer.
func (c *UDPConn) Write(b []byte) (int, error) {
	var err error = syscall.EDESTADDRREQ
	if c.connected() || c.isClosed() {
		if err = c.send(b, netip.AddrPort{}); err == nil {
			return len(b), nil
		}
	}
	return 0, c.opError("write", dress("write", err))
}

// send sends one datagram; the zero AddrPort means the connected peer. Errors are bare.
func (c *UDPConn) send(b []byte, to netip.AddrPort) error {
	wait, seq, err := c.beginSend(len(b), to)
	if err != nil {
		return err
	}
	p := pump.Get()
	h := header{addr: to, seq: seq}
	h.encode(p[:])
	_, err = c.p.Write(p[:headerSize+copy(p[headerSize:], b)])
	pump.Put(p)
	if err != nil {
		c.mu.Lock()
		delete(c.waits, seq)
		c.mu.Unlock()
		return c.pathError(err)
	}
	if wait == nil {
		return nil
	}
	if err := <-wait; err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxKnown {
		clear(c.known)
	}
	c.known[to] = true
	return nil
}

// beginSend says why nothing can be sent, else on what to wait after sending, if at all.
func (c *UDPConn) beginSend(size int, to netip.AddrPort) (wait chan error, seq uint32, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, 0, net.ErrClosed
	case expired(c.wdl):
		return nil, 0, os.ErrDeadlineExceeded
	case size > maxDatagram:
		return nil, 0, syscall.EMSGSIZE
	case c.pending != nil:
		return nil, 0, c.reasonOnce()
	case !to.IsValid() || c.known[to]:
		return nil, 0, nil
	}
	if c.lastSeq++; c.lastSeq == 0 {
		c.lastSeq = 1 // 0 is for who doesn't wait
	}
	wait = make(chan error, 1)
	c.waits[c.lastSeq] = wait
	return wait, c.lastSeq, nil
}

var _ dialer.UDPConn = (*UDPConn)(nil)

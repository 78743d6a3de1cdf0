package border

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/likenet"
)

// origin is what a connection is made of.
type origin struct {
	n                 *Network
	id                uint64
	net               string // the network the caller named, for errors
	localAP, remoteAP netip.AddrPort
	p                 pipe
}

// base is what the plugin's TCP and UDP connections share: addresses, deadlines, options, and package net's errors
// around bare ones.
type base struct {
	origin

	mu       sync.Mutex
	closed   bool
	rdl, wdl time.Time
	// The path's own deadlines have passed, to wake who is blocked, and stay so.
	readStopped, writeStopped bool
}

// Network is the network that the connection was made on, a *[Network]: see [netapi.NetworkOf].
func (c *base) Network() netapi.Network { return c.n }

// LocalAddr is the local address: a *net.TCPAddr or *net.UDPAddr. It stays what it was after Close.
func (c *base) LocalAddr() net.Addr { return likenet.Addr(c.net, c.localAP) }

// RemoteAddr is the peer's address, of the same type; nil for a UDP connection that has none.
func (c *base) RemoteAddr() net.Addr { return likenet.Addr(c.net, c.remoteAP) }

// opError is an error of an operation on a connection, Source and Addr being its two ends.
func (c *base) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: c.net, Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// setError is an error of a setting that package net reports with the local address only.
func (c *base) setError(err error) error {
	return &net.OpError{Op: "set", Net: c.net, Addr: c.LocalAddr(), Err: err}
}

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *base) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline has reads, also one that is blocked now, give up at t with an error that is os.ErrDeadlineExceeded.
// The zero time means never. A deadline that has passed wins over data that is there.
func (c *base) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.setError(net.ErrClosed)
	}
	c.rdl = t
	if !c.readStopped {
		c.p.SetReadDeadline(t)
	}
	return nil
}

// SetWriteDeadline is SetReadDeadline for writes. A write that timed out says how much was taken.
func (c *base) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.setError(net.ErrClosed)
	}
	c.wdl = t
	if !c.writeStopped {
		c.p.SetWriteDeadline(t)
	}
	return nil
}

// stopReading and stopWriting wake who is blocked. The caller holds the mutex.
func (c *base) stopReading() {
	c.readStopped = true
	c.p.SetReadDeadline(past)
}

func (c *base) stopWriting() {
	c.writeStopped = true
	c.p.SetWriteDeadline(past)
}

func (c *base) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// ask has the host call a method. An error is the network's own, or bare: net.ErrClosed, or the border's.
func (c *base) ask(m *call) ([]byte, error) {
	if c.isClosed() {
		return nil, net.ErrClosed
	}
	m.id = c.id
	v, err := c.n.call(m)
	if err == syscall.EBADF {
		err = net.ErrClosed // meanwhile
	}
	return v, err
}

// set sets an option that package net reports with both addresses.
func (c *base) set(m *call) error {
	_, err := c.ask(m)
	if isDressed(err) {
		return err
	}
	return c.opError("set", err)
}

// SetReadBuffer limits what the network keeps of received data that was not read, in octets. What is on its way through
// the border, some 400 KiB at most, is not part of it.
func (c *base) SetReadBuffer(bytes int) error { return c.setBuffer(opReadBuffer, bytes) }

// SetWriteBuffer limits what the network keeps of written data that the peer has not acknowledged, in octets. What is
// on its way through the border is not part of it.
func (c *base) SetWriteBuffer(bytes int) error { return c.setBuffer(opWriteBuffer, bytes) }

func (c *base) setBuffer(o op, bytes int) error {
	_, err := c.ask(&call{op: o, arg: int64(bytes)})
	if isDressed(err) {
		return err
	}
	return c.setError(err)
}

// GetsockoptInt gets an option of the network's socket by Linux's numbers, as package syscall has them.
func (c *base) GetsockoptInt(level, opt int) (int, error) {
	v, err := c.ask(&call{op: opSockopt, arg: int64(level)<<32 | int64(uint32(opt))})
	if !isDressed(err) {
		err = c.opError("get", err)
	}
	i, _ := binary.Varint(v) // 0 of nothing
	return int(i), err
}

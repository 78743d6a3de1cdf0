package netapi

import (
	"io"
	"net"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/netapi/likenet"
	"github.com/gotcp/gotcp/stack"
)

// conn is what TCP and UDP connections share: it adds package net's errors and addresses to a socket, and nothing else.
// Addresses are made when asked for, so that an idle connection costs no more than this struct.
type conn struct {
	s stack.Socket
	*origin
}

// origin is what the connections of one stack have in common that were made on a network of one name.
type origin struct {
	n   *Stack
	net string // the network that the caller named, for errors
}

// Network is the network that the connection was made on, a *[Stack]: see [NetworkOf].
func (o *origin) Network() Network {
	if o == nil {
		return nil
	}
	return o.n
}

func (c *conn) ok() bool { return c != nil && c.s != nil }

// opError is an error of an operation on a connection, Source and Addr being its two ends.
func (c *conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: c.net, Source: c.local(), Addr: c.remote(), Err: err}
}

// setError is an error of a setting that package net reports with the local address only.
func (c *conn) setError(err error) error {
	return &net.OpError{Op: "set", Net: c.net, Addr: c.local(), Err: err}
}

func (c *conn) local() net.Addr { return likenet.Addr(c.net, c.s.LocalAddr()) }

func (c *conn) remote() net.Addr {
	a := c.s.RemoteAddr()
	if a.IsValid() && a.Port() == 0 { // which is no peer to Linux: package net gives what was dialled
		return likenet.ResolvedAddr(c.net, a)
	}
	return likenet.Addr(c.net, a)
}

// Read reads what has arrived, at least one octet, or one datagram. At the end of a TCP stream it gives io.EOF.
func (c *conn) Read(b []byte) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	n, err := c.s.Read(b)
	if err != nil && err != io.EOF {
		err = c.opError("read", wrap("read", err))
	}
	return n, err
}

// Write writes all of b, or says how much was taken and why not more. Concurrent writes don't interleave.
func (c *conn) Write(b []byte) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	n, err := c.s.Write(b)
	if err != nil {
		err = c.opError("write", wrap("write", err))
	}
	return n, err
}

// Close closes the connection: calls that are blocked in it return net.ErrClosed. What was written to a TCP connection
// is still delivered, unless SetLinger says otherwise; where received data was not read the peer gets a reset.
func (c *conn) Close() error {
	if !c.ok() {
		return syscall.EINVAL
	}
	if err := c.s.Close(); err != nil {
		return c.opError("close", wrap("close", err))
	}
	return nil
}

// LocalAddr is the local address: a *net.TCPAddr or *net.UDPAddr. It stays what it was after Close.
func (c *conn) LocalAddr() net.Addr {
	if !c.ok() {
		return nil
	}
	return c.local()
}

// RemoteAddr is the peer's address, of the same type; nil for a UDP connection that has none.
func (c *conn) RemoteAddr() net.Addr {
	if !c.ok() {
		return nil
	}
	return c.remote()
}

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *conn) SetDeadline(t time.Time) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	err := c.s.SetReadDeadline(t)
	if err == nil {
		err = c.s.SetWriteDeadline(t)
	}
	if err != nil {
		return c.setError(wrap("set", err))
	}
	return nil
}

// SetReadDeadline has reads, also one that is blocked now, give up at t with an error that is os.ErrDeadlineExceeded.
// The zero time means never. A deadline that has passed wins over data that is there.
func (c *conn) SetReadDeadline(t time.Time) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	if err := c.s.SetReadDeadline(t); err != nil {
		return c.setError(wrap("set", err))
	}
	return nil
}

// SetWriteDeadline is SetReadDeadline for writes. A write that timed out says how much was taken.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	if err := c.s.SetWriteDeadline(t); err != nil {
		return c.setError(wrap("set", err))
	}
	return nil
}

// SetReadBuffer limits what the stack keeps of received data that was not read, in octets.
func (c *conn) SetReadBuffer(bytes int) error { return c.setBuffer(syscall.SO_RCVBUF, bytes) }

// SetWriteBuffer limits what the stack keeps of written data that the peer has not acknowledged, in octets.
func (c *conn) SetWriteBuffer(bytes int) error { return c.setBuffer(syscall.SO_SNDBUF, bytes) }

func (c *conn) setBuffer(name, bytes int) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	if err := c.s.SetOpt(syscall.SOL_SOCKET, name, bytes); err != nil {
		return c.setError(wrap("setsockopt", err))
	}
	return nil
}

// setOpt sets an option that package net reports with both addresses.
func (c *conn) setOpt(level, name, value int) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	if err := c.s.SetOpt(level, name, value); err != nil {
		return c.opError("set", wrap("setsockopt", err))
	}
	return nil
}

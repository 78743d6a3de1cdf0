package netapi

import (
	"net"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/netapi/likenet"
	"github.com/gotcp/gotcp/stack"
)

// TCPListener accepts TCP connections on an address of a stack, with the methods of a *net.TCPListener.
type TCPListener struct {
	s stack.Socket
	*origin
}

func (l *TCPListener) ok() bool { return l != nil && l.s != nil }

func (l *TCPListener) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: l.net, Addr: likenet.Addr(l.net, l.s.LocalAddr()), Err: err}
}

// Accept waits for a connection and returns it, a *[TCPConn].
func (l *TCPListener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptTCP waits for a connection. One that was reset before it was accepted is still given.
func (l *TCPListener) AcceptTCP() (*TCPConn, error) {
	if !l.ok() {
		return nil, syscall.EINVAL
	}
	s, err := l.s.Accept() // which has the listener's options, hence keep-alive and no-delay
	if err != nil {
		return nil, l.opError("accept", wrap("accept4", err))
	}
	return &TCPConn{conn{s, l.origin}}, nil
}

// Close stops listening. Connections that were not accepted are reset; accepted ones live on. Blocked calls of Accept
// return net.ErrClosed.
func (l *TCPListener) Close() error {
	if !l.ok() {
		return syscall.EINVAL
	}
	if err := l.s.Close(); err != nil {
		return l.opError("close", wrap("close", err))
	}
	return nil
}

// Addr is the address listened on, a *net.TCPAddr.
func (l *TCPListener) Addr() net.Addr {
	if !l.ok() {
		return nil
	}
	return likenet.Addr(l.net, l.s.LocalAddr())
}

// SetDeadline has Accept, also one that is blocked now, give up at t. The zero time means never.
func (l *TCPListener) SetDeadline(t time.Time) error {
	if !l.ok() {
		return syscall.EINVAL
	}
	return wrap("set", l.s.SetReadDeadline(t))
}

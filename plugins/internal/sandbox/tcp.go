package sandbox

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/plugins/internal/pump"
	"github.com/gotcp/gotcp/stack"
)

// errTooMany is what a program gets that has too many connections.
var errTooMany = errors.New("the sandbox has as many as its limits allow")

// ForwardTCP implements [stack.Forwarder]: the program opens a connection. It is answered when the network has made it.
func (t *terminator) ForwardTCP(f *stack.ForwardTCP) {
	if !t.enter(&t.conns, t.cfg.Limits.Conns) {
		t.refused("tcp", f.Local, errTooMany)
		f.Reject(syscall.ECONNREFUSED)
		return
	}
	defer t.leave(&t.conns)
	c, err := t.dial("tcp", f.Local)
	if err != nil {
		t.refused("tcp", f.Local, err)
		f.Reject(answerTo(err))
		return
	}
	out, err := asTCP(c)
	if err != nil {
		t.refused("tcp", f.Local, err)
		f.Reject(err)
		return
	}
	s, err := f.Accept(t.ctx)
	if err != nil { // the program has given up meanwhile
		pump.Reset(out)
		return
	}
	pump.Join(t.ctx, t.face.TCPConn(s), out)
}

// asTCP is a network's connection as what it has to be.
func asTCP(c net.Conn) (dialer.TCPConn, error) {
	if tc, ok := c.(dialer.TCPConn); ok {
		return tc, nil
	}
	c.Close()
	return nil, fmt.Errorf("%T is no dialer.TCPConn: the sandbox's Network is not one of this module", c)
}

// answerTo is what the program is to be told of an error of the network's: what the kernel itself could have met on the
// way, as that is what a program can be told.
func answerTo(err error) error {
	var errno syscall.Errno
	if t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && t.Timeout() {
		return syscall.ETIMEDOUT
	}
	errors.As(err, &errno)
	switch errno {
	case syscall.EACCES, syscall.EPERM, // a rule's
		syscall.EMFILE, syscall.ENFILE, syscall.EDQUOT, syscall.ENOBUFS, syscall.ENOMEM, syscall.EAGAIN: // a quota's
		return syscall.EACCES
	case syscall.EADDRNOTAVAIL, syscall.EINVAL, syscall.EAFNOSUPPORT: // no address that could be reached
		return syscall.ENETUNREACH
	case 0:
		return syscall.ECONNREFUSED
	}
	return errno
}

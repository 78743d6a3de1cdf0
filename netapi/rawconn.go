package netapi

import (
	"errors"
	"fmt"

	"github.com/gotcp/gotcp/stack"
)

// errNoFD says why a Control function cannot work as it is.
var errNoFD = fmt.Errorf("netapi: a socket of this stack has no file descriptor (%w): "+
	"set options by the SetsockoptInt method of the syscall.RawConn", errors.ErrUnsupported)

// rawConn is the syscall.RawConn that a Control function gets. There is no file descriptor to hand out, hence its three
// methods give an error. Options are set by two methods more, for which a Control function asserts
//
//	interface {
//		SetsockoptInt(level, opt, value int) error
//		GetsockoptInt(level, opt int) (int, error)
//	}
//
// with Linux's numbers as package syscall has them.
type rawConn struct{ s stack.Socket }

func (rawConn) Control(func(fd uintptr)) error    { return errNoFD }
func (rawConn) Read(func(fd uintptr) bool) error  { return errNoFD }
func (rawConn) Write(func(fd uintptr) bool) error { return errNoFD }

// SetsockoptInt sets an option of the socket.
func (c rawConn) SetsockoptInt(level, opt, value int) error {
	return wrap("setsockopt", c.s.SetOpt(level, opt, value))
}

// GetsockoptInt gets an option of the socket.
func (c rawConn) GetsockoptInt(level, opt int) (int, error) {
	v, err := c.s.Opt(level, opt)
	return v, wrap("getsockopt", err)
}

package guard

import (
	"errors"
	"math"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// This file has what a stack's connections offer beyond package net's. Where the inner connection is the kernel's, its
// descriptor is asked, which stays here.

// SetUserTimeout limits how long written data may stay unacknowledged: see [netapi.TCPConn.SetUserTimeout].
func (c *tcpConn) SetUserTimeout(d time.Duration) error {
	if i, ok := c.TCPConn.(interface{ SetUserTimeout(time.Duration) error }); ok {
		return i.SetUserTimeout(d)
	}
	ms := -1
	if d >= 0 {
		d = min(d, math.MaxInt32*time.Millisecond)
		ms = int((d + time.Millisecond - 1) / time.Millisecond)
	}
	return c.f.control("setsockopt", func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms)
	})
}

// SetCongestionControl chooses what governs the congestion window, by name.
func (c *tcpConn) SetCongestionControl(name string) error {
	if i, ok := c.TCPConn.(interface{ SetCongestionControl(string) error }); ok {
		return i.SetCongestionControl(name)
	}
	return c.f.control("setsockopt", func(fd int) error {
		return unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
	})
}

// CongestionControl is the name of what governs the congestion window; "" where the inner connection doesn't say.
func (c *tcpConn) CongestionControl() (name string) {
	if i, ok := c.TCPConn.(interface{ CongestionControl() string }); ok {
		return i.CongestionControl()
	}
	c.f.control("getsockopt", func(fd int) (err error) {
		name, err = unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
		return err
	})
	return name
}

// GetsockoptInt gets an option of the connection by Linux's numbers.
func (c *tcpConn) GetsockoptInt(level, opt int) (int, error) {
	return c.f.option(c.TCPConn, level, opt)
}

// GetsockoptInt gets an option of the socket by Linux's numbers.
func (c *udpConn) GetsockoptInt(level, opt int) (int, error) {
	return c.f.option(c.UDPConn, level, opt)
}

func (f *flow) option(inner net.Conn, level, opt int) (v int, err error) {
	if i, ok := inner.(interface {
		GetsockoptInt(level, opt int) (int, error)
	}); ok {
		return i.GetsockoptInt(level, opt)
	}
	err = f.control("getsockopt", func(fd int) (err error) {
		v, err = unix.GetsockoptInt(fd, level, opt)
		return err
	})
	return v, err
}

// control calls a function with the descriptor of a connection of the kernel's; call is the system call that the error
// tells of. Other connections give an error that is errors.ErrUnsupported.
func (f *flow) control(call string, with func(fd int) error) error {
	op := call[:3]
	var raw syscall.RawConn
	var err error
	switch c := f.inner.(type) { // package net's types only: another one's descriptor may be anything
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UDPConn:
		raw, err = c.SyscallConn()
	default:
		err = errors.ErrUnsupported
	}
	if err != nil {
		return f.opError(op, err)
	}
	var inside error
	if err := raw.Control(func(fd uintptr) { inside = with(int(fd)) }); err != nil {
		return err
	}
	if inside != nil {
		return f.opError(op, os.NewSyscallError(call, inside))
	}
	return nil
}

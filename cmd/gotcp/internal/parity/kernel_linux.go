package parity

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// kernelStatus asks the kernel about one of its connections.
func kernelStatus(c net.Conn) (s status, err error) {
	raw, err := rawOf(c)
	if err != nil {
		return s, err
	}
	cerr := raw.Control(func(fd uintptr) {
		var info *unix.TCPInfo
		if info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			s = status{int(info.State), info.Bytes_received}
		}
	})
	if cerr != nil {
		return s, cerr
	}
	return s, os.NewSyscallError("getsockopt", err)
}

// setBacklog changes how many connections a listener of the kernel's keeps that nobody has accepted: package net has no
// setting for that, but listen(2) may be called again.
func setBacklog(l net.Listener, n int) error {
	raw, err := rawOf(l)
	if err != nil {
		return err
	}
	cerr := raw.Control(func(fd uintptr) { err = unix.Listen(int(fd), n) })
	if cerr != nil {
		return cerr
	}
	return os.NewSyscallError("listen", err)
}

// getInt gets an option of a socket of either network, of which raw is what its Control function was given.
func getInt(raw syscall.RawConn, level, opt int) (v int, err error) {
	if raw, ok := raw.(interface {
		GetsockoptInt(level, opt int) (int, error)
	}); ok {
		return raw.GetsockoptInt(level, opt)
	}
	cerr := raw.Control(func(fd uintptr) { v, err = unix.GetsockoptInt(int(fd), level, opt) })
	if cerr != nil {
		return 0, cerr
	}
	return v, os.NewSyscallError("getsockopt", err)
}

// setInt sets an option of such a socket.
func setInt(raw syscall.RawConn, level, opt, v int) (err error) {
	if raw, ok := raw.(interface {
		SetsockoptInt(level, opt, value int) error
	}); ok {
		return raw.SetsockoptInt(level, opt, v)
	}
	cerr := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, opt, v) })
	if cerr != nil {
		return cerr
	}
	return os.NewSyscallError("setsockopt", err)
}

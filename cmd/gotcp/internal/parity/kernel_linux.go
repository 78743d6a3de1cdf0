package parity

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// kernelStatus asks the kernel about one of its connections.
func kernelStatus(c net.Conn) (s status, err error) {
	raw, err := c.(syscall.Conn).SyscallConn()
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

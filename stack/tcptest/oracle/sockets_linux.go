package oracle

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/tcptest"
)

// retry repeats a system call that a signal (the Go runtime's) has interrupted.
func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}

func (h *host) Socket(typ, proto int) (fd int, err error) {
	err = h.inside(func() error {
		fd, err = unix.Socket(unix.AF_INET, typ|unix.SOCK_CLOEXEC, proto)
		return err
	})
	h.opened(fd, err)
	return fd, err
}

func sockaddr(a netip.AddrPort) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	if a, ok := sa.(*unix.SockaddrInet4); ok {
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}

func (h *host) Bind(fd int, a netip.AddrPort) error { return unix.Bind(fd, sockaddr(a)) }

func (h *host) Listen(fd, backlog int) error { return unix.Listen(fd, backlog) }

func (h *host) Accept(fd int) (conn int, err error) {
	err = retry(func() error {
		conn, _, err = unix.Accept4(fd, unix.SOCK_CLOEXEC)
		return err
	})
	h.opened(conn, err)
	return conn, err
}

func (h *host) Connect(fd int, a netip.AddrPort) error { return unix.Connect(fd, sockaddr(a)) }

func (h *host) Recv(fd int, p []byte, flags int) (n int, from netip.AddrPort, err error) {
	err = retry(func() error {
		var sa unix.Sockaddr
		n, sa, err = unix.Recvfrom(fd, p, flags)
		from = addrPort(sa)
		return err
	})
	return n, from, err
}

func (h *host) Send(fd int, p []byte, flags int, to netip.AddrPort) (n int, err error) {
	var sa unix.Sockaddr
	if to.IsValid() {
		sa = sockaddr(to)
	}
	err = retry(func() error {
		n, err = unix.SendmsgN(fd, p, nil, sa, flags|unix.MSG_NOSIGNAL)
		return err
	})
	return n, err
}

func (h *host) Shutdown(fd, how int) error { return unix.Shutdown(fd, how) }

func (h *host) Close(fd int) error {
	h.closed(fd)
	return unix.Close(fd)
}

func (h *host) SetOpt(fd, level, name, value int) error {
	if level == unix.SOL_SOCKET && name == unix.SO_LINGER {
		l := &unix.Linger{Linger: int32(max(value, 0))}
		if value >= 0 {
			l.Onoff = 1
		}
		return unix.SetsockoptLinger(fd, level, name, l)
	}
	return unix.SetsockoptInt(fd, level, name, value)
}

func (h *host) Opt(fd, level, name int) (int, error) {
	if level != unix.SOL_SOCKET || name != unix.SO_LINGER {
		return unix.GetsockoptInt(fd, level, name)
	}
	// x/sys has no getter for struct linger, but one for two integers in the same places.
	v, err := unix.GetsockoptTimeval(fd, level, name)
	if err != nil || uint64(v.Sec)&0xffffffff == 0 {
		return -1, err
	}
	return int(uint64(v.Sec) >> 32), nil
}

func (h *host) SetCongestion(fd int, name string) error {
	return unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
}

func (h *host) Congestion(fd int) (string, error) {
	return unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
}

func (h *host) SetNonblock(fd int, on bool) error { return unix.SetNonblock(fd, on) }

func (h *host) Nonblock(fd int) (bool, error) {
	fl, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return fl&unix.O_NONBLOCK != 0, err
}

func (h *host) Poll(fds []tcptest.PollFD, timeout time.Duration) (n int, err error) {
	p := make([]unix.PollFd, len(fds))
	for i, f := range fds {
		p[i] = unix.PollFd{Fd: int32(f.FD), Events: int16(f.Events)}
	}
	end := time.Now().Add(timeout)
	err = retry(func() error {
		ms := -1
		if timeout >= 0 {
			ms = max(0, int(time.Until(end).Round(time.Millisecond)/time.Millisecond))
		}
		n, err = unix.Poll(p, ms)
		return err
	})
	for i := range fds {
		fds[i].Revents = int(p[i].Revents)
	}
	return n, err
}

func (h *host) Ioctl(fd, request int) (int, error) { return unix.IoctlGetInt(fd, uint(request)) }

func (h *host) Info(fd int) (map[string]int64, error) {
	info, snd, rcv, err := tcpInfo(fd)
	if err != nil {
		return nil, err
	}
	fields := tcptest.InfoFields(*info)
	fields["tcpi_snd_wscale"], fields["tcpi_rcv_wscale"] = int64(snd), int64(rcv)
	return fields, nil
}

func (h *host) Peer(fd int) netip.AddrPort {
	sa, err := unix.Getpeername(fd)
	if err != nil {
		return netip.AddrPort{}
	}
	return addrPort(sa)
}

package oracle

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

const device = "tun0"

// openTUN makes a TUN device in the thread's namespace: packets without a header, and without offload, so that they are
// read as they would be on a wire.
func openTUN() (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("no /dev/net/tun: %w", err)
	}
	req, err := unix.NewIfreq(device)
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("no TUN device: %w", err)
	}
	return os.NewFile(uintptr(fd), "/dev/net/tun"), nil
}

// configure gives the device its addresses and MTU and brings it and the loopback up.
func configure(local, remote netip.Addr, mtu int) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	l, r, mask := local.As4(), remote.As4(), []byte{255, 255, 255, 255}
	return firstError(
		ifreq(s, device, unix.SIOCSIFMTU, func(q *unix.Ifreq) error { q.SetUint32(uint32(mtu)); return nil }),
		ifreq(s, device, unix.SIOCSIFADDR, func(q *unix.Ifreq) error { return q.SetInet4Addr(l[:]) }),
		ifreq(s, device, unix.SIOCSIFNETMASK, func(q *unix.Ifreq) error { return q.SetInet4Addr(mask) }),
		ifreq(s, device, unix.SIOCSIFDSTADDR, func(q *unix.Ifreq) error { return q.SetInet4Addr(r[:]) }),
		up(s, device),
		up(s, "lo"),
	)
}

// firstError returns the first error there is. (The others follow from it.)
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func ifreq(s int, name string, request uint, fill func(*unix.Ifreq) error) error {
	q, err := unix.NewIfreq(name)
	if err == nil {
		err = fill(q)
	}
	if err == nil {
		err = unix.IoctlIfreq(s, request, q)
	}
	if err != nil {
		return fmt.Errorf("%s: request %#x: %w", name, request, err)
	}
	return nil
}

func up(s int, name string) error {
	return ifreq(s, name, unix.SIOCSIFFLAGS, func(q *unix.Ifreq) error {
		q.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		return nil
	})
}

// sysctl sets a tunable below net.ipv4 of the thread's namespace.
func sysctl(name, value string) error {
	f, err := os.OpenFile(filepath.Join("/proc/sys/net/ipv4", filepath.Base(name)), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("no sysctl %s: %w", name, err)
	}
	defer f.Close()
	if _, err := f.WriteString(value); err != nil {
		return fmt.Errorf("sysctl %s=%s: %w", name, value, err)
	}
	return nil
}

// tcpInfo returns tcp_info with the two fields that share an octet, for which x/sys has no names.
func tcpInfo(fd int) (info *unix.TCPInfo, sndWScale, rcvWScale uint8, err error) {
	info, err = unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return nil, 0, 0, err
	}
	b := (*[8]byte)(unsafe.Pointer(info))[6]
	return info, b & 0xf, b >> 4, nil
}

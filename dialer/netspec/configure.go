package netspec

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/link/tun"
)

// configure sets up the kernel's end of a device. tun.Configure begins with the MTU and the queue's length, which nobody
// may set by ioctl in a user namespace, its root included (Linux asks for the capability in the initial one): there the
// queue stays as it is, and the rest is done here.
func configure(name string, kernel netip.Prefix, mtu int) error {
	err := tun.Configure(name, kernel, mtu)
	if !errors.Is(err, syscall.EPERM) {
		return err
	}
	mask := netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), kernel.Bits()).Masked().Addr()
	if setAddr(name, unix.SIOCSIFADDR, kernel.Addr()) != nil {
		return err // it wasn't the queue: tun.Configure says what is missing
	}
	if err := setAddr(name, unix.SIOCSIFNETMASK, mask); err != nil {
		return fmt.Errorf("%s: set netmask: %w", name, err)
	}
	return tun.SetUp(name)
}

// setAddr makes a request about an interface that carries an address.
func setAddr(name string, request uint, addr netip.Addr) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	if err := ifr.SetInet4Addr(addr.AsSlice()); err != nil {
		return err
	}
	return unix.IoctlIfreq(fd, request, ifr)
}

package tun

import (
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Configure gives the kernel its end of a device: an address with the network around it, which becomes a route, the
// MTU, and a queue of [DefaultTxQueueLen]; and sets the interface up. No program is run. It takes CAP_NET_ADMIN in the
// network namespace.
func Configure(name string, kernel netip.Prefix, mtu int) error {
	if !kernel.Addr().Is4() || !kernel.IsValid() {
		return &Error{Op: "set address", Name: name, Err: fmt.Errorf("%v is not an IPv4 address with a prefix", kernel)}
	}
	err := setNumber(name, "set MTU", unix.SIOCSIFMTU, mtu)
	if err == nil {
		err = SetTxQueueLen(name, DefaultTxQueueLen)
	}
	if err == nil {
		err = setAddr(name, "set address", unix.SIOCSIFADDR, kernel.Addr())
	}
	if err == nil {
		err = setAddr(name, "set netmask", unix.SIOCSIFNETMASK, mask(kernel.Bits()))
	}
	if err == nil {
		err = SetUp(name)
	}
	return err
}

// SetPeer names the address at the other end, for a link between two addresses that share no network. It comes after
// [Configure].
func SetPeer(name string, peer netip.Addr) error {
	if !peer.Is4() {
		return &Error{Op: "set peer", Name: name, Err: fmt.Errorf("%v is not an IPv4 address", peer)}
	}
	return setAddr(name, "set peer", unix.SIOCSIFDSTADDR, peer)
}

// SetUp sets an interface up.
func SetUp(name string) error {
	const op = "set up"
	return onInterface(name, op, func(fd int, ifr *unix.Ifreq) error {
		if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, ifr); err != nil {
			return err
		}
		ifr.SetUint16(ifr.Uint16() | unix.IFF_UP)
		return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
	})
}

// LoopbackUp sets lo up, which a new network namespace has, but down.
func LoopbackUp() error { return SetUp("lo") }

// MTU is the interface's, as the kernel has it.
func MTU(name string) (mtu int, err error) {
	err = onInterface(name, "get MTU", func(fd int, ifr *unix.Ifreq) error {
		if err := unix.IoctlIfreq(fd, unix.SIOCGIFMTU, ifr); err != nil {
			return err
		}
		mtu = int(ifr.Uint32())
		return nil
	})
	return mtu, err
}

func setNumber(name, op string, req uint, n int) error {
	return onInterface(name, op, func(fd int, ifr *unix.Ifreq) error {
		ifr.SetUint32(uint32(n))
		return unix.IoctlIfreq(fd, req, ifr)
	})
}

func setAddr(name, op string, req uint, a netip.Addr) error {
	return onInterface(name, op, func(fd int, ifr *unix.Ifreq) error {
		b := a.As4()
		if err := ifr.SetInet4Addr(b[:]); err != nil {
			return err
		}
		return unix.IoctlIfreq(fd, req, ifr)
	})
}

// mask is the netmask with so many bits.
func mask(bits int) netip.Addr {
	m := ^uint32(0) << (32 - bits)
	return netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)})
}

// onInterface calls do with a socket to make requests on and a request that names the interface.
func onInterface(name, op string, do func(fd int, ifr *unix.Ifreq) error) error {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return &Error{Op: op, Name: name, Err: errName}
	}
	return onSocket(name, op, func(fd int) error { return do(fd, ifr) })
}

func onSocket(name, op string, do func(fd int) error) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return &Error{Op: op, Name: name, Err: os.NewSyscallError("socket", err)}
	}
	defer unix.Close(fd)
	if err := do(fd); err != nil {
		return &Error{Op: op, Name: name, Err: err, Hint: configureHint(name, err)}
	}
	return nil
}

func configureHint(name string, err error) string {
	switch err {
	case syscall.EPERM:
		return "it needs CAP_NET_ADMIN here: as root, set the interface up with: " + ipCommands(name)
	case syscall.ENODEV:
		return "there is no such interface"
	}
	return ""
}

// ipCommands set an interface up.
func ipCommands(name string) string {
	return fmt.Sprintf("sudo ip addr add 10.77.0.1/24 dev %s && sudo ip link set %s up", name, name)
}

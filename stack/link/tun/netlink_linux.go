package tun

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// SetTxQueueLen sets how many packets may wait for the stack to read them. It goes by rtnetlink: the ioctl for it asks
// for a privilege in the whole machine, where CAP_NET_ADMIN in the network namespace should do, and does here.
func SetTxQueueLen(name string, n int) error {
	const op = "set queue length"
	return onInterface(name, op, func(fd int, ifr *unix.Ifreq) error {
		if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, ifr); err != nil {
			return err
		}
		return setLink(ifr.Uint32(), unix.IFLA_TXQLEN, uint32(n))
	})
}

// setLink sets an attribute of an interface that is a number.
func setLink(index uint32, attribute uint16, value uint32) error {
	const (
		attrAt = unix.SizeofNlMsghdr + unix.SizeofIfInfomsg
		total  = attrAt + unix.SizeofRtAttr + 4
	)
	var m [total]byte
	put16, put32 := binary.NativeEndian.PutUint16, binary.NativeEndian.PutUint32
	put32(m[0:], total) // struct nlmsghdr
	put16(m[4:], unix.RTM_SETLINK)
	put16(m[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	put32(m[unix.SizeofNlMsghdr+4:], index) // struct ifinfomsg
	put16(m[attrAt:], unix.SizeofRtAttr+4)  // struct rtattr
	put16(m[attrAt+2:], attribute)
	put32(m[attrAt+unix.SizeofRtAttr:], value)

	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, m[:], 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	return acknowledged(fd)
}

// acknowledged reads the kernel's answer to a request: NLMSG_ERROR with a negated errno, 0 where all is well.
func acknowledged(fd int) error {
	var b [4096]byte
	n, _, err := unix.Recvfrom(fd, b[:], 0)
	if err != nil {
		return err
	}
	if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(b[4:]) != unix.NLMSG_ERROR {
		return unix.EPROTO
	}
	if errno := -int32(binary.NativeEndian.Uint32(b[unix.SizeofNlMsghdr:])); errno != 0 {
		return unix.Errno(errno)
	}
	return nil
}

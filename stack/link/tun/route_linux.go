package tun

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rtentry is struct rtentry (include/uapi/linux/route.h): Go lays it out as C does.
type rtentry struct {
	_       uintptr
	dst     [16]byte // each a struct sockaddr
	gateway [16]byte
	genmask [16]byte
	flags   uint16
	_       int16
	_       uintptr
	_       unsafe.Pointer
	metric  int16
	dev     *byte
	mtu     uintptr
	window  uintptr
	irtt    uint16
}

// AddRoute has the kernel send what goes to the network dst through the interface, to the gateway where via is valid.
// dst 0.0.0.0/0 is the default route. A route that exists is no error. It takes CAP_NET_ADMIN, and the interface up.
func AddRoute(dst netip.Prefix, name string, via netip.Addr) error {
	op := fmt.Sprintf("add route to %v", dst)
	if !dst.IsValid() || !dst.Addr().Is4() || via.IsValid() && !via.Is4() {
		return &Error{Op: op, Name: name, Err: fmt.Errorf("not an IPv4 network, or gateway")}
	}
	dev, err := unix.BytePtrFromString(name)
	if err != nil {
		return &Error{Op: op, Name: name, Err: errName}
	}
	rt := rtentry{
		dst: sockaddr(dst.Masked().Addr()), genmask: sockaddr(mask(dst.Bits())), flags: unix.RTF_UP, dev: dev,
	}
	if dst.Bits() == 32 {
		rt.flags |= unix.RTF_HOST
	}
	if via.IsValid() {
		rt.gateway = sockaddr(via)
		rt.flags |= unix.RTF_GATEWAY
	}
	return onSocket(name, op, func(fd int) error {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCADDRT, uintptr(unsafe.Pointer(&rt)))
		runtime.KeepAlive(&rt)
		if errno != 0 && errno != unix.EEXIST {
			return errno
		}
		return nil
	})
}

// sockaddr is a struct sockaddr_in with port 0.
func sockaddr(a netip.Addr) (s [16]byte) {
	binary.NativeEndian.PutUint16(s[:], unix.AF_INET)
	b := a.As4()
	copy(s[4:], b[:])
	return s
}

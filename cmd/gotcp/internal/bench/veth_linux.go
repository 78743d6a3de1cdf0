package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Addresses and names of the pair.
const (
	vethDial, vethListen             = "10.78.0.1", "10.78.0.2"
	vethDialDevice, vethListenDevice = "gotcpbench0", "gotcpbench1"
	vethBits                         = "/30"
)

// Veth is a pair of virtual Ethernet devices between two network namespaces, the caller's and a new one, with the
// kernel's TCP at either end.
type Veth struct {
	there *os.File // the new namespace, which lives as long as this file and sockets of it
	link  netlink.Link
}

// NewVeth makes a pair. It takes CAP_SYS_ADMIN and CAP_NET_ADMIN, which a user namespace of one's own gives.
func NewVeth(mtu int) (*Veth, error) {
	there, err := newNamespace()
	if err != nil {
		return nil, fmt.Errorf("a second network namespace cannot be had: %w (does /proc/sys/user/max_net_namespaces "+
			"allow one more?)", err)
	}
	v := &Veth{there: there}
	if err := v.create(mtu); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

// create makes the devices and gives them their addresses.
func (v *Veth) create(mtu int) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = vethDialDevice, mtu
	veth := netlink.NewVeth(attrs)
	veth.PeerName, veth.PeerMTU = vethListenDevice, uint32(mtu)
	veth.PeerNamespace = netlink.NsFd(int(v.there.Fd()))
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("a veth pair cannot be had: %w (where the kernel has it as a module, "+
			"'sudo modprobe veth' loads it)", err)
	}
	v.link = veth
	if err := bringUp(vethDialDevice, vethDial); err != nil {
		return err
	}
	return v.inside(func() error { return bringUp(vethListenDevice, vethListen) })
}

// bringUp gives a device of the calling thread's namespace its address.
func bringUp(device, addr string) error {
	l, err := netlink.LinkByName(device)
	if err != nil {
		return fmt.Errorf("%s: %w", device, err)
	}
	a, err := netlink.ParseAddr(addr + vethBits)
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(l, a); err != nil {
		return fmt.Errorf("%s: address %s: %w", device, addr, err)
	}
	if err := netlink.LinkSetUp(l); err != nil {
		return fmt.Errorf("%s: up: %w", device, err)
	}
	return nil
}

// Close takes the pair away. The second namespace goes with the last of its sockets.
func (v *Veth) Close() error {
	var err error
	if v.link != nil {
		err = netlink.LinkDel(v.link)
	}
	return errors.Join(err, v.there.Close())
}

// Side is the way over the pair, from the caller's namespace to the other.
func (v *Veth) Side(k Kernel) Side {
	return Side{
		Name: "the kernel's TCP over veth",
		Dial: k.Dial,
		Listen: func(ctx context.Context) (l net.Listener, err error) {
			err = v.inside(func() (err error) { // a socket stays in the namespace where it was made
				l, err = k.Listen(ctx, net.JoinHostPort(vethListen, "0"))
				return err
			})
			return l, err
		},
	}
}

// inside calls f in the other namespace.
func (v *Veth) inside(f func() error) error {
	return onOwnThread(func() error {
		if err := unix.Setns(int(v.there.Fd()), unix.CLONE_NEWNET); err != nil {
			return os.NewSyscallError("setns", err)
		}
		return f()
	})
}

// newNamespace makes a network namespace, with its loopback down, and opens it.
func newNamespace() (ns *os.File, err error) {
	err = onOwnThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return os.NewSyscallError("unshare", err)
		}
		ns, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	return ns, err
}

// onOwnThread calls f on a thread that nothing else runs on, and brings the thread back to the namespace where it was.
// Where that fails, the thread is given up.
func onOwnThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			runtime.UnlockOSThread()
			done <- err
			return
		}
		defer home.Close()
		err = f()
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

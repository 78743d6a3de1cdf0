package tun

import (
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/songgao/water"
	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

// Open opens a TUN device, or makes one. The interface has yet to be configured (see [Configure]), unless it was there
// before. An error is an [Error]; it is [ErrNoTUN] where there's no hope for another try in this place.
func Open(cfg Config) (*Device, error) {
	if cfg.Name == "" {
		cfg.Name = DefaultName
	}
	cfg.Queues = max(cfg.Queues, 1)
	if err := checkName(cfg.Name); err != nil {
		return nil, err
	}
	d, err := openPath(&cfg)
	if err != nil {
		return nil, err
	}
	if err := d.setUp(&cfg); err != nil {
		d.closeQueues()
		return nil, err
	}
	return d, nil
}

// openPath opens the queues by the path wanted, or the best there is.
func openPath(cfg *Config) (*Device, error) {
	if cfg.Path == Portable {
		return openPortable(cfg)
	}
	d, err := openFast(cfg)
	if err != nil && cfg.Path == Auto && errors.Is(err, errNoVnet) {
		return openPortable(cfg)
	}
	return d, err
}

// errNoVnet says that the kernel has no virtio-net headers on TUN devices.
var errNoVnet = errors.New("this kernel has no IFF_VNET_HDR")

// errPlain says that songgao/water isn't what it was.
var errPlain = errors.New("songgao/water gave no file")

// attachFD makes fd a queue of the interface and returns the interface's name.
func attachFD(fd int, cfg *Config, name string, flags uint16) (string, error) {
	if cfg.Queues > 1 {
		flags |= unix.IFF_MULTI_QUEUE
	}
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return "", &Error{Op: "open", Name: name, Err: errName}
	}
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		return "", &Error{
			Op: "TUNSETIFF", Name: name, Err: err, Hint: setHint(cfg, err), noTUN: errors.Is(err, syscall.EPERM),
		}
	}
	return ifr.Name(), nil
}

// openFast opens the queues with offloads.
func openFast(cfg *Config) (*Device, error) {
	d := &Device{name: cfg.Name, path: Fast, off: link.Offload{Csum: true, TSO: true, MaxSize: link.MaxPacket}}
	for range cfg.Queues {
		fd, err := openNode()
		if err == nil {
			d.name, d.off.USO, err = setUpFast(fd, cfg, d.name)
			if err != nil {
				unix.Close(fd)
			}
		}
		if err != nil {
			d.closeQueues()
			return nil, err
		}
		// On a non-blocking descriptor the runtime's poller waits, so Close wakes a Read.
		d.queues = append(d.queues, newFastQueue(os.NewFile(uintptr(fd), devicePath), fd, &d.refuses))
	}
	return d, nil
}

// setUpFast makes fd a queue with virtio-net headers and the offloads that the kernel has. Older ones have no USO.
func setUpFast(fd int, cfg *Config, name string) (got string, uso bool, err error) {
	if features, err := unix.IoctlGetInt(fd, unix.TUNGETFEATURES); err == nil && features&unix.IFF_VNET_HDR == 0 {
		return "", false, &Error{Op: "open", Name: name, Err: errNoVnet}
	}
	if got, err = attachFD(fd, cfg, name, unix.IFF_VNET_HDR); err != nil {
		return "", false, err
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, vnetLen); err != nil {
		return "", false, &Error{Op: "TUNSETVNETHDRSZ", Name: got, Err: err}
	}
	uso, err = setOffload(fd, got)
	return got, uso, err
}

// setOffload has a queue with virtio-net headers use the offloads that the kernel has.
func setOffload(fd int, name string) (uso bool, err error) {
	const tso = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO_ECN
	// USO4 goes only together with USO6. IPv6 is dropped anyway.
	if unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, tso|unix.TUN_F_USO4|unix.TUN_F_USO6) == nil {
		return true, nil
	}
	for _, flags := range []int{tso, unix.TUN_F_CSUM, 0} {
		if err = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, flags); err == nil {
			return false, nil
		}
	}
	return false, &Error{Op: "TUNSETOFFLOAD", Name: name, Err: err}
}

// openPortable opens the queues by songgao/water, around its peculiarities.
func openPortable(cfg *Config) (*Device, error) {
	// A try of our own first. It says what is wrong better than water, which besides leaks a descriptor where the kernel
	// refuses; and it tells whether the interface is to survive its users, which water would make it forget.
	persistent, err := probe(cfg)
	if err != nil {
		return nil, err
	}
	d := &Device{name: cfg.Name, path: Portable}
	for range cfg.Queues {
		w, err := water.New(water.Config{DeviceType: water.TUN, PlatformSpecificParams: water.PlatformSpecificParams{
			Name: d.name, Persist: persistent, MultiQueue: cfg.Queues > 1,
		}})
		if err == nil {
			d.name = w.Name()
			var q *plainQueue
			if q, err = newPlainQueue(w); err == nil {
				d.queues = append(d.queues, q)
				continue
			}
			w.Close()
		}
		d.closeQueues()
		return nil, &Error{Op: "open", Name: d.name, Err: err, Hint: setHint(cfg, err)}
	}
	return d, nil
}

// probe attaches to the interface, or makes it for a moment, and says whether it persists.
func probe(cfg *Config) (persistent bool, err error) {
	fd, err := openNode()
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	name, err := attachFD(fd, cfg, cfg.Name, 0)
	if err != nil {
		return false, err
	}
	ifr, err := unix.NewIfreq(name)
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.TUNGETIFF, ifr)
	}
	if err != nil {
		return false, &Error{Op: "TUNGETIFF", Name: name, Err: err}
	}
	return ifr.Uint16()&unix.IFF_PERSIST != 0, nil
}

// setUp sets the MTU and the queue length where they are asked for, and learns what MTU there is.
func (d *Device) setUp(cfg *Config) error {
	d.name = strings.TrimRight(d.name, "\x00")
	mtu, err := MTU(d.name)
	if err == nil && cfg.MTU != 0 && cfg.MTU != mtu {
		err = setNumber(d.name, "set MTU", unix.SIOCSIFMTU, cfg.MTU)
		mtu = cfg.MTU
	}
	if err == nil && cfg.TxQueueLen != 0 {
		err = SetTxQueueLen(d.name, cfg.TxQueueLen)
	}
	d.mtu.Store(int64(mtu))
	d.init()
	return err
}

// refusals notes what the kernel has refused to cut.
type refusals struct{ tcp, udp atomic.Bool }

// those is the note about super-segments like f.
func (r *refusals) those(f *link.Frame) *atomic.Bool {
	if wire.IPv4(f.Head).Protocol() == wire.ProtoUDP {
		return &r.udp
	}
	return &r.tcp
}

package stack

import (
	"net/netip"

	"github.com/gotcp/gotcp/stack/link"
)

// IfaceFlags describe an interface; the values are those of net.Flags.
type IfaceFlags uint

// The flags that interfaces of a stack have.
const (
	FlagUp IfaceFlags = 1 << iota
	FlagBroadcast
	FlagLoopback
	FlagPointToPoint
	FlagMulticast
	FlagRunning
)

// Iface is a device attached to a stack. Immutable.
type Iface struct {
	index    int
	name     string
	mtu      int
	flags    IfaceFlags
	prefixes []netip.Prefix // own addresses with the length of the network around them
	dev      link.Device
	off      link.Offload
}

// IfaceInfo is what is known of an interface.
type IfaceInfo struct {
	Index    int // from 1, which is the loopback
	Name     string
	MTU      int // octets
	Flags    IfaceFlags
	Prefixes []netip.Prefix // own addresses, each with the length of its network's prefix
}

// Info describes the interface.
func (i *Iface) Info() IfaceInfo {
	return IfaceInfo{i.index, i.name, i.mtu, i.flags, append([]netip.Prefix(nil), i.prefixes...)}
}

func (i *Iface) loopback() bool { return i.flags&FlagLoopback != 0 }

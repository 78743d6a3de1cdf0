package stack

import (
	"maps"
	"net/netip"
	"slices"
	"syscall"

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

// plug returns a network with one more interface, its addresses and the routes to the networks around them.
func (n *network) plug(ifc *Iface) (*network, error) {
	m := &network{routes: n.routes, anyIP: n.anyIP, own: maps.Clone(n.own), bcast: maps.Clone(n.bcast)}
	ifc.index = len(n.ifaces) + 1
	m.ifaces = append(slices.Clone(n.ifaces), ifc)
	if ifc.loopback() {
		return m, nil // it has addresses that need no table
	}
	for _, p := range ifc.prefixes {
		a := addr4(p.Addr().As4())
		if m.own[a] != nil {
			return nil, syscall.EADDRINUSE
		}
		m.own[a] = ifc
		if b, ok := broadcastOf(p); ok {
			m.bcast[b] = ifc
		}
		m = m.addRoute(p, ifc)
	}
	return m, nil
}

// unplug returns a network without an interface that plug added last of all.
func (n *network) unplug(ifc *Iface) *network {
	is := func(_ addr4, i *Iface) bool { return i == ifc }
	m := &network{anyIP: n.anyIP, own: maps.Clone(n.own), bcast: maps.Clone(n.bcast)}
	m.ifaces = slices.DeleteFunc(slices.Clone(n.ifaces), func(i *Iface) bool { return i == ifc })
	m.routes = slices.DeleteFunc(slices.Clone(n.routes), func(r routeEntry) bool { return r.ifc == ifc })
	maps.DeleteFunc(m.own, is)
	maps.DeleteFunc(m.bcast, is)
	return m
}

// broadcastOf is the directed broadcast address of the network around an address. The two smallest networks have none
// (RFC 3021).
func broadcastOf(p netip.Prefix) (addr4, bool) {
	if p.Bits() > 30 {
		return addr4{}, false
	}
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return b, true
}

package stack

import (
	"cmp"
	"net/netip"
	"slices"
	"syscall"
)

// network is what the stack is attached to. It is immutable: a change replaces it, so nobody locks to read it.
type network struct {
	ifaces []*Iface
	own    map[addr4]*Iface // own addresses without 127.0.0.0/8
	bcast  map[addr4]*Iface // the networks' directed broadcast addresses
	routes []routeEntry     // longest prefix first
	anyIP  []anyIP          // interfaces on which packets to any address are ours
}

type routeEntry struct {
	prefix netip.Prefix
	ifc    *Iface
}

// path is how packets get to a destination: decided once per connection, and kept by it.
type path struct {
	ifc  *Iface
	src  netip.Addr // what the packets' source address is to be
	mtu  int        // the largest packet, IP header included, in octets: the device's MTU or what RFC 1191 found
	nodf bool       // the true MTU is below what we follow: leave the don't-fragment bit off
}

var (
	loopbackAddr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	limitedBcast = addr4{255, 255, 255, 255}
)

func (a addr4) unspecified() bool { return a == addr4{} }
func (a addr4) loopback() bool    { return a[0] == 127 }
func (a addr4) multicast() bool   { return a[0]&0xf0 == 0xe0 }

// thisNet reports whether the address is in 0.0.0.0/8, "this network", classE whether it is in 240.0.0.0/4, which is
// reserved but for the limited broadcast (RFC 1122 3.2.1.3, RFC 1112 4).
func (a addr4) thisNet() bool { return a[0] == 0 }
func (a addr4) classE() bool  { return a[0]&0xf0 == 0xf0 }

// isOwn reports whether packets to a are for this stack alone.
func (n *network) isOwn(a addr4) bool {
	if a.loopback() {
		return true
	}
	_, ok := n.own[a]
	return ok
}

// isBroadcast reports whether a is the limited or a directed broadcast address.
func (n *network) isBroadcast(a addr4) bool {
	if a == limitedBcast {
		return true
	}
	_, ok := n.bcast[a]
	return ok
}

// lookup gives the interface for packets to an address that isn't own, nil where there is no route.
func (n *network) lookup(dst netip.Addr) *Iface {
	for i := range n.routes {
		if n.routes[i].prefix.Contains(dst) {
			return n.routes[i].ifc
		}
	}
	return nil
}

// addRoute returns a network with one more route. Of several for a prefix the first is used.
func (n *network) addRoute(p netip.Prefix, ifc *Iface) *network {
	m := *n
	m.routes = append(slices.Clone(n.routes), routeEntry{p.Masked(), ifc})
	slices.SortStableFunc(m.routes, func(a, b routeEntry) int { return cmp.Compare(b.prefix.Bits(), a.prefix.Bits()) })
	return &m
}

// sourceFor chooses the source address on an interface: the one in the closest network around the destination, else the
// first. It is zero where the interface has none.
func (i *Iface) sourceFor(dst netip.Addr) netip.Addr {
	var best netip.Prefix
	for j, p := range i.prefixes {
		if j == 0 || p.Contains(dst) && (!best.Contains(dst) || p.Bits() > best.Bits()) {
			best = p
		}
	}
	return best.Addr()
}

// route decides on which interface and from which address packets go to dst. A valid src that isn't 0.0.0.0 is kept, and
// must be own or, where there is an interface on which packets to any address are ours, a host's. dst 0.0.0.0 must have
// been mapped to loopback by the caller. Errors as Linux gives them: EAFNOSUPPORT, ENETUNREACH (no route),
// EADDRNOTAVAIL (src is not ours, or there is none to choose), EINVAL (loopback to elsewhere, or another host's address
// to ourselves).
func (s *Stack) route(src, dst netip.Addr) (path, error) {
	if dst = dst.Unmap(); !dst.Is4() {
		return path{}, syscall.EAFNOSUPPORT
	}
	n := s.net.Load()
	d := addr4(dst.As4())
	fixed := src.IsValid() && !src.IsUnspecified()
	if fixed {
		if src = src.Unmap(); !src.Is4() {
			return path{}, syscall.EAFNOSUPPORT
		}
		if !n.isLocal(src.As4()) {
			return path{}, syscall.EADDRNOTAVAIL
		}
	}
	if n.isOwn(d) {
		lo := n.ifaces[0]
		switch {
		case fixed && n.foreign(src.As4()):
			return path{}, syscall.EINVAL // the answers would go to the world outside
		case fixed:
		case d.loopback():
			src = loopbackAddr
		default:
			src = dst
		}
		return path{ifc: lo, src: src, mtu: lo.mtu}, nil
	}
	return s.routeOut(n, src, dst, fixed)
}

// routeOut is route for a destination beyond a device.
func (s *Stack) routeOut(n *network, src, dst netip.Addr, fixed bool) (path, error) {
	d := addr4(dst.As4())
	if d.thisNet() || d.classE() && d != limitedBcast {
		return path{}, syscall.ENETUNREACH
	}
	ifc := n.lookup(dst)
	if b := n.bcast[d]; b != nil {
		ifc = b
	}
	if fixed && (d == limitedBcast || d.multicast()) { // which have no place of their own: the source's interface
		if own := n.own[src.As4()]; own != nil {
			ifc = own
		}
	}
	if fixed && n.foreign(src.As4()) && !n.takesAll(ifc) { // from elsewhere it would not be believed
		ifc = n.anyIP[0].ifc
	}
	switch {
	case ifc == nil:
		return path{}, syscall.ENETUNREACH
	case fixed && addr4(src.As4()).loopback():
		return path{}, syscall.EINVAL // RFC 1122 3.2.1.3 (g): never outside a host
	case !fixed:
		if src = ifc.sourceFor(dst); !src.IsValid() {
			return path{}, syscall.EADDRNOTAVAIL
		}
	}
	p := path{ifc: ifc, src: src, mtu: ifc.mtu}
	s.pmtu.apply(&p, d, s.now())
	return p, nil
}

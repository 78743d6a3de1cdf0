package guard

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// Rules say what a network's user may do. The zero Rules allow nothing.
//
// Reaching a place (by a dial, or by a datagram from a socket that isn't connected) is refused where a rule of Deny
// names it, else allowed where one of Allow does, else refused. The order of the rules within a list means nothing. A
// rule names a place if protocol and port fit, and the host, which is judged as follows:
//
//   - A rule with an address or a network fits if the address is in it, however the user came by that address. So Deny
//     keeps a network out of reach, also from names that lead into it: those of its addresses are left out.
//   - A rule with a name fits if that name was dialled, or an address was dialled that is known as this name's (see
//     the package's text on names). It fits whatever the address is.
//   - A rule with * fits.
//
// Where several names are known for an address that was dialled, any of them will do, for Allow and for Deny. The
// unspecified address and the empty host, which package net dials as this host, are judged as 127.0.0.1 (and [::] as
// [::1], too).
//
// Announcing an address (by Listen, or by ListenPacket with a port) is allowed where a rule of Listen names it, else
// refused; Deny and Allow have nothing to do with it, nor has the peer's address. "All addresses of this host", as in
// Listen("tcp", ":80"), is the address 0.0.0.0 (or [::], which is the same), which is in * and in 0.0.0.0/0, not in
// smaller networks. Port 0 wants a rule that names port 0; the port that is chosen then is not looked at. ListenPacket
// with port 0 and no such rule makes a client's socket, if there is a rule of Allow for UDP at all.
type Rules struct {
	Allow, Deny, Listen []Rule
}

// clone is a copy that no one else has.
func (r Rules) clone() *Rules {
	return &Rules{slices.Clone(r.Allow), slices.Clone(r.Deny), slices.Clone(r.Listen)}
}

// place is what rules are asked about.
type place struct {
	proto string     // "tcp" or "udp"
	names []string   // by which it was dialled, or which are known for the address; canonical
	addr  netip.Addr // invalid while only names are known
	port  uint16
}

// named is the first of rules that names a place, nil where none does.
func named(rules []Rule, p *place) *Rule {
	for i := range rules {
		r := &rules[i]
		if !r.takesProto(p.proto) || !r.ports.has(p.port) {
			continue
		}
		if p.addr.IsValid() && r.takesAddr(p.addr) || slices.ContainsFunc(p.names, r.takesName) {
			return r
		}
	}
	return nil
}

// reach decides whether a place may be reached. Where not, denied is the rule that says so, nil where there is none.
func (r *Rules) reach(p place) (ok bool, denied *Rule) {
	var also netip.Addr
	if p.addr.IsValid() && p.addr.IsUnspecified() {
		if p.addr.Is6() {
			also = netip.IPv6Loopback()
		}
		p.addr = loopback4
	}
	for {
		if d := named(r.Deny, &p); d != nil {
			return false, d
		}
		if named(r.Allow, &p) == nil {
			return false, nil
		}
		if !also.IsValid() {
			return true, nil
		}
		p.addr, also = also, netip.Addr{}
	}
}

var loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// announce decides whether an address may be announced.
func (r *Rules) announce(p place) bool { return named(r.Listen, &p) != nil }

// sendsUDP reports whether a UDP socket could be of any use.
func (r *Rules) sendsUDP() bool {
	return slices.ContainsFunc(r.Allow, func(a Rule) bool { return a.takesProto("udp") })
}

// lookUp decides whether a name may be looked up: whether there is a place that could be reached by it.
func (r *Rules) lookUp(name string) (ok bool, denied *Rule) {
	for i := range r.Allow {
		a := &r.Allow[i]
		if !a.takesName(name) {
			continue
		}
		for _, proto := range [...]string{"tcp", "udp"} {
			if !a.takesProto(proto) {
				continue
			}
			left := a.ports.ranges().without(portSet{{0, 0}})
			for j := range r.Deny {
				if d := &r.Deny[j]; d.takesProto(proto) && d.takesName(name) {
					left = left.without(d.ports)
					denied = d
				}
			}
			if len(left) > 0 {
				return true, nil
			}
		}
	}
	return false, denied
}

// address is the place's host and port as an error tells them, and a rule would.
func (p *place) address() string {
	host := "*"
	switch {
	case p.addr.IsValid() && !p.addr.IsUnspecified():
		host = p.addr.WithZone("").Unmap().String()
	case len(p.names) > 0:
		host = p.names[0]
	}
	return net.JoinHostPort(host, strconv.Itoa(int(p.port)))
}

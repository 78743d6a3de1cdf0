package guard

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/likenet"
)

// target is an address string as a user gave it, taken apart, and what became of its name.
type target struct {
	network string // "tcp", "tcp4", "udp6", ...
	proto   string // "tcp" or "udp"
	host    string // as it was given
	name    string // canonical; "" where host is an address, or empty
	addr    netip.Addr
	port    uint16
}

// parseTarget takes an address string apart. The error is package net's. Networks that aren't TCP's or UDP's don't
// exist here: the inner network may have them, but no rule is about them.
func (n *Network) parseTarget(ctx context.Context, network, address string) (t target, err error) {
	t.network = network
	if err := likenet.CheckNetwork(network); err != nil {
		return t, err
	}
	t.proto = network[:3]
	if address == "" {
		return t, likenet.ErrMissingAddress
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return t, err
	}
	p, err := n.res.LookupPort(ctx, network, port)
	if err != nil {
		return t, err
	}
	t.host, t.port = host, uint16(p)
	switch a, err := netip.ParseAddr(host); {
	case host == "":
		t.addr = netip.IPv4Unspecified()
		if strings.HasSuffix(network, "6") {
			t.addr = netip.IPv6Unspecified()
		}
	case err == nil:
		t.addr = a.Unmap()
	default:
		t.name = likenet.Name(host)
	}
	return t, nil
}

// place is what rules are asked about, where the target is an address.
func (t *target) place(names []string) place {
	return place{proto: t.proto, names: names, addr: t.addr, port: t.port}
}

// names are those by which the target goes: its own, if it has one.
func (t *target) names() []string {
	if t.name == "" {
		return nil
	}
	return []string{t.name}
}

// text is the address of a place for the inner network: without names, which it would look up in its own way.
func (t *target) text(a netip.Addr) string {
	host := a.String()
	if t.name == "" {
		host = t.host // which may be empty, or an address in some other form
	}
	return net.JoinHostPort(host, strconv.Itoa(int(t.port)))
}

// netAddr is the address of an error that tells of a place of the target's, in package net's form there: IPv4 in 16
// octets, none for the empty host; nil where there is a name only.
func (t *target) netAddr(p *place) net.Addr {
	if !p.addr.IsValid() {
		return nil
	}
	addr := p.addr
	if t.host == "" {
		addr = netip.Addr{}
	}
	return likenet.ResolvedAddr(p.proto, netip.AddrPortFrom(addr, p.port))
}

// own are the addresses of a name that needs no look-up. ok is false for other names.
func (n *Network) own(t *target) (addrs []netip.Addr, ok bool) {
	if addrs, ok = n.book.hosts[t.name]; ok {
		return addrs, true
	}
	if t.name == "localhost" { // RFC 6761 6.3
		return []netip.Addr{loopback4, netip.IPv6Loopback()}, true
	}
	return nil, false
}

// lookUp finds the addresses of the target's name that its network can have, at least one. The user's resolver r, where
// he has one, is asked instead of the network's. The error is package net's.
func (n *Network) lookUp(ctx context.Context, r *net.Resolver, t *target) ([]netip.Addr, error) {
	addrs, ok := n.own(t)
	if !ok {
		if r == nil {
			r = n.res
		}
		var err error
		if addrs, err = r.LookupNetIP(ctx, n.family(t.network), t.host); err != nil {
			return nil, err
		}
	}
	var fit []netip.Addr
	family := n.family(t.network)
	for _, a := range addrs {
		a = a.Unmap()
		if family == "ip" || (family == "ip4") == a.Is4() {
			fit = append(fit, a)
		}
	}
	if len(fit) == 0 {
		return nil, &net.AddrError{Err: likenet.NoSuitableAddress, Addr: t.host}
	}
	return fit, nil
}

// family is what kind of addresses a network wants. A stack has IPv4 only.
func (n *Network) family(network string) string {
	_, only4 := n.inner.(*netapi.Stack)
	switch {
	case strings.HasSuffix(network, "6"):
		return "ip6"
	case only4 || strings.HasSuffix(network, "4"):
		return "ip4"
	}
	return "ip"
}

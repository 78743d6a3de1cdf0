package netapi

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"github.com/gotcp/gotcp/netapi/likenet"
)

// Resolve finds the addresses that an address string such as "db.internal:postgresql" means on n, at least one, in the
// order in which a dial would try them. An empty host gives the invalid address: what it means is for the caller to
// say. Errors are package net's: *net.AddrError, *net.DNSError, net.UnknownNetworkError.
func Resolve(ctx context.Context, n Network, network, address string) ([]netip.AddrPort, error) {
	if err := likenet.CheckNetwork(network); err != nil {
		return nil, err
	}
	if st, ok := n.(*Stack); ok {
		return resolve(ctx, hostsFirst{st.res, st}, network, address)
	}
	return resolveFamily(ctx, n.Resolver(), network, "ip", address) // which "tcp" and "udp" mean
}

// resolve is [Resolve] for a stack, which has IPv4 only, with some resolver.
func resolve(ctx context.Context, r finder, network, address string) ([]netip.AddrPort, error) {
	return resolveFamily(ctx, r, network, "ip4", address)
}

// resolveFamily is [Resolve] with a resolver; both is the family that it is asked for where the network names none.
func resolveFamily(ctx context.Context, r finder, network, both, address string) ([]netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	p, err := r.LookupPort(ctx, network, port)
	if err != nil {
		return nil, err
	}
	if host == "" {
		return []netip.AddrPort{netip.AddrPortFrom(netip.Addr{}, uint16(p))}, nil
	}
	ips, err := lookup(ctx, r, network, both, host)
	if err != nil {
		return nil, err
	}
	var addrs []netip.AddrPort
	for _, ip := range ips {
		if suits(network, ip) {
			addrs = append(addrs, netip.AddrPortFrom(ip, uint16(p)))
		}
	}
	if len(addrs) == 0 {
		return nil, &net.AddrError{Err: likenet.NoSuitableAddress, Addr: host}
	}
	return addrs, nil
}

// lookup finds the addresses of a host: it may be a literal address, "localhost" (RFC 6761 6.3), or a name for r.
func lookup(ctx context.Context, r finder, network, both, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		if ip == netip.IPv6Unspecified() && !strings.HasSuffix(network, "6") {
			ip = netip.IPv4Unspecified() // as a dual-stack host's wildcard takes IPv4 in
		}
		return []netip.Addr{ip}, nil
	}
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, nil
	}
	family := both
	switch network[len(network)-1] {
	case '4':
		family = "ip4"
	case '6':
		family = "ip6"
	}
	ips, err := r.LookupNetIP(ctx, family, host)
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	return ips, err
}

// suits reports whether an address belongs to the family that a network names.
func suits(network string, ip netip.Addr) bool {
	switch network[len(network)-1] {
	case '4':
		return ip.Is4()
	case '6':
		return !ip.Is4()
	}
	return true
}

// suitLocal keeps of the addresses to dial those that can be reached from a local address. nil suits all.
func suitLocal(network string, addrs []netip.AddrPort, local net.Addr) ([]netip.AddrPort, error) {
	if local == nil {
		return addrs, nil
	}
	proto := "udp"
	if likenet.IsTCP(network) {
		proto = "tcp"
	}
	la, ok := likenet.AddrPort(local)
	if !ok || local.Network() != proto {
		return nil, &net.AddrError{Err: "mismatched local address type", Addr: local.String()}
	}
	if !la.Addr().IsValid() || la.Addr().IsUnspecified() {
		return addrs, nil
	}
	var fit []netip.AddrPort
	for _, a := range addrs {
		if !a.Addr().IsValid() || a.Addr().IsUnspecified() || a.Addr().Is4() == la.Addr().Is4() {
			fit = append(fit, a)
		}
	}
	if len(fit) == 0 {
		return nil, &net.AddrError{Err: likenet.NoSuitableAddress, Addr: local.String()}
	}
	return fit, nil
}

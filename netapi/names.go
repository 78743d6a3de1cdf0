package netapi

import (
	"context"
	"net"
	"net/netip"
	"slices"

	"github.com/gotcp/gotcp/netapi/dns"
	"github.com/gotcp/gotcp/netapi/likenet"
)

// Names are the names of a network of its own: see [Stack.SetNames].
type Names struct {
	// Hosts has addresses by name, as a hosts file has them; [dns.ParseHosts] reads one.
	Hosts map[string][]netip.Addr
	// Servers are name servers, asked in turn over the network; empty: those of the system's resolv.conf.
	Servers []netip.AddrPort
}

// names are a Names in use.
type names struct {
	server *dns.Server
	ask    *net.Resolver
}

// SetNames gives the network names of its own: a hosts table and name servers. It may be called at any time; look-ups
// that are under way end as they began. The zero Names takes them away again: then, as in the beginning, the system's
// hosts file and the servers of its resolv.conf are all there is.
//
// Dials and Listens by name look into Hosts first, unless the Dialer brings a Resolver of its own. [Stack.Resolver] and
// the resolvers that it gave before go by the names, too, but a net.Resolver looks into the system's hosts file before
// it asks anybody: a name that is in both has the system's addresses there. The domains that resolv.conf says are
// searched, and how often and how long is tried, remain the system's.
func (n *Stack) SetNames(own Names) {
	if len(own.Hosts) == 0 && len(own.Servers) == 0 {
		n.names.Store(nil)
		return
	}
	s := &dns.Server{
		Hosts: make(map[string][]netip.Addr, len(own.Hosts)), Servers: slices.Clone(own.Servers), Dial: n.DialContext,
	}
	for name, addrs := range own.Hosts {
		name = likenet.Name(name)
		s.Hosts[name] = append(s.Hosts[name], addrs...)
	}
	n.names.Store(&names{server: s, ask: s.Resolver()})
}

// dialServer is how the network's resolver reaches name servers: where the network has names of its own, what answers
// in their place is in memory.
func (n *Stack) dialServer(ctx context.Context, network, address string) (net.Conn, error) {
	if own := n.names.Load(); own != nil {
		return own.ask.Dial(ctx, network, address)
	}
	return n.DialContext(ctx, network, address)
}

// finder finds names for dials and listens: a net.Resolver, or ours.
type finder interface {
	LookupPort(ctx context.Context, network, service string) (port int, err error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// hostsFirst is the network's resolver that looks into the network's own hosts table before the system's.
type hostsFirst struct {
	*net.Resolver
	n *Stack
}

// LookupNetIP is net.Resolver's.
func (f hostsFirst) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	addrs, ok := f.n.ownAddrs(host)
	if !ok {
		return f.Resolver.LookupNetIP(ctx, network, host)
	}
	addrs = slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return !suits(network, a.Unmap()) })
	if len(addrs) == 0 {
		return nil, &net.AddrError{Err: likenet.NoSuitableAddress, Addr: host} // as package net says of a hosts file's
	}
	return addrs, nil
}

// ownAddrs are the addresses that the network's own hosts table has for a host.
func (n *Stack) ownAddrs(host string) (addrs []netip.Addr, ok bool) {
	own := n.names.Load()
	if own == nil {
		return nil, false
	}
	addrs, ok = own.server.Hosts[likenet.Name(host)]
	return addrs, ok
}

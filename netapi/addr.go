package netapi

import (
	"net"
	"net/netip"
)

// isTCP reports whether a network that was accepted once is one of TCP's.
func isTCP(network string) bool { return network[0] == 't' }

// netAddr makes package net's address for one of a network: a *net.TCPAddr or *net.UDPAddr with an IP of 4 octets. An
// address that isn't valid is the unspecified one, without octets. nil where there is neither address nor port.
func netAddr(network string, a netip.AddrPort) net.Addr {
	if a == (netip.AddrPort{}) {
		return nil
	}
	ip := net.IP(a.Addr().AsSlice())
	if isTCP(network) {
		return &net.TCPAddr{IP: ip, Port: int(a.Port()), Zone: a.Addr().Zone()}
	}
	return &net.UDPAddr{IP: ip, Port: int(a.Port()), Zone: a.Addr().Zone()}
}

// opAddr is the address of an error, of which what was resolved is one: package net has IPv4 in 16 octets there. Port 0
// of the unspecified address is one, too.
func opAddr(network string, a netip.AddrPort) net.Addr {
	var ip net.IP
	if a.Addr().IsValid() {
		ip = net.IP(a.Addr().AsSlice()).To16()
	}
	if isTCP(network) {
		return &net.TCPAddr{IP: ip, Port: int(a.Port()), Zone: a.Addr().Zone()}
	}
	return &net.UDPAddr{IP: ip, Port: int(a.Port()), Zone: a.Addr().Zone()}
}

// addrPort is the address of a *net.TCPAddr or *net.UDPAddr, of which only IPv4 and the unspecified one are IPv4 in
// the result. ok is false for other types.
func addrPort(a net.Addr) (ap netip.AddrPort, ok bool) {
	switch a := a.(type) {
	case *net.TCPAddr:
		ap = a.AddrPort()
	case *net.UDPAddr:
		ap = a.AddrPort()
	default:
		return ap, false
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), true
}

// v4 is an address as a socket takes it: the unspecified one is 0.0.0.0.
func v4(a netip.AddrPort) netip.AddrPort {
	if !a.Addr().IsValid() {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), a.Port())
	}
	return a
}

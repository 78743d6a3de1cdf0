package likenet

import (
	"net"
	"net/netip"
	"slices"
)

// Networks are those of TCP and UDP.
var Networks = [...]string{"tcp", "tcp4", "tcp6", "udp", "udp4", "udp6"}

// CheckNetwork says whether a network is one of [Networks], in package net's words.
func CheckNetwork(network string) error {
	if slices.Contains(Networks[:], network) {
		return nil
	}
	return net.UnknownNetworkError(network)
}

// IsTCP reports whether one of [Networks] is TCP's.
func IsTCP(network string) bool { return network[0] == 't' }

// Addr makes a connection's address for one of [Networks]: a *net.TCPAddr or *net.UDPAddr with an IP of 4 octets where
// it is IPv4. An address that isn't valid is the unspecified one, without octets. nil where there is neither address nor
// port.
func Addr(network string, a netip.AddrPort) net.Addr {
	if a == (netip.AddrPort{}) {
		return nil
	}
	return addr(network, net.IP(a.Addr().AsSlice()), a)
}

// ResolvedAddr is [Addr] in the form that what was resolved has, and the addresses in errors: IPv4 in 16 octets. Port 0
// of the unspecified address is one, too.
func ResolvedAddr(network string, a netip.AddrPort) net.Addr {
	return addr(network, net.IP(a.Addr().AsSlice()).To16(), a)
}

func addr(network string, ip net.IP, a netip.AddrPort) net.Addr {
	if IsTCP(network) {
		return &net.TCPAddr{IP: ip, Port: int(a.Port()), Zone: a.Addr().Zone()}
	}
	return &net.UDPAddr{IP: ip, Port: int(a.Port()), Zone: a.Addr().Zone()}
}

// AddrPort is the address of a *net.TCPAddr or *net.UDPAddr, of which IPv4 and the unspecified one alone are IPv4 in the
// result. ok is false for other types.
func AddrPort(a net.Addr) (ap netip.AddrPort, ok bool) {
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

// OrNil is an address as an interface, which is nil for a nil pointer.
func OrNil[T any, P interface {
	*T
	net.Addr
}](a P) net.Addr {
	if a == nil {
		return nil
	}
	return a
}

// UDPAddr is net.UDPAddrFromAddrPort, but nil where the address isn't valid: nobody's.
func UDPAddr(a netip.AddrPort) *net.UDPAddr {
	if !a.IsValid() {
		return nil
	}
	return net.UDPAddrFromAddrPort(a)
}

// UDPAddrPort is an address that a datagram was to be sent to, as a net.Addr for errors.
type UDPAddrPort netip.AddrPort

// Network is "udp".
func (UDPAddrPort) Network() string { return "udp" }

// String is the address and port.
func (a UDPAddrPort) String() string { return netip.AddrPort(a).String() }

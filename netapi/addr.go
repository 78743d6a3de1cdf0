package netapi

import "net/netip"

// v4 is an address as a socket takes it: the unspecified one is 0.0.0.0.
func v4(a netip.AddrPort) netip.AddrPort {
	if !a.Addr().IsValid() {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), a.Port())
	}
	return a
}

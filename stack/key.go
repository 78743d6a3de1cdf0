package stack

import "net/netip"

// addr4 is an IPv4 address as the wire has it. Addresses are [netip.Addr] at every boundary; this is for the places
// that keep one per connection, and with flowKey the only one that knows how long an address is.
type addr4 [4]byte

// addrOf converts an IPv4 address (also one mapped into IPv6); anything else gives 0.0.0.0.
func addrOf(a netip.Addr) addr4 {
	if a = a.Unmap(); a.Is4() {
		return a.As4()
	}
	return addr4{}
}

func (a addr4) netip() netip.Addr { return netip.AddrFrom4(a) }

// flowKey is the demultiplexing key of a connection: both addresses and both ports, 12 bytes.
type flowKey struct {
	local, remote addr4
	lport, rport  uint16
}

// keyOf makes the key of a flow between two addresses.
func keyOf(local, remote netip.AddrPort) flowKey {
	return flowKey{addrOf(local.Addr()), addrOf(remote.Addr()), local.Port(), remote.Port()}
}

// localAddr and remoteAddr give the two ends back.
func (k flowKey) localAddr() netip.AddrPort  { return netip.AddrPortFrom(k.local.netip(), k.lport) }
func (k flowKey) remoteAddr() netip.AddrPort { return netip.AddrPortFrom(k.remote.netip(), k.rport) }

// reversed is the key by which the other end knows the flow.
func (k flowKey) reversed() flowKey { return flowKey{k.remote, k.local, k.rport, k.lport} }

// bytes is the key in network order, for hashes.
func (k flowKey) bytes() [12]byte {
	var b [12]byte
	copy(b[0:4], k.local[:])
	copy(b[4:8], k.remote[:])
	b[8], b[9] = byte(k.lport>>8), byte(k.lport)
	b[10], b[11] = byte(k.rport>>8), byte(k.rport)
	return b
}

package stack

import (
	"net/netip"
	"slices"
)

// PortUse is a line of what netstat(8) shows: who holds a port.
type PortUse struct {
	Network string         // "tcp" or "udp"
	Addr    netip.AddrPort // the local address; 0.0.0.0 stands for all
	State   PortState
	Holders int // sockets or connections, those in TIME-WAIT counted
}

// PortState says how a port is used.
type PortState string

// The uses of a port.
const (
	PortBound     PortState = "bound"     // by a socket
	PortListening PortState = "listening" // by a socket that listens
	PortAccepted  PortState = "accepted"  // by connections to a socket that listens, or did
	PortDialled   PortState = "dialled"   // by connections for which the stack chose the port
)

// portStates is what a bindKind is called.
var portStates = [...]PortState{
	bindUser: PortBound, bindListen: PortListening, bindConn: PortAccepted, bindDial: PortDialled,
}

// Ports lists the ports in use: TCP's, then UDP's, each by number.
func (s *Stack) Ports() []PortUse {
	return slices.Concat(portUses("tcp", &s.tcpPorts), portUses("udp", &s.udpPorts))
}

func portUses(network string, t *portTable) []PortUse {
	var l []PortUse
	for _, b := range t.list() {
		at := netip.AddrPortFrom(b.addr.netip(), b.port)
		l = append(l, PortUse{network, at, portStates[b.kind], int(b.refs)})
	}
	return l
}

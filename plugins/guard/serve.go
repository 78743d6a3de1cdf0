package guard

import "net"

// ServePacket answers the queries that come to a UDP socket until that is closed, as [Network.Exchange] does: it is the
// name server of a program that isn't linked with this module.
func (n *Network) ServePacket(pc net.PacketConn) error { return n.dns.ServePacket(pc) }

// Serve does the same for the queries that come over TCP.
func (n *Network) Serve(l net.Listener) error { return n.dns.Serve(l) }

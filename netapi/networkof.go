package netapi

import "net"

// NetworkOf is the network on which a connection, listener or packet connection was made, so that a program can go on
// where it was called: dial back on it, say, or ask it for a name. It sees through connections that say what they are
// around by a method NetConn() net.Conn, as *tls.Conn does. Package net's own are of [Kernel]; a type of another
// network says so by a method Network() Network. It is nil where nothing tells.
func NetworkOf(conn any) Network {
	for {
		switch c := conn.(type) {
		case interface{ Network() Network }:
			return c.Network()
		case *net.TCPConn, *net.UDPConn, *net.TCPListener, *net.UnixConn, *net.UnixListener, *net.IPConn:
			return Kernel{}
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}

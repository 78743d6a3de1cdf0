package dialer

import (
	"io"
	"net"
	"net/netip"
	"time"
)

// TCPConn is what a *net.TCPConn is to a program that may run on any network: its methods, but for those about file
// descriptors (File, SyscallConn). The kernel's *net.TCPConn is one, and so are the connections of a stack and of a
// plugin's network. A program that has *net.TCPConn in its source writes dialer.TCPConn.
type TCPConn interface {
	net.Conn
	io.ReaderFrom
	io.WriterTo

	// CloseRead has Read give io.EOF once what has arrived is read.
	CloseRead() error
	// CloseWrite ends the stream to the peer, which can go on sending.
	CloseWrite() error

	// SetLinger says what Close does with data that is still to be delivered: see [net.TCPConn.SetLinger].
	SetLinger(sec int) error
	// SetNoDelay switches Nagle's algorithm off (true, the default) or on.
	SetNoDelay(noDelay bool) error
	// SetKeepAlive, SetKeepAlivePeriod and SetKeepAliveConfig govern the probes of an idle connection.
	SetKeepAlive(keepalive bool) error
	SetKeepAlivePeriod(d time.Duration) error
	SetKeepAliveConfig(config net.KeepAliveConfig) error
	// SetReadBuffer and SetWriteBuffer limit what waits to be read or acknowledged, in octets.
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error

	// MultipathTCP reports whether the connection uses Multipath TCP. A stack has none.
	MultipathTCP() (bool, error)
}

// UDPConn is what a *net.UDPConn is to a program that may run on any network: see [TCPConn].
type UDPConn interface {
	net.Conn
	net.PacketConn

	ReadFromUDP(b []byte) (n int, addr *net.UDPAddr, err error)
	ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error)
	ReadMsgUDP(b, oob []byte) (n, oobn, flags int, addr *net.UDPAddr, err error)
	ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error)
	WriteToUDP(b []byte, addr *net.UDPAddr) (int, error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
	WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error)
	WriteMsgUDPAddrPort(b, oob []byte, addr netip.AddrPort) (n, oobn int, err error)

	// SetReadBuffer and SetWriteBuffer limit what waits to be read or sent, in octets.
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
}

// TCPListener is what a *net.TCPListener is to a program that may run on any network: see [TCPConn].
type TCPListener struct{ deadlineListener }

// deadlineListener is a listener of any network of this module.
type deadlineListener interface {
	net.Listener
	SetDeadline(t time.Time) error
}

// AcceptTCP waits for a connection, as Accept does, which gives it as a net.Conn.
func (l *TCPListener) AcceptTCP() (TCPConn, error) {
	c, err := l.Accept()
	if err != nil {
		return nil, err
	}
	return typed[TCPConn](c)
}

var (
	_ TCPConn          = (*net.TCPConn)(nil)
	_ UDPConn          = (*net.UDPConn)(nil)
	_ deadlineListener = (*net.TCPListener)(nil)
)

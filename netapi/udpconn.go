package netapi

import (
	"net"
	"net/netip"
	"syscall"

	"github.com/gotcp/gotcp/netapi/likenet"
)

// UDPConn is a UDP socket of a stack, connected to a peer (Read and Write) or not (ReadFrom and WriteTo), with the
// methods of a *net.UDPConn. It has no file descriptor, hence no File and no SyscallConn; out-of-band data is neither
// given nor taken.
type UDPConn struct{ conn }

// connected reports whether the socket has a peer.
func (c *UDPConn) connected() bool { return c.s.RemoteAddr().IsValid() }

// Read reads one datagram of the connected peer; what doesn't fit in b is lost.
func (c *UDPConn) Read(b []byte) (int, error) {
	return c.conn.Read(b)
}

// ReadFrom reads one datagram and says, as a *net.UDPAddr, who sent it; what doesn't fit in b is lost.
func (c *UDPConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDP(b)
	return n, likenet.OrNil(from), err
}

// ReadFromUDP is ReadFrom with another result type.
func (c *UDPConn) ReadFromUDP(b []byte) (int, *net.UDPAddr, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	return n, likenet.UDPAddr(from), err
}

// ReadFromUDPAddrPort is ReadFrom that allocates nothing.
func (c *UDPConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, _, from, err := c.recv("recvfrom", b)
	return n, from, err
}

// ReadMsgUDP is ReadFrom that also gives flags: syscall.MSG_TRUNC where the datagram didn't fit in b. oob stays empty.
func (c *UDPConn) ReadMsgUDP(b, oob []byte) (n, oobn, flags int, addr *net.UDPAddr, err error) {
	n, oobn, flags, from, err := c.ReadMsgUDPAddrPort(b, oob)
	return n, oobn, flags, likenet.UDPAddr(from), err
}

// ReadMsgUDPAddrPort is ReadMsgUDP with another result type.
func (c *UDPConn) ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error) {
	n, full, addr, err := c.recv("recvmsg", b)
	if full > n {
		flags = syscall.MSG_TRUNC
	}
	return n, 0, flags, addr, err
}

func (c *UDPConn) recv(call string, b []byte) (n, full int, from netip.AddrPort, err error) {
	if !c.ok() {
		return 0, 0, from, syscall.EINVAL
	}
	if n, full, from, err = c.s.RecvFrom(b); err != nil {
		return n, full, netip.AddrPort{}, c.opError("read", wrap(call, err))
	}
	return n, full, from, nil
}

// WriteTo sends one datagram to addr, which must be a *net.UDPAddr. A connected socket gives net.ErrWriteToConnected.
func (c *UDPConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	a, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, c.writeError(addr, syscall.EINVAL)
	}
	return c.WriteToUDP(b, a)
}

// WriteToUDP is WriteTo with another parameter type.
func (c *UDPConn) WriteToUDP(b []byte, addr *net.UDPAddr) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	to, err := c.destination(addr)
	if err != nil {
		return 0, c.writeError(likenet.OrNil(addr), err)
	}
	n, err := c.s.SendTo(b, to)
	if err != nil {
		err = c.writeError(addr, wrap("sendto", err))
	}
	return n, err
}

// WriteToUDPAddrPort is WriteTo that allocates nothing.
func (c *UDPConn) WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	to, err := c.destinationAddrPort(addr)
	if err != nil {
		return 0, c.writeError(likenet.UDPAddrPort(addr), err)
	}
	n, err := c.s.SendTo(b, to)
	if err != nil {
		err = c.writeError(likenet.UDPAddrPort(addr), wrap("sendto", err))
	}
	return n, err
}

// WriteMsgUDP sends one datagram, to the connected peer where addr is nil. oob must be empty: EINVAL.
func (c *UDPConn) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	if !c.ok() {
		return 0, 0, syscall.EINVAL
	}
	var to netip.AddrPort
	if !c.connected() || addr != nil {
		if to, err = c.destination(addr); err != nil {
			return 0, 0, c.writeError(likenet.OrNil(addr), err)
		}
	}
	if n, err = c.sendMsg(b, oob, to); err != nil {
		err = c.writeError(likenet.OrNil(addr), err)
	}
	return n, 0, err
}

// WriteMsgUDPAddrPort is WriteMsgUDP with another parameter type: the zero AddrPort means the connected peer.
func (c *UDPConn) WriteMsgUDPAddrPort(b, oob []byte, addr netip.AddrPort) (n, oobn int, err error) {
	if !c.ok() {
		return 0, 0, syscall.EINVAL
	}
	var to netip.AddrPort
	if !c.connected() || addr.IsValid() {
		if to, err = c.destinationAddrPort(addr); err != nil {
			return 0, 0, c.writeError(likenet.UDPAddrPort(addr), err)
		}
	}
	if n, err = c.sendMsg(b, oob, to); err != nil {
		err = c.writeError(likenet.UDPAddrPort(addr), err)
	}
	return n, 0, err
}

func (c *UDPConn) sendMsg(b, oob []byte, to netip.AddrPort) (int, error) {
	if len(oob) > 0 {
		return 0, wrap("sendmsg", syscall.EINVAL)
	}
	n, err := c.s.SendTo(b, to)
	if err != nil {
		err = wrap("sendmsg", err)
	}
	return n, err
}

// destination is the address to send to, or package net's reason why it cannot be.
func (c *UDPConn) destination(a *net.UDPAddr) (netip.AddrPort, error) {
	switch {
	case c.connected():
		return netip.AddrPort{}, net.ErrWriteToConnected
	case a == nil:
		return netip.AddrPort{}, likenet.ErrMissingAddress
	case len(a.IP) == 0:
		return netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(a.Port)), nil
	}
	ip := a.IP.To4()
	if ip == nil {
		return netip.AddrPort{}, &net.AddrError{Err: "non-IPv4 address", Addr: a.IP.String()}
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip)), uint16(a.Port)), nil
}

func (c *UDPConn) destinationAddrPort(a netip.AddrPort) (netip.AddrPort, error) {
	switch ip := a.Addr().Unmap(); {
	case c.connected():
		return netip.AddrPort{}, net.ErrWriteToConnected
	case !a.IsValid():
		return netip.AddrPort{}, likenet.ErrMissingAddress
	case !ip.Is4():
		return netip.AddrPort{}, &net.AddrError{Err: "non-IPv4 address", Addr: ip.String()}
	default:
		return netip.AddrPortFrom(ip, a.Port()), nil
	}
}

// writeError is an error of sending to an address that was given with the call.
func (c *UDPConn) writeError(to net.Addr, err error) error {
	return &net.OpError{Op: "write", Net: c.net, Source: c.local(), Addr: to, Err: err}
}

var (
	_ net.Conn       = (*UDPConn)(nil)
	_ net.PacketConn = (*UDPConn)(nil) // by which resolvers tell it from a stream
)

package border

import (
	"net"
	"net/netip"
	"syscall"

	"github.com/gotcp/gotcp/netapi/likenet"
)

// WriteTo sends one datagram to addr, which must be a *net.UDPAddr. A connected socket gives net.ErrWriteToConnected.
func (c *UDPConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	a, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, c.writeError(addr, syscall.EINVAL)
	}
	return c.WriteToUDP(b, a)
}

// WriteToUDP is WriteTo with another parameter type.
func (c *UDPConn) WriteToUDP(b []byte, addr *net.UDPAddr) (int, error) {
	to, err := c.destination(addr)
	if err == nil {
		if err = c.send(b, to); err == nil {
			return len(b), nil
		}
	}
	return 0, c.writeError(likenet.OrNil(addr), dress("sendto", err))
}

// WriteToUDPAddrPort is WriteTo with another parameter type.
func (c *UDPConn) WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error) {
	err := c.canSendTo(addr.IsValid())
	if err == nil {
		if err = c.send(b, addr); err == nil {
			return len(b), nil
		}
	}
	return 0, c.writeError(likenet.UDPAddrPort(addr), dress("sendto", err))
}

// WriteMsgUDP sends one datagram, to the connected peer where addr is nil. oob must be empty: EINVAL.
func (c *UDPConn) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	var to netip.AddrPort
	if !c.connected() || addr != nil {
		to, err = c.destination(addr)
	}
	if err == nil {
		err = c.sendMsg(b, oob, to)
	}
	if err != nil {
		return 0, 0, c.writeError(likenet.OrNil(addr), dress("sendmsg", err))
	}
	return len(b), 0, nil
}

// WriteMsgUDPAddrPort is WriteMsgUDP with another parameter type: the zero AddrPort means the connected peer.
func (c *UDPConn) WriteMsgUDPAddrPort(b, oob []byte, addr netip.AddrPort) (n, oobn int, err error) {
	if !c.connected() || addr.IsValid() {
		err = c.canSendTo(addr.IsValid())
	}
	if err == nil {
		err = c.sendMsg(b, oob, addr)
	}
	if err != nil {
		return 0, 0, c.writeError(likenet.UDPAddrPort(addr), dress("sendmsg", err))
	}
	return len(b), 0, nil
}

func (c *UDPConn) sendMsg(b, oob []byte, to netip.AddrPort) error {
	if len(oob) > 0 {
		return syscall.EINVAL
	}
	return c.send(b, to)
}

// canSendTo says why a datagram cannot be sent to an address that is given or missing. What else is wrong with one the
// host says.
func (c *UDPConn) canSendTo(given bool) error {
	switch {
	case c.connected():
		return net.ErrWriteToConnected
	case !given:
		return likenet.ErrMissingAddress
	}
	return nil
}

// destination is the address to send to, or package net's reason why it cannot be.
func (c *UDPConn) destination(a *net.UDPAddr) (netip.AddrPort, error) {
	if err := c.canSendTo(a != nil); err != nil {
		return netip.AddrPort{}, err
	}
	if len(a.IP) == 0 {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(a.Port)), nil
	}
	ap := a.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
}

// writeError is an error of sending to an address that was given with the call.
func (c *UDPConn) writeError(to net.Addr, err error) error {
	return &net.OpError{Op: "write", Net: c.net, Source: c.LocalAddr(), Addr: to, Err: err}
}

package guard

import (
	"net"
	"net/netip"
	"syscall"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
)

// udpConn is the user's UDP socket: the inner one's methods, with datagrams judged and counted. What isn't defined here
// is the inner one's.
type udpConn struct {
	dialer.UDPConn
	f     *flow
	peers *peers // nil: it is connected
}

// Close closes the socket.
func (c *udpConn) Close() error { return c.f.close() }

// Network is the guard.
func (c *udpConn) Network() netapi.Network { return c.f.n }

// received decides whether a datagram is given to the user, and counts it. skip says that it is as if it had not come;
// the error is the quota's.
func (c *udpConn) received(n int, from netip.AddrPort) (skip bool, err error) {
	if c.peers != nil && !c.peers.mayRead(from) {
		c.f.n.counts.datagramsDropped.Add(1)
		return true, nil
	}
	if room := c.f.chargeIn(n); room < n {
		c.f.n.used.in.Add(-int64(room)) // a part of a datagram is none
		return false, c.f.exhausted("read", quotaBytesIn)
	}
	c.f.in.Add(int64(n))
	c.f.n.counts.datagramsIn.Add(1)
	return false, nil
}

// Read reads a datagram.
func (c *udpConn) Read(b []byte) (int, error) {
	if c.peers != nil {
		n, _, err := c.ReadFromUDPAddrPort(b)
		return n, err
	}
	n, err := c.UDPConn.Read(b)
	if err != nil {
		return n, c.f.failed("read", err)
	}
	if _, err := c.received(n, netip.AddrPort{}); err != nil {
		return 0, err
	}
	return n, nil
}

// ReadFrom reads a datagram and says, as a *net.UDPAddr, who sent it.
func (c *udpConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDP(b)
	if from == nil {
		return n, nil, err
	}
	return n, from, err
}

// ReadFromUDP is ReadFrom with another result type.
func (c *udpConn) ReadFromUDP(b []byte) (int, *net.UDPAddr, error) {
	for {
		n, from, err := c.UDPConn.ReadFromUDP(b)
		if err != nil {
			return n, from, c.f.failed("read", err)
		}
		if skip, err := c.received(n, from.AddrPort()); err != nil {
			return 0, nil, err
		} else if !skip {
			return n, from, nil
		}
	}
}

// ReadFromUDPAddrPort is ReadFrom that allocates nothing.
func (c *udpConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := c.UDPConn.ReadFromUDPAddrPort(b)
		if err != nil {
			return n, from, c.f.failed("read", err)
		}
		if skip, err := c.received(n, from); err != nil {
			return 0, netip.AddrPort{}, err
		} else if !skip {
			return n, from, nil
		}
	}
}

// ReadMsgUDP is ReadFrom that also gives flags and out-of-band data.
func (c *udpConn) ReadMsgUDP(b, oob []byte) (n, oobn, flags int, addr *net.UDPAddr, err error) {
	for {
		n, oobn, flags, addr, err = c.UDPConn.ReadMsgUDP(b, oob)
		if err != nil {
			return n, oobn, flags, addr, c.f.failed("read", err)
		}
		if skip, err := c.received(n, addr.AddrPort()); err != nil {
			return 0, 0, 0, nil, err
		} else if !skip {
			return n, oobn, flags, addr, nil
		}
	}
}

// ReadMsgUDPAddrPort is ReadMsgUDP with another result type.
func (c *udpConn) ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, addr netip.AddrPort, err error) {
	for {
		n, oobn, flags, addr, err = c.UDPConn.ReadMsgUDPAddrPort(b, oob)
		if err != nil {
			return n, oobn, flags, addr, c.f.failed("read", err)
		}
		if skip, err := c.received(n, addr); err != nil {
			return 0, 0, 0, netip.AddrPort{}, err
		} else if !skip {
			return n, oobn, flags, addr, nil
		}
	}
}

// admit decides whether a datagram of so many octets may be sent: to an address, where one is given with the call.
func (c *udpConn) admit(size int, to netip.AddrPort) *RefusedError {
	if c.peers != nil && to.IsValid() {
		if why := c.peers.mayWrite(to); why != nil {
			c.f.n.refused(why)
			return why
		}
	}
	if room := c.f.chargeOut(size); room < size {
		c.f.sent(int64(room), 0)
		return c.f.exhaust("write", quotaBytesOut)
	}
	return nil
}

// done counts a datagram that was admitted, and makes the call's error of the inner one's.
func (c *udpConn) done(size int, err error) error {
	if err != nil {
		c.f.sent(int64(size), 0)
		return c.f.failed("write", err)
	}
	c.f.sent(int64(size), int64(size))
	c.f.n.counts.datagramsOut.Add(1)
	return nil
}

// writeError is an error of sending to an address that was given with the call.
func (c *udpConn) writeError(to net.Addr, err error) error {
	return &net.OpError{Op: "write", Net: c.f.network, Source: c.LocalAddr(), Addr: to, Err: err}
}

// Write sends a datagram to the peer.
func (c *udpConn) Write(b []byte) (int, error) {
	if why := c.admit(len(b), netip.AddrPort{}); why != nil {
		return 0, c.f.opError("write", why)
	}
	n, err := c.UDPConn.Write(b)
	return n, c.done(len(b), err)
}

// WriteTo sends a datagram to addr, which must be a *net.UDPAddr.
func (c *udpConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	a, ok := addr.(*net.UDPAddr)
	if !ok {
		return 0, c.writeError(addr, syscall.EINVAL)
	}
	return c.WriteToUDP(b, a)
}

// WriteToUDP is WriteTo with another parameter type.
func (c *udpConn) WriteToUDP(b []byte, addr *net.UDPAddr) (int, error) {
	if why := c.admit(len(b), destination(addr)); why != nil {
		return 0, c.writeError(addr, why)
	}
	n, err := c.UDPConn.WriteToUDP(b, addr)
	return n, c.done(len(b), err)
}

// WriteToUDPAddrPort is WriteTo that allocates nothing.
func (c *udpConn) WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error) {
	if why := c.admit(len(b), addr); why != nil {
		return 0, c.writeError(net.UDPAddrFromAddrPort(addr), why)
	}
	n, err := c.UDPConn.WriteToUDPAddrPort(b, addr)
	return n, c.done(len(b), err)
}

// WriteMsgUDP sends a datagram, to the connected peer where addr is nil.
func (c *udpConn) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	if why := c.admit(len(b), destination(addr)); why != nil {
		return 0, 0, c.writeError(addr, why)
	}
	n, oobn, err = c.UDPConn.WriteMsgUDP(b, oob, addr)
	return n, oobn, c.done(len(b), err)
}

// WriteMsgUDPAddrPort is WriteMsgUDP with another parameter type: the zero AddrPort means the connected peer.
func (c *udpConn) WriteMsgUDPAddrPort(b, oob []byte, addr netip.AddrPort) (n, oobn int, err error) {
	if why := c.admit(len(b), addr); why != nil {
		return 0, 0, c.writeError(net.UDPAddrFromAddrPort(addr), why)
	}
	n, oobn, err = c.UDPConn.WriteMsgUDPAddrPort(b, oob, addr)
	return n, oobn, c.done(len(b), err)
}

// destination is an address as rules are asked about it, the zero one where it is none: no datagram leaves for that.
func destination(a *net.UDPAddr) netip.AddrPort {
	switch {
	case a == nil:
		return netip.AddrPort{}
	case len(a.IP) == 0: // "the local system is assumed"
		return netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(a.Port))
	}
	return a.AddrPort()
}

package netapi

import (
	"context"
	"net"
	"net/netip"

	"github.com/gotcp/gotcp/netapi/likenet"
	"github.com/gotcp/gotcp/stack"
)

// dialing is one call of DialWith.
type dialing struct {
	n       *Stack
	d       *net.Dialer
	control controlFunc
	network string
}

// DialWith connects to an address as d says. All fields of d have their meaning but FallbackDelay and DualStack, which
// choose between IPv4 and IPv6, and the Control functions, whose syscall.RawConn has no file descriptor: they set
// options by its methods SetsockoptInt(level, opt, value int) error and GetsockoptInt(level, opt int) (int, error).
// A host with several addresses is tried address by address, each getting a fair share of the time there is.
func (n *Stack) DialWith(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	ctx, cancel := likenet.Limit(ctx, d)
	defer cancel()
	addrs, err := n.dialAddrs(ctx, d, network, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	sd := dialing{n: n, d: d, network: network, control: d.ControlContext}
	if sd.control == nil {
		sd.control = controlWithout(d.Control)
	}
	return sd.serial(ctx, addrs)
}

// dialAddrs finds the addresses to try.
func (n *Stack) dialAddrs(ctx context.Context, d *net.Dialer, network, address string) ([]netip.AddrPort, error) {
	if err := likenet.CheckNetwork(network); err != nil {
		return nil, err
	}
	if address == "" {
		return nil, likenet.ErrMissingAddress
	}
	var r finder = hostsFirst{n.res, n}
	if d.Resolver != nil {
		r = d.Resolver
	}
	addrs, err := resolve(ctx, r, network, address)
	if err != nil {
		return nil, err
	}
	return suitLocal(network, addrs, d.LocalAddr)
}

// serial tries addresses in turn. The first one's error is the most telling.
func (sd *dialing) serial(ctx context.Context, addrs []netip.AddrPort) (net.Conn, error) {
	var first error
	for i, ra := range addrs {
		if err := ctx.Err(); err != nil {
			if first == nil {
				first = sd.opError(ra, wrap("connect", err))
			}
			return nil, first
		}
		c, err := sd.within(ctx, ra, len(addrs)-i)
		if err == nil {
			return c, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// within tries one address, in a fair share of the time that is left for so many.
func (sd *dialing) within(ctx context.Context, ra netip.AddrPort, left int) (net.Conn, error) {
	ctx, cancel := likenet.WithShare(ctx, left)
	defer cancel()
	c, err := sd.single(ctx, ra)
	if err != nil {
		return nil, sd.opError(ra, err)
	}
	return c, nil
}

func (sd *dialing) opError(ra netip.AddrPort, err error) error {
	return &net.OpError{Op: "dial", Net: sd.network, Source: sd.d.LocalAddr, Addr: likenet.ResolvedAddr(sd.network, ra), Err: err}
}

// single connects to one address.
func (sd *dialing) single(ctx context.Context, ra netip.AddrPort) (net.Conn, error) {
	s, err := sd.connect(ctx, ra)
	if likenet.IsTCP(sd.network) && sd.freePort() {
		// A dial to a port of our own that the stack also chose as the local one has connected to itself. Package net
		// has the same cure.
		for range 2 {
			if err != nil || s.LocalAddr() != s.RemoteAddr() {
				break
			}
			s.Close()
			s, err = sd.connect(ctx, ra)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case !likenet.IsTCP(sd.network):
		return &UDPConn{conn{s, sd.n.origin(sd.network)}}, nil
	}
	tune(s, keepAliveFor(sd.d.KeepAlive, sd.d.KeepAliveConfig))
	return &TCPConn{conn{s, sd.n.origin(sd.network)}}, nil
}

// freePort reports whether the stack chooses the local port.
func (sd *dialing) freePort() bool {
	la, _ := likenet.AddrPort(sd.d.LocalAddr)
	return la.Port() == 0
}

// connect makes a socket, binds it where that was asked for, and connects it.
func (sd *dialing) connect(ctx context.Context, ra netip.AddrPort) (stack.Socket, error) {
	s, err := sd.n.socket(ctx, sd.network, likenet.ResolvedAddr(sd.network, ra), sd.control)
	if err != nil {
		return nil, err
	}
	if la, ok := likenet.AddrPort(sd.d.LocalAddr); ok {
		if err := s.Bind(v4(la)); err != nil {
			s.Close()
			return nil, wrap("bind", err)
		}
	}
	err = s.Connect(ctx, v4(ra))
	if err == nil {
		err = ctx.Err() // the context may have ended when the connection was just made
	}
	if err != nil {
		s.Close()
		return nil, wrap("connect", err)
	}
	return s, nil
}

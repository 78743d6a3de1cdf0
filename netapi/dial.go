package netapi

import (
	"context"
	"net"
	"net/netip"
	"time"

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
	ctx, cancel := limit(ctx, d)
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

// limit bounds a context by a Dialer's Timeout, Deadline and Cancel.
func limit(ctx context.Context, d *net.Dialer) (context.Context, context.CancelFunc) {
	deadline := d.Deadline
	if d.Timeout != 0 { // a negative one has passed
		if t := time.Now().Add(d.Timeout); deadline.IsZero() || t.Before(deadline) {
			deadline = t
		}
	}
	cancel := func() {}
	if !deadline.IsZero() {
		ctx, cancel = context.WithDeadline(ctx, deadline)
	}
	//lint:ignore SA1019 what takes package net's place honours it
	cancelled := d.Cancel
	if cancelled == nil {
		return ctx, cancel
	}
	sub, cancelSub := context.WithCancel(ctx)
	go func() {
		select {
		case <-cancelled:
			cancelSub()
		case <-sub.Done():
		}
	}()
	return sub, func() { cancelSub(); cancel() }
}

// dialAddrs finds the addresses to try.
func (n *Stack) dialAddrs(ctx context.Context, d *net.Dialer, network, address string) ([]netip.AddrPort, error) {
	if err := checkNetwork(network); err != nil {
		return nil, err
	}
	if address == "" {
		return nil, errMissingAddress
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
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		const sane = 2 * time.Second // less is no fair try: steal from the later addresses
		now := time.Now()
		share := max(deadline.Sub(now)/time.Duration(left), sane)
		sub, cancel := context.WithDeadline(ctx, now.Add(share)) // which is not later than ctx's own
		defer cancel()
		ctx = sub
	}
	c, err := sd.single(ctx, ra)
	if err != nil {
		return nil, sd.opError(ra, err)
	}
	return c, nil
}

func (sd *dialing) opError(ra netip.AddrPort, err error) error {
	return &net.OpError{Op: "dial", Net: sd.network, Source: sd.d.LocalAddr, Addr: opAddr(sd.network, ra), Err: err}
}

// single connects to one address.
func (sd *dialing) single(ctx context.Context, ra netip.AddrPort) (net.Conn, error) {
	s, err := sd.connect(ctx, ra)
	if isTCP(sd.network) && sd.freePort() {
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
	case !isTCP(sd.network):
		return &UDPConn{conn{s, sd.n.origin(sd.network)}}, nil
	}
	tune(s, keepAliveFor(sd.d.KeepAlive, sd.d.KeepAliveConfig))
	return &TCPConn{conn{s, sd.n.origin(sd.network)}}, nil
}

// freePort reports whether the stack chooses the local port.
func (sd *dialing) freePort() bool {
	la, _ := addrPort(sd.d.LocalAddr)
	return la.Port() == 0
}

// connect makes a socket, binds it where that was asked for, and connects it.
func (sd *dialing) connect(ctx context.Context, ra netip.AddrPort) (stack.Socket, error) {
	s, err := sd.n.socket(ctx, sd.network, opAddr(sd.network, ra), sd.control)
	if err != nil {
		return nil, err
	}
	if la, ok := addrPort(sd.d.LocalAddr); ok {
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

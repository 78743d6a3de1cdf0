package netapi

import (
	"context"
	"net"
	"net/netip"
	"syscall"

	"github.com/gotcp/gotcp/netapi/likenet"
	"github.com/gotcp/gotcp/stack"
)

// backlog is how many connections a listener keeps that nobody has accepted: package net's, by Linux's default.
const backlog = 4096

// ListenWith announces a TCP address as lc says. Control has the meaning that [Stack.DialWith] tells.
func (n *Stack) ListenWith(
	ctx context.Context, lc *net.ListenConfig, network, address string,
) (net.Listener, error) {
	s, err := n.bound(ctx, lc, network, address, likenet.IsTCP)
	if err != nil {
		return nil, err
	}
	return &TCPListener{s, n.origin(network)}, nil
}

// ListenPacketWith announces a UDP address as lc says.
func (n *Stack) ListenPacketWith(
	ctx context.Context, lc *net.ListenConfig, network, address string,
) (net.PacketConn, error) {
	s, err := n.bound(ctx, lc, network, address, func(network string) bool { return !likenet.IsTCP(network) })
	if err != nil {
		return nil, err
	}
	return &UDPConn{conn{s, n.origin(network)}}, nil
}

// bound makes a socket that is bound, and listens where it is TCP's. suits says whether the caller can use the network.
func (n *Stack) bound(
	ctx context.Context, lc *net.ListenConfig, network, address string, suits func(network string) bool,
) (stack.Socket, error) {
	la, err := n.listenAddr(ctx, network, address)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	at := likenet.ResolvedAddr(network, la)
	var s stack.Socket
	if suits(network) {
		s, err = n.listenSocket(ctx, lc, network, la)
	} else {
		err = &net.AddrError{Err: "unexpected address type", Addr: address}
	}
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: at, Err: err}
	}
	return s, nil
}

// listenAddr finds the address to bind: the first one that is IPv4, else the first.
func (n *Stack) listenAddr(ctx context.Context, network, address string) (netip.AddrPort, error) {
	if err := likenet.CheckNetwork(network); err != nil {
		return netip.AddrPort{}, err
	}
	if address == "" {
		return netip.AddrPort{}, nil // any address, any port
	}
	addrs, err := resolve(ctx, hostsFirst{n.res, n}, network, address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for _, a := range addrs {
		if a.Addr().Is4() {
			return a, nil
		}
	}
	return addrs[0], nil
}

// listenSocket makes the socket. Its errors are dressed.
func (n *Stack) listenSocket(
	ctx context.Context, lc *net.ListenConfig, network string, la netip.AddrPort,
) (stack.Socket, error) {
	s, err := n.socket(ctx, network, likenet.ResolvedAddr(network, la), controlWithout(lc.Control))
	if err != nil {
		return nil, err
	}
	if likenet.IsTCP(network) {
		s.SetOpt(syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1) // connections of a former listener don't hold the port
		tune(s, keepAliveFor(lc.KeepAlive, lc.KeepAliveConfig))
	}
	if err := s.Bind(v4(la)); err != nil {
		s.Close()
		return nil, wrap("bind", err)
	}
	if likenet.IsTCP(network) {
		if err := s.Listen(backlog); err != nil {
			s.Close()
			return nil, wrap("listen", err)
		}
	}
	return s, nil
}

package netapi

import (
	"context"
	"net"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/gotcp/gotcp/netapi/likenet"
	"github.com/gotcp/gotcp/stack"
)

// Stack is the network of a gotcp stack. Its connections are *[TCPConn], *[TCPListener] and *[UDPConn].
//
// A stack speaks IPv4 only. As on a host without IPv6, names have IPv4 addresses only, and a literal IPv6 address gives
// EAFNOSUPPORT; but [::], which on other hosts means "any address of either family", means 0.0.0.0.
type Stack struct {
	st    *stack.Stack
	res   *net.Resolver
	names atomic.Pointer[names] // nil: the system's

	origins [len(likenet.Networks)]origin // one for each
}

// NewStack is the network of s. It adds nothing that would have to be closed: s remains the caller's.
func NewStack(s *stack.Stack) *Stack {
	n := &Stack{st: s}
	for i, name := range likenet.Networks {
		n.origins[i] = origin{n, name}
	}
	n.res = &net.Resolver{PreferGo: true, Dial: n.dialServer}
	return n
}

// origin is what connections share that are made on one of the networks.
func (n *Stack) origin(network string) *origin {
	return &n.origins[slices.Index(likenet.Networks[:], network)]
}

// Stack is the stack behind the network: its links, routes, counters and Close.
func (n *Stack) Stack() *stack.Stack { return n.st }

// Resolver is Go's own resolver, which asks its servers over the stack: the system's, or those of [Stack.SetNames].
func (n *Stack) Resolver() *net.Resolver { return n.res }

// DialContext connects to an address: see [Network].
func (n *Stack) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return n.DialWith(ctx, &net.Dialer{}, network, address)
}

// Listen announces a TCP address: see [Network].
func (n *Stack) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return n.ListenWith(ctx, &net.ListenConfig{}, network, address)
}

// ListenPacket announces a UDP address: see [Network].
func (n *Stack) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	return n.ListenPacketWith(ctx, &net.ListenConfig{}, network, address)
}

// controlFunc is what is called between a socket's making and its binding: nil, or a Dialer's ControlContext or Control
// or a ListenConfig's Control.
type controlFunc func(ctx context.Context, network, address string, c syscall.RawConn) error

// controlWithout makes a controlFunc of one that takes no context.
func controlWithout(f func(network, address string, c syscall.RawConn) error) controlFunc {
	if f == nil {
		return nil
	}
	return func(_ context.Context, network, address string, c syscall.RawConn) error {
		return f(network, address, c)
	}
}

// socket makes a socket for a network and lets the user's control function see it. The error is dressed already.
func (n *Stack) socket(ctx context.Context, network string, at net.Addr, control controlFunc) (stack.Socket, error) {
	typ, family := syscall.SOCK_DGRAM, "udp4"
	if likenet.IsTCP(network) {
		typ, family = syscall.SOCK_STREAM, "tcp4"
	}
	if a, _ := likenet.AddrPort(at); a.Addr().IsValid() && !a.Addr().Is4() {
		return nil, wrap("socket", syscall.EAFNOSUPPORT)
	}
	s, err := n.st.Socket(typ)
	if err != nil {
		return nil, wrap("socket", err)
	}
	if typ == syscall.SOCK_DGRAM {
		s.SetOpt(syscall.SOL_SOCKET, syscall.SO_BROADCAST, 1) // as package net allows it on all of them
	}
	if control == nil {
		return s, nil
	}
	if err := control(ctx, family, at.String(), rawConn{s}); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Package netapi is package net's face over a stack: connections, listeners and packet connections that behave, to the
// last error value, as package net's on Linux do.
//
// A [Network] is where a program's connections are made. Here are two: a stack of gotcp ([NewStack]) and the kernel
// ([Kernel]). A program that takes its Network as a value runs on either without a change. Package dialer has
// net.Dialer and net.ListenConfig for a Network.
//
// # Errors
//
// They are nested as package net nests them: a *net.OpError around an *os.SyscallError around the syscall.Errno, io.EOF
// bare, net.ErrClosed, and os.ErrDeadlineExceeded, whose Timeout and Temporary methods say true. The one addition: a
// dial that ran out of time satisfies errors.Is for both os.ErrDeadlineExceeded and context.DeadlineExceeded, of which
// package net gives now one and now the other.
package netapi

import (
	"context"
	"net"
)

// Network is where connections are made.
//
// The networks "tcp", "tcp4", "udp" and "udp4" and the addresses are those of package net's functions of the same
// names, names of hosts and services included.
type Network interface {
	// DialContext connects to an address, as net.Dialer's method with the zero Dialer: TCP connections have keep-alive
	// and no-delay on. ctx ends the attempt, not the connection.
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	// Listen announces a TCP address, as net.ListenConfig's method with the zero ListenConfig.
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	// ListenPacket announces a UDP address, as net.ListenConfig's method with the zero ListenConfig.
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
	// Resolver finds names over this network: the hosts file first, then the name servers of resolv.conf, which are
	// asked over this network.
	Resolver() *net.Resolver
}

// Tuned is a [Network] that also takes the settings of a net.Dialer or a net.ListenConfig; both networks of this
// package do. Package net's types serve as the words for what is wanted: their own methods are not called unless the
// network is package net.
type Tuned interface {
	Network
	// DialWith is DialContext as d would do it.
	DialWith(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error)
	// ListenWith is Listen as lc would do it.
	ListenWith(ctx context.Context, lc *net.ListenConfig, network, address string) (net.Listener, error)
	// ListenPacketWith is ListenPacket as lc would do it.
	ListenPacketWith(ctx context.Context, lc *net.ListenConfig, network, address string) (net.PacketConn, error)
}

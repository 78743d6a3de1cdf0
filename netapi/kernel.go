package netapi

import (
	"context"
	"net"

	"github.com/gotcp/gotcp/stack"
)

// Kernel is the network of the operating system: package net itself. Its connections are package net's types.
type Kernel struct{}

// DialContext is net.Dialer's method with the zero Dialer.
func (k Kernel) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return k.DialWith(ctx, &net.Dialer{}, network, address)
}

// DialWith is d.DialContext.
func (Kernel) DialWith(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	return d.DialContext(ctx, network, address)
}

// Listen is net.ListenConfig's method with the zero ListenConfig.
func (k Kernel) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return k.ListenWith(ctx, &net.ListenConfig{}, network, address)
}

// ListenWith is lc.Listen.
func (Kernel) ListenWith(ctx context.Context, lc *net.ListenConfig, network, address string) (net.Listener, error) {
	return lc.Listen(ctx, network, address)
}

// ListenPacket is net.ListenConfig's method with the zero ListenConfig.
func (k Kernel) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	return k.ListenPacketWith(ctx, &net.ListenConfig{}, network, address)
}

// ListenPacketWith is lc.ListenPacket.
func (Kernel) ListenPacketWith(
	ctx context.Context, lc *net.ListenConfig, network, address string,
) (net.PacketConn, error) {
	return lc.ListenPacket(ctx, network, address)
}

// Resolver is net.DefaultResolver.
func (Kernel) Resolver() *net.Resolver { return net.DefaultResolver }

// Input returns a function that does nothing, for the kernel takes its packets in by itself: a program that feeds a stack
// by [stack.Stack.Input] keeps its source when it runs on the kernel. (MirageOS's TCP on sockets has the same no-op.)
func (Kernel) Input(listeners func(port uint16) *stack.Listener) stack.InputFunc {
	return func([]byte) {}
}

var (
	_ Tuned = Kernel{}
	_ Tuned = (*Stack)(nil)
)

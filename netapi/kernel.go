package netapi

import (
	"context"
	"net"
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

// Input does nothing. A program that feeds packets to its stack by stack.InputFunc keeps its source when it runs on the
// kernel, which takes its packets by itself: the kernel-backed TCP of MirageOS has the same no-op.
func (Kernel) Input(packet []byte) {}

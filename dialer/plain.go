package dialer

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/likenet"
)

// plain makes a network that takes no settings one that takes those which can be had without its help.
type plain struct{ netapi.Network }

// errPlain says which settings cannot be had.
func errPlain(what string) error {
	return fmt.Errorf("dialer: a network without netapi.Tuned has no way to set %s: %w", what, errors.ErrUnsupported)
}

// DialWith bounds the dial by d's times and Cancel, and leaves keep-alive to the network.
func (p plain) DialWith(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	switch {
	case d.LocalAddr != nil:
		return nil, &net.OpError{Op: "dial", Net: network, Source: d.LocalAddr, Err: errPlain("LocalAddr")}
	case d.Control != nil || d.ControlContext != nil:
		return nil, &net.OpError{Op: "dial", Net: network, Err: errPlain("Control")}
	}
	ctx, cancel := likenet.Limit(ctx, d)
	defer cancel()
	return p.DialContext(ctx, network, address)
}

// ListenWith is the network's Listen.
func (p plain) ListenWith(ctx context.Context, lc *net.ListenConfig, network, address string) (net.Listener, error) {
	if lc.Control != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: errPlain("Control")}
	}
	return p.Listen(ctx, network, address)
}

// ListenPacketWith is the network's ListenPacket.
func (p plain) ListenPacketWith(
	ctx context.Context, lc *net.ListenConfig, network, address string,
) (net.PacketConn, error) {
	if lc.Control != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: errPlain("Control")}
	}
	return p.ListenPacket(ctx, network, address)
}

package dialer

import (
	"context"
	"net"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/netapi"
)

// ListenConfig announces addresses as a net.ListenConfig does, whose fields it has with the same meaning.
type ListenConfig struct {
	// Network is where addresses are announced; nil means the default ([Default]).
	Network netapi.Network

	// Control is called after a socket is made and before it is bound; see [Dialer].Control. Connections that are
	// accepted don't see it.
	Control func(network, address string, c syscall.RawConn) error

	// KeepAlive and KeepAliveConfig are for accepted connections what they are for dialled ones in a [Dialer].
	KeepAlive       time.Duration
	KeepAliveConfig net.KeepAliveConfig

	mptcp multipath
}

// MultipathTCP reports whether Multipath TCP is offered to who connects. A stack has none, whatever was asked for.
func (lc *ListenConfig) MultipathTCP() bool { return lc.settings().MultipathTCP() }

// SetMultipathTCP asks for Multipath TCP, or for none, on networks that may have it: the kernel's.
func (lc *ListenConfig) SetMultipathTCP(use bool) { lc.mptcp.set(use) }

// Listen announces a TCP address: see net.Listen for its form. ctx bounds finding names, not the listener.
func (lc *ListenConfig) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	n, err := pick(lc.Network)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	return n.ListenWith(ctx, lc.settings(), network, address)
}

// ListenPacket announces a UDP address: see net.ListenPacket for its form.
func (lc *ListenConfig) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	n, err := pick(lc.Network)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	return n.ListenPacketWith(ctx, lc.settings(), network, address)
}

func (lc *ListenConfig) settings() *net.ListenConfig {
	nlc := &net.ListenConfig{Control: lc.Control, KeepAlive: lc.KeepAlive, KeepAliveConfig: lc.KeepAliveConfig}
	lc.mptcp.pass(nlc)
	return nlc
}

// Listen announces a TCP address on the default network, as net.Listen does on the kernel's.
func Listen(network, address string) (net.Listener, error) {
	return new(ListenConfig).Listen(context.Background(), network, address)
}

// ListenPacket announces a UDP address on the default network, as net.ListenPacket does on the kernel's.
func ListenPacket(network, address string) (net.PacketConn, error) {
	return new(ListenConfig).ListenPacket(context.Background(), network, address)
}

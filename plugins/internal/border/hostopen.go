package border

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi/likenet"
)

// context bounds a request by what its message says.
func (m *settings) context(ctx context.Context) (context.Context, context.CancelFunc) {
	if m.cancelled {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx, cancel
	}
	if m.limited {
		return context.WithTimeout(ctx, m.timeout)
	}
	return context.WithCancel(ctx)
}

// dial makes a connection for the plugin. Its place among those that the plugin may have is claimed before, and is the
// connection's once it is open.
func (h *Host) dial(ctx context.Context, m *dial) {
	ctx, cancel := m.context(ctx)
	defer cancel()
	err := checkNetwork("dial", m.network)
	if err != nil {
		h.reply(m.req, nil, err)
		return
	}
	udp := m.network[0] == 'u'
	if !h.claimConn(udp) {
		h.reply(m.req, nil, tooMany("dial", m.network))
		return
	}
	d := &net.Dialer{
		LocalAddr: m.local, FallbackDelay: m.fallback, KeepAlive: m.keepAlive, KeepAliveConfig: m.keepAliveConfig,
	}
	c, err := h.net.DialWith(ctx, d, m.network, m.address)
	if err == nil {
		if err = h.open(m.req, udp, c); err != nil {
			c.Close()
			err = &net.OpError{Op: "dial", Net: m.network, Err: err}
		}
	}
	if err != nil {
		h.releaseConn(udp)
		h.reply(m.req, nil, err)
	}
}

// open gives the plugin a connection, or a UDP socket, that it has asked for.
func (h *Host) open(req uint64, udp bool, c net.Conn) error {
	if u, ok := c.(dialer.UDPConn); ok && udp {
		return h.openUDP(req, u)
	}
	if t, ok := c.(dialer.TCPConn); ok && !udp {
		return h.openTCP(t, func(id uint64) message {
			return &opened{req: req, id: id, local: addrPortOf(c.LocalAddr()), remote: addrPortOf(c.RemoteAddr())}
		})
	}
	return errKind(c)
}

// errKind says that a network's connections are of no use here.
func errKind(c any) error {
	return fmt.Errorf("border: the network has made a %T, which is no dialer.TCPConn or dialer.UDPConn: %w", c,
		errors.ErrUnsupported)
}

// claimConn takes a place among the connections or UDP sockets.
func (h *Host) claimConn(udp bool) bool {
	if udp {
		return h.claim(&h.sockets, h.limits.Sockets)
	}
	select {
	case h.conns <- struct{}{}:
		return true
	default:
		return false
	}
}

func (h *Host) releaseConn(udp bool) {
	if udp {
		h.release(&h.sockets)
	} else {
		<-h.conns
	}
}

// listen makes a listener or a UDP socket for the plugin.
func (h *Host) listen(ctx context.Context, m *listen) {
	ctx, cancel := m.context(ctx)
	defer cancel()
	err := checkNetwork("listen", m.network)
	if err != nil {
		h.reply(m.req, nil, err)
		return
	}
	counter, most := &h.listeners, h.limits.Listeners
	if m.packet {
		counter, most = &h.sockets, h.limits.Sockets
	}
	if !h.claim(counter, most) {
		h.reply(m.req, nil, tooMany("listen", m.network))
		return
	}
	lc := &net.ListenConfig{KeepAlive: m.keepAlive, KeepAliveConfig: m.keepAliveConfig}
	if m.packet {
		err = h.listenPacket(ctx, lc, m)
	} else {
		err = h.listenStream(ctx, lc, m)
	}
	if err != nil {
		h.release(counter)
		h.reply(m.req, nil, err)
	}
}

// checkNetwork refuses networks other than those that a border carries: a plugin of a host that has package net's
// network is not to reach its Unix sockets.
func checkNetwork(op, network string) error {
	if err := likenet.CheckNetwork(network); err != nil {
		return &net.OpError{Op: op, Net: network, Err: err}
	}
	return nil
}

// tooMany is what a kernel says to a process that has all the descriptors it may have.
func tooMany(op, network string) error {
	return &net.OpError{Op: op, Net: network, Err: os.NewSyscallError("socket", syscall.EMFILE)}
}

// addrPortOf is the address of a *net.TCPAddr or *net.UDPAddr, or of what prints like one; an IPv4 address in 16 octets
// stays one.
func addrPortOf(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case nil:
		return netip.AddrPort{}
	case interface{ AddrPort() netip.AddrPort }:
		return a.AddrPort()
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return ap
}

package guard

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
)

// ListenWith announces a TCP address that the rules allow, as lc says.
func (n *Network) ListenWith(
	ctx context.Context, lc *net.ListenConfig, network, address string,
) (net.Listener, error) {
	a := announcing{n: n, kind: kindListener}
	if err := a.prepare(ctx, "tcp", network, address); err != nil {
		return nil, err
	}
	inner, err := n.inner.ListenWith(ctx, lc, network, a.text())
	if err != nil {
		a.f.remove()
		return nil, err
	}
	if err := a.f.establish(inner, a.place, inner.Addr(), nil); err != nil {
		return nil, a.opError(err)
	}
	n.counts.listens.Add(1)
	return &listener{inner, a.f}, nil
}

// ListenPacketWith announces a UDP address that the rules allow, or makes a client's socket, as lc says.
func (n *Network) ListenPacketWith(
	ctx context.Context, lc *net.ListenConfig, network, address string,
) (net.PacketConn, error) {
	a := announcing{n: n, kind: kindSocket}
	if err := a.prepare(ctx, "udp", network, address); err != nil {
		return nil, err
	}
	inner, err := n.inner.ListenPacketWith(ctx, lc, network, a.text())
	if err != nil {
		a.f.remove()
		return nil, err
	}
	c, ok := inner.(dialer.UDPConn)
	if !ok {
		inner.Close()
		a.f.remove()
		return nil, a.opError(errors.ErrUnsupported)
	}
	if err := a.f.establish(c, a.place, c.LocalAddr(), nil); err != nil {
		return nil, a.opError(err)
	}
	n.counts.listens.Add(1)
	return &udpConn{UDPConn: c, f: a.f, peers: newPeers(a.f)}, nil
}

// announcing is one call of ListenWith or ListenPacketWith.
type announcing struct {
	n      *Network
	kind   kind
	target target
	addr   netip.Addr // the one to announce, of those that the target's name has
	place  place
	f      *flow
}

// prepare finds the address, asks the rules, and makes a record of what is to be. The errors are dressed.
func (a *announcing) prepare(ctx context.Context, proto, network, address string) error {
	n := a.n
	if address == "" {
		address = ":0" // any address, any port
	}
	t, err := n.parseTarget(ctx, network, address)
	a.target, a.addr, a.place = t, t.addr, t.place(t.names())
	if err == nil {
		err = n.running("listen", &a.place)
	}
	if err == nil {
		err = a.resolve(ctx)
	}
	if err != nil {
		return &net.OpError{Op: "listen", Net: network, Err: err}
	}
	if t.proto != proto {
		return a.opError(&net.AddrError{Err: "unexpected address type", Addr: address})
	}
	a.f = &flow{kind: a.kind, op: "listen", network: network, place: a.place}
	rules := n.rules.Load()
	if !rules.announce(a.place) {
		// A socket on a port of no importance is what a client wants, and opens nothing: datagrams are judged one by one.
		if proto != "udp" || t.port != 0 || !rules.sendsUDP() {
			why := n.refusal("listen", &a.place, nil)
			n.refused(why)
			return a.opError(why)
		}
		a.f.client = true
	}
	if err := n.reserve(a.f); err != nil {
		return a.opError(err)
	}
	return nil
}

// resolve finds the address of a name: the first one that is IPv4, else the first.
func (a *announcing) resolve(ctx context.Context) error {
	t := &a.target
	if t.name == "" {
		return nil
	}
	if _, own := a.n.own(t); !own {
		if ok, denied := a.n.rules.Load().lookUp(t.name); !ok {
			why := a.n.refusal("listen", &a.place, denied)
			a.n.refused(why)
			return why
		}
	}
	addrs, err := a.n.lookUp(ctx, nil, t)
	if err != nil {
		return err
	}
	a.addr = addrs[0]
	for _, addr := range addrs {
		if addr.Is4() {
			a.addr = addr
			break
		}
	}
	a.place.addr = a.addr
	return nil
}

// text is the address for the inner network.
func (a *announcing) text() string { return a.target.text(a.addr) }

func (a *announcing) opError(err error) error {
	return &net.OpError{Op: "listen", Net: a.target.network, Addr: a.target.netAddr(&a.place), Err: err}
}

// listener is the user's: what it accepts is counted and bounded.
type listener struct {
	net.Listener
	f *flow
}

// Accept waits for a connection that the quota has room for. Others are reset.
func (l *listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, l.f.failed("accept", err)
		}
		c, err := l.admit(inner)
		if err == nil {
			return c, nil
		}
		abort(inner)
		if errors.Is(err, errors.ErrUnsupported) {
			return nil, l.f.opError("accept", err)
		}
	}
}

// admit makes the user's connection of an accepted one.
func (l *listener) admit(inner net.Conn) (net.Conn, error) {
	n := l.f.n
	p := l.f.place
	f := &flow{op: "accept", network: l.f.network, place: p, listener: l.f}
	if err := n.reserve(f); err != nil {
		return nil, err
	}
	c, err := f.wrap(inner)
	if err == nil {
		err = f.establish(inner, p, inner.LocalAddr(), inner.RemoteAddr())
	}
	if err != nil {
		f.remove()
		return nil, err
	}
	n.counts.accepts.Add(1)
	return c, nil
}

// Close stops listening. Connections that were accepted live on.
func (l *listener) Close() error { return l.f.close() }

// SetDeadline has Accept give up at t, also where it waits already. The zero time means never.
func (l *listener) SetDeadline(t time.Time) error {
	if d, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok {
		return d.SetDeadline(t)
	}
	return l.f.opError("set", errors.ErrUnsupported)
}

// Network is the guard.
func (l *listener) Network() netapi.Network { return l.f.n }

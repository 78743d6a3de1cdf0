package border

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/gotcp/gotcp/netapi/likenet"
)

// errControl says why a Control function cannot work.
var errControl = fmt.Errorf("border: the socket is in another process (%w): set options of the connection instead",
	errors.ErrUnsupported)

// DialWith connects to an address as d says. All fields of d have their meaning but the Control functions, which give
// an error that is errors.ErrUnsupported. Names are looked up by the host, unless d has a Resolver of its own.
func (n *Network) DialWith(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	if d.Control != nil || d.ControlContext != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errControl}
	}
	w := dialWait{n: n, ctx: ctx, d: d, deadline: d.Deadline}
	if d.Timeout != 0 { // a negative one has passed
		w.until(time.Now().Add(d.Timeout))
	}
	if t, ok := ctx.Deadline(); ok {
		w.until(t)
	}
	if d.Resolver != nil && d.Resolver != n.res {
		return w.resolve(network, address)
	}
	return w.dial(network, address)
}

// dialWait is one call of DialWith.
type dialWait struct {
	n        *Network
	ctx      context.Context
	d        *net.Dialer
	deadline time.Time
}

// until brings the deadline forward.
func (w *dialWait) until(t time.Time) {
	if w.deadline.IsZero() || t.Before(w.deadline) {
		w.deadline = t
	}
}

// dial has the host connect. The errors are the host's, also those of time and of cancelling, hence its answer is
// waited for: it comes at once.
func (w *dialWait) dial(network, address string) (net.Conn, error) {
	m := &dial{settings: settings{
		network: network, address: address, keepAlive: w.d.KeepAlive, keepAliveConfig: w.d.KeepAliveConfig,
	}, local: w.d.LocalAddr, fallback: w.d.FallbackDelay}
	m.bound(w.ctx, w.deadline)
	//lint:ignore SA1019 what takes package net's place honours it
	a := w.n.await(w.ctx, w.d.Cancel, m, &m.settings)
	if a.err != nil {
		return nil, asOpError("dial", network, a.err)
	}
	return a.made.(net.Conn), nil
}

// bound says how long a request may take.
func (m *settings) bound(ctx context.Context, deadline time.Time) {
	m.cancelled = errors.Is(ctx.Err(), context.Canceled)
	if !deadline.IsZero() {
		m.limited, m.timeout = true, time.Until(deadline)
	}
}

// await sends a request and waits for its answer. The host knows the deadline; that ctx is cancelled it is told.
func (n *Network) await(ctx context.Context, cancelled <-chan struct{}, m message, s *settings) answer {
	r, err := n.begin(s.network, m, func(req uint64) { s.req = req })
	if err != nil {
		return answer{err: err}
	}
	select {
	case a := <-r.answer:
		return a
	case <-cancelled:
	case <-ctx.Done():
		if s.limited && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return <-r.answer
		}
	}
	n.send(&cancel{s.req})
	return <-r.answer
}

// asOpError puts around an error of the border what package net has around all of its errors; the network's have it.
func asOpError(op, network string, err error) error {
	if isDressed(err) {
		return err
	}
	return &net.OpError{Op: op, Net: network, Err: err}
}

// resolve looks a name up with the Dialer's own resolver, and dials its addresses in turn, each with a fair share of
// the time there is. The first one's error is the most telling.
func (w *dialWait) resolve(network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if _, perr := netip.ParseAddr(host); err != nil || host == "" || perr == nil {
		return w.dial(network, address) // no name, or an address that the host refuses
	}
	ctx, stop := w.ctx, func() {}
	if !w.deadline.IsZero() {
		ctx, stop = context.WithDeadline(ctx, w.deadline)
	}
	defer stop()
	family := "ip4"
	if strings.HasSuffix(network, "6") {
		family = "ip6"
	}
	addrs, err := w.d.Resolver.LookupNetIP(ctx, family, host)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	var first error
	for i, a := range addrs {
		one := *w
		if left := len(addrs) - i; !w.deadline.IsZero() && left > 1 {
			one.until(likenet.Share(w.deadline, left))
		}
		c, err := one.dial(network, net.JoinHostPort(a.Unmap().String(), port))
		if err == nil {
			return c, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

// ListenWith announces a TCP address as lc says; its Control function gives an error that is errors.ErrUnsupported.
func (n *Network) ListenWith(
	ctx context.Context, lc *net.ListenConfig, network, address string,
) (net.Listener, error) {
	made, err := n.listen(ctx, lc, &listen{settings: settings{network: network, address: address}})
	if err != nil {
		return nil, err
	}
	return made.(net.Listener), nil
}

// ListenPacketWith announces a UDP address as lc says.
func (n *Network) ListenPacketWith(
	ctx context.Context, lc *net.ListenConfig, network, address string,
) (net.PacketConn, error) {
	m := &listen{settings: settings{network: network, address: address}, packet: true}
	made, err := n.listen(ctx, lc, m)
	if err != nil {
		return nil, err
	}
	return made.(net.PacketConn), nil
}

func (n *Network) listen(ctx context.Context, lc *net.ListenConfig, m *listen) (any, error) {
	if lc.Control != nil {
		return nil, &net.OpError{Op: "listen", Net: m.network, Err: errControl}
	}
	m.keepAlive, m.keepAliveConfig = lc.KeepAlive, lc.KeepAliveConfig
	deadline, _ := ctx.Deadline()
	m.bound(ctx, deadline)
	a := n.await(ctx, nil, m, &m.settings)
	if a.err != nil {
		return nil, asOpError("listen", m.network, a.err)
	}
	return a.made, nil
}

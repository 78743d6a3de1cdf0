package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi/likenet"
)

// DialWith connects to an address that the rules allow, as d says. A name's addresses that a rule denies are left out.
// A d.Resolver of the user's own finds addresses, which are judged as if they had been dialled themselves.
func (n *Network) DialWith(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	ctx, cancel := likenet.Limit(ctx, d)
	defer cancel()
	t, err := n.parseTarget(ctx, network, address)
	if err == nil {
		p := t.place(t.names())
		err = n.running("dial", &p)
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	dl := &dialing{n: n, target: t, d: unbounded(d)}
	if d.Resolver != n.res {
		dl.resolver = d.Resolver
	}
	return dl.run(ctx)
}

// unbounded is a copy of d without what bounds it in time and finds its names: ctx and the guard do that.
func unbounded(d *net.Dialer) *net.Dialer {
	c := *d
	c.Timeout, c.Deadline, c.Resolver = 0, time.Time{}, nil
	//lint:ignore SA1019 what takes package net's place honours it
	c.Cancel = nil
	return &c
}

// dialing is one call of DialWith.
type dialing struct {
	n        *Network
	target   target
	d        *net.Dialer
	resolver *net.Resolver // the user's own; nil: the network's
}

// run dials, once the rules and the quota allow it.
func (dl *dialing) run(ctx context.Context) (net.Conn, error) {
	n, t := dl.n, &dl.target
	if why := dl.check(); why != nil {
		return nil, dl.refused(why)
	}
	f := &flow{op: "dial", network: t.network, place: t.place(t.names())}
	if t.proto == "udp" {
		f.kind = kindSocket
	}
	if q := n.quota.Load(); !n.dialRate.take(q.DialsPerSecond) {
		return nil, dl.refused(&RefusedError{
			Name: n.name, Op: "dial", Network: t.proto, Address: f.place.address(),
			Quota: quotaDials, Limit: int64(q.DialsPerSecond),
		})
	}
	ctx, f.cancel = context.WithCancel(ctx)
	defer f.cancel()
	if err := n.reserve(f); err != nil {
		return nil, dl.opError(&f.place, err)
	}
	n.counts.dials.Add(1)
	c, p, err := dl.reach(ctx)
	if err != nil {
		f.remove()
		if why := f.cutBy.Load(); why != nil {
			err = dl.opError(&f.place, f.cutError(why))
		}
		return nil, err
	}
	return dl.wrap(f, c, p)
}

// check asks the rules before anything is asked of the network.
func (dl *dialing) check() *RefusedError {
	n, t := dl.n, &dl.target
	rules := n.rules.Load()
	if t.name == "" {
		p := t.place(n.book.namesOf(t.addr))
		if ok, denied := rules.reach(p); !ok {
			return n.refusal("dial", &p, denied)
		}
		return nil
	}
	if dl.resolver != nil {
		return nil
	}
	p := t.place(t.names())
	ok, denied := rules.reach(p)
	if denied != nil {
		return n.refusal("dial", &p, denied)
	}
	if _, own := n.own(t); ok || own {
		if q := n.quota.Load(); !own && !n.lookUpRate.ready(q.LookupsPerSecond) {
			return &RefusedError{
				Name: n.name, Op: "lookup", Network: "dns", Address: t.name,
				Quota: quotaLookupsPS, Limit: int64(q.LookupsPerSecond),
			}
		}
		return nil
	}
	return n.refusal("dial", &p, nil)
}

// refused counts a refusal and is the dial's error for it.
func (dl *dialing) refused(why *RefusedError) error {
	dl.n.refused(why)
	p := dl.target.place(nil)
	return dl.opError(&p, why)
}

// opError is the dial's error for what has come of a place.
func (dl *dialing) opError(p *place, err error) error {
	return &net.OpError{Op: "dial", Net: dl.target.network, Source: dl.d.LocalAddr, Addr: dl.target.netAddr(p), Err: err}
}

// reach finds the addresses to dial and dials them. The errors are dressed.
func (dl *dialing) reach(ctx context.Context) (net.Conn, place, error) {
	n, t := dl.n, &dl.target
	if t.name == "" {
		return dl.connect(ctx, []place{t.place(n.book.namesOf(t.addr))})
	}
	addrs, err := n.lookUp(ctx, dl.resolver, t)
	if err != nil {
		return nil, place{}, &net.OpError{Op: "dial", Net: t.network, Err: err}
	}
	var places []place
	var first error
	rules := n.rules.Load()
	for _, a := range addrs {
		names := t.names()
		if dl.resolver != nil {
			names = n.book.namesOf(a)
		}
		p := place{proto: t.proto, names: names, addr: a, port: t.port}
		ok, denied := rules.reach(p)
		if ok {
			places = append(places, p)
			continue
		}
		why := n.refusal("dial", &p, denied)
		n.refused(why)
		if first == nil {
			first = dl.opError(&p, why)
		}
	}
	if len(places) == 0 {
		return nil, place{}, first
	}
	return dl.connect(ctx, places)
}

// wrap makes the user's connection of the inner network's.
func (dl *dialing) wrap(f *flow, inner net.Conn, p place) (net.Conn, error) {
	c, err := f.wrap(inner)
	if err == nil {
		err = f.establish(inner, p, inner.LocalAddr(), inner.RemoteAddr())
	}
	if err != nil {
		inner.Close()
		f.remove()
		return nil, dl.opError(&p, err)
	}
	return c, nil
}

// wrap makes a user's connection of one of the inner network's.
func (f *flow) wrap(inner net.Conn) (net.Conn, error) {
	switch f.place.proto {
	case "tcp":
		if c, ok := inner.(dialer.TCPConn); ok {
			return &tcpConn{TCPConn: c, f: f}, nil
		}
	default:
		if c, ok := inner.(dialer.UDPConn); ok {
			return &udpConn{UDPConn: c, f: f}, nil
		}
	}
	return nil, fmt.Errorf("guard: the network gave a %T, which is no dialer.TCPConn or dialer.UDPConn: %w",
		inner, errors.ErrUnsupported)
}

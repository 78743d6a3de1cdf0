package guard

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"github.com/gotcp/gotcp/netapi/likenet"
)

// allowLookUp decides whether a name may be looked up, and counts it. It is the DNS server's.
func (n *Network) allowLookUp(name string) error {
	n.counts.lookUps.Add(1)
	name = likenet.Name(name)
	err := n.judgeLookUp(name)
	if why, ok := err.(*RefusedError); ok {
		why.Name, why.Op, why.Network, why.Address = n.name, "lookup", "dns", name
		n.refused(why)
	}
	return err
}

func (n *Network) judgeLookUp(name string) error {
	if err := n.state(); err != nil {
		return err
	}
	if q := n.quota.Load(); !n.lookUpRate.take(q.LookupsPerSecond) {
		return &RefusedError{Quota: quotaLookupsPS, Limit: int64(q.LookupsPerSecond)}
	}
	if n.ownName(name) {
		return nil
	}
	ok, denied := n.rules.Load().lookUp(name)
	switch {
	case ok:
		return nil
	case denied != nil:
		return &RefusedError{Rule: denied.String()}
	}
	return &RefusedError{}
}

// ownName reports whether a name is one of Hosts, or of the address of one of these as PTR queries have it.
func (n *Network) ownName(name string) bool {
	if _, ok := n.book.hosts[name]; ok {
		return true
	}
	digits, ok := strings.CutSuffix(name, ".in-addr.arpa")
	labels := strings.Split(digits, ".")
	if !ok || len(labels) != 4 {
		return false
	}
	a, err := netip.ParseAddr(labels[3] + "." + labels[2] + "." + labels[1] + "." + labels[0])
	return err == nil && n.book.of[a] != nil
}

// dialServer connects to a name server over the inner network. No rule is asked, for the user has no say in where it
// goes; but what goes there counts, and ends by Kill.
func (n *Network) dialServer(ctx context.Context, network, address string) (net.Conn, error) {
	t, err := n.parseTarget(ctx, network, address)
	if err != nil {
		return nil, err
	}
	dl := &dialing{n: n, target: t, d: &net.Dialer{}}
	f := &flow{kind: kindLookUp, op: "lookup", network: network, place: t.place(nil)}
	ctx, f.cancel = context.WithCancel(ctx)
	defer f.cancel()
	if err := n.reserve(f); err != nil {
		return nil, dl.opError(&f.place, err)
	}
	c, p, err := dl.connect(ctx, []place{f.place})
	if err != nil {
		f.remove()
		return nil, err
	}
	return dl.wrap(f, c, p)
}

package guard

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/dns"
)

// Config says what a network's user may do at first, and whom he asks for names.
type Config struct {
	Name  string // what errors call the network; "" is "this network"
	Rules Rules
	Quota Quota

	// Hosts are names of the network's own, as a hosts file has them. They win over all others, and anyone may look them
	// up.
	Hosts map[string][]netip.Addr
	// Servers are asked, over the inner network, for all other names; none means those of the system's resolv.conf.
	Servers []netip.AddrPort
}

// Network is a netapi.Tuned around another one, within bounds. Make one with [New]. All methods may be called
// concurrently. It runs no goroutine of its own.
type Network struct {
	name  string
	inner netapi.Tuned
	book  *nameBook
	dns   *dns.Server
	res   *net.Resolver

	rules atomic.Pointer[Rules]
	quota atomic.Pointer[Quota]
	used  usedBytes

	dialRate, lookUpRate bucket

	mu     sync.Mutex // not held while the inner network is called
	flows  map[*flow]struct{}
	now    [kinds]int
	peak   int // of connections
	lastID uint64
	killed bool
	closed bool

	counts   counts
	refusals refusals
	subs     subscribers
}

// New makes a network that lets its user use n within the bounds of cfg. The connections of n must be dialer.TCPConn
// and dialer.UDPConn, as those of all networks of this module are. n remains the caller's.
func New(n netapi.Tuned, cfg Config) *Network {
	g := &Network{name: cfg.Name, inner: n, book: newNameBook(cfg.Hosts), flows: map[*flow]struct{}{}}
	g.rules.Store(cfg.Rules.clone())
	g.quota.Store(&cfg.Quota)
	g.dns = &dns.Server{
		Hosts: g.book.hosts, Servers: cfg.Servers, Dial: g.dialServer, Allow: g.allowLookUp, Found: g.book.learn,
	}
	g.res = g.dns.Resolver()
	return g
}

// DialContext connects to an address that the rules allow: see [netapi.Network].
func (n *Network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return n.DialWith(ctx, &net.Dialer{}, network, address)
}

// Listen announces a TCP address that the rules allow: see [netapi.Network].
func (n *Network) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return n.ListenWith(ctx, &net.ListenConfig{}, network, address)
}

// ListenPacket announces a UDP address that the rules allow, or makes a client's socket: see [netapi.Network].
func (n *Network) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	return n.ListenPacketWith(ctx, &net.ListenConfig{}, network, address)
}

// Resolver finds names that may be looked up: those of Config.Hosts, then others by the name servers. (It is Go's own
// resolver: what the hosts file of this process's system says, it takes from there.)
func (n *Network) Resolver() *net.Resolver { return n.res }

// Exchange answers a DNS query of the network's user: see [dns.Server.Exchange]. Names that may not be looked up are
// REFUSED.
func (n *Network) Exchange(ctx context.Context, query []byte, tcp bool) ([]byte, error) {
	return n.dns.Exchange(ctx, query, tcp)
}

// Rules are those that hold now.
func (n *Network) Rules() Rules { return *n.rules.Load().clone() }

// SetRules replaces the rules. What exists and would not be allowed by the new ones is cut off: dialled connections are
// reset, listeners closed and the connections that they accepted reset, announced sockets closed. Dials that are going
// on are judged when they are done.
func (n *Network) SetRules(r Rules) {
	rules := r.clone()
	n.rules.Store(rules)
	for _, f := range n.flowsThat(func(f *flow) bool { return f.inner != nil }) {
		if why := f.judge(rules); why != nil {
			n.refused(why)
			f.cut(why)
		}
	}
}

// Quota is the one that holds now.
func (n *Network) Quota() Quota { return *n.quota.Load() }

// SetQuota replaces the quota. Where there are more connections, listeners or sockets than it allows, they stay, and
// new ones are refused; where more octets were read or written, all TCP connections are reset.
func (n *Network) SetQuota(q Quota) {
	n.quota.Store(&q)
	for _, c := range []struct {
		used, limit int64
		name        string
	}{{n.used.in.Load(), q.BytesIn, quotaBytesIn}, {n.used.out.Load(), q.BytesOut, quotaBytesOut}} {
		if c.limit > 0 && c.used > c.limit {
			n.cut(&RefusedError{Name: n.name, Op: "write", Network: "tcp", Quota: c.name, Limit: c.limit}, isConn)
		}
	}
}

// Kill switches the network off: connections are reset, listeners and sockets closed, dials that are going on ended,
// and everything is refused until [Network.Revive].
func (n *Network) Kill() {
	n.mu.Lock()
	n.killed = true
	n.mu.Unlock()
	n.cut(&RefusedError{Name: n.name, Killed: true}, isAny)
}

// Revive ends what Kill began. What was cut off remains so.
func (n *Network) Revive() {
	n.mu.Lock()
	n.killed = false
	n.mu.Unlock()
}

// Killed reports whether the network is switched off.
func (n *Network) Killed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.killed
}

// Close ends the network, not the one that it is around: connections are reset, listeners and sockets closed,
// subscriptions ended. Later calls give net.ErrClosed, Close as well.
func (n *Network) Close() error {
	n.mu.Lock()
	was := n.closed
	n.closed = true
	n.mu.Unlock()
	if was {
		return net.ErrClosed
	}
	n.cut(errCut, isAny)
	n.subs.close()
	return nil
}

// state is why nothing is possible at all at present: net.ErrClosed or a refusal; nil where something is.
func (n *Network) state() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stateLocked()
}

func (n *Network) stateLocked() error {
	switch {
	case n.closed:
		return net.ErrClosed
	case n.killed:
		return &RefusedError{Name: n.name, Killed: true}
	}
	return nil
}

// running is the error of an attempt while nothing is possible; a refusal is counted.
func (n *Network) running(op string, p *place) error {
	err := n.state()
	if why, ok := err.(*RefusedError); ok {
		why.Op, why.Network, why.Address = op, p.proto, p.address()
		n.refused(why)
	}
	return err
}

// refused counts and tells a refusal.
func (n *Network) refused(e *RefusedError) {
	if len(e.Address) > maxAddress {
		e.Address = e.Address[:maxAddress]
	}
	now := time.Now()
	n.counts.refused.Add(1)
	n.refusals.add(e, now)
	if n.subs.any.Load() {
		n.subs.tell(Event{
			Time: now, Kind: EventRefused, Conn: Conn{Op: e.Op, Network: e.Network}, Reason: e.Error(), Refused: e,
		})
	}
}

var _ netapi.Tuned = (*Network)(nil)

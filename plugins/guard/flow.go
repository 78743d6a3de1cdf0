package guard

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/netapi/likenet"
	"github.com/gotcp/gotcp/stack/tcp"
)

// kind is what of a quota something counts as.
type kind int

const (
	kindConn kind = iota
	kindListener
	kindSocket
	kindLookUp // a connection to a name server
	kinds
)

// flow is the record of something that a network's user has: a connection, a listener, a UDP socket; or of a dial that
// may become one. It is in the network's table from the reservation of its place to its end.
type flow struct {
	n       *Network
	kind    kind
	op      string // as in Conn
	network string // as the user named it: for errors
	id      uint64
	start   time.Time

	// Written with the network's mutex held, once, before the user has the flow.
	cancel        context.CancelFunc // ends the dial
	inner         io.Closer          // nil while it is being dialled
	place         place              // what rules are asked about: the destination, or what is announced
	local, remote netip.AddrPort
	listener      *flow // that accepted it
	client        bool  // a UDP socket that is announced to nobody

	in, out atomic.Int64                 // octets
	cutBy   atomic.Pointer[RefusedError] // who was cut off, and why
	ended   atomic.Pointer[error]        // what the connection died of
	opened  atomic.Bool                  // it came to be, and that was told
	closed  atomic.Bool                  // by the user
	gone    bool                         // from the table; with the network's mutex held
}

// errCut stands for what cuts a flow when the network is closed: the user sees net.ErrClosed.
var errCut = &RefusedError{}

// reserve makes a record of something that is to be, if the quota has room for it. cancel ends the attempt. The error
// is a *RefusedError, which is counted already, or net.ErrClosed.
func (n *Network) reserve(f *flow) error {
	err := n.tryReserve(f)
	if why, ok := err.(*RefusedError); ok {
		why.Op, why.Network, why.Address = f.op, f.place.proto, f.place.address()
		n.refused(why)
	}
	return err
}

func (n *Network) tryReserve(f *flow) error {
	q := n.quota.Load()
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.stateLocked(); err != nil {
		return err
	}
	if name, limit := n.used.exhausted(q); name != "" {
		return &RefusedError{Name: n.name, Quota: name, Limit: limit}
	}
	if name, limit := q.bound(f.kind); limit > 0 && n.now[f.kind] >= limit {
		return &RefusedError{Name: n.name, Quota: name, Limit: int64(limit)}
	}
	n.lastID++
	f.n, f.id, f.start = n, n.lastID, time.Now()
	n.flows[f] = struct{}{}
	n.now[f.kind]++
	n.peak = max(n.peak, n.now[kindConn])
	return nil
}

// establish makes a flow of what was made for a reservation. Where it may not be any more it is closed, and the error
// says why.
func (f *flow) establish(c io.Closer, p place, local, remote net.Addr) error {
	n := f.n
	n.mu.Lock()
	f.place = p
	f.local, _ = likenet.AddrPort(local)
	f.remote, _ = likenet.AddrPort(remote)
	f.inner = c
	why := f.cutBy.Load()
	rules := n.rules.Load()
	n.mu.Unlock()
	if why == nil {
		// The rules may be others than at the beginning. (Those that come now find the flow in the table.)
		if why = f.judge(rules); why != nil {
			n.refused(why)
			f.cut(why)
		}
	} else {
		abort(c)
		f.remove()
	}
	if why != nil {
		return f.cutError(why)
	}
	f.opened.Store(true)
	f.tellOpened()
	return nil
}

// judge says what a set of rules has against a flow that exists; nil is nothing.
func (f *flow) judge(rules *Rules) *RefusedError {
	switch {
	case f.op == "dial":
		if ok, denied := rules.reach(f.place); !ok {
			return f.n.refusal("dial", &f.place, denied)
		}
	case f.op == "accept":
		return f.listener.judge(rules)
	case f.op == "listen" && !f.client:
		if !rules.announce(f.place) {
			return f.n.refusal("listen", &f.place, nil)
		}
	}
	return nil
}

// refusal is the error for a place that the rules don't let be reached or announced.
func (n *Network) refusal(op string, p *place, denied *Rule) *RefusedError {
	e := &RefusedError{Name: n.name, Op: op, Network: p.proto, Address: p.address()}
	if denied != nil {
		e.Rule = denied.String()
	}
	return e
}

// cut ends a flow from outside: its user's calls give why, its peer gets a reset.
func (f *flow) cut(why *RefusedError) {
	if !f.cutBy.CompareAndSwap(nil, why) {
		return
	}
	f.n.mu.Lock()
	c, cancel := f.inner, f.cancel
	f.n.mu.Unlock()
	switch {
	case c != nil:
		reason := "network closed"
		if why != errCut {
			reason = why.Error()
		}
		f.finish(reason, func() { abort(c) })
	case cancel != nil:
		cancel() // the dial sees cutBy
	}
}

// abort closes a connection so that its peer sees a reset, and waits for nothing.
func abort(c io.Closer) {
	if l, ok := c.(interface{ SetLinger(sec int) error }); ok {
		l.SetLinger(0)
	}
	c.Close()
}

// close is the user's Close.
func (f *flow) close() error {
	if f.closed.Swap(true) {
		return f.inner.Close() // which says that it is closed
	}
	if f.cutBy.Load() != nil {
		f.inner.Close()
		return nil
	}
	var err error
	f.finish(f.reason(), func() { err = f.inner.Close() })
	if f.cutBy.Load() != nil {
		return nil // it was faster
	}
	return err
}

// finish ends a flow by a function and tells so, with what it was before that.
func (f *flow) finish(reason string, end func()) {
	var last Conn
	telling := f.opened.Load() && f.n.subs.any.Load()
	if telling {
		last = f.describe()
	}
	end()
	if f.remove() && telling {
		f.n.subs.tell(Event{Time: time.Now(), Kind: EventClosed, Conn: last, Reason: reason})
	}
}

// remove takes a flow out of the table, once.
func (f *flow) remove() bool {
	f.n.mu.Lock()
	defer f.n.mu.Unlock()
	if f.gone {
		return false
	}
	f.gone = true
	delete(f.n.flows, f)
	f.n.now[f.kind]--
	return true
}

// tellOpened tells of a flow that is new.
func (f *flow) tellOpened() {
	if !f.n.subs.any.Load() {
		return
	}
	k := EventOpened
	if f.op == "listen" && !f.client {
		k = EventListening
	}
	f.n.subs.tell(Event{Time: time.Now(), Kind: k, Conn: f.describe()})
}

// describe is what a user of the network's host is told of a flow.
func (f *flow) describe() Conn {
	f.n.mu.Lock()
	c := Conn{
		ID: f.id, Op: f.op, Network: f.place.proto, Local: f.local, Remote: f.remote, Start: f.start,
		BytesIn: f.in.Load(), BytesOut: f.out.Load(),
	}
	if len(f.place.names) > 0 {
		c.Name = f.place.names[0]
	}
	in := f.inner
	f.n.mu.Unlock()
	if i, ok := in.(interface{ Info() tcp.Info }); ok {
		info := i.Info()
		c.TCP = &info
	}
	return c
}

// failed is what the user is told of an error of the inner connection: the same, unless it came of being cut off.
func (f *flow) failed(op string, err error) error {
	if why := f.cutBy.Load(); why != nil && !f.closed.Load() && errors.Is(err, net.ErrClosed) {
		return f.opError(op, f.cutError(why))
	}
	if ne, ok := errors.AsType[net.Error](err); (!ok || !ne.Timeout() || errors.Is(err, syscall.ETIMEDOUT)) &&
		!errors.Is(err, net.ErrClosed) {
		f.died(err)
	}
	return err
}

// died remembers what a connection died of: the first error, for what comes after it tells less, but for the peer's end
// of stream, which need not be the end.
func (f *flow) died(err error) {
	if was := f.ended.Load(); was == nil || *was == io.EOF {
		f.ended.CompareAndSwap(was, &err)
	}
}

// reason is how a flow ended that its user closes now.
func (f *flow) reason() string {
	err := f.ended.Load()
	switch {
	case err == nil:
		return "closed"
	case *err == io.EOF:
		return "closed by peer"
	}
	if errno, ok := errors.AsType[syscall.Errno](*err); ok {
		return errno.Error()
	}
	return (*err).Error()
}

// cutError is what is in the error of a call on a flow that was cut off.
func (f *flow) cutError(why *RefusedError) error {
	if why == errCut {
		return net.ErrClosed
	}
	return why
}

// opError is an error of package net's form for a flow.
func (f *flow) opError(op string, err error) error {
	e := &net.OpError{Op: op, Net: f.network, Err: err}
	switch c := f.inner.(type) {
	case net.Conn:
		e.Source, e.Addr = c.LocalAddr(), c.RemoteAddr()
	case net.Listener:
		e.Addr = c.Addr()
	}
	return e
}

// flowsThat are the network's flows of some sort, about which match is asked with the mutex held.
func (n *Network) flowsThat(match func(*flow) bool) []*flow {
	n.mu.Lock()
	defer n.mu.Unlock()
	var flows []*flow
	for f := range n.flows {
		if match(f) {
			flows = append(flows, f)
		}
	}
	return flows
}

// cut cuts the flows of some sort.
func (n *Network) cut(why *RefusedError, match func(*flow) bool) {
	for _, f := range n.flowsThat(match) {
		f.cut(why)
	}
}

func isAny(*flow) bool    { return true }
func isConn(f *flow) bool { return f.kind == kindConn }

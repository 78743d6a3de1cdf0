package border

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/dns"
	"github.com/gotcp/gotcp/plugins/internal/pace"
)

// Hooks are what a host wants to be told of its plugin, and what it does in a way of its own. All may be nil. They are
// called one at a time but for Exchange, and must not block.
type Hooks struct {
	Ready    func(text string) // the plugin's Network.Ready
	Finished func(text string) // the plugin's Network.Finish: the text of its error, or ""
	// Exchange answers DNS queries, as [dns.Server]'s method; nil: as the network's Resolver would ask.
	Exchange func(ctx context.Context, query []byte, tcp bool) ([]byte, error)
}

// Host is the host's end of a border.
type Host struct {
	net     netapi.Tuned
	limits  Limits
	hooks   Hooks
	carrier Carrier
	out     *outbox
	pace    pace.Pace

	ctx    context.Context // of what is under way for the plugin
	end    context.CancelFunc
	killed chan struct{} // closed when nothing may be delivered any more
	kill   func()        // closes it
	left   chan struct{} // closed when the plugin has gone, and its ports are free

	calls, pending atomic.Int64
	conns          chan struct{} // has an element per connection
	handed         *hostListener // of the connections that Handle takes

	wg sync.WaitGroup

	mu        sync.Mutex
	over      bool
	why       error // what ended it, where that wasn't the plugin's end
	lastID    uint64
	objects   map[uint64]object
	listeners int
	sockets   int
	requests  map[uint64]context.CancelFunc
}

// object is a connection, a listener or a UDP socket that the plugin has.
type object interface {
	// call does what a message asks for, which may take its time.
	call(m *call) ([]byte, error)
	// abandon ends it, for the plugin has gone.
	abandon()
}

// NewHost makes the host's end, on which [Host.Serve] is to be called.
func NewHost(c Carrier, n netapi.Tuned, limits Limits, hooks Hooks) *Host {
	h := &Host{
		net: n, limits: limits.withDefaults(), hooks: hooks, carrier: c, pace: pace.New(),
		killed: make(chan struct{}), left: make(chan struct{}),
		objects: make(map[uint64]object), requests: make(map[uint64]context.CancelFunc),
	}
	h.ctx, h.end = context.WithCancel(context.Background())
	h.kill = sync.OnceFunc(func() { close(h.killed) })
	h.conns = make(chan struct{}, h.limits.Conns)
	h.handed = &hostListener{h: h, credit: make(chan struct{}, maxCredit), closed: make(chan struct{})}
	h.objects[0] = h.handed
	h.out = newOutbox(c, h.limits.Queue, h.cut)
	c.limit(h.limits.Conns + h.limits.Sockets)
	if h.hooks.Exchange == nil {
		h.hooks.Exchange = exchangeOver(n)
	}
	return h
}

// Serve gives n to the plugin at the other end of c: a [Host] without hooks.
func Serve(ctx context.Context, c Carrier, n netapi.Tuned, limits Limits) error {
	return NewHost(c, n, limits, Hooks{}).Serve(ctx)
}

// exchangeOver asks as Go's resolver would, with the network's own in the place of the connection to a server.
func exchangeOver(n netapi.Network) func(context.Context, []byte, bool) ([]byte, error) {
	if _, ok := n.(netapi.Kernel); ok {
		return new(dns.Server).Exchange
	}
	s := &dns.Server{Dial: n.DialContext}
	if r := n.Resolver(); r != nil && r.Dial != nil {
		s.Dial = r.Dial
	}
	return s.Exchange
}

// Serve does what the plugin asks for until the plugin's end of the carrier is closed (nil), ctx ends (its cause), or
// the plugin breaks the protocol. Then it closes the carrier and all that the plugin had, waits until it is closed, and
// returns. What a plugin that has gone had written to its connections is delivered before, as a kernel does for a
// process; the end of ctx, and a breach of the protocol, reset all.
func (h *Host) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { h.cut(context.Cause(ctx)) })
	defer stop()
	h.send(&hello{version}, nil)
	if err := h.receive(); err != nil {
		h.cut(err)
	}
	h.carrier.Close()
	h.out.close()
	h.end()
	for _, o := range h.abandoned() {
		o.abandon()
	}
	close(h.left)
	grace := time.AfterFunc(h.limits.Grace, h.kill)
	h.wg.Wait()
	grace.Stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.why
}

// Left is closed when the plugin has gone and its listeners and UDP sockets are closed. What it had written to
// connections may still be on its way then.
func (h *Host) Left() <-chan struct{} { return h.left }

// cut ends the border at once.
func (h *Host) cut(why error) {
	h.mu.Lock()
	if h.why == nil && !h.over {
		h.why = why
	}
	h.mu.Unlock()
	h.kill()
	h.carrier.Close()
}

// abandoned are the objects that the plugin leaves. No further ones are made.
func (h *Host) abandoned() []object {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = true
	var l []object
	for _, o := range h.objects {
		l = append(l, o)
	}
	return l
}

// receive handles messages until there are no more.
func (h *Host) receive() error {
	buf := make([]byte, maxMessage)
	greeted := false
	for {
		n, p, err := h.carrier.recv(buf)
		switch {
		case err == nil:
		case errors.As(err, new(errProtocol)):
			return err
		default:
			return nil // the plugin is gone, or the border was cut
		}
		if p != nil {
			p.Close()
			return errProtocol("a data path of the plugin's making")
		}
		m, err := decode(buf[:n])
		if err != nil {
			return err
		}
		if hi, ok := m.(*hello); ok != !greeted {
			return errProtocol("a greeting that is missing, or a second one")
		} else if ok {
			if hi.version != version {
				return errVersion(hi.version)
			}
			greeted = true
			continue
		}
		if !h.pace.Wait(h.killed) {
			return nil
		}
		if err := h.handle(m); err != nil {
			return err
		}
	}
}

// handle begins what a message asks for. It doesn't block.
func (h *Host) handle(m message) error {
	switch m := m.(type) {
	case *dial:
		h.request(m.req, &h.pending, h.limits.Pending, func(ctx context.Context) { h.dial(ctx, m) })
	case *listen:
		h.request(m.req, &h.pending, h.limits.Pending, func(ctx context.Context) { h.listen(ctx, m) })
	case *exchange:
		h.request(m.req, &h.pending, h.limits.Pending, func(ctx context.Context) { h.exchange(ctx, m) })
	case *call:
		h.request(m.req, &h.calls, maxCalls, func(context.Context) { h.call(m) })
	case *cancel:
		h.mu.Lock()
		if cancel := h.requests[m.req]; cancel != nil {
			cancel()
		}
		h.mu.Unlock()
	case *want:
		if l, ok := h.object(m.id).(*hostListener); ok {
			l.want()
		}
	case *shut:
		if c, ok := h.object(m.id).(*hostConn); ok {
			c.markShut()
		}
	case *closing:
		if c, ok := h.object(m.id).(*hostConn); ok {
			c.close(m)
		}
	case *ready:
		if h.hooks.Ready != nil {
			h.hooks.Ready(m.text)
		}
	case *finished:
		if h.hooks.Finished != nil {
			h.hooks.Finished(m.text)
		}
	default:
		return errProtocol("a message that only the host sends")
	}
	return nil
}

// request runs what answers a request, where there may be one more of its kind.
func (h *Host) request(req uint64, under *atomic.Int64, most int, run func(ctx context.Context)) {
	if under.Add(1) > int64(most) {
		under.Add(-1)
		h.reply(req, nil, os.NewSyscallError("border", syscall.EAGAIN))
		return
	}
	ctx, cancel := context.WithCancel(h.ctx)
	h.mu.Lock()
	h.requests[req] = cancel
	h.mu.Unlock()
	h.wg.Go(func() {
		run(ctx)
		cancel()
		h.mu.Lock()
		delete(h.requests, req)
		h.mu.Unlock()
		under.Add(-1)
	})
}

func (h *Host) object(id uint64) object {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.objects[id]
}

// add gives an object a number; false: the border is over. Serve waits for the object until gone is called.
func (h *Host) add(o object, id *uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return false
	}
	h.lastID++
	*id = h.lastID
	h.objects[*id] = o
	h.wg.Add(1)
	return true
}

// remove has the plugin not find an object any more.
func (h *Host) remove(id uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.objects, id)
}

// gone is the end of what add has added.
func (h *Host) gone() { h.wg.Done() }

// claim takes one of a limited number of things; the counter is one of h's.
func (h *Host) claim(counter *int, most int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if *counter >= most {
		return false
	}
	*counter++
	return true
}

func (h *Host) release(counter *int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*counter--
}

// send queues a message. Where there is no more room for it the border is cut.
func (h *Host) send(m message, far farEnd) { h.out.send(m, far, nil) }

func (h *Host) reply(req uint64, value []byte, err error) {
	if err != nil {
		h.pace.Failed()
	}
	h.send(&reply{req: req, err: err, value: value}, nil)
}

// call runs a method of an object.
func (h *Host) call(m *call) {
	o := h.object(m.id)
	if o == nil {
		h.reply(m.req, nil, syscall.EBADF)
		return
	}
	value, err := o.call(m)
	h.reply(m.req, value, err)
}

// exchange answers a DNS query.
func (h *Host) exchange(ctx context.Context, m *exchange) {
	if m.timeout != 0 {
		sub, cancel := context.WithTimeout(ctx, m.timeout)
		defer cancel()
		ctx = sub
	}
	answer, err := h.hooks.Exchange(ctx, m.query, m.tcp)
	h.pace.Answered(answer)
	h.reply(m.req, answer, err)
}

// Handle hands a connection over to the plugin, which gets it from [Network.Handled] under the network's name that is
// given. It waits until the plugin asks for one. Where there is an error c is still the caller's, else the host's.
func (h *Host) Handle(ctx context.Context, network string, c dialer.TCPConn) error {
	if err := h.handed.wait(ctx); err != nil {
		return err
	}
	if err := h.handed.hand(network, c); err != nil {
		h.handed.want() // what was asked for is still due
		return err
	}
	return nil
}

// Event sends octets to a plugin that observes, at most 32 KiB. false: they were dropped, for the plugin doesn't keep
// up.
func (h *Host) Event(data []byte) bool {
	return len(data) <= maxEvent && h.out.event(&event{data})
}

// Stop asks the plugin to end; it is not forced to.
func (h *Host) Stop() { h.send(new(stop), nil) }

// errOver says that a plugin is not there any more.
var errOver = errors.New("border: the plugin is gone")

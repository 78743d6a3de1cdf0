package stack

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gotcp/gotcp/stack/tcp"
)

// listener is what makes a socket accept connections. Its counters are read where segments come in, without the
// socket's lock.
type listener struct {
	sock *stream  // the listening socket; nil for the listeners of [Stack.Input] and of forwarders
	bind *binding // its hold on the port; nil likewise
	key  listenKey
	fwd  *ForwardTCP // who waits for the only connection; nil for all others

	backlog  atomic.Int32
	queued   atomic.Int32 // connections in queue, and those on their way into it
	half     atomic.Int32 // half-open connections
	overflow atomic.Int64 // when the half-open ones were last too many, so that cookies are about; 0: never
	closed   atomic.Bool
	heir     atomic.Pointer[heritage]

	queue []*stream // connections that nobody has taken yet, oldest first; guarded by sock's mu
}

// heritage is what a connection takes over from its listener.
type heritage struct {
	opts     tcp.UserOptions
	snd, rcv int   // buffer limits; 0: the stack's
	linger   int32 // seconds; -1: off
	ttl, tos uint8
}

// ip are the options of the IP packets that answer for the listener.
func (h *heritage) ip() ipOptions { return ipOptions{ttl: h.ttl, tos: h.tos} }

// acceptor is where a new connection goes: a listening socket, or a [Listener] of the MirageOS shape.
type acceptor struct {
	ln  *listener
	app *Listener // nil for a socket
}

// heritage is what the connection is to take over.
func (a acceptor) heritage() *heritage {
	if a.app != nil {
		return a.app.heritage()
	}
	return a.ln.heir.Load()
}

// fail says why there will be no connection, where somebody waits for this one.
func (a acceptor) fail(errno syscall.Errno) {
	if f := a.ln.fwd; f != nil {
		f.end(nil, errno)
	}
}

// give hands a connection over. The caller holds no lock.
func (a acceptor) give(c *stream) {
	if a.app != nil {
		a.ln.queued.Add(-1)
		go a.app.Process(&Flow{c})
		return
	}
	if f := a.ln.fwd; f != nil {
		f.end(c, nil)
		return
	}
	sock := a.ln.sock
	sock.mu.Lock()
	if a.ln.closed.Load() {
		sock.mu.Unlock()
		c.Abort()
		return
	}
	a.ln.queue = append(a.ln.queue, c)
	sock.wakeReader()
	sock.mu.Unlock()
}

// full reports whether the queue holds as many connections as it may: backlog+1, as with Linux.
func (l *listener) full() bool { return l.queued.Load() > l.backlog.Load() }

// reserve takes a place in the queue, and reports whether there was one.
func (l *listener) reserve() bool {
	if l.queued.Add(1) > l.backlog.Load()+1 {
		l.queued.Add(-1)
		return false
	}
	return true
}

// crowded reports whether the listener has as many half-open connections as it may: backlog+1 as well.
func (l *listener) crowded() bool { return l.half.Load() > l.backlog.Load() }

// listenKey is where a listener listens; the address is 0.0.0.0 for all.
type listenKey struct {
	addr addr4
	port uint16
}

// listenTable finds listeners.
type listenTable struct {
	mu sync.RWMutex // the innermost lock
	m  map[listenKey]*listener
}

// lookup finds the listener for a connection to addr and port: one for the very address comes before one for all.
func (t *listenTable) lookup(addr addr4, port uint16) *listener {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if l := t.m[listenKey{addr, port}]; l != nil {
		return l
	}
	return t.m[listenKey{port: port}]
}

func (t *listenTable) add(l *listener) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil {
		t.m = map[listenKey]*listener{}
	}
	t.m[l.key] = l
}

func (t *listenTable) remove(l *listener) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m[l.key] == l {
		delete(t.m, l.key)
	}
}

// all returns the listeners that there are.
func (t *listenTable) all() []*listener {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var ls []*listener
	for _, l := range t.m {
		ls = append(ls, l)
	}
	return ls
}

// maxBacklog is the most that a backlog may be, as Linux's net.core.somaxconn.
const maxBacklog = 4096

// clampBacklog is what is made of listen(2)'s argument: a negative one is taken for a very large one.
func clampBacklog(n int) int32 {
	if n < 0 || n > maxBacklog {
		return maxBacklog
	}
	return int32(n)
}

// Listen implements [Socket].
func (c *stream) Listen(backlog int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed || c.s.tcp.closed.Load():
		return ErrClosed
	case c.phase == listening:
		c.extra.ln.backlog.Store(clampBacklog(backlog))
		return nil
	case c.phase != fresh && c.phase != failed:
		return syscall.EINVAL
	}
	x := c.more()
	x.reuse = true // "SO_REUSEADDR is always on": connections of an earlier listener are no obstacle
	if c.bind == nil {
		b, err := c.s.tcpPorts.bind(c.key.local, 0, true)
		if err != nil {
			return err
		}
		c.bind, c.key.lport = b, b.port
	} else {
		c.s.tcpPorts.setReuse(c.bind, true)
	}
	if err := c.s.tcpPorts.listen(c.bind); err != nil {
		return err
	}
	l := &listener{sock: c, bind: c.bind, key: listenKey{c.key.local, c.key.lport}}
	l.backlog.Store(clampBacklog(backlog))
	x.ln, c.phase = l, listening
	c.bequeath()
	c.s.tcp.listeners.add(l)
	return nil
}

// bequeath tells the listener what connections take over, after an option was set. The caller holds mu.
func (c *stream) bequeath() {
	if c.phase != listening {
		return
	}
	x := c.extra
	x.ln.heir.Store(&heritage{
		opts: c.tcb.Options(), snd: x.snd, rcv: x.rcv, linger: x.linger, ttl: c.ttl, tos: c.tos,
	})
}

// inherit gives a connection that nobody knows yet what its listener's socket had.
func (c *stream) inherit(now tcp.Time, h *heritage) {
	c.ttl, c.tos = h.ttl, h.tos
	c.tcb.SetOptions(now, h.opts)
	if h.linger >= 0 {
		c.more().linger = h.linger
	}
}

// Accept implements [Socket].
func (c *stream) Accept() (Socket, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.wakeReader() // what we leave may be for the next
	for {
		if c.phase == listening && !c.closed && c.rq.expired() {
			return nil, os.ErrDeadlineExceeded
		}
		a, err := c.acceptOne()
		if err != syscall.EAGAIN {
			return a, err
		}
		c.waitReader()
	}
}

// TryAccept implements [Socket].
func (c *stream) TryAccept() (Socket, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acceptOne()
}

// acceptOne takes the oldest connection of the queue. The caller holds mu.
func (c *stream) acceptOne() (Socket, error) {
	switch {
	case c.closed:
		return nil, ErrClosed
	case c.phase != listening:
		return nil, syscall.EINVAL
	}
	l := c.extra.ln
	if len(l.queue) == 0 {
		return nil, syscall.EAGAIN
	}
	a := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	l.queued.Add(-1)
	return a, nil
}

// stopListening takes the listener away, and resets its connections that nobody has taken. The caller holds mu, which
// is released meanwhile: other sockets are dealt with.
func (c *stream) stopListening() {
	l := c.extra.ln
	c.phase = fresh
	l.closed.Store(true)
	c.s.tcp.listeners.remove(l)
	c.s.tcpPorts.release(c.bind)
	c.bind = nil
	queue := l.queue
	l.queue = nil
	c.mu.Unlock()
	for _, a := range queue {
		a.Abort()
	}
	c.s.resetHalfOpen(l)
	c.mu.Lock()
}

package stack

import (
	"context"
	"net/netip"
	"syscall"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/tcp"
)

// extra is what few stream sockets need to know.
type extra struct {
	ln       *listener // of a listening socket
	snd, rcv int       // buffer limits set before there was a connection; 0: the stack's
	linger   int32     // SO_LINGER, seconds; -1: off
	reuse    bool      // SO_REUSEADDR
	foreign  bool      // IP_TRANSPARENT: the local address need not be own
}

// more returns c.extra, made if need be. The caller holds mu.
func (c *stream) more() *extra {
	if c.extra == nil {
		c.extra = &extra{linger: -1}
	}
	return c.extra
}

// newStream makes a stream socket.
func (s *Stack) newStream() Socket { return newStreamOn(s) }

// Bind implements [Socket].
func (c *stream) Bind(local netip.AddrPort) error {
	if a := local.Addr().Unmap(); a.IsValid() && !a.Is4() {
		return syscall.EAFNOSUPPORT
	}
	addr := addrOf(local.Addr())
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case c.bind != nil || c.phase != fresh:
		return syscall.EINVAL
	case !c.s.mayBind(addr, c.extra != nil && c.extra.foreign):
		return syscall.EADDRNOTAVAIL
	}
	b, err := c.s.tcpPorts.bind(addr, local.Port(), c.extra != nil && c.extra.reuse)
	if err != nil {
		return err
	}
	c.bind, c.key.local, c.key.lport = b, addr, b.port
	return nil
}

// mayBind reports whether a socket may have the local address: an own one, 0.0.0.0, or, as on Linux, a multicast or
// broadcast one, from which no TCP connection ever comes; with foreign also another host's.
func (s *Stack) mayBind(a addr4, foreign bool) bool {
	n := s.net.Load()
	return a.unspecified() || n.isOwn(a) || a.multicast() || n.isBroadcast(a) || foreign && n.foreign(a)
}

// Connect implements [Socket].
func (c *stream) Connect(ctx context.Context, remote netip.AddrPort) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.StartConnect(remote); err != syscall.EINPROGRESS {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.phase == connecting && !c.closed && ctx.Err() == nil {
		c.waitWriter(ctx.Done())
	}
	defer c.wakeWriter()
	switch {
	case c.closed:
		return ErrClosed
	case ctx.Err() != nil: // also where the connection was established meanwhile (golang.org/issue/16523)
		c.giveUp(0)
		for c.inTable && !c.closed { // somebody transmits just now, and finds the connection dead when he has done so
			c.watched++
			c.waitByTheWay(nil)
			c.watched--
		}
		return ctx.Err()
	case c.phase == connected:
		return nil
	}
	errno := c.tcb.Err()
	if !c.inTable {
		c.restart() // Linux: the socket is as good as new
	}
	if errno != 0 {
		return errno
	}
	return syscall.ECONNREFUSED
}

// giveUp ends a connection or the attempt at one, so that another can follow. The caller holds mu.
func (c *stream) giveUp(errno syscall.Errno) {
	now := c.s.now()
	c.tcb.Abort(now, errno)
	c.phase = failed
	c.work(now)
}

// StartConnect implements [Socket].
func (c *stream) StartConnect(remote netip.AddrPort) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed || c.s.tcp.closed.Load():
		return ErrClosed
	case c.phase == connecting || c.inTable && c.phase == failed:
		return syscall.EALREADY
	case c.phase == connected || c.phase == listening:
		return syscall.EISCONN
	}
	if c.phase == failed {
		c.restart()
	}
	p, err := c.route(remote)
	if err != nil {
		return err
	}
	after, err := c.claim(&p)
	if err != nil {
		c.key.remote, c.key.rport = addr4{}, 0
		return err
	}
	c.setPath(&p)
	c.phase = connecting
	pr := c.params(&p)
	if after != nil {
		pr.ISS = seq.Max(pr.ISS, *after)
	}
	c.s.count(TCPActiveOpen)
	now := c.s.now()
	c.tcb.Connect(now, pr)
	c.work(now)
	return syscall.EINPROGRESS
}

// restart makes a socket whose connection could not be opened as good as new, but for the options and the address that
// its user has given it. The caller holds mu.
func (c *stream) restart() {
	o := c.tcb.Options()
	c.tcb = tcp.TCB{}
	c.tcb.SetOptions(c.s.now(), o)
	if c.bind != nil && c.bind.kind == bindDial {
		c.s.releasePort(&c.bind)
		c.key = flowKey{}
	}
	c.phase = fresh
}

// route finds the way to remote and notes both addresses. The caller holds mu.
func (c *stream) route(remote netip.AddrPort) (path, error) {
	to := remote.Addr()
	if to.IsUnspecified() {
		to = loopbackAddr
	}
	p, err := c.s.route(c.key.local.netip(), to)
	if err != nil {
		return p, err
	}
	// "MUST reject as an error a local OPEN for an invalid remote IP address" (RFC 9293 3.9.2.3, MUST-46); Linux finds
	// no network there.
	if a := addrOf(to); a.multicast() || c.s.net.Load().isBroadcast(a) {
		return p, syscall.ENETUNREACH
	}
	c.key.remote, c.key.rport = addrOf(to), remote.Port()
	return p, nil
}

// params is what the engine is told when the connection is opened.
func (c *stream) params(p *path) tcp.Params {
	h := heritage{opts: c.tcb.Options()}
	if c.extra != nil {
		h.snd, h.rcv = c.extra.snd, c.extra.rcv
	}
	return c.s.params(c.key, p, &h)
}

// claim takes the four-tuple, with a port that the stack chooses where the socket is not bound, and puts the connection
// into the table. Where it takes the place of one in TIME-WAIT, after is what its sequence numbers are to start from.
// The caller holds mu. EADDRNOTAVAIL where the four-tuple is in use, ENOBUFS where there are too many connections.
func (c *stream) claim(p *path) (after *seq.Num, err error) {
	if !c.s.countConn() {
		return nil, syscall.ENOBUFS
	}
	k := c.key
	k.local = addrOf(p.src)
	var old *timeWait
	if c.bind != nil {
		old, err = c.enter(k, true)
	} else if old, err = c.dial(&k, false); err == syscall.EADDRNOTAVAIL {
		old, err = c.dial(&k, true) // every port has a connection in TIME-WAIT
	}
	if err != nil {
		c.s.tcp.conns.Add(-1)
		return nil, err
	}
	c.s.tcpPorts.rebind(c.bind, k.local)
	c.key = k
	if old == nil {
		return nil, nil
	}
	c.s.releasePort(&old.bind)
	next := old.rec.NextISS()
	return &next, nil
}

// dial has the port table choose the local port, and enters the connection with it; reopen as enter has it.
func (c *stream) dial(k *flowKey, reopen bool) (old *timeWait, err error) {
	reuse := c.extra != nil && c.extra.reuse
	c.bind, err = c.s.tcpPorts.dial(*k, reuse, func(port uint16) bool {
		k.lport = port
		var err error
		old, err = c.enter(*k, reopen)
		return err == nil
	})
	return old, err
}

// enter puts the connection into the table as k. With reopen it may replace an old one in TIME-WAIT, which it returns.
func (c *stream) enter(k flowKey, reopen bool) (old *timeWait, err error) {
	t := &c.s.tcp
	sh := t.shard(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if t.closed.Load() {
		return nil, ErrClosed
	}
	if sh.taken(k) {
		return nil, syscall.EADDRNOTAVAIL
	}
	if old = sh.waits[k]; old != nil {
		if !reopen || !old.reusable(c.s.now()) {
			return nil, syscall.EADDRNOTAVAIL
		}
		c.s.dropTimeWait(sh, old)
	}
	sh.insert(k, c)
	c.inTable = true
	return old, nil
}

// LocalAddr implements [Socket].
func (c *stream) LocalAddr() netip.AddrPort {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.key.lport == 0 {
		return netip.AddrPort{}
	}
	return c.key.localAddr()
}

// RemoteAddr implements [Socket].
func (c *stream) RemoteAddr() netip.AddrPort {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != connected && c.phase != connecting {
		return netip.AddrPort{}
	}
	return c.key.remoteAddr()
}

// Info implements [Socket]. For a listening socket, Unacked is the length of the queue and Sacked its limit, as with
// Linux.
func (c *stream) Info() tcp.Info {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.phase {
	case fresh:
		return tcp.Info{State: tcp.Closed}
	case listening:
		l := c.extra.ln
		return tcp.Info{State: tcp.Listen, Unacked: uint32(len(l.queue)), Sacked: uint32(l.backlog.Load())}
	}
	return c.tcb.Info(c.s.now())
}

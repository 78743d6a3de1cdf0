package stack

import (
	"syscall"
	"time"

	"github.com/gotcp/gotcp/stack/tcp"
)

// Shutdown implements [Socket].
func (c *stream) Shutdown(how int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	rd := how == syscall.SHUT_RD || how == syscall.SHUT_RDWR
	wr := how == syscall.SHUT_WR || how == syscall.SHUT_RDWR
	switch {
	case c.closed:
		return ErrClosed
	case !rd && !wr:
		return syscall.EINVAL
	case c.phase == listening:
		if rd { // Linux: it listens no more
			c.stopListening()
			c.key = flowKey{}
			c.wakeReader()
		}
		return nil
	case c.phase == connecting && c.tcb.State() == tcp.SynSent: // Linux: the attempt ends
		c.giveUp(syscall.ECONNRESET)
		return nil
	case c.phase != connected && c.phase != connecting: // connecting: after SYNs have crossed, the FIN is queued
		return syscall.ENOTCONN
	}
	now := c.s.now()
	var err error
	if rd {
		err = c.tcb.CloseRead(now)
		c.wakeReader()
	}
	if wr && err == nil {
		err = c.tcb.CloseWrite(now)
		c.wakeWriter()
	}
	c.work(now)
	return err
}

// Close implements [Socket].
func (c *stream) Close() error { return c.close(false) }

// Abort implements [Socket].
func (c *stream) Abort() error { return c.close(true) }

func (c *stream) close(abort bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	c.closed = true
	c.s.tcp.open.Add(-1)
	c.rq.stop()
	c.wq.stop()
	c.wakeReader()
	c.wakeWriter()
	switch c.phase {
	case listening:
		c.stopListening()
	case fresh:
	default:
		c.closeConn(abort)
	}
	c.freePort()
	return nil
}

// closeConn ends the connection of a socket whose user has just closed it. What goes on in the background is an orphan:
// it lives in the table until TCP has done with it. The caller holds mu.
func (c *stream) closeConn(abort bool) {
	linger := int32(-1)
	if c.extra != nil {
		linger = c.extra.linger
	}
	if c.inTable && c.s.tcp.orphans.Add(1) > c.s.maxOrphans() {
		abort = true
	}
	now := c.s.now()
	if (abort || linger == 0) && c.inTable {
		c.tcb.Abort(now, 0)
	} else {
		c.tcb.Close(now)
	}
	c.work(now)
	if linger > 0 && !abort && c.phase == connected {
		done, stop := c.s.after(time.Duration(linger) * time.Second)
		c.drain(done)
		stop()
	}
}

// maxOrphans bounds the connections that their users have closed and that are not finished: a peer that never
// acknowledges holds one for as long as we repeat our data. Beyond it, closing means RST, as with Linux's
// tcp_max_orphans.
func (s *Stack) maxOrphans() int64 { return int64(max(1, s.cfg.MaxConns/16)) }

// drained reports whether the peer has acknowledged all that was written, and the FIN if the socket is closed.
func (c *stream) drained() bool {
	if !c.inTable {
		return true
	}
	return c.tcb.Unacked() == 0 && (!c.closed || c.tcb.FinAcked())
}

// drain waits until the connection is drained or done is closed, and reports which it was. The caller holds mu.
func (c *stream) drain(done <-chan struct{}) bool {
	c.watched++
	defer func() { c.watched-- }()
	defer c.wakeWriter()
	for !c.drained() {
		select {
		case <-done:
			return false
		default:
		}
		c.waitByTheWay(done)
	}
	return true
}

// after returns a channel that is closed once d has passed, and what to call when it isn't needed any more.
func (s *Stack) after(d time.Duration) (done <-chan struct{}, stop func()) {
	ch := make(chan struct{})
	t := s.cfg.Clock.AfterFunc(d, func() { close(ch) })
	return ch, func() { t.Stop() }
}

// Open is the number of sockets that are open: made and not closed, connections that wait to be accepted included.
func (s *Stack) Open() int { return int(s.tcp.open.Load()) + s.udp.count() }

// Flush blocks until what was written to streams has been acknowledged, and the FINs of those that are closed; or until
// max has passed. It is for a program that is about to exit, whose connections would end with it.
func (s *Stack) Flush(max time.Duration) {
	done, stop := s.after(max)
	defer stop()
	for _, c := range s.tcp.all() {
		c.mu.Lock()
		now := s.now()
		if c.inTable {
			c.tcb.Push(now)
			c.work(now)
		}
		ok := c.drain(done)
		c.mu.Unlock()
		if !ok {
			return
		}
	}
}

// all returns the connections in the table.
func (t *tcpState) all() []*stream {
	var cs []*stream
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.Lock()
		for _, c := range sh.conns {
			cs = append(cs, c)
		}
		sh.mu.Unlock()
	}
	return cs
}

// closeTCP ends the TCP half of a stack: listeners close, connections are reset, records are dropped.
func (s *Stack) closeTCP() {
	t := &s.tcp
	t.closed.Store(true) // what looks at it under a shard's lock is in the table already, or will not come in
	for _, l := range t.listeners.all() {
		l.sock.Close()
	}
	for _, c := range t.all() {
		if c.Abort() == ErrClosed { // an orphan
			c.mu.Lock()
			now := s.now()
			c.tcb.Abort(now, 0)
			c.work(now)
			c.mu.Unlock()
		}
	}
	t.halfOpen.close()
	t.timeWait.close()
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.Lock()
		sh.half, sh.waits = nil, nil
		sh.mu.Unlock()
	}
}

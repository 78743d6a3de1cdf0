package stack

import (
	"io"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/stack/tcp"
)

// Reading. Each engine call takes what it takes under the socket's lock, and so readers are served one at a time.

// Read implements [Socket].
func (c *stream) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if len(p) > 0 && !c.closed && c.rq.expired() {
			c.wakeReader()
			return 0, os.ErrDeadlineExceeded
		}
		n, err := c.readSome(p, false)
		if err != syscall.EAGAIN {
			c.wakeReader() // what we leave may be for the next reader
			return n, err
		}
		c.waitReader()
	}
}

// TryRead implements [Socket].
func (c *stream) TryRead(p []byte, peek bool) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.readSome(p, peek)
}

// readSome takes what there is. EAGAIN where there is nothing yet. The caller holds mu.
func (c *stream) readSome(p []byte, peek bool) (n int, err error) {
	switch {
	case c.closed:
		return 0, ErrClosed
	case len(p) == 0:
		return 0, nil
	case c.phase == fresh || c.phase == listening:
		return 0, syscall.ENOTCONN
	}
	if peek {
		n, err = c.tcb.Peek(p)
	} else {
		now := c.s.now()
		if n, err = c.tcb.Read(now, p); n > 0 {
			c.work(now) // the window has grown, which the peer may have to be told
		}
	}
	if err == tcp.ErrEOF {
		err = io.EOF
	}
	return n, err
}

// Writing. A write that has to wait for room holds the writers' turn, so that writes do not interleave. There is one
// wait queue for all who wait for the sending side. So who is woken there without being able to go on passes the signal
// to the writer whose turn it is.

// Write implements [Socket].
func (c *stream) Write(p []byte) (int, error) {
	bufs := [1][]byte{p}
	n, err := c.write(bufs[:], false)
	return int(n), err
}

// Writev implements [Socket].
func (c *stream) Writev(bufs [][]byte) (int64, error) { return c.write(bufs, false) }

// write is Writev. With push it also waits until everything has been sent.
func (c *stream) write(bufs [][]byte, push bool) (n int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if err = c.writeError(); err != nil || !c.writing && c.phase != connecting {
			break
		}
		c.waitByTheWay(nil)
	}
	if err == nil {
		c.writing = true
		return c.writeAll(bufs, push)
	}
	c.wakeWriter() // what ends this write may end the next
	return n, err
}

// writeError is why a write cannot go on that the engine doesn't know of.
func (c *stream) writeError() error {
	switch {
	case c.closed:
		return ErrClosed
	case c.wq.expired():
		return os.ErrDeadlineExceeded
	case c.phase == fresh || c.phase == listening:
		return syscall.EPIPE
	}
	return nil
}

// writeAll queues all of bufs, and waits for room where there is none; with push also until it has been sent. The
// caller holds mu and has the turn, which ends when all is queued: what then happens to be transmitted is not a matter
// of this write alone.
func (c *stream) writeAll(bufs [][]byte, push bool) (n int64, err error) {
	var done int // of bufs[0]
	for {
		now := c.s.now()
		var m int
		for err == nil && len(bufs) > 0 {
			if m, err = c.tcb.Write(now, bufs[0][done:]); err == nil {
				n += int64(m)
				if done += m; done == len(bufs[0]) {
					bufs, done = bufs[1:], 0
				}
			}
		}
		if err == nil && push {
			err = c.pushAll(now)
			c.endTurn()
			return n, err
		}
		if err != syscall.EAGAIN {
			c.endTurn()
		}
		c.work(now)
		if err != syscall.EAGAIN {
			return n, err
		}
		// Room may have come while work had the lock released, and the signal for it found nobody waiting.
		for err = c.writeError(); err == nil && c.tcb.Ready()&tcp.Writable == 0; {
			err = c.waitInTurn()
		}
		if err != nil {
			c.endTurn()
			return n, err
		}
	}
}

// endTurn lets the next writer have his turn.
func (c *stream) endTurn() {
	c.writing = false
	c.wakeWriter()
}

// pushAll waits until what was written has been sent. The caller holds mu and has the turn, so that nothing is added.
func (c *stream) pushAll(now tcp.Time) error {
	c.tcb.Push(now)
	c.work(now)
	c.watched++
	defer func() { c.watched-- }()
	for c.tcb.Unsent() > 0 {
		if err := c.writeError(); err != nil {
			return err
		}
		if err := c.waitInTurn(); err != nil {
			return err
		}
	}
	if c.tcb.State() == tcp.Closed { // and what was to be sent is gone
		_, err := c.tcb.Write(now, nil)
		return err
	}
	return nil
}

// TryWrite implements [Socket].
func (c *stream) TryWrite(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return 0, ErrClosed
	case c.phase == fresh || c.phase == listening:
		return 0, syscall.EPIPE
	case c.phase == connecting || c.writing:
		return 0, syscall.EAGAIN
	}
	now := c.s.now()
	n, err := c.tcb.Write(now, p)
	c.work(now)
	return n, err
}

// RecvFrom implements [Socket].
func (c *stream) RecvFrom(p []byte) (n, full int, from netip.AddrPort, err error) {
	n, err = c.Read(p)
	return n, n, netip.AddrPort{}, err
}

// TryRecvFrom implements [Socket].
func (c *stream) TryRecvFrom(p []byte, peek bool) (n, full int, from netip.AddrPort, err error) {
	n, err = c.TryRead(p, peek)
	return n, n, netip.AddrPort{}, err
}

// SendTo implements [Socket]. As on Linux the address is ignored: a stream has its peer.
func (c *stream) SendTo(p []byte, _ netip.AddrPort) (int, error) { return c.Write(p) }

// SetReadDeadline implements [Socket].
func (c *stream) SetReadDeadline(t time.Time) error { return c.setDeadline(&c.rq, t) }

// SetWriteDeadline implements [Socket].
func (c *stream) SetWriteDeadline(t time.Time) error { return c.setDeadline(&c.wq, t) }

func (c *stream) setDeadline(q *waitq, t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	q.setDeadline(c.s.cfg.Clock, &c.mu, t)
	return nil
}

// readable reports whether TryRead or TryAccept would give something else than EAGAIN. The caller holds mu.
func (c *stream) readable() bool {
	switch c.phase {
	case listening:
		return len(c.extra.ln.queue) > 0
	case connecting:
		return false
	case fresh:
		return true
	}
	return c.tcb.Ready()&(tcp.Readable|tcp.Dead) != 0
}

// writable reports whether TryWrite would give something else than EAGAIN. The caller holds mu.
func (c *stream) writable() bool {
	switch c.phase {
	case connecting:
		return false
	case fresh, listening:
		return true
	}
	return !c.writing && c.tcb.Ready()&(tcp.Writable|tcp.Dead) != 0
}

// WaitReadable implements [Socket].
func (c *stream) WaitReadable(block bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.wakeReader()
	for {
		switch {
		case c.closed:
			return ErrClosed
		case c.rq.expired():
			return os.ErrDeadlineExceeded
		case !block || c.readable():
			return nil
		}
		c.waitReader()
	}
}

// WaitWritable implements [Socket].
func (c *stream) WaitWritable(block bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.wakeWriter()
	for {
		switch {
		case c.closed:
			return ErrClosed
		case c.wq.expired():
			return os.ErrDeadlineExceeded
		case !block || c.writable():
			return nil
		}
		c.waitByTheWay(nil)
	}
}

// Ready implements [Socket]. A listening socket is never writable, as with Linux's poll(2).
func (c *stream) Ready() (readable, writable bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return true, true
	}
	return c.readable(), c.phase != listening && c.writable()
}

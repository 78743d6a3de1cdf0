package border

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/plugins/internal/pump"
)

// TCPConn is a TCP connection of a [Network], a dialer.TCPConn with the same additions as netapi's.
type TCPConn struct {
	base

	readers  sync.RWMutex // held for reading by who reads, so that Close knows what was read
	octets   atomic.Uint64
	end      chan struct{} // closed when it is known what the end of the path means, and by Close
	endOnce  sync.Once
	fin      bool // it is the peer's orderly end; these are base's mutex's
	dead     bool
	pending  error // what the connection has died of, for the first call that sees it
	readShut bool
	shut     bool // by CloseWrite
	linger   int
}

func newTCPConn(o origin) *TCPConn {
	return &TCPConn{base: base{origin: o}, end: make(chan struct{}), linger: -1}
}

// died is the host's word of what the connection has died of. Who writes needs to know at once; who reads gets what has
// come before.
func (c *TCPConn) died(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == ErrGone {
		defer c.endOnce.Do(func() { close(c.end) })
	}
	if c.dead || c.closed {
		return
	}
	c.dead, c.pending = true, err
	c.stopWriting()
}

// ended is the host's word of what the end of the path is.
func (c *TCPConn) ended(fin bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endOnce.Do(func() {
		c.fin = fin
		close(c.end)
	})
}

// reasonOnce is what the connection died of, for the first call that sees it. ErrGone is for all. The caller holds the
// mutex.
func (c *TCPConn) reasonOnce() error {
	err := c.pending
	if err != ErrGone {
		c.pending = nil
	}
	return err
}

// Read reads what has arrived, at least one octet. At the end of the stream it gives io.EOF.
func (c *TCPConn) Read(b []byte) (int, error) {
	n, err := c.read(b)
	if err != nil && err != io.EOF {
		err = c.opError("read", dress("read", err))
	}
	return n, err
}

// read is Read with bare errors.
func (c *TCPConn) read(b []byte) (n int, err error) {
	shut, err := c.beginRead(len(b) == 0)
	if err != nil {
		return 0, err
	}
	switch {
	case len(b) == 0:
	case shut:
		n, err = c.p.tryRead(b)
	default:
		n, err = c.p.Read(b)
	}
	return n, c.endRead(n, err)
}

// beginRead says why a read cannot begin, else whether it may wait for octets. A read of nothing looks at no deadline.
func (c *TCPConn) beginRead(nothing bool) (shut bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return false, net.ErrClosed
	case nothing:
	case expired(c.rdl):
		return false, os.ErrDeadlineExceeded
	}
	c.readers.RLock() // who waits for it has closed is true, and Close takes it without the mutex
	return c.readShut, nil
}

// endRead follows each beginRead that had no error: it says what an error of the path means.
func (c *TCPConn) endRead(n int, err error) error {
	c.octets.Add(uint64(n))
	c.readers.RUnlock()
	if n > 0 || err == nil {
		return nil
	}
	stopped := err == os.ErrDeadlineExceeded || err == net.ErrClosed || err == syscall.EAGAIN
	if !stopped {
		<-c.end // the message that says what it is has been sent before the end
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return net.ErrClosed
	case stopped && !c.readShut:
		return os.ErrDeadlineExceeded
	case c.fin || c.pending == nil || c.pending == syscall.EPIPE: // which is for writers
		return io.EOF
	}
	return c.reasonOnce()
}

// Write writes all of b, or says how much was taken and why not more. Concurrent writes don't interleave.
func (c *TCPConn) Write(b []byte) (int, error) {
	n, err := c.write(b)
	if err != nil {
		err = c.opError("write", dress("write", err))
	}
	return n, err
}

// write is Write with bare errors.
func (c *TCPConn) write(b []byte) (int, error) {
	c.mu.Lock()
	err := c.writeState()
	c.mu.Unlock()
	if err != nil || len(b) == 0 {
		return 0, err
	}
	n, err := c.p.Write(b)
	if err == nil {
		return n, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	state := c.writeState()
	if state == nil && err != os.ErrDeadlineExceeded && err != net.ErrClosed {
		c.mu.Unlock()
		<-c.end // the path's other end has gone, and with it the host
		c.mu.Lock()
		state = c.writeState()
	}
	if state == nil {
		state = os.ErrDeadlineExceeded // which has been moved since
	}
	return n, state
}

// writeState says why nothing can be written. The caller holds the mutex.
func (c *TCPConn) writeState() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case expired(c.wdl):
		return os.ErrDeadlineExceeded
	case c.pending != nil:
		return c.reasonOnce()
	case c.dead || c.shut:
		return syscall.EPIPE
	}
	return nil
}

// WriteBuffers writes all of v and consumes it, as v.WriteTo does, but as one write that no other can come between.
func (c *TCPConn) WriteBuffers(v *net.Buffers) (int64, error) {
	size := 0
	for _, b := range *v {
		size += len(b)
	}
	joined := make([]byte, 0, size)
	for _, b := range *v {
		joined = append(joined, b...)
	}
	n, err := c.write(joined)
	left := n
	for len(*v) > 0 && left >= len((*v)[0]) {
		left -= len((*v)[0])
		(*v)[0] = nil
		*v = (*v)[1:]
	}
	if left > 0 {
		(*v)[0] = (*v)[0][left:]
	}
	if err != nil {
		err = c.opError("writev", dress("writev", err)) // as package net names it
	}
	return int64(n), err
}

// writerOnly hides ReadFrom from io.Copy.
type writerOnly struct{ io.Writer }

// ReadFrom writes what r gives until io.EOF.
func (c *TCPConn) ReadFrom(r io.Reader) (int64, error) {
	buf := pump.Get()
	n, err := io.CopyBuffer(writerOnly{c}, r, buf[:])
	pump.Put(buf)
	if err != nil {
		err = c.opError("readfrom", err)
	}
	return n, err
}

// WriteTo writes to w what arrives until the peer ends its stream. It holds no buffer while it waits for data.
func (c *TCPConn) WriteTo(w io.Writer) (total int64, err error) {
	for {
		b, n, err := c.next()
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, c.opError("writeto", c.opError("read", dress("read", err)))
		}
		m, err := w.Write(b[:n])
		pump.Put(b)
		total += int64(m)
		if err == nil && m < n {
			err = io.ErrShortWrite
		}
		if err != nil {
			return total, c.opError("writeto", err)
		}
	}
}

// next is read into a buffer of the pool.
func (c *TCPConn) next() (b *pump.Buffer, n int, err error) {
	shut, err := c.beginRead(false)
	if err != nil {
		return nil, 0, err
	}
	if !shut {
		b, n, err = c.p.next()
		return b, n, c.endRead(n, err)
	}
	b = pump.Get()
	n, err = c.p.tryRead(b[:])
	if err = c.endRead(n, err); err != nil {
		pump.Put(b)
	}
	return b, n, err
}

var _ dialer.TCPConn = (*TCPConn)(nil)

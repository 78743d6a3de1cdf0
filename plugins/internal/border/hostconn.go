package border

import (
	"encoding/json"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/plugins/internal/pump"
	"github.com/gotcp/gotcp/stack/tcp"
)

// hostConn is a TCP connection that the plugin has. Two goroutines pump between the network's connection and the data
// path: down to the plugin, and up to the peer.
//
// What the connection dies of is told once, by whichever call on it is the first to see it; later ones give io.EOF or
// EPIPE. So that a later one is not taken for the first, reading is held but while octets are written to the plugin,
// and writing is held during a write to the peer.
type hostConn struct {
	h  *Host
	id uint64
	c  dialer.TCPConn
	p  pipe

	reading  sync.Mutex
	writing  sync.Mutex // taken before reading where both are
	got, put atomic.Uint64

	mu      sync.Mutex
	dead    error    // what c died of
	shutUp  bool     // the plugin's stream has ended
	last    *closing // the plugin's word, where it has closed the connection
	lingers int      // SetLinger's

	shut, closed chan struct{} // closed when the plugin has told of CloseWrite and Close; closed also by abandon
	upDone       chan struct{}
	unread       bool // the plugin has gone without reading what it had; to be looked at after upDone
}

// openTCP gives the plugin a connection by a message. The caller has claimed its place. With an error c is still the
// caller's.
func (h *Host) openTCP(c dialer.TCPConn, tell func(id uint64) message) error {
	p, far, err := h.carrier.pair(false)
	if err != nil {
		return err
	}
	hc := &hostConn{
		h: h, c: c, p: p, lingers: -1,
		shut: make(chan struct{}), closed: make(chan struct{}), upDone: make(chan struct{}),
	}
	if !h.add(hc, &hc.id) {
		p.Close()
		far.Close()
		return errOver
	}
	h.send(tell(hc.id), far)
	go hc.up()
	go hc.run()
	return nil
}

// run pumps down to the plugin, and after that waits for the connection's end.
func (c *hostConn) run() {
	defer c.h.gone()
	c.down()
	<-c.closed
	c.finish()
	c.p.Close()
	<-c.upDone
	c.h.remove(c.id)
	<-c.h.conns
}

// down pumps until the peer's stream has ended, and tells the plugin how.
func (c *hostConn) down() {
	c.reading.Lock()
	_, err, pipeErr := pump.Copy(c, pump.Source(c.c))
	if pipeErr != nil || c.isClosed() {
		c.reading.Unlock()
		return // nobody wants to know
	}
	if err != nil {
		c.died(err)
	}
	c.reading.Unlock()
	if optionsOf(c.c).Info().State == tcp.Closed {
		// A write has seen the reset, perhaps, and hasn't told yet: the connection being dead it ends at once.
		c.writing.Lock()
		c.writing.Unlock() //lint:ignore SA2001 only waiting
	}
	c.mu.Lock()
	dead := c.dead
	c.mu.Unlock()
	// A reset that finds the peer's stream at its end is EPIPE (RFC 9293 3.10.7.4 in CLOSE-WAIT, as Linux has it).
	c.h.send(&ended{id: c.id, fin: dead == nil || dead == syscall.EPIPE}, nil)
	c.p.closeWrite()
}

// Write hands what the peer has sent to the plugin. It is called with reading held.
func (c *hostConn) Write(b []byte) (int, error) {
	c.got.Add(uint64(len(b)))
	c.reading.Unlock()
	defer c.reading.Lock()
	n, err := c.p.Write(b)
	c.put.Add(uint64(n))
	return n, err
}

// up pumps what the plugin writes until the end of its stream.
func (c *hostConn) up() {
	defer close(c.upDone)
	for {
		b, n, err := c.p.next()
		if err != nil {
			c.unread = err == syscall.ECONNRESET
			if timeoutNow(err) {
				return // the connection is dead, or reset
			}
			break
		}
		err = c.write(b[:n])
		pump.Put(b)
		if err != nil {
			return
		}
	}
	select {
	case <-c.closed: // Close follows, which knows better
	case <-c.shut:
		c.mu.Lock()
		c.shutUp = true
		c.mu.Unlock()
		c.c.CloseWrite() // whose error says that the connection is dead, which reads and writes say themselves
	}
}

// write writes to the peer.
func (c *hostConn) write(b []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := c.c.Write(b)
	if err == nil || c.isAborted() {
		return err
	}
	if errors.Is(err, syscall.EPIPE) {
		// The connection is dead. A read that is under way may have the reason.
		c.reading.Lock()
		defer c.reading.Unlock()
	}
	c.died(err)
	return err
}

// died tells the plugin what the connection has died of, if it hasn't been told.
func (c *hostConn) died(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead != nil {
		return
	}
	c.dead = reason(err)
	c.h.send(&died{c.id, c.dead}, nil)
	c.p.SetReadDeadline(past) // what the plugin writes has nowhere to go
}

// markShut notes that the plugin has ended its stream.
func (c *hostConn) markShut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !isDone(c.shut) {
		close(c.shut)
	}
}

// close notes that the plugin has closed the connection, and has the way down end.
func (c *hostConn) close(m *closing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if isDone(c.closed) {
		if m != nil && m.req != 0 {
			c.h.reply(m.req, nil, syscall.EBADF)
		}
		return
	}
	c.last = m
	close(c.closed)
	c.c.SetReadDeadline(past)
	c.p.SetWriteDeadline(past)
}

// abandon closes the connection of a plugin that has gone.
func (c *hostConn) abandon() { c.close(nil) }

func (c *hostConn) isClosed() bool { return isDone(c.closed) }

// isAborted reports whether the connection has been reset by its end here.
func (c *hostConn) isAborted() bool { return isDone(c.h.killed) && c.isClosed() }

func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// finish closes the connection as a kernel closes a process's: with a reset where octets that had come were not read,
// or where that was asked for, else after what was written has been handed to the network.
func (c *hostConn) finish() {
	c.mu.Lock()
	m, linger := c.last, c.lingers
	c.mu.Unlock()
	if m != nil && m.req != 0 {
		answer := sync.OnceFunc(func() { c.h.reply(m.req, nil, nil) })
		// Close waits for delivery so long and no longer, but delivery goes on.
		defer time.AfterFunc(time.Duration(linger)*time.Second, answer).Stop()
		defer answer()
	}
	drop := linger == 0 || m != nil && (m.reset || c.got.Load() > m.read)
	if !drop {
		select {
		case <-c.upDone:
			drop = m == nil && (c.unread || c.got.Load() > c.put.Load() || isDone(c.h.killed))
		case <-c.h.killed:
			drop = true
		}
	}
	switch {
	case drop:
		pump.Reset(c.c)
	case linger <= 0:
		c.c.Close()
	default:
		closed := make(chan struct{})
		go func() { // ends after the time that SetLinger has given
			c.c.Close()
			close(closed)
		}()
		select {
		case <-closed:
		case <-c.h.ctx.Done(): // a plugin that has gone waits for nothing
		}
	}
	c.p.SetReadDeadline(past) // has the way up end, if it hasn't
}

// call is a method of the plugin's connection.
func (c *hostConn) call(m *call) ([]byte, error) {
	switch m.op {
	case opInfo:
		return json.Marshal(c.info())
	case opCloseRead:
		return nil, c.c.CloseRead()
	case opCloseWrite:
		<-c.upDone // the stream's end has to be the network's first
		return nil, c.c.CloseWrite()
	case opLinger:
		err := c.c.SetLinger(int(m.arg))
		if err == nil {
			c.mu.Lock()
			c.lingers = int(min(m.arg, math.MaxInt32))
			c.mu.Unlock()
		}
		return nil, err
	}
	return option(c.c, m)
}

// info is the connection's tcp_info. What the plugin is told of its octets and its state is what has happened at its
// own end: octets that are received are in its data path, and a connection that is closed has told the reason.
func (c *hostConn) info() tcp.Info {
	i := optionsOf(c.c).Info()
	if i.State == tcp.Closed {
		c.probe()
	}
	i.BytesReceived = min(i.BytesReceived, c.put.Load())
	return i
}

// probe finds out what a connection that is closed has died of, by a write of nothing.
func (c *hostConn) probe() {
	c.mu.Lock()
	skip := c.dead != nil || c.shutUp
	c.mu.Unlock()
	if !skip && !c.isClosed() {
		c.write(nil)
	}
}

package border

import (
	"encoding/json"
	"net"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/stack/tcp"
)

// CloseRead has Read give io.EOF once what has arrived is read. Nothing is said to the peer.
func (c *TCPConn) CloseRead() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err, decided := c.canShut(c.shut, opCloseRead); decided {
		return err
	}
	c.readShut = true
	c.stopReading()
	return nil
}

// CloseWrite ends the stream to the peer, which can go on sending: a half-close.
func (c *TCPConn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err, decided := c.canShut(c.shut, opCloseWrite); decided || c.shut {
		return err
	}
	c.shut = true
	c.stopWriting()
	if err := c.n.send(&shut{c.id}); err == nil {
		c.p.closeWrite()
	}
	return nil
}

// canShut says how a shutdown ends that isn't for the path. Where both streams have ended it depends on the
// connection's state, which the host knows. The caller holds the mutex, which is released while the host is asked.
func (c *TCPConn) canShut(upEnded bool, o op) (err error, decided bool) {
	switch {
	case c.closed:
		err = net.ErrClosed
	case c.dead:
		err = dress("shutdown", syscall.ENOTCONN)
	case upEnded && c.fin:
		c.mu.Unlock()
		_, err = c.ask(&call{op: o})
		c.mu.Lock()
		if isDressed(err) {
			return err, true
		}
	default:
		return nil, false
	}
	return c.opError("close", err), true
}

// Close closes the connection: calls that are blocked in it return net.ErrClosed. What was written is still delivered,
// unless SetLinger says otherwise; where received data was not read the peer gets a reset.
func (c *TCPConn) Close() error { return c.close(false) }

func (c *TCPConn) close(reset bool) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return c.opError("close", net.ErrClosed)
	}
	c.closed = true
	linger := c.linger
	c.stopReading()
	c.stopWriting()
	c.endOnce.Do(func() { close(c.end) })
	c.mu.Unlock()

	c.readers.Lock() // all that has been read is counted
	m := &closing{id: c.id, read: c.octets.Load(), reset: reset}
	c.readers.Unlock()
	c.p.Close()
	c.n.forget(c.id)
	if linger <= 0 {
		c.n.send(m) // where that fails the host has gone, and its connection with it
		return nil
	}
	if r, err := c.n.begin("", m, func(req uint64) { m.req = req }); err == nil {
		<-r.answer
	}
	return nil
}

// SetLinger says what Close does with data that is still to be delivered: sec < 0 (the default) delivers it in the
// background, 0 drops it and resets the connection, sec > 0 has Close wait for delivery for so many seconds.
func (c *TCPConn) SetLinger(sec int) error {
	err := c.set(&call{op: opLinger, arg: int64(sec)})
	if err == nil {
		c.mu.Lock()
		c.linger = sec
		c.mu.Unlock()
	}
	return err
}

// SetNoDelay switches Nagle's algorithm off (true, the default) or on.
func (c *TCPConn) SetNoDelay(noDelay bool) error {
	return c.set(&call{op: opNoDelay, arg: boolint(noDelay)})
}

// SetKeepAlive switches keep-alive probes on or off.
func (c *TCPConn) SetKeepAlive(keepalive bool) error {
	return c.set(&call{op: opKeepAlive, arg: boolint(keepalive)})
}

// SetKeepAlivePeriod sets how long a connection is idle before the first probe: 0 is 15 seconds, negative leaves it. It
// doesn't switch the probes on.
func (c *TCPConn) SetKeepAlivePeriod(d time.Duration) error {
	return c.set(&call{op: opKeepAlivePeriod, arg: int64(d)})
}

// SetKeepAliveConfig switches keep-alive on or off and sets its times. A field that is zero means the default (15
// seconds, 15 seconds, 9 probes), a negative one leaves what there is.
func (c *TCPConn) SetKeepAliveConfig(config net.KeepAliveConfig) error {
	return c.set(&call{op: opKeepAliveConfig, config: config})
}

// SetUserTimeout limits how long written data may stay unacknowledged: see netapi's TCPConn.
func (c *TCPConn) SetUserTimeout(d time.Duration) error {
	return c.set(&call{op: opUserTimeout, arg: int64(d)})
}

// SetCongestionControl chooses by name what governs the congestion window (Linux's TCP_CONGESTION).
func (c *TCPConn) SetCongestionControl(name string) error {
	return c.set(&call{op: opCongestionControl, text: name})
}

// CongestionControl is the name of what governs the congestion window.
func (c *TCPConn) CongestionControl() string { return c.Info().CongestionControl }

// MultipathTCP reports whether the connection uses Multipath TCP.
func (c *TCPConn) MultipathTCP() (bool, error) {
	v, err := c.ask(&call{op: opMultipath})
	return len(v) > 0, err
}

// Info is Linux's tcp_info of the connection, as far as it applies: of the connection in the network, but that octets
// count as received when they have crossed the border. The zero Info after Close.
func (c *TCPConn) Info() (i tcp.Info) {
	v, err := c.ask(&call{op: opInfo})
	if err == nil {
		json.Unmarshal(v, &i) // which is the host's
	}
	return i
}

func boolint(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

package stack

import (
	"syscall"

	"github.com/gotcp/gotcp/stack/tcp"
)

// TCP_CONGESTION, whose value is a string.

// SetCongestion implements [Socket].
func (c *stream) SetCongestion(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	if name == "" {
		return syscall.EINVAL
	}
	if name == c.s.cfg.TCP.CongestionName() { // perhaps one that only the stack's Config knows
		name = ""
	} else if _, ok := tcp.Congestion(name); !ok {
		return syscall.ENOENT
	}
	err := c.setOptions(func(o *tcp.UserOptions) { o.Congestion = name })
	c.bequeath()
	return err
}

// Congestion implements [Socket].
func (c *stream) Congestion() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if name := c.tcb.Options().Congestion; name != "" {
		return name
	}
	return c.s.cfg.TCP.CongestionName()
}

// SetCongestion implements [Socket]: a datagram socket has no such option.
func (d *udpSocket) SetCongestion(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	return syscall.ENOPROTOOPT
}

// Congestion implements [Socket].
func (d *udpSocket) Congestion() string { return "" }

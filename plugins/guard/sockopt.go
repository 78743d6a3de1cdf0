package guard

import (
	"time"

	"github.com/gotcp/gotcp/plugins/internal/sockopt"
)

// This file has what a stack's connections offer beyond package net's.

func (c *tcpConn) options() sockopt.Conn { return sockopt.Conn{Conn: c.TCPConn, OpError: c.f.opError} }

// SetUserTimeout limits how long written data may stay unacknowledged: see netapi's TCPConn.
func (c *tcpConn) SetUserTimeout(d time.Duration) error { return c.options().SetUserTimeout(d) }

// SetCongestionControl chooses what governs the congestion window, by name.
func (c *tcpConn) SetCongestionControl(name string) error {
	return c.options().SetCongestionControl(name)
}

// CongestionControl is the name of what governs the congestion window; "" where the inner connection doesn't say.
func (c *tcpConn) CongestionControl() string { return c.options().CongestionControl() }

// GetsockoptInt gets an option of the connection by Linux's numbers.
func (c *tcpConn) GetsockoptInt(level, opt int) (int, error) {
	return c.options().GetsockoptInt(level, opt)
}

// GetsockoptInt gets an option of the socket by Linux's numbers.
func (c *udpConn) GetsockoptInt(level, opt int) (int, error) {
	return sockopt.Conn{Conn: c.UDPConn, OpError: c.f.opError}.GetsockoptInt(level, opt)
}

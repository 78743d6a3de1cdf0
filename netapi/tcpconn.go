package netapi

import (
	"io"
	"math"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/netapi/likenet"
	"github.com/gotcp/gotcp/stack/tcp"
)

// TCPConn is a TCP connection of a stack, with the methods of a *net.TCPConn. It has no file descriptor, hence no File
// and no SyscallConn: libraries that ask for them take the way they take for any other net.Conn.
type TCPConn struct{ conn }

// CloseRead has Read give io.EOF once what has arrived is read. Nothing is said to the peer.
func (c *TCPConn) CloseRead() error { return c.shutdown(syscall.SHUT_RD) }

// CloseWrite ends the stream to the peer, which can go on sending: a half-close.
func (c *TCPConn) CloseWrite() error { return c.shutdown(syscall.SHUT_WR) }

func (c *TCPConn) shutdown(how int) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	if err := c.s.Shutdown(how); err != nil {
		return c.opError("close", wrap("shutdown", err))
	}
	return nil
}

// SetLinger says what Close does with data that is still to be delivered: sec < 0 (the default) delivers it in the
// background, 0 drops it and resets the connection, sec > 0 has Close wait for delivery for so many seconds.
func (c *TCPConn) SetLinger(sec int) error {
	return c.setOpt(syscall.SOL_SOCKET, syscall.SO_LINGER, max(sec, -1))
}

// SetNoDelay switches Nagle's algorithm off (true, the default) or on. Off means that small writes leave at once.
func (c *TCPConn) SetNoDelay(noDelay bool) error {
	return c.setOpt(syscall.IPPROTO_TCP, syscall.TCP_NODELAY, boolint(noDelay))
}

// SetKeepAlive switches keep-alive probes on or off.
func (c *TCPConn) SetKeepAlive(keepalive bool) error {
	return c.setOpt(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, boolint(keepalive))
}

// SetKeepAlivePeriod sets how long a connection is idle before the first probe: 0 is 15 seconds, negative leaves it. It
// doesn't switch the probes on.
func (c *TCPConn) SetKeepAlivePeriod(d time.Duration) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	if err := setKeepIdle(c.s, d); err != nil {
		return c.opError("set", wrap("setsockopt", err))
	}
	return nil
}

// SetKeepAliveConfig switches keep-alive on or off and sets its times. A field that is zero means the default (15
// seconds, 15 seconds, 9 probes), a negative one leaves what there is.
func (c *TCPConn) SetKeepAliveConfig(config net.KeepAliveConfig) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	if err := setKeepAlive(c.s, config); err != nil {
		return c.opError("set", wrap("setsockopt", err))
	}
	return nil
}

// tcpUserTimeout is Linux's TCP_USER_TIMEOUT, for which package syscall has no name.
const tcpUserTimeout = 18

// SetUserTimeout limits how long written data may stay unacknowledged, and keep-alive probes unanswered, before the
// connection is given up with ETIMEDOUT (RFC 9293 3.8.3; Linux's TCP_USER_TIMEOUT): 0 means as long as retransmission
// goes on, a negative d is EINVAL. d is rounded up to milliseconds. *net.TCPConn has no such method.
func (c *TCPConn) SetUserTimeout(d time.Duration) error {
	ms := -1
	if d >= 0 {
		d = min(d, math.MaxInt32*time.Millisecond)
		ms = int((d + time.Millisecond - 1) / time.Millisecond)
	}
	return c.setOpt(syscall.IPPROTO_TCP, tcpUserTimeout, ms)
}

// SetCongestionControl chooses by name what governs the congestion window, "reno" or "cubic" (Linux's TCP_CONGESTION): at
// any time, and for this connection only. Another name is ENOENT. *net.TCPConn has no such method.
func (c *TCPConn) SetCongestionControl(name string) error {
	if !c.ok() {
		return syscall.EINVAL
	}
	if err := c.s.SetCongestion(name); err != nil {
		return c.opError("set", wrap("setsockopt", err))
	}
	return nil
}

// CongestionControl is the name of what governs the congestion window.
func (c *TCPConn) CongestionControl() string {
	if !c.ok() {
		return ""
	}
	return c.s.Congestion()
}

// MultipathTCP reports false: a stack has no Multipath TCP.
func (c *TCPConn) MultipathTCP() (bool, error) {
	if !c.ok() {
		return false, syscall.EINVAL
	}
	return false, nil
}

// Info is Linux's tcp_info of the connection, as far as it applies. *net.TCPConn has no such method.
func (c *TCPConn) Info() tcp.Info {
	if !c.ok() {
		return tcp.Info{}
	}
	return c.s.Info()
}

// WriteBuffers writes all of v and consumes it, as v.WriteTo does, but as one write that no other can come between.
// (net.Buffers knows only package net's own connections to be capable of that.)
func (c *TCPConn) WriteBuffers(v *net.Buffers) (int64, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	n, err := c.s.Writev(*v)
	likenet.Consume(v, n)
	if err != nil {
		err = c.opError("writev", wrap("writev", err))
	}
	return n, err
}

// copyBufs are the buffers of ReadFrom and WriteTo.
var copyBufs = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// writerOnly hides ReadFrom from io.Copy.
type writerOnly struct{ io.Writer }

// ReadFrom writes what r gives until io.EOF.
func (c *TCPConn) ReadFrom(r io.Reader) (int64, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	buf := copyBufs.Get().(*[64 << 10]byte)
	n, err := io.CopyBuffer(writerOnly{c}, r, buf[:])
	copyBufs.Put(buf)
	if err != nil {
		err = c.opError("readfrom", err)
	}
	return n, err
}

// WriteTo writes to w what arrives until the peer ends its stream. It holds no buffer while it waits for data.
func (c *TCPConn) WriteTo(w io.Writer) (int64, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	var total int64
	for {
		n, err := c.writeSome(w)
		total += int64(n)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, c.opError("writeto", err)
		}
	}
}

// writeSome moves one bufferful to w.
func (c *TCPConn) writeSome(w io.Writer) (int, error) {
	if err := c.s.WaitReadable(true); err != nil {
		return 0, c.opError("read", wrap("read", err))
	}
	buf := copyBufs.Get().(*[64 << 10]byte)
	defer copyBufs.Put(buf)
	n, rerr := c.Read(buf[:])
	if n == 0 {
		return 0, rerr
	}
	m, werr := w.Write(buf[:n])
	switch {
	case werr != nil:
		return m, werr
	case m != n:
		return m, io.ErrShortWrite
	}
	return m, rerr
}

func boolint(b bool) int {
	if b {
		return 1
	}
	return 0
}

package stack

import (
	"math"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/stack/tcp"
)

// Options of stream sockets, by Linux's numbers and with its limits. Those that package syscall has no name for:
const (
	tcpUserTimeout = 18 // TCP_USER_TIMEOUT, milliseconds

	maxKeepIdle  = 32767 // MAX_TCP_KEEPIDLE, seconds; also of the interval
	maxKeepCount = 127   // MAX_TCP_KEEPCNT
	maxSynCount  = 127   // MAX_TCP_SYNCNT
	minMaxSeg    = 88    // TCP_MIN_MSS
	maxMaxSeg    = 32767 // MAX_TCP_WINDOW
	maxLinger2   = 120   // seconds: TCP_FIN_TIMEOUT_MAX
	minRcvBuf    = 2304  // SOCK_MIN_RCVBUF, in the units that SO_RCVBUF gives back
	minSndBuf    = 4608  // SOCK_MIN_SNDBUF
	defaultMSS   = 536   // RFC 9293 3.7.1
)

// SetOpt implements [Socket].
func (c *stream) SetOpt(level, name, value int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	err := error(syscall.ENOPROTOOPT)
	switch level {
	case syscall.SOL_SOCKET:
		err = c.setSocketOpt(name, value)
	case syscall.IPPROTO_TCP:
		err = c.setTCPOpt(name, value)
	case syscall.IPPROTO_IP:
		err = c.setIPOpt(name, value)
	}
	if err == nil {
		c.bequeath()
	}
	return err
}

// Opt implements [Socket].
func (c *stream) Opt(level, name int) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, ErrClosed
	}
	switch level {
	case syscall.SOL_SOCKET:
		return c.socketOpt(name)
	case syscall.IPPROTO_TCP:
		return c.tcpOpt(name)
	case syscall.IPPROTO_IP:
		return c.ipOpt(name)
	}
	return 0, syscall.ENOPROTOOPT
}

// setOptions changes the engine's options. The caller holds mu.
func (c *stream) setOptions(change func(o *tcp.UserOptions)) error {
	now := c.s.now()
	o := c.tcb.Options()
	change(&o)
	c.tcb.SetOptions(now, o)
	c.work(now)
	return nil
}

func (c *stream) setSocketOpt(name, value int) error {
	switch name {
	case syscall.SO_KEEPALIVE:
		return c.setOptions(func(o *tcp.UserOptions) { o.KeepAlive = value != 0 })
	case syscall.SO_OOBINLINE:
		if value == 0 { // urgent data always stays in the stream, as RFC 6093 says
			return syscall.EINVAL
		}
	case syscall.SO_LINGER:
		c.more().linger = int32(max(-1, min(value, math.MaxInt32/2)))
	case syscall.SO_REUSEADDR:
		c.more().reuse = value != 0
		if c.bind != nil {
			c.s.tcpPorts.setReuse(c.bind, value != 0)
		}
	case syscall.SO_RCVBUF:
		c.setBuffers(0, bufferSize(value, minRcvBuf, c.s.cfg.TCP.RcvBufMax))
	case syscall.SO_SNDBUF:
		c.setBuffers(bufferSize(value, minSndBuf, maxSndBuf), 0)
	default:
		return syscall.ENOPROTOOPT
	}
	return nil
}

// maxSndBuf is the most that SO_SNDBUF may ask for, octets.
const maxSndBuf = 64 << 20

// bufferSize is the limit in octets that SO_RCVBUF or SO_SNDBUF asks for. Linux takes a negative value for a very large
// one, doubles what it is given, to have room for its own overhead, and says the double when it is asked. Ours holds
// what was asked for and says the double, so that who compares the two is content.
func bufferSize(value, least, most int) int {
	if value < 0 {
		value = most
	}
	return max(least/2, min(value, most))
}

func (c *stream) setBuffers(snd, rcv int) {
	if c.phase == connecting || c.phase == connected {
		now := c.s.now()
		c.tcb.SetBuffers(now, snd, rcv)
		c.work(now)
		return
	}
	x := c.more()
	if snd > 0 {
		x.snd = snd
	}
	if rcv > 0 {
		x.rcv = rcv
	}
}

// buffers are the limits in octets.
func (c *stream) buffers() (snd, rcv int) {
	if c.phase == connecting || c.phase == connected {
		return c.tcb.Buffers()
	}
	snd, rcv = c.s.cfg.SndBuf, c.s.cfg.RcvBuf
	if x := c.extra; x != nil && x.snd > 0 {
		snd = x.snd
	}
	if x := c.extra; x != nil && x.rcv > 0 {
		rcv = x.rcv
	}
	return snd, rcv
}

func (c *stream) socketOpt(name int) (int, error) {
	o := c.tcb.Options()
	switch name {
	case syscall.SO_ERROR:
		if c.phase == fresh || c.phase == listening {
			return 0, nil
		}
		return int(c.tcb.Err()), nil
	case syscall.SO_TYPE:
		return syscall.SOCK_STREAM, nil
	case soProtocol:
		return syscall.IPPROTO_TCP, nil
	case soDomain:
		return syscall.AF_INET, nil
	case syscall.SO_ACCEPTCONN:
		return flag(c.phase == listening), nil
	case syscall.SO_KEEPALIVE:
		return flag(o.KeepAlive), nil
	case syscall.SO_OOBINLINE:
		return 1, nil
	case syscall.SO_LINGER:
		if c.extra == nil {
			return -1, nil
		}
		return int(c.extra.linger), nil
	case syscall.SO_REUSEADDR:
		accepted := c.bind != nil && c.bind.kind == bindConn // from a listener, which has it always
		return flag(accepted || c.extra != nil && c.extra.reuse), nil
	case syscall.SO_RCVBUF:
		_, rcv := c.buffers()
		return 2 * rcv, nil
	case syscall.SO_SNDBUF:
		snd, _ := c.buffers()
		return 2 * snd, nil
	}
	return 0, syscall.ENOPROTOOPT
}

func (c *stream) setTCPOpt(name, value int) error {
	between := func(lo, hi int) bool { return lo <= value && value <= hi }
	seconds := time.Duration(value) * time.Second
	switch name {
	case syscall.TCP_NODELAY:
		return c.setOptions(func(o *tcp.UserOptions) { o.NoDelay = value != 0 })
	case syscall.TCP_CORK:
		return c.setOptions(func(o *tcp.UserOptions) { o.Cork = value != 0 })
	case syscall.TCP_QUICKACK:
		return c.setOptions(func(o *tcp.UserOptions) { o.NoQuickAck = value == 0 })
	case syscall.TCP_KEEPIDLE:
		if between(1, maxKeepIdle) {
			return c.setOptions(func(o *tcp.UserOptions) { o.KeepIdle = seconds })
		}
	case syscall.TCP_KEEPINTVL:
		if between(1, maxKeepIdle) {
			return c.setOptions(func(o *tcp.UserOptions) { o.KeepInterval = seconds })
		}
	case syscall.TCP_KEEPCNT:
		if between(1, maxKeepCount) {
			return c.setOptions(func(o *tcp.UserOptions) { o.KeepCount = value })
		}
	case tcpUserTimeout:
		if value >= 0 {
			timeout := time.Duration(value) * time.Millisecond
			return c.setOptions(func(o *tcp.UserOptions) { o.UserTimeout = timeout })
		}
	case syscall.TCP_MAXSEG:
		if value == 0 || between(minMaxSeg, maxMaxSeg) {
			return c.setOptions(func(o *tcp.UserOptions) { o.MaxSeg = value })
		}
	case syscall.TCP_SYNCNT:
		if between(1, maxSynCount) {
			return c.setOptions(func(o *tcp.UserOptions) { o.SynRetries = value })
		}
	case syscall.TCP_LINGER2:
		return c.setLinger2(value)
	default:
		return syscall.ENOPROTOOPT
	}
	return syscall.EINVAL
}

// setLinger2 is TCP_LINGER2: how long an orphan stays in FIN-WAIT-2, seconds. 0 is the stack's own; what is more than
// two minutes becomes two minutes; a negative value means not at all.
func (c *stream) setLinger2(seconds int) error {
	d := time.Duration(min(seconds, maxLinger2)) * time.Second
	if seconds < 0 {
		d = -time.Second
	}
	return c.setOptions(func(o *tcp.UserOptions) { o.FinTimeout = d })
}

func (c *stream) tcpOpt(name int) (int, error) {
	o, cfg := c.tcb.Options(), &c.s.cfg.TCP
	switch name {
	case syscall.TCP_NODELAY:
		return flag(o.NoDelay), nil
	case syscall.TCP_CORK:
		return flag(o.Cork), nil
	case syscall.TCP_QUICKACK:
		return flag(!o.NoQuickAck), nil
	case syscall.TCP_KEEPIDLE:
		return secondsOf(o.KeepIdle, cfg.KeepIdle), nil
	case syscall.TCP_KEEPINTVL:
		return secondsOf(o.KeepInterval, cfg.KeepInterval), nil
	case syscall.TCP_KEEPCNT:
		return valueOf(o.KeepCount, cfg.KeepCount), nil
	case tcpUserTimeout:
		return int(o.UserTimeout / time.Millisecond), nil
	case syscall.TCP_MAXSEG:
		return c.maxSeg(&o), nil
	case syscall.TCP_SYNCNT:
		return valueOf(o.SynRetries, cfg.SynRetries), nil
	case syscall.TCP_LINGER2:
		if o.FinTimeout < 0 {
			return -1, nil
		}
		return secondsOf(o.FinTimeout, cfg.FinTimeout), nil
	}
	return 0, syscall.ENOPROTOOPT
}

func valueOf(v, def int) int {
	if v == 0 {
		return def
	}
	return v
}

func secondsOf(d, def time.Duration) int {
	if d == 0 {
		d = def
	}
	return int(d / time.Second)
}

// maxSeg is TCP_MAXSEG: what may be sent once there is a connection; before, what was asked for or the default.
func (c *stream) maxSeg(o *tcp.UserOptions) int {
	if c.phase == connecting || c.phase == connected {
		if mss := c.tcb.Info(c.s.now()).SndMSS; mss > 0 {
			return int(mss)
		}
	}
	return valueOf(o.MaxSeg, defaultMSS)
}

func (c *stream) setIPOpt(name, value int) error {
	switch name {
	case syscall.IP_TTL:
		if value != -1 && (value < 1 || value > math.MaxUint8) {
			return syscall.EINVAL
		}
		c.ttl = uint8(max(0, value)) // -1: the stack's
	case syscall.IP_TOS:
		c.tos = uint8(value) &^ 3 // the ECN bits of a stream are TCP's
	case ipTransparent:
		return c.s.setTransparent(&c.more().foreign, value)
	default:
		return syscall.ENOPROTOOPT
	}
	return nil
}

func (c *stream) ipOpt(name int) (int, error) {
	switch name {
	case syscall.IP_TTL:
		return int(c.s.ttlOr(c.ttl)), nil
	case syscall.IP_TOS:
		return int(c.tos), nil
	case ipTransparent:
		return flag(c.extra != nil && c.extra.foreign), nil
	}
	return 0, syscall.ENOPROTOOPT
}

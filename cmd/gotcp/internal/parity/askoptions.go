package parity

import (
	"net"
	"syscall"
	"time"
)

// keepAlives are settings of a Dialer or a ListenConfig.
var keepAlives = []struct {
	idle   time.Duration
	config net.KeepAliveConfig
}{
	{}, {idle: -1}, {idle: 7 * time.Second}, {idle: 1500 * time.Millisecond}, {idle: 1}, {idle: 40000 * time.Second},
	{idle: -1, config: net.KeepAliveConfig{Enable: true}},
	{config: net.KeepAliveConfig{Enable: true, Idle: 3 * time.Second, Interval: 2 * time.Second, Count: 4}},
	{config: net.KeepAliveConfig{Enable: true, Idle: 1100 * time.Millisecond, Interval: 1}},
	{config: net.KeepAliveConfig{Enable: true, Idle: -1, Interval: -1, Count: -1}},
	{config: net.KeepAliveConfig{Enable: true, Idle: 40000 * time.Second, Interval: time.Second, Count: 1}},
	{config: net.KeepAliveConfig{Idle: 3 * time.Second, Interval: 2 * time.Second, Count: 4}},
	{idle: 9 * time.Second, config: net.KeepAliveConfig{Enable: true, Idle: 3 * time.Second}},
}

var optionQuestions = []question{
	{"options.keepalive.dialled", needNothing, func(q *asking) {
		for _, k := range keepAlives {
			c, _ := q.dialledBy(&net.Dialer{KeepAlive: k.idle, KeepAliveConfig: k.config})
			q.keepAlive("dialled", c)
			q.must(c.SetKeepAlivePeriod(9 * time.Second))
			q.must(c.SetKeepAlive(true))
			q.keepAlive("switched on", c)
		}
	}},
	{"options.keepalive.accepted", needNothing, func(q *asking) {
		for _, k := range keepAlives {
			c, _ := q.acceptedBy(&net.ListenConfig{KeepAlive: k.idle, KeepAliveConfig: k.config})
			q.keepAlive("accepted", c)
		}
	}},
	{"options.keepalive.methods", needNothing, func(q *asking) {
		c, _ := q.dialled()
		q.err("SetKeepAlive(false)", c.SetKeepAlive(false))
		q.keepAlive("then", c)
		q.err("SetKeepAlivePeriod while off", c.SetKeepAlivePeriod(9*time.Second))
		q.keepAlive("then", c)
		q.err("SetKeepAlive(true)", c.SetKeepAlive(true))
		q.keepAlive("then", c)
		for _, d := range []time.Duration{0, -1, 1, time.Second + 1, 32767 * time.Second} {
			q.err("SetKeepAlivePeriod "+d.String(), c.SetKeepAlivePeriod(d))
			q.keepAlive("then", c)
		}
		for _, k := range []net.KeepAliveConfig{
			{Enable: true}, {Enable: true, Idle: 5 * time.Second, Interval: -1, Count: -1},
			{Enable: true, Idle: -1, Interval: 3 * time.Second, Count: -1}, {Enable: true, Idle: -1, Interval: -1, Count: 3},
			{Enable: true, Idle: 1500 * time.Millisecond, Interval: 2500 * time.Millisecond}, {},
			{Idle: 6 * time.Second},
		} {
			q.err("SetKeepAliveConfig", c.SetKeepAliveConfig(k))
			q.keepAlive("then", c)
		}
	}},
	{"options.keepalive.limits", needNothing, func(q *asking) {
		c, _ := q.dialled()
		for _, k := range []net.KeepAliveConfig{
			{Enable: true, Idle: 32768 * time.Second}, {Enable: true, Interval: 32768 * time.Second},
			{Enable: true, Count: 128}, {Enable: true, Count: 127},
			{Enable: true, Idle: 32767 * time.Second, Interval: 32767 * time.Second},
			{Enable: true, Idle: 32766*time.Second + 1, Interval: 32767*time.Second + 1},
		} {
			q.err("SetKeepAliveConfig", c.SetKeepAliveConfig(k))
			q.keepAlive("then", c)
		}
		q.err("SetKeepAlivePeriod", c.SetKeepAlivePeriod(32768*time.Second))
		q.keepAlive("then", c)
	}},
	{"options.nodelay", needNothing, func(q *asking) {
		c, _ := q.dialled()
		a, _ := q.accepted()
		for _, c := range []tcpConn{c, a} {
			q.option("at first", c, syscall.IPPROTO_TCP, syscall.TCP_NODELAY)
			q.err("SetNoDelay(false)", c.SetNoDelay(false))
			q.option("then", c, syscall.IPPROTO_TCP, syscall.TCP_NODELAY)
			q.err("SetNoDelay(true)", c.SetNoDelay(true))
			q.option("then", c, syscall.IPPROTO_TCP, syscall.TCP_NODELAY)
		}
	}},
	{"options.accepted", needNothing, func(q *asking) {
		c, _ := q.accepted()
		for _, o := range [][2]int{
			{syscall.SOL_SOCKET, syscall.SO_TYPE}, {syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN},
			{syscall.SOL_SOCKET, syscall.SO_ERROR}, {syscall.SOL_SOCKET, syscall.SO_REUSEADDR},
			{syscall.IPPROTO_TCP, syscall.TCP_CORK}, {syscall.IPPROTO_TCP, syscall.TCP_SYNCNT},
			{syscall.IPPROTO_TCP, syscall.TCP_LINGER2}, {syscall.IPPROTO_TCP, tcpUserTimeout},
			{syscall.IPPROTO_IP, syscall.IP_TTL}, {syscall.IPPROTO_IP, syscall.IP_TOS},
		} {
			q.option("accepted", c, o[0], o[1])
		}
	}},
	{"options.settings", needNothing, func(q *asking) {
		c, _ := q.dialled()
		for _, size := range []int{0, 1, 65536, 1 << 30, -1} {
			q.err("SetReadBuffer", c.SetReadBuffer(size))
			q.err("SetWriteBuffer", c.SetWriteBuffer(size))
		}
		for _, sec := range []int{-1, 0, 1, 1 << 20} {
			q.err("SetLinger", c.SetLinger(sec))
		}
		on, err := c.MultipathTCP()
		q.value("MultipathTCP", "%t %v", on, err)
		a, _ := q.accepted()
		on, err = a.MultipathTCP()
		q.value("MultipathTCP of an accepted one", "%t %v", on, err)
	}},
	{"options.buffers", needNothing, func(q *asking) {
		c, peer := q.dialled()
		for _, size := range []int{1, 8192, 65536, 100_000} {
			q.must(c.SetReadBuffer(size))
			q.must(c.SetWriteBuffer(size))
			q.option("receive buffer", c, syscall.SOL_SOCKET, syscall.SO_RCVBUF)
			q.option("send buffer", c, syscall.SOL_SOCKET, syscall.SO_SNDBUF)
		}
		q.must(c.SetReadBuffer(1))
		q.must(c.SetWriteBuffer(1))
		q.write("Write", c, "through the smallest buffers")
		q.send(peer, c, "and back")
		q.read("Read", c, 99)
	}},
	{"options.usertimeout", needNothing, func(q *asking) {
		c, _ := q.dialled()
		a, _ := q.accepted()
		for _, c := range []tcpConn{c, a} {
			q.option("at first", c, syscall.IPPROTO_TCP, tcpUserTimeout)
			q.must(setUserTimeout(c, 1500*time.Millisecond))
			q.option("milliseconds", c, syscall.IPPROTO_TCP, tcpUserTimeout)
			q.must(setUserTimeout(c, 0))
			q.option("none", c, syscall.IPPROTO_TCP, tcpUserTimeout)
		}
	}},
	{"options.control", needControl, func(q *asking) {
		to := q.listen(q.h.Peer, q.h.To).Addr().String()
		set := [][3]int{
			{syscall.IPPROTO_TCP, syscall.TCP_SYNCNT, 3}, {syscall.IPPROTO_TCP, syscall.TCP_SYNCNT, 128},
			{syscall.IPPROTO_TCP, syscall.TCP_SYNCNT, 0}, {syscall.IPPROTO_TCP, tcpUserTimeout, 2500},
			{syscall.IPPROTO_TCP, tcpUserTimeout, -1}, {syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 0},
			{syscall.IPPROTO_TCP, syscall.TCP_LINGER2, 7}, {syscall.IPPROTO_TCP, syscall.TCP_LINGER2, 500},
			{syscall.IPPROTO_IP, syscall.IP_TTL, 9}, {syscall.IPPROTO_IP, syscall.IP_TTL, 256},
			{syscall.IPPROTO_IP, syscall.IP_TOS, 0x10}, {syscall.IPPROTO_TCP, 9999, 1},
			{syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1},
		}
		d := &net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
			for _, o := range set {
				q.err("setting", setInt(raw, o[0], o[1], o[2]))
			}
			return nil
		}}
		c, err := q.h.Net.DialWith(q.ctx, d, "tcp", to)
		q.must(err)
		q.cleanup(c.Close)
		for _, o := range set[:len(set)-2] {
			q.option("once connected", c, o[0], o[1]) // no-delay is package net's again
		}
	}},
	{"options.syscallconn", needNothing, func(q *asking) {
		c, _ := q.dialled()
		_, ok := c.(syscall.Conn)
		q.value("is a syscall.Conn", "%t", ok)
	}},
}

// keepAlive records the options of a connection.
func (q *asking) keepAlive(step string, c net.Conn) {
	get := func(level, opt int) int {
		v, err := optionOf(c, level, opt)
		q.must(err)
		return v
	}
	q.value(step, "on=%d idle=%d interval=%d count=%d",
		get(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE), get(syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE),
		get(syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL), get(syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT))
}

// option records an option of a connection.
func (q *asking) option(step string, c net.Conn, level, opt int) {
	v, err := optionOf(c, level, opt)
	q.must(err)
	q.value(step, "option %d/%d = %d", level, opt, v)
}

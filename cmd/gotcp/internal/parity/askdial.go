package parity

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"time"
)

var dialQuestions = []question{
	{"dial.addrs", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.value("local", "%s", addrText(c.LocalAddr()))
		q.value("remote", "%s", addrText(c.RemoteAddr()))
		q.value("matches the peer's", "%t", peer.RemoteAddr().String() == c.LocalAddr().String())
	}},
	{"dial.refused", needNothing, func(q *asking) {
		l := q.listen(q.h.Peer, q.h.To)
		q.must(l.Close())
		for _, network := range []string{"tcp", "tcp4"} {
			q.dial(network, &net.Dialer{}, network, l.Addr().String())
		}
		q.dial("port 0", &net.Dialer{}, "tcp", netip.AddrPortFrom(q.h.To, 0).String())
		q.dial("own address", &net.Dialer{}, "tcp", netip.AddrPortFrom(q.h.Addr, 1).String())
	}},
	{"dial.timeout", needVoid, func(q *asking) {
		void := netip.AddrPortFrom(q.h.Void, 9).String()
		q.dial("Timeout", &net.Dialer{Timeout: 30 * time.Millisecond}, "tcp", void)
		q.dial("Deadline", &net.Dialer{Deadline: time.Now().Add(30 * time.Millisecond)}, "tcp", void)
		q.dial("past Deadline", &net.Dialer{Deadline: expired()}, "tcp", void)
		q.dial("negative Timeout", &net.Dialer{Timeout: -1}, "tcp", void)
	}},
	{"dial.cancel", needVoid, func(q *asking) {
		void := netip.AddrPortFrom(q.h.Void, 9).String()
		ctx, cancel := context.WithCancel(q.ctx)
		time.AfterFunc(30*time.Millisecond, cancel)
		_, err := q.h.Net.DialContext(ctx, "tcp", void)
		q.err("during", err)
		_, err = q.h.Net.DialContext(ctx, "tcp", void)
		q.err("before", err)
		done := make(chan struct{})
		time.AfterFunc(30*time.Millisecond, func() { close(done) })
		//lint:ignore SA1019 programs have it still
		q.dial("Cancel", &net.Dialer{Cancel: done}, "tcp", void)
	}},
	{"dial.noroute", needNone, func(q *asking) {
		q.dial("dial", &net.Dialer{}, "tcp", netip.AddrPortFrom(q.h.None, 9).String())
	}},
	{"dial.group", needNone, func(q *asking) {
		q.dial("broadcast", &net.Dialer{}, "tcp", "255.255.255.255:9")
		q.dial("multicast", &net.Dialer{}, "tcp", "224.0.0.9:9")
	}},
	{"dial.laddr", needNothing, func(q *asking) {
		l, own := q.listen(q.h.Peer, q.h.To), q.listen(q.h.Net, q.h.Addr)
		to := l.Addr().String()
		q.dial("not local", &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(198, 51, 100, 1)}}, "tcp", to)
		q.dial("wrong type", &net.Dialer{LocalAddr: &net.UDPAddr{}}, "tcp", to)
		q.dial("IPv6", &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv6loopback, Port: 9}}, "tcp", to)
		q.dial("in use", &net.Dialer{LocalAddr: own.Addr()}, "tcp", to)
	}},
	{"dial.badaddress", needNothing, func(q *asking) {
		for _, a := range [][2]string{
			{"tcp", ""}, {"tcp", "10.0.0.1"}, {"tcp", "10.0.0.1:99999"}, {"tcp", "10.0.0.1:-1"}, {"tcp", "[::1"},
			{"tcp", "10.0.0.1:nosuchservice"}, {"tcp6", "10.0.0.1:9"}, {"tcp5", "10.0.0.1:9"}, {"", "10.0.0.1:9"},
			{"ip4", "10.0.0.1"},
		} {
			q.dial(a[0]+" "+a[1], &net.Dialer{}, a[0], a[1])
		}
	}},
	{"dial.control", needNothing, func(q *asking) {
		to := q.listen(q.h.Peer, q.h.To).Addr().String()
		control := func(network, address string, _ syscall.RawConn) error {
			q.value("Control got", "%s %s", network, address)
			return syscall.EACCES
		}
		q.dial("Control's error", &net.Dialer{Control: control}, "tcp", to)
		d := &net.Dialer{Control: control}
		d.ControlContext = func(_ context.Context, network, address string, _ syscall.RawConn) error {
			q.value("ControlContext got", "%s %s", network, address)
			return nil
		}
		q.dial("ControlContext", d, "tcp4", to)
	}},
	{"dial.control.fd", needNothing, func(q *asking) {
		to := q.listen(q.h.Peer, q.h.To).Addr().String()
		q.dial("dial", &net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
			q.value("has a file descriptor", "%t", c.Control(func(uintptr) {}) == nil)
			return nil
		}}, "tcp", to)
	}},
	{"dial.ipv6", needNothing, func(q *asking) {
		q.dial("dial", &net.Dialer{}, "tcp", "[::1]:9")
	}},
	{"keepalive.dialled", needNothing, func(q *asking) {
		to := q.listen(q.h.Peer, q.h.To).Addr().String()
		for _, d := range []net.Dialer{
			{}, {KeepAlive: -1}, {KeepAlive: 7 * time.Second}, {KeepAlive: 1500 * time.Millisecond},
			{KeepAlive: -1, KeepAliveConfig: net.KeepAliveConfig{Enable: true}},
			{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: -1, Interval: -1, Count: -1}},
			{KeepAliveConfig: net.KeepAliveConfig{Idle: 3 * time.Second, Interval: 2 * time.Second, Count: 4}},
		} {
			var raw syscall.RawConn
			d.Control = func(_, _ string, c syscall.RawConn) error { raw = c; return nil }
			c, err := q.h.Net.DialWith(q.ctx, &d, "tcp", to)
			q.must(err)
			q.cleanup(c.Close)
			q.keepAlive("dialled", raw)
			q.must(c.(tcpConn).SetKeepAlivePeriod(9 * time.Second))
			q.must(c.(tcpConn).SetKeepAlive(true))
			q.keepAlive("switched on", raw)
			v, err := getInt(raw, syscall.IPPROTO_TCP, syscall.TCP_NODELAY)
			q.value("no delay", "%d %v", v, err)
		}
	}},
	{"keepalive.limits", needNothing, func(q *asking) {
		c, _ := q.dialled()
		for _, k := range []net.KeepAliveConfig{
			{Enable: true, Idle: 32768 * time.Second}, {Enable: true, Interval: 32768 * time.Second},
			{Enable: true, Count: 128}, {Enable: true, Count: 127},
		} {
			q.err("SetKeepAliveConfig", c.SetKeepAliveConfig(k))
		}
		q.err("SetKeepAlivePeriod", c.SetKeepAlivePeriod(32768*time.Second))
	}},
}

// dial records how a dial ends.
func (q *asking) dial(step string, d *net.Dialer, network, address string) {
	c, err := q.h.Net.DialWith(q.ctx, d, network, address)
	if err == nil {
		q.cleanup(c.Close)
	}
	q.err(step, err)
}

// keepAlive records the options of a socket.
func (q *asking) keepAlive(step string, raw syscall.RawConn) {
	on, err := getInt(raw, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE)
	q.must(err)
	idle, err := getInt(raw, syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE)
	q.must(err)
	interval, err := getInt(raw, syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL)
	q.must(err)
	count, err := getInt(raw, syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT)
	q.must(err)
	q.value(step, "on=%d idle=%d interval=%d count=%d", on, idle, interval, count)
}

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
		void := q.void()
		start := time.Now()
		q.dial("Timeout", &net.Dialer{Timeout: 100 * time.Millisecond}, "tcp", void)
		q.took("it", start, 100*time.Millisecond)
		q.dial("Deadline", &net.Dialer{Deadline: time.Now().Add(30 * time.Millisecond)}, "tcp", void)
		q.dial("past Deadline", &net.Dialer{Deadline: expired()}, "tcp", void)
		q.dial("negative Timeout", &net.Dialer{Timeout: -1}, "tcp", void)
		ctx, cancel := context.WithTimeout(q.ctx, 30*time.Millisecond)
		defer cancel()
		q.dialIn(ctx, "context", "tcp", void)
		q.dialIn(ctx, "past context", "tcp", void)
		start = time.Now()
		q.dial("the earlier of two", &net.Dialer{Timeout: 50 * time.Millisecond, Deadline: start.Add(time.Minute)}, "tcp", void)
		q.took("it", start, 50*time.Millisecond)
	}},
	{"dial.cancel", needVoid, func(q *asking) {
		void := q.void()
		ctx, cancel := context.WithCancel(q.ctx)
		time.AfterFunc(30*time.Millisecond, cancel)
		q.dialIn(ctx, "during", "tcp", void)
		q.dialIn(ctx, "before", "tcp", void)
		done := make(chan struct{})
		time.AfterFunc(30*time.Millisecond, func() { close(done) })
		//lint:ignore SA1019 programs have it still
		q.dial("Cancel", &net.Dialer{Cancel: done}, "tcp", void)
		//lint:ignore SA1019 programs have it still
		q.dial("Cancel before", &net.Dialer{Cancel: done}, "tcp", void)
	}},
	{"dial.cancel.after", needNothing, func(q *asking) {
		l := q.listen(q.h.Peer, q.h.To)
		ctx, cancel := context.WithCancel(q.ctx)
		c, err := q.h.Net.DialContext(ctx, "tcp", l.Addr().String())
		cancel()
		q.must(err)
		q.cleanup(c.Close)
		q.write("Write", c, "x")
	}},
	{"dial.syn.timeout", needVoid, func(q *asking) {
		d := &net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
			return setInt(c, syscall.IPPROTO_TCP, syscall.TCP_SYNCNT, 1) // one second, and two more
		}}
		start := time.Now()
		q.dial("dial", d, "tcp", q.void())
		q.took("it", start, 3*time.Second)
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
		q.dial("no port", &net.Dialer{LocalAddr: &net.TCPAddr{IP: q.h.Addr.AsSlice()}}, "tcp", to)
		q.dial("empty", &net.Dialer{LocalAddr: &net.TCPAddr{}}, "tcp", to)
	}},
	{"dial.laddr.port", needNothing, func(q *asking) {
		own := q.listen(q.h.Net, q.h.Addr) // finds a free port
		q.must(own.Close())
		d := &net.Dialer{LocalAddr: own.Addr()}
		l := q.listen(q.h.Peer, q.h.To)
		c, _ := q.connect(q.h.Net, d, "tcp", l)
		q.value("is the one wanted", "%t", c.LocalAddr().String() == own.Addr().String())
		q.dial("again", d, "tcp", l.Addr().String())
		q.dial("to another port", d, "tcp", q.listen(q.h.Peer, q.h.To).Addr().String())
		q.listenAt("listening there", "tcp4", own.Addr().String())
	}},
	{"dial.badaddress", needNothing, func(q *asking) {
		for _, a := range [][2]string{
			{"tcp", ""}, {"tcp", "10.0.0.1"}, {"tcp", "10.0.0.1:99999"}, {"tcp", "10.0.0.1:-1"}, {"tcp", "[::1"},
			{"tcp", "10.0.0.1:nosuchservice"}, {"tcp6", "10.0.0.1:9"}, {"tcp5", "10.0.0.1:9"}, {"", "10.0.0.1:9"},
			{"ip4", "10.0.0.1"}, {"tcp", "10.0.0.1:9:9"}, {"tcp", "::1:9"}, {"tcp", "10.0.0.1:"}, {"tcp", "[10.0.0.1:9"},
			{"tcp", "10.0.0.1]:9"}, {"tcp4", "[::1]:9"}, {"udp", ""}, {"udp", "10.0.0.1:99999"}, {"udp6", "10.0.0.1:9"},
			{"TCP", "10.0.0.1:9"}, {"tcp:9", "10.0.0.1:9"},
		} {
			if a[1] == "10.0.0.1:" && !q.h.None.IsValid() {
				continue // it is well-formed, and who has a route for it would wait
			}
			q.dial(a[0]+" "+a[1], &net.Dialer{}, a[0], a[1])
		}
	}},
}

// dialMoreQuestions are about how addresses and settings are understood.
var dialMoreQuestions = []question{
	{"dial.control", needControl, func(q *asking) {
		to := q.listen(q.h.Peer, q.h.To).Addr().String()
		control := func(network, address string, _ syscall.RawConn) error {
			q.value("Control got", "%s %s", network, address)
			return syscall.EACCES
		}
		q.dial("Control's error", &net.Dialer{Control: control}, "tcp", to)
		q.dial("Control's error for UDP", &net.Dialer{Control: control}, "udp", to)
		type key struct{}
		d := &net.Dialer{Control: control}
		d.ControlContext = func(ctx context.Context, network, address string, _ syscall.RawConn) error {
			q.value("ControlContext got", "%v %s %s", ctx.Value(key{}), network, address)
			return nil
		}
		c, err := q.h.Net.DialWith(context.WithValue(q.ctx, key{}, "its value"), d, "tcp4", to)
		q.err("ControlContext", err)
		q.must(err)
		q.cleanup(c.Close)
		q.dial("no Control for what isn't dialled", &net.Dialer{Control: control}, "tcp", "10.0.0.1")
		q.dial("Control before binding", &net.Dialer{Control: control,
			LocalAddr: &net.TCPAddr{IP: net.IPv4(198, 51, 100, 1)}}, "tcp", to)
	}},
	{"dial.control.fd", needControl, func(q *asking) {
		to := q.listen(q.h.Peer, q.h.To).Addr().String()
		q.dial("dial", &net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
			q.value("has a file descriptor", "%t", c.Control(func(uintptr) {}) == nil)
			return nil
		}}, "tcp", to)
	}},
	{"dial.ipv6", needNothing, func(q *asking) {
		q.dial("dial", &net.Dialer{}, "tcp", "[::1]:9")
	}},
	{"dial.emptyhost", needNothing, func(q *asking) {
		l, err := q.h.Net.Listen(q.ctx, "tcp4", "0.0.0.0:0")
		q.must(err)
		q.cleanup(l.Close)
		_, port, _ := net.SplitHostPort(l.Addr().String())
		for _, host := range []string{"", "0.0.0.0", "127.0.0.1", "localhost", "::ffff:127.0.0.1"} {
			c, err := q.h.Net.DialContext(q.ctx, "tcp4", net.JoinHostPort(host, port))
			q.err("dial "+host, err)
			q.must(err)
			q.value("remote", "%s", addrText(c.RemoteAddr()))
			q.value("local", "%s", addrText(c.LocalAddr()))
			q.must(c.Close())
		}
	}},
	{"dial.self", needNothing, func(q *asking) {
		c, a := q.connect(q.h.Net, &net.Dialer{}, "tcp", q.listen(q.h.Net, q.h.Addr))
		q.value("addresses", "%s %s", addrText(c.LocalAddr()), addrText(c.RemoteAddr()))
		q.write("Write", c, "hello")
		q.read("the other's Read", a, 9)
	}},
}

// void is an address that never answers.
func (q *asking) void() string { return netip.AddrPortFrom(q.h.Void, 9).String() }

// dial records how a dial ends.
func (q *asking) dial(step string, d *net.Dialer, network, address string) {
	c, err := q.h.Net.DialWith(q.ctx, d, network, address)
	if err == nil {
		q.cleanup(c.Close)
	}
	q.err(step, err)
}

// dialIn is dial in a context.
func (q *asking) dialIn(ctx context.Context, step, network, address string) {
	c, err := q.h.Net.DialContext(ctx, network, address)
	if err == nil {
		q.cleanup(c.Close)
	}
	q.err(step, err)
}

package parity

import (
	"net"
	"net/netip"
	"syscall"
	"time"
)

var listenQuestions = []question{
	{"listen.addr", needNothing, func(q *asking) {
		q.listenAt("tcp4 SUBJ", "tcp4", netip.AddrPortFrom(q.h.Addr, 0).String())
		q.listenAt("tcp SUBJ", "tcp", netip.AddrPortFrom(q.h.Addr, 0).String())
		q.listenAt("tcp4 0.0.0.0", "tcp4", "0.0.0.0:0")
		q.listenAt("tcp4 :0", "tcp4", ":0")
		q.listenAt("tcp4 nothing", "tcp4", "")
	}},
	{"listen.addr.wildcard", needNothing, func(q *asking) {
		q.listenAt("tcp 0.0.0.0", "tcp", "0.0.0.0:0")
		q.listenAt("tcp :0", "tcp", ":0")
	}},
	{"listen.inuse", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		q.listenAt("same", "tcp4", l.Addr().String())
		q.listenAt("same, tcp", "tcp", l.Addr().String())
		q.listenAt("wildcard", "tcp4", netip.AddrPortFrom(netip.IPv4Unspecified(), portOf(l.Addr())).String())
		q.must(l.Close())
		q.listenAt("after Close", "tcp4", l.Addr().String())
	}},
	{"listen.bad", needNothing, func(q *asking) {
		for _, a := range [][2]string{
			{"tcp4", "198.51.100.1:0"}, {"tcp4", "10.0.0.1:70000"}, {"tcp4", "10.0.0.1"}, {"udp", "10.0.0.1:0"},
			{"foo", "10.0.0.1:0"}, {"tcp6", "10.0.0.1:0"},
		} {
			q.listenAt(a[0]+" "+a[1], a[0], a[1])
		}
	}},
	{"listen.control", needNothing, func(q *asking) {
		var got string // the last time: the kernel has two tries, the first of which is for Multipath TCP
		lc := &net.ListenConfig{Control: func(network, address string, _ syscall.RawConn) error {
			got = network + " " + address
			return syscall.EACCES
		}}
		_, err := q.h.Net.ListenWith(q.ctx, lc, "tcp", netip.AddrPortFrom(q.h.Addr, 0).String())
		q.err("Control's error", err)
		q.value("Control got", "%s", got)
	}},
	{"accept.close", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		blocked := make(chan error)
		go func() { _, err := l.Accept(); blocked <- err }()
		q.pause(20 * time.Millisecond)
		q.err("Close", l.Close())
		q.err("blocked Accept", <-blocked)
		_, err := l.Accept()
		q.err("Accept", err)
		q.err("second Close", l.Close())
		q.value("Addr", "%v", addrText(l.Addr()))
		q.err("SetDeadline", l.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Time{}))
	}},
	{"accept.deadline", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		set := l.(interface{ SetDeadline(time.Time) error }).SetDeadline
		q.err("SetDeadline", set(time.Now().Add(20*time.Millisecond)))
		for _, step := range []string{"Accept", "Accept again"} {
			_, err := l.Accept()
			q.err(step, err)
		}
		c, err := q.h.Peer.DialContext(q.ctx, "tcp4", l.Addr().String())
		q.must(err)
		q.cleanup(c.Close)
		_, err = l.Accept()
		q.err("Accept with one ready", err)
		q.must(set(time.Time{}))
		a, err := l.Accept()
		q.err("Accept after clearing", err)
		q.cleanup(a.Close)
		q.value("remote", "%s", addrText(a.RemoteAddr()))
	}},
	{"accept.queue", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		c, err := q.h.Peer.DialContext(q.ctx, "tcp4", l.Addr().String())
		q.must(err)
		q.cleanup(c.Close)
		q.must(l.Close())
		q.awaitState(c, "reset", func(s status) bool { return s.state == stateClosed })
		n, err := c.Read(make([]byte, 1))
		q.n("Read of one never accepted", n, err)
		_, err = q.h.Peer.DialContext(q.ctx, "tcp4", l.Addr().String())
		q.err("dial then", err)
	}},
}

func portOf(a net.Addr) uint16 { return uint16(a.(*net.TCPAddr).Port) }

// listenAt records how listening ends.
func (q *asking) listenAt(step, network, address string) {
	l, err := q.h.Net.Listen(q.ctx, network, address)
	if err != nil {
		q.err(step, err)
		return
	}
	q.value(step, "%s", addrText(l.Addr()))
	l.Close()
}

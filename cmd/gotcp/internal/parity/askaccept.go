package parity

import (
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/netapi"
)

var acceptQuestions = []question{
	{"accept.addrs", needNothing, func(q *asking) {
		c, peer := q.accepted()
		q.value("local", "%s", addrText(c.LocalAddr()))
		q.value("remote", "%s", addrText(c.RemoteAddr()))
		q.value("matches the peer's", "%t", peer.LocalAddr().String() == c.RemoteAddr().String())
	}},
	{"accept.addrs.wildcard", needNothing, func(q *asking) {
		l, err := q.h.Net.Listen(q.ctx, "tcp4", "0.0.0.0:0")
		q.must(err)
		q.cleanup(l.Close)
		p, err := q.h.Peer.DialContext(q.ctx, "tcp4", netip.AddrPortFrom(q.h.Addr, portOf(l.Addr())).String())
		q.must(err)
		q.cleanup(p.Close)
		c, err := l.Accept()
		q.must(err)
		q.cleanup(c.Close)
		q.value("local", "%s", addrText(c.LocalAddr()))
		q.value("remote", "%s", addrText(c.RemoteAddr()))
	}},
	{"accept.close", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		blocked := make(chan error)
		for range 3 {
			go func() { _, err := l.Accept(); blocked <- err }()
		}
		q.pause(20 * time.Millisecond)
		q.err("Close", l.Close())
		for range 3 {
			q.err("blocked Accept", <-blocked)
		}
		_, err := l.Accept()
		q.err("Accept", err)
		q.err("second Close", l.Close())
		q.value("Addr", "%v", addrText(l.Addr()))
		q.err("SetDeadline", acceptDeadline(l)(time.Time{}))
	}},
	{"accept.deadline", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		set := acceptDeadline(l)
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
		q.must(err)
		q.cleanup(a.Close)
		q.value("remote", "%s", addrText(a.RemoteAddr()))
	}},
	{"accept.deadline.pending", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		set := acceptDeadline(l)
		for _, moved := range []struct {
			step string
			to   time.Time
		}{
			{"set to the past", expired()}, {"set to soon", time.Now().Add(100 * time.Millisecond)},
		} {
			q.must(set(time.Now().Add(time.Hour)))
			blocked := make(chan error, 1)
			go func() { _, err := l.Accept(); blocked <- err }()
			q.pause(20 * time.Millisecond)
			q.must(set(moved.to))
			q.err(moved.step, <-blocked)
		}
	}},
	{"accept.queue", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		c, err := q.h.Peer.DialContext(q.ctx, "tcp4", l.Addr().String())
		q.must(err)
		q.cleanup(c.Close)
		q.must(l.Close())
		q.awaitClosed(c, "reset")
		n, err := c.Read(make([]byte, 1))
		q.n("Read of one never accepted", n, err)
		_, err = q.h.Peer.DialContext(q.ctx, "tcp4", l.Addr().String())
		q.err("dial then", err)
	}},
	{"accept.order", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		var from []string
		for range 3 {
			c, err := q.h.Peer.DialContext(q.ctx, "tcp4", l.Addr().String())
			q.must(err)
			q.cleanup(c.Close)
			from = append(from, c.LocalAddr().String())
		}
		for i := range 3 {
			c, err := l.Accept()
			q.must(err)
			q.cleanup(c.Close)
			q.value("is the one that came next", "%t", c.RemoteAddr().String() == from[i])
		}
	}},
	{"accept.keeps", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		peer, c := q.connect(q.h.Peer, &net.Dialer{}, "tcp4", l)
		q.must(l.Close())
		q.write("peer's Write", peer, "hello")
		q.read("Read", c, 9)
		q.write("Write", c, "x")
		q.read("peer's Read", peer, 9)
	}},
	{"accept.fin", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		peer, err := q.h.Peer.DialContext(q.ctx, "tcp4", l.Addr().String())
		q.must(err)
		q.write("peer's Write", peer, "early")
		q.must(peer.Close())
		c, err := l.Accept()
		q.err("Accept", err)
		q.must(err)
		q.cleanup(c.Close)
		b, err := io.ReadAll(c)
		q.n("ReadAll", len(b), err)
	}},
	{"accept.reset", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		peer, err := q.h.Peer.DialContext(q.ctx, "tcp4", l.Addr().String())
		q.must(err)
		q.cleanup(peer.Close)
		q.must(peer.(tcpConn).SetLinger(0))
		q.must(peer.Close())
		q.pause(100 * time.Millisecond)
		a, err := l.Accept()
		q.err("Accept", err)
		q.must(err)
		q.cleanup(a.Close)
		q.read("Read", a, 1)
		q.write("Write", a, "x")
		q.value("remote", "%s", addrText(a.RemoteAddr()))
	}},
	{"accept.backlog", needBacklog, func(q *asking) {
		to := q.listenShort(2)
		good := 0
		for ; good < 10; good++ {
			d := &net.Dialer{Timeout: 500 * time.Millisecond} // ample where there is room
			c, err := q.h.Peer.DialWith(q.ctx, d, "tcp4", to.String())
			if err != nil {
				ne, ok := err.(net.Error)
				q.value("the next runs out of time", "%t", ok && ne.Timeout())
				break
			}
			q.cleanup(c.Close)
		}
		q.value("dials that end well with a backlog of 2", "%d", good)
	}},
}

// listenShort has the subject listen with a short queue that nobody takes from.
func (q *asking) listenShort(backlog int) netip.AddrPort {
	n, ok := q.h.Net.(*netapi.Stack)
	if !ok {
		l := q.listen(q.h.Net, q.h.Addr)
		q.must(setBacklog(l, backlog))
		return netip.MustParseAddrPort(l.Addr().String())
	}
	s, err := n.Stack().Socket(syscall.SOCK_STREAM)
	q.must(err)
	q.cleanup(s.Close)
	q.must(s.Bind(netip.AddrPortFrom(q.h.Addr, 0)))
	q.must(s.Listen(backlog))
	return s.LocalAddr()
}

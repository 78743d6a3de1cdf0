package parity

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

var closeQuestions = []question{
	{"close.twice", needNothing, func(q *asking) {
		c, _ := q.dialled()
		q.err("Close", c.Close())
		q.err("Close again", c.Close())
		q.value("LocalAddr", "%s", addrText(c.LocalAddr()))
		q.value("RemoteAddr", "%s", addrText(c.RemoteAddr()))
		q.err("SetDeadline", c.SetDeadline(time.Time{}))
		q.err("SetReadDeadline", c.SetReadDeadline(time.Time{}))
		q.err("SetWriteDeadline", c.SetWriteDeadline(time.Time{}))
		q.err("CloseRead", c.CloseRead())
		q.err("CloseWrite", c.CloseWrite())
		q.err("SetNoDelay", c.SetNoDelay(true))
		q.err("SetKeepAlive", c.SetKeepAlive(true))
		q.err("SetKeepAlivePeriod", c.SetKeepAlivePeriod(time.Second))
		q.err("SetKeepAliveConfig", c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true}))
		q.err("SetLinger", c.SetLinger(1))
		q.err("SetReadBuffer", c.SetReadBuffer(1))
		q.err("SetWriteBuffer", c.SetWriteBuffer(1))
		n, err := c.ReadFrom(strings.NewReader("x"))
		q.n("ReadFrom", int(n), err)
		n, err = c.WriteTo(io.Discard)
		q.n("WriteTo", int(n), err)
	}},
	{"close.concurrent", needNothing, func(q *asking) {
		c, _ := q.dialled()
		good, closed := together(8, func(int) error { return c.Close() })
		q.value("without an error, and with net.ErrClosed", "%d, %d", good, closed)
	}},
	{"close.flushes", needNothing, func(q *asking) {
		c, peer := q.dialled()
		go func() { c.Write(make([]byte, 200_000)); c.Close() }()
		b, err := io.ReadAll(peer)
		q.n("peer's ReadAll", len(b), err)
	}},
	{"close.unread", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.send(peer, c, "unread")
		q.must(c.Close())
		q.read("peer's Read", peer, 1)
	}},
	{"close.linger0", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.err("SetLinger", c.SetLinger(0))
		q.err("Close", c.Close())
		q.read("peer's Read", peer, 1)
	}},
	{"close.linger.blocks", needNothing, func(q *asking) {
		c, _ := q.dialled()
		q.must(c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)))
		c.Write(tooMuch())
		q.must(c.SetLinger(1))
		start := time.Now()
		q.err("Close", c.Close())
		q.took("it", start, time.Second)
	}},
	{"close.linger.delivered", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.must(c.SetLinger(9))
		q.write("Write", c, "hello")
		start := time.Now()
		q.err("Close", c.Close())
		q.took("it", start, 0) // and not after nine seconds
		b, err := io.ReadAll(peer)
		q.n("peer's ReadAll", len(b), err)
	}},
	{"close.linger.off", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.must(c.SetLinger(0))
		q.must(c.SetLinger(-1))
		q.write("Write", c, "hello")
		q.err("Close", c.Close())
		b, err := io.ReadAll(peer)
		q.n("peer's ReadAll", len(b), err)
	}},
	{"close.linger0.data", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.must(c.SetLinger(0))
		q.send(c, peer, "hello")
		q.err("Close", c.Close())
		q.awaitClosed(peer, "reset")
		q.read("peer's Read", peer, 9)
		q.read("peer's Read again", peer, 9)
	}},
	{"close.late", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.must(c.Close())
		q.awaitState(peer, "FIN", func(s status) bool { return s.state != stateEstablished })
		q.write("peer's Write", peer, "late")
		q.awaitClosed(peer, "reset")
		q.write("peer's Write again", peer, "late")
	}},
	{"close.blocked.all", needNothing, func(q *asking) {
		c, _ := q.dialled()
		read, copied := q.blockedRead(c), make(chan error, 1)
		go func() { _, err := c.WriteTo(io.Discard); copied <- err }()
		q.pause(20 * time.Millisecond)
		q.err("Close", c.Close())
		q.err("blocked Read", <-read)
		q.err("blocked WriteTo", <-copied)
	}},
	{"close.reset", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.reset(peer, c)
		q.err("CloseRead", c.CloseRead())
		q.err("CloseWrite", c.CloseWrite())
		q.err("SetLinger", c.SetLinger(1))
		q.err("SetNoDelay", c.SetNoDelay(false))
		q.err("SetKeepAliveConfig", c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true}))
		q.err("SetReadBuffer", c.SetReadBuffer(65536))
		q.err("SetDeadline", c.SetDeadline(time.Now().Add(time.Hour)))
		q.value("addresses", "%s %s", addrText(c.LocalAddr()), addrText(c.RemoteAddr()))
		q.err("Close", c.Close())
		q.err("Close again", c.Close())
	}},
	{"close.silent", needLink, func(q *asking) {
		c, _ := q.dialled()
		q.mute(c)
		q.write("Write", c, "never delivered")
		start := time.Now()
		q.err("Close", c.Close())
		q.took("it", start, 0)
	}},
	{"close.linger.silent", needLink, func(q *asking) {
		c, _ := q.dialled()
		q.mute(c)
		q.write("Write", c, "never delivered")
		q.must(c.SetLinger(1))
		start := time.Now()
		q.err("Close", c.Close())
		q.took("it", start, time.Second)
	}},
}

// together does something so many times at once, and counts how it ends: without an error, or with net.ErrClosed.
func together(n int, do func(i int) error) (good, closed int) {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	for _, err := range errs {
		switch {
		case err == nil:
			good++
		case errors.Is(err, net.ErrClosed):
			closed++
		}
	}
	return good, closed
}

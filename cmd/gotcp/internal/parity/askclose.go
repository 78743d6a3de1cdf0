package parity

import (
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/netapi"
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
		done := make(chan error)
		for range 8 {
			go func() { done <- c.Close() }()
		}
		good := 0
		for range 8 {
			if <-done == nil {
				good++
			}
		}
		q.value("without an error", "%d of 8", good)
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
		q.value("it has waited", "%t", time.Since(start) > 900*time.Millisecond)
	}},
	{"iface.copy.errors", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.reset(peer, c)
		n, err := io.Copy(io.Discard, c)
		q.n("Copy from a reset connection", int(n), err)
		n, err = c.ReadFrom(strings.NewReader("x"))
		q.n("ReadFrom", int(n), err)
	}},
	{"iface.buffers", needNothing, func(q *asking) {
		c, peer := q.dialled()
		v := net.Buffers{[]byte("one "), []byte("two "), []byte("three")}
		n, err := v.WriteTo(c)
		q.n("Buffers.WriteTo", int(n), err)
		q.value("left", "%d", len(v))
		n2, err := io.ReadFull(peer, make([]byte, 13))
		q.n("peer's ReadFull", n2, err)
	}},
	{"iface.settings", needNothing, func(q *asking) {
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
	}},
	{"iface.usertimeout", needNothing, func(q *asking) {
		var raw syscall.RawConn
		l := q.listen(q.h.Peer, q.h.To)
		d := &net.Dialer{Control: func(_, _ string, c syscall.RawConn) error { raw = c; return nil }}
		c, err := q.h.Net.DialWith(q.ctx, d, "tcp", l.Addr().String())
		q.must(err)
		q.cleanup(c.Close)
		const tcpUserTimeout = 18 // TCP_USER_TIMEOUT
		if c, ok := c.(*netapi.TCPConn); ok {
			err = c.SetUserTimeout(1500 * time.Millisecond)
		} else { // package net has no method for it
			err = setInt(raw, syscall.IPPROTO_TCP, tcpUserTimeout, 1500)
		}
		q.must(err)
		v, err := getInt(raw, syscall.IPPROTO_TCP, tcpUserTimeout)
		q.value("milliseconds", "%d %v", v, err)
	}},
	{"iface.syscallconn", needNothing, func(q *asking) {
		c, _ := q.dialled()
		_, ok := c.(syscall.Conn)
		q.value("is a syscall.Conn", "%t", ok)
	}},
}

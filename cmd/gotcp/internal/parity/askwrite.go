package parity

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// tooMuch is more than the buffers of two hosts hold.
var tooMuch = sync.OnceValue(func() []byte { return make([]byte, 32<<20) })

var writeQuestions = []question{
	{"write.reset", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.reset(peer, c)
		q.write("Write", c, "x")
		q.write("Write again", c, "x")
		q.read("Read", c, 1)
		q.err("CloseWrite", c.CloseWrite())
		q.err("CloseRead", c.CloseRead())
	}},
	{"write.peer.closed", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.closePeer(peer, c)
		q.write("Write", c, "x")
		q.awaitClosed(c, "reset")
		q.write("Write after the reset", c, "x")
		q.write("Write again", c, "x")
		q.read("Read", c, 1)
		q.read("Read again", c, 1)
		q.err("Close", c.Close())
	}},
	{"write.peer.closed.readfirst", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.closePeer(peer, c)
		q.write("Write", c, "x")
		q.awaitClosed(c, "reset")
		q.read("Read", c, 1)
		q.write("Write", c, "x")
	}},
	{"write.peer.unread", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.send(c, peer, "unread")
		q.must(peer.Close())
		q.awaitClosed(c, "reset")
		q.write("Write", c, "x")
		q.write("Write again", c, "x")
		q.read("Read", c, 1)
	}},
	{"write.closewrite", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.err("CloseWrite", c.CloseWrite())
		q.write("Write", c, "x")
		q.write("Write of none", c, "")
		q.err("CloseWrite again", c.CloseWrite())
		q.read("peer's Read", peer, 1)
		_, err := io.WriteString(peer, "reply")
		q.must(err)
		q.must(peer.Close())
		b, err := io.ReadAll(c)
		q.n("ReadAll", len(b), err)
		q.err("CloseWrite after both ends", c.CloseWrite())
		q.err("Close", c.Close())
	}},
	{"write.atomic", needNothing, func(q *asking) {
		c, peer := q.dialled()
		done := make(chan error)
		for i := range byte(4) {
			go func() {
				_, err := c.Write(bytes.Repeat([]byte{i}, 300_000))
				done <- err
			}()
		}
		go func() {
			for range 4 {
				<-done
			}
			c.CloseWrite()
		}()
		b, err := io.ReadAll(peer)
		q.n("peer's ReadAll", len(b), err)
		changes := 0
		for i := range b {
			if i > 0 && b[i] != b[i-1] {
				changes++
			}
		}
		q.value("changes of octet", "%d", changes)
	}},
	{"write.close", needNothing, func(q *asking) {
		c, _ := q.dialled()
		q.must(c.Close())
		q.write("Write", c, "x")
		q.write("Write of none", c, "")
	}},
	{"write.deadline", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.must(c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)))
		n, err := c.Write(tooMuch())
		q.some("Write that nobody reads", n, err)
		q.write("Write again", c, "x")
		q.must(c.SetWriteDeadline(time.Time{}))
		got := make(chan int64, 1)
		go func() { n, _ := io.Copy(io.Discard, peer); got <- n }()
		q.write("Write after clearing", c, "tail")
		q.must(c.Close())
		q.value("the peer has what was counted", "%t", <-got == int64(n)+4)
	}},
	{"write.blocked.past", needNothing, func(q *asking) {
		q.blockedWrite(func(c, _ tcpConn) { q.must(c.SetWriteDeadline(expired())) })
	}},
	{"write.blocked.close", needNothing, func(q *asking) {
		q.blockedWrite(func(c, _ tcpConn) { q.err("Close", c.Close()) })
	}},
	{"write.blocked.closewrite", needNothing, func(q *asking) {
		q.blockedWrite(func(c, _ tcpConn) { q.err("CloseWrite", c.CloseWrite()) })
	}},
	{"write.blocked.peerclose", needNothing, func(q *asking) {
		q.blockedWrite(func(_, peer tcpConn) { q.must(peer.Close()) }) // with data unread
	}},
	{"write.blocked.moved", needNothing, func(q *asking) {
		q.blockedWrite(func(c, _ tcpConn) {
			q.must(c.SetWriteDeadline(time.Now().Add(time.Hour)))
			q.must(c.SetDeadline(time.Now().Add(20 * time.Millisecond)))
		})
	}},
	{"write.blocked.reset", needNothing, func(q *asking) {
		q.blockedWrite(func(_, peer tcpConn) { q.must(peer.SetLinger(0)); q.must(peer.Close()) })
	}},
}

// blockedWrite has a Write blocked, does something, and records how the Write ends.
func (q *asking) blockedWrite(do func(c, peer tcpConn)) {
	c, peer := q.dialled()
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := c.Write(tooMuch())
		done <- result{n, err}
	}()
	q.awaitState(peer, "data", func(s status) bool { return s.received > 0 })
	q.pause(50 * time.Millisecond) // until the buffers are full
	do(c, peer)
	r := <-done
	q.some("blocked Write", r.n, r.err)
}

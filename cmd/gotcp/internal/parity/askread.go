package parity

import (
	"bytes"
	"io"
	"strings"
	"time"
)

var readQuestions = []question{
	{"read.eof.dialled", needNothing, func(q *asking) { q.readEOF(q.dialled()) }},
	{"read.eof.accepted", needNothing, func(q *asking) { q.readEOF(q.accepted()) }},
	{"read.reset.dialled", needNothing, func(q *asking) { q.readReset(q.dialled()) }},
	{"read.reset.accepted", needNothing, func(q *asking) { q.readReset(q.accepted()) }},
	{"read.reset.blocked", needNothing, func(q *asking) {
		c, peer := q.dialled()
		blocked := q.blockedRead(c)
		q.reset(peer, c)
		q.err("blocked Read", <-blocked)
		q.read("Read", c, 1)
	}},
	{"read.reset.data", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.send(peer, c, "0123456789ab")
		q.reset(peer, c)
		for range 5 {
			q.read("Read of 12 octets before a reset", c, 5)
		}
	}},
	{"read.reset.zero", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.reset(peer, c)
		q.read("Read of none", c, 0)
		q.write("Write of none", c, "")
		q.read("Read", c, 1)
	}},
	{"read.close", needNothing, func(q *asking) {
		c, _ := q.dialled()
		a, b := q.blockedRead(c), q.blockedRead(c)
		q.err("Close", c.Close())
		q.err("blocked Read", <-a)
		q.err("blocked Read", <-b)
		q.read("Read", c, 1)
		q.read("Read of none", c, 0)
	}},
	{"read.closeread", needNothing, func(q *asking) {
		c, peer := q.dialled()
		blocked := q.blockedRead(c)
		q.err("CloseRead", c.CloseRead())
		q.err("blocked Read", <-blocked)
		q.read("Read", c, 9)
		q.send(peer, c, "data")
		q.read("Read with data there", c, 9)
		q.write("peer's Write", peer, "again")
		q.write("Write", c, "x")
		q.err("CloseRead again", c.CloseRead())
	}},
	{"read.reset.blocked.accepted", needNothing, func(q *asking) {
		c, peer := q.accepted()
		blocked := q.blockedRead(c)
		q.reset(peer, c)
		q.err("blocked Read", <-blocked)
		q.read("Read", c, 1)
	}},
	{"read.closeread.eof", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.send(peer, c, "data")
		q.err("CloseRead", c.CloseRead())
		q.read("Read with data there", c, 2)
		q.read("Read of the rest", c, 9)
		q.read("Read then", c, 9)
		q.write("peer's Write", peer, "more")
		q.closePeer(peer, c)
		q.err("CloseRead after the peer's end", c.CloseRead())
	}},
	{"read.joins", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.send(peer, c, "hello")
		q.send(peer, c, "world")
		q.read("Read of two writes", c, 99)
		q.send(peer, c, "0123456789")
		q.read("Read of a part", c, 4)
		q.read("Read of the rest", c, 99)
	}},
	{"read.shared", needNothing, func(q *asking) {
		c, peer := q.dialled()
		type part struct {
			n   int
			err error
		}
		parts := make(chan part)
		for range 4 {
			go func() {
				total := 0
				for {
					n, err := c.Read(make([]byte, 1000))
					if total += n; err != nil {
						parts <- part{total, err}
						return
					}
				}
			}()
		}
		_, err := peer.Write(make([]byte, 100_000))
		q.must(err)
		q.must(peer.Close())
		total := 0
		for range 4 {
			p := <-parts
			total += p.n
			q.err("each reader's end", p.err)
		}
		q.value("octets of all", "%d", total)
	}},
	{"read.copy.errors", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.reset(peer, c)
		n, err := io.Copy(io.Discard, c)
		q.n("Copy from a reset connection", int(n), err)
		n, err = c.ReadFrom(strings.NewReader("x"))
		q.n("ReadFrom", int(n), err)
	}},
	{"read.writeto", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.send(peer, c, "0123456789")
		n, err := c.WriteTo(failing{})
		q.n("WriteTo a writer that fails", int(n), err)
		q.send(peer, c, "0123456789")
		n, err = c.WriteTo(short{})
		q.n("WriteTo a writer that takes less", int(n), err)
		q.must(c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)))
		n, err = c.WriteTo(io.Discard)
		q.n("WriteTo, expired", int(n), err)
		q.must(c.SetReadDeadline(time.Time{}))
		q.send(peer, c, "01234")
		q.closePeer(peer, c)
		var b bytes.Buffer
		n, err = io.Copy(&b, c)
		q.n("Copy to the end", int(n), err)
		n, err = io.Copy(&b, c)
		q.n("Copy at the end", int(n), err)
	}},
	{"read.zero", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.read("Read of none", c, 0)
		q.send(peer, c, "x")
		q.read("Read of none, data there", c, 0)
		q.read("Read", c, 9)
		q.write("Write of none", c, "")
		q.must(c.SetWriteDeadline(expired()))
		q.write("Write of none, expired", c, "")
		q.write("Write, expired", c, "x")
	}},
}

// blockedRead has a Read blocked, and gives how it ends.
func (q *asking) blockedRead(c io.Reader) <-chan error {
	done := make(chan error, 1)
	go func() { _, err := c.Read(make([]byte, 9)); done <- err }()
	q.pause(20 * time.Millisecond)
	return done
}

func (q *asking) readEOF(c, peer tcpConn) {
	q.send(peer, c, "abc")
	q.closePeer(peer, c)
	for range 3 {
		q.read("Read", c, 9)
	}
	q.read("Read of none", c, 0)
}

func (q *asking) readReset(c, peer tcpConn) {
	q.reset(peer, c)
	for range 3 {
		q.read("Read", c, 9)
	}
	q.write("Write", c, "x")
	q.err("Close", c.Close())
}

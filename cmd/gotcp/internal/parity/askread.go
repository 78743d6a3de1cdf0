package parity

import (
	"io"
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
	{"read.deadline", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.must(c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)))
		q.read("Read", c, 9)
		q.read("Read again", c, 9)
		q.send(peer, c, "data")
		q.read("Read with data there", c, 9)
		q.read("Read of none", c, 0)
		q.write("Write", c, "x")
		_, err := io.ReadFull(peer, make([]byte, 1)) // what it leaves unread would have its Close reset the connection
		q.must(err)
		q.must(c.SetReadDeadline(time.Time{}))
		q.read("Read after clearing", c, 9)
		q.closePeer(peer, c)
		q.must(c.SetReadDeadline(expired()))
		q.read("Read at the end, expired", c, 9)
		q.must(c.SetReadDeadline(time.Time{}))
		q.read("Read at the end", c, 9)
	}},
	{"read.deadline.pending", needNothing, func(q *asking) {
		c, peer := q.dialled()
		blocked := q.blockedRead(c)
		q.must(c.SetReadDeadline(expired()))
		q.err("set to the past", <-blocked)
		q.must(c.SetReadDeadline(time.Now().Add(time.Hour)))
		blocked = q.blockedRead(c)
		q.must(c.SetReadDeadline(time.Time{}))
		q.send(peer, c, "x")
		q.err("cleared", <-blocked)
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
		q.write("Write", c, "x")
		q.err("CloseRead again", c.CloseRead())
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

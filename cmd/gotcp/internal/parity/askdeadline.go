package parity

import (
	"net"
	"time"
)

// deadlineQuestions go through what deadlines are set to, by which method, and which calls they bear on.
var deadlineQuestions = []question{
	{"read.deadline", needNothing, func(q *asking) {
		c, peer := q.dialled()
		start := time.Now()
		q.must(c.SetReadDeadline(start.Add(50 * time.Millisecond)))
		q.read("Read", c, 9)
		q.took("it", start, 50*time.Millisecond)
		q.read("Read again", c, 9)
		q.send(peer, c, "data")
		q.read("Read with data there", c, 9)
		q.read("Read of none", c, 0)
		q.write("Write", c, "x")
		_, err := peer.Read(make([]byte, 1)) // what it leaves unread would have its Close reset the connection
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
		start := time.Now()
		q.must(c.SetReadDeadline(start.Add(100 * time.Millisecond)))
		blocked = q.blockedRead(c)
		q.must(c.SetReadDeadline(start.Add(300 * time.Millisecond)))
		q.err("extended", <-blocked)
		q.took("it", start, 300*time.Millisecond)
		q.must(c.SetReadDeadline(time.Now().Add(time.Hour)))
		blocked = q.blockedRead(c)
		q.must(c.SetWriteDeadline(expired())) // which is nothing to it
		q.send(peer, c, "y")
		q.err("the other deadline", <-blocked)
	}},
	{"read.deadline.reset", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.reset(peer, c)
		q.must(c.SetDeadline(expired()))
		q.read("Read of a reset connection, expired", c, 9)
		q.write("Write", c, "x")
		q.must(c.SetDeadline(time.Time{}))
		q.read("Read after clearing", c, 9)
		q.write("Write", c, "x")
	}},
	{"read.deadline.matrix", needNothing, func(q *asking) { q.deadlineMatrix((net.Conn).SetReadDeadline) }},
	{"write.deadline.matrix", needNothing, func(q *asking) { q.deadlineMatrix((net.Conn).SetWriteDeadline) }},
	{"read.deadline.both", needNothing, func(q *asking) { q.deadlineMatrix((net.Conn).SetDeadline) }},
	{"read.deadline.accepted", needNothing, func(q *asking) {
		c, _ := q.accepted()
		q.must(c.SetDeadline(expired()))
		q.read("Read", c, 9)
		q.write("Write", c, "x")
	}},
}

// deadlineMatrix sets a deadline to all that it can be, and calls what it can bear on.
func (q *asking) deadlineMatrix(set func(net.Conn, time.Time) error) {
	c, peer := q.dialled()
	for _, when := range []struct {
		name string
		at   time.Time
	}{
		{"the past", expired()}, {"now", time.Now()}, {"none", time.Time{}}, {"an hour", time.Now().Add(time.Hour)},
		{"a century", time.Now().AddDate(100, 0, 0)}, {"long ago", time.Unix(-1<<40, 0)},
		{"none again", time.Time{}},
	} {
		q.err("set to "+when.name, set(c, when.at))
		q.read("Read of none", c, 0)
		q.send(peer, c, "data")
		q.read("Read", c, 9)
		q.must(c.SetReadDeadline(time.Time{}))
		q.must(set(c, when.at)) // the same again
		q.write("Write", c, "x")
		q.write("Write of none", c, "")
		q.must(c.SetDeadline(time.Time{}))
		q.send(peer, c, "more")
		q.read("Read of all, no deadline", c, 99)
	}
}

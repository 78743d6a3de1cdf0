package parity

import (
	"net"
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// quickKeepAlive gives a silent peer three seconds.
var quickKeepAlive = net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 2}

// expiryQuestions are about peers that fall silent, and who notices when.
var expiryQuestions = []question{
	{"options.keepalive.expiry", needLink, func(q *asking) {
		start := time.Now()
		c, _ := q.dialledBy(&net.Dialer{KeepAliveConfig: quickKeepAlive})
		q.expiry(c, start)
	}},
	{"options.keepalive.expiry.accepted", needLink, func(q *asking) {
		start := time.Now()
		c, _ := q.acceptedBy(&net.ListenConfig{KeepAliveConfig: quickKeepAlive})
		q.expiry(c, start)
	}},
	{"options.keepalive.expiry.write", needLink, func(q *asking) {
		c, _ := q.dialledBy(&net.Dialer{KeepAliveConfig: quickKeepAlive})
		q.mute(c)
		q.awaitClosed(c, "expiry")
		q.write("Write", c, "x")
		q.write("Write again", c, "x")
		q.read("Read", c, 9)
	}},
	{"options.keepalive.expiry.zero", needLink, func(q *asking) {
		c, _ := q.dialledBy(&net.Dialer{KeepAliveConfig: quickKeepAlive})
		q.mute(c)
		q.awaitClosed(c, "expiry")
		q.read("Read of none", c, 0)
		q.err("CloseWrite", c.CloseWrite())
		q.read("Read", c, 9)
		q.read("Read again", c, 9)
	}},
	{"options.keepalive.answered", needLink, func(q *asking) {
		start := time.Now()
		c, peer := q.dialledBy(&net.Dialer{KeepAliveConfig: quickKeepAlive})
		q.must(c.SetReadDeadline(start.Add(4500 * time.Millisecond)))
		q.read("Read while probes are answered", c, 9)
		q.must(c.SetReadDeadline(time.Time{}))
		q.send(peer, c, "alive")
		q.read("Read then", c, 9)
	}},
	{"options.keepalive.recovered", needLink, func(q *asking) {
		c, peer := q.dialledBy(&net.Dialer{KeepAliveConfig: quickKeepAlive})
		speak := q.mute(c)
		q.awaitLost(q.farOf(c), 1) // a probe
		speak()
		q.write("peer's Write", peer, "back")
		q.read("Read", c, 9)
	}},
	{"options.keepalive.forgotten", needLink, func(q *asking) {
		start := time.Now()
		c, peer := q.dialledBy(&net.Dialer{KeepAliveConfig: quickKeepAlive})
		speak := q.mute(c)
		q.must(peer.SetLinger(0))
		q.must(peer.Close()) // whose RST is lost
		blocked := q.blockedRead(c)
		speak()
		q.err("blocked Read", <-blocked)
		q.took("it", start, time.Second)
		q.read("Read", c, 9)
	}},
	{"options.keepalive.icmp", needLink, func(q *asking) {
		start := time.Now()
		c, _ := q.dialledBy(&net.Dialer{KeepAliveConfig: quickKeepAlive})
		q.unreachable(c, wire.Unreachable(wire.CodeHostUnreachable))
		q.read("Read", c, 9)
		q.took("it", start, 3*time.Second)
		q.read("Read again", c, 9)
	}},
	{"options.usertimeout.write", needLink, func(q *asking) {
		c, _ := q.dialled()
		q.must(setUserTimeout(c, time.Second))
		q.mute(c)
		start := time.Now()
		q.write("Write", c, "x")
		q.read("Read", c, 9)
		q.took("it", start, time.Second)
		q.write("Write then", c, "x")
		q.read("Read again", c, 9)
		q.err("Close", c.Close())
	}},
	{"options.usertimeout.accepted", needLink, func(q *asking) {
		c, _ := q.accepted()
		q.must(setUserTimeout(c, time.Second))
		q.mute(c)
		q.write("Write", c, "x")
		q.awaitClosed(c, "expiry")
		q.write("Write then", c, "x")
		q.write("Write again", c, "x")
		q.read("Read", c, 9)
	}},
	{"options.usertimeout.blocked", needLink, func(q *asking) {
		c, _ := q.dialled()
		q.must(setUserTimeout(c, time.Second))
		q.mute(c)
		n, err := c.Write(tooMuch())
		q.some("Write that nobody acknowledges", n, err)
		q.write("Write again", c, "x")
		q.read("Read", c, 9)
	}},
	{"options.usertimeout.keepalive", needLink, func(q *asking) {
		start := time.Now()
		c, _ := q.dialledBy(&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: time.Second, Interval: time.Second, Count: 100}})
		q.must(setUserTimeout(c, 2500*time.Millisecond)) // which counts, not the number of probes
		q.mute(c)
		q.read("Read", c, 9)
		q.took("it", start, 2500*time.Millisecond)
		q.write("Write then", c, "x")
	}},
	{"options.usertimeout.icmp", needLink, func(q *asking) {
		c, _ := q.dialled()
		q.must(setUserTimeout(c, 2*time.Second))
		q.unreachable(c, wire.Unreachable(wire.CodeHostUnreachable))
		start := time.Now()
		q.write("Write", c, "x")
		q.read("Read", c, 9)
		q.took("it", start, 2*time.Second)
		q.read("Read again", c, 9)
		q.write("Write then", c, "x")
	}},
	{"options.usertimeout.dial", needLink, func(q *asking) {
		far := q.farPort()
		q.doom(far, &fate{})
		start := time.Now()
		q.dial("dial", &net.Dialer{Control: controlInt(tcpUserTimeout, 2000)}, "tcp", far.String())
		q.took("it", start, 2*time.Second)
	}},
}

// expiry has the peer of a connection fall silent, and records what is noticed of that and when.
func (q *asking) expiry(c tcpConn, start time.Time) {
	q.mute(c)
	q.read("Read", c, 9)
	q.took("it", start, 3*time.Second)
	q.read("Read again", c, 9)
	q.write("Write", c, "x")
	q.err("CloseWrite", c.CloseWrite())
	q.err("Close", c.Close())
}

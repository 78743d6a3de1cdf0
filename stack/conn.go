package stack

import (
	"sync"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

// phase is how far a stream socket has come, as its user sees it. What TCP's state is, the engine knows.
type phase uint8

const (
	fresh      phase = iota // neither connected nor listening, perhaps bound
	listening               // its listener is in extra
	connecting              // a connection is being opened
	connected               // a connection was established; it may have ended since
	failed                  // a connection could not be opened; another try is allowed
)

// stream is a stream socket and its connection, in one piece of memory: there may be very many, most of them idle, so
// what few sockets need is behind pointers (extra, the timers).
//
// mu is a leaf: nothing is called with it held but the engine, the tables of the stack (see tcpState) and the clock.
// The one that transmits (sending is set) polls the engine and sends what it gives with mu released, until there is
// nothing more; who finds sending set leaves what is to be sent to that one, which polls again before it lets go. So
// segments leave in order, without a lock held and without a goroutine.
type stream struct {
	mu sync.Mutex
	s  *Stack

	rq, wq waitq      // readers and acceptors; writers and connectors, with one channel
	timer  *connTimer // nil unless something is due
	extra  *extra     // nil for most
	bind   *binding   // the hold on the local port; nil where there is none

	ifc  *Iface // the path, as far as sending needs it
	nodf bool

	phase   phase
	ttl     uint8 // 0: the stack's
	tos     uint8
	sending bool // somebody transmits
	inTable bool // segments find the connection
	closed  bool // by its user
	writing bool // a writer has his turn
	turning bool // the writer whose turn it is waits
	watched int8 // how many wait for what has been sent or acknowledged

	key flowKey
	tcb tcp.TCB
}

// connTimer is the timer of a busy connection.
type connTimer struct {
	Timer
	at tcp.Time // when it fires; Never where it has just fired
}

// newStreamOn makes a stream socket.
func newStreamOn(s *Stack) *stream {
	s.tcp.open.Add(1)
	c := &stream{s: s}
	c.rq, c.wq = makeWaitqs()
	return c
}

// input takes in a segment for the connection, and reports whether it is still one that the table has.
func (c *stream) input(seg *wire.Segment) bool {
	c.mu.Lock()
	if !c.inTable {
		c.mu.Unlock()
		return false
	}
	now := c.s.now() // under mu, so that the engine's time, and with it TSval, never runs backwards
	c.tcb.Segment(now, seg)
	c.work(now)
	c.mu.Unlock()
	return true
}

// icmp takes in an ICMP error about a segment that had the sequence number quoted.
func (c *stream) icmp(quoted seq.Num, e icmpEvent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.inTable {
		return
	}
	now := c.s.now()
	if e.mtu == 0 {
		c.tcb.Unreachable(now, quoted, e.errno, e.hard)
	} else {
		c.packetTooBig(now, quoted, e)
	}
	c.work(now)
}

// fire is the timer's call. It may come too early: a deadline that has moved away leaves the timer as it is.
func (c *stream) fire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.s.now()
	if c.timer != nil {
		c.timer.at = tcp.Never
	}
	if c.inTable {
		if c.tcb.Deadline() <= now {
			c.tcb.Tick(now)
		}
		c.work(now)
	}
	if c.timer != nil && c.timer.at == tcp.Never {
		c.timer = nil // an idle connection has none
	}
}

// work does what any event in the connection may have left to do: transmit, leave the table, set the timer, wake who
// waits. The caller holds mu; it is released and taken again where something is sent.
func (c *stream) work(now tcp.Time) {
	if !c.inTable {
		c.announce()
		return
	}
	due := tcp.Never
	if !c.sending {
		c.sending = true
		var done bool
		now, done = c.transmit(now)
		c.sending = false
		if st := c.tcb.State(); done && (st == tcp.Closed || st == tcp.TimeWaitState) {
			c.leave(now, st)
		}
		if !done {
			due = now
		}
	}
	if c.inTable {
		c.arm(now, min(due, c.tcb.Deadline()))
	}
	c.announce()
}

const (
	// sendTurn bounds what one call transmits, in octets of payload and of segmentCost for each segment. It may be
	// somebody else's data, and there may be more of it for as long as its writer likes: a Read, or a device's reader,
	// must not be kept by it. The timer's goroutine goes on then, at once.
	sendTurn    = 4 << 20
	segmentCost = 4 << 10
)

// transmit sends what the engine has to send, and returns the time and whether there is nothing more. The caller holds
// mu and has set sending; mu is released around the sending.
func (c *stream) transmit(now tcp.Time) (later tcp.Time, done bool) {
	seg := getSegment()
	defer putSegment(seg)
	for cost := 0; cost < sendTurn; cost += seg.Payload.Len() + segmentCost {
		if !c.tcb.Poll(now, seg) {
			return now, true
		}
		p, o := c.path(), ipOptions{ttl: c.ttl, tos: c.tos}
		c.mu.Unlock()
		c.s.sendTCP(&p, c.key, seg, o) // what is lost here is lost as anywhere in the network
		c.mu.Lock()
		now = c.s.now()
	}
	return now, false
}

// path is the way to the peer. Its MTU is the engine's to know.
func (c *stream) path() path {
	return path{ifc: c.ifc, src: c.key.local.netip(), nodf: c.nodf}
}

func (c *stream) setPath(p *path) { c.ifc, c.nodf = p.ifc, p.nodf }

// arm has the timer fire at the time given, which is the engine's deadline as a rule. It moves the timer only to an
// earlier time; most deadlines move away before they come, so that costs a call now and then instead of a timer
// operation per segment.
func (c *stream) arm(now, at tcp.Time) {
	switch {
	case at == tcp.Never:
	case c.timer == nil:
		c.timer = &connTimer{c.s.cfg.Clock.AfterFunc(max(0, at.Sub(now)), c.fire), at}
	case at < c.timer.at:
		c.timer.at = at
		c.timer.Reset(max(0, at.Sub(now)))
	}
}

// dropTimer takes the timer away. The caller holds mu.
func (c *stream) dropTimer() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}

// announce wakes those whom the engine's news concern.
func (c *stream) announce() {
	ev := c.tcb.Events()
	if c.phase == connecting {
		c.opened()
	}
	if ev&(tcp.Readable|tcp.Dead) != 0 {
		c.wakeReader()
	}
	if ev&(tcp.Writable|tcp.Opened|tcp.Dead) != 0 || c.watched > 0 {
		c.wakeWriter()
	}
}

// opened looks whether the opening of the connection has come to an end.
func (c *stream) opened() {
	switch c.tcb.State() {
	case tcp.SynSent, tcp.SynReceived:
		return
	case tcp.Closed:
		c.phase = failed
	default:
		c.phase = connected
		if c.tcb.Deadline() == tcp.Never {
			c.dropTimer() // which was the SYN's: it would fire for nothing
		}
	}
	c.wakeWriter()
	c.wakeReader()
}

// leave takes the connection out of the table once TCP has no more to do with it, or leaves a TIME-WAIT record in its
// place. What was received stays readable. The caller holds mu.
func (c *stream) leave(now tcp.Time, st tcp.State) {
	t := &c.s.tcp
	var held *binding
	if st == tcp.TimeWaitState && c.bind != nil {
		held = c.bind
		c.s.tcpPorts.retain(held)
	}
	sh := t.shard(c.key)
	sh.mu.Lock()
	delete(sh.conns, c.key)
	if st == tcp.TimeWaitState && c.s.startTimeWait(sh, c, held, now) {
		held = nil // the record has it
	}
	sh.mu.Unlock()
	c.s.releasePort(&held)
	c.inTable = false
	t.conns.Add(-1)
	if c.closed {
		t.orphans.Add(-1)
	}
	c.dropTimer()
	c.freePort()
}

// freePort gives up the hold on the local port where nothing needs it any more. The caller holds mu.
func (c *stream) freePort() {
	if c.bind != nil && c.closed && !c.inTable {
		c.s.tcpPorts.release(c.bind)
		c.bind = nil
	}
}

// packetTooBig takes in that a packet to the peer was larger than the path's MTU (RFC 1191). The finding changes the
// path, and is remembered for others, only where the engine has believed it (RFC 5927 section 7.2).
func (c *stream) packetTooBig(now tcp.Time, quoted seq.Num, e icmpEvent) {
	mtu, _ := clampMTU(e.mtu)
	before := c.tcb.Info(now).PMTU
	c.tcb.PacketTooBig(now, quoted, mtu)
	if c.tcb.Info(now).PMTU == before {
		return
	}
	_, c.nodf = c.s.learnMTU(c.key.remote, e)
}

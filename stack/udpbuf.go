package stack

import "sync"

// dgram is a datagram that was received, in memory of its own.
type dgram struct {
	next  *dgram
	buf   []byte // of one of the sizes
	n     int    // octets of payload in buf
	from  addr4
	fport uint16
}

// dgramSizes are the sizes of buffers for datagrams: a small query, an Ethernet frame, all that IP can carry.
var dgramSizes = [...]int{512, 2048, 1 << 16}

// dgramCost is counted against a socket's buffer for each datagram, beyond its buffer.
const dgramCost = 64

// dgramPools hold bytes only, so these may wander between stacks and testing/synctest bubbles.
var dgramPools [len(dgramSizes)]sync.Pool

// dgramClass is the class of buffers for n octets.
func dgramClass(n int) int {
	c := 0
	for n > dgramSizes[c] {
		c++
	}
	return c
}

// getDgram makes a datagram with a copy of b.
func getDgram(b []byte) *dgram {
	c := dgramClass(len(b))
	g, _ := dgramPools[c].Get().(*dgram)
	if g == nil {
		g = &dgram{buf: make([]byte, dgramSizes[c])}
	}
	g.n = copy(g.buf, b)
	return g
}

// put gives the memory back.
func (g *dgram) put() {
	g.next = nil
	dgramPools[dgramClass(len(g.buf))].Put(g)
}

// cost is what the datagram counts against its socket's buffer.
func (g *dgram) cost() int { return len(g.buf) + dgramCost }

// dgramQueue is the queue of a socket, first in first out.
type dgramQueue struct {
	head, tail *dgram
	bytes      int // sum of costs
}

func (q *dgramQueue) push(g *dgram) {
	if q.head == nil {
		q.head = g
	} else {
		q.tail.next = g
	}
	q.tail = g
	q.bytes += g.cost()
}

// pop takes the first datagram, nil where there is none.
func (q *dgramQueue) pop() *dgram {
	g := q.head
	if g == nil {
		return nil
	}
	if q.head = g.next; q.head == nil {
		q.tail = nil
	}
	g.next = nil
	q.bytes -= g.cost()
	return g
}

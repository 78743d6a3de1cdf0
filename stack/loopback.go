package stack

import (
	"sync"
	"sync/atomic"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/tcp"
)

// loopback is the link from a stack to itself. Who writes a packet delivers it, and those that come while it does so:
// it has a queue and no goroutine. So a packet that answers a packet, and so on, makes no deeper and deeper call, and
// no chain of answers can exhaust the stack (of calls) of the one who began it. [link.NewLoopback] has no queue.
type loopback struct {
	recv func(*link.Frame)

	mu       sync.Mutex // not held while a packet is delivered
	queue    []loopPacket
	spare    []loopPacket // an empty queue's memory, while nobody delivers
	bytes    int          // memory that packets on the way hold
	draining bool
	closed   atomic.Bool
	idle     chan struct{} // told by who stops delivering after Close

	frame link.Frame // the packet that is delivered: of who delivers
}

// loopPacket is a packet on its way.
type loopPacket struct {
	buf  []byte // from the pool of the byte stores, so that a receiver may adopt it; or small
	n    int
	gso  int
	csum link.Csum
}

const (
	loopbackMTU = 65535   // all that IPv4 can say
	loopSmall   = 2048    // packets of up to so many octets have buffers of that size
	loopMemory  = 8 << 20 // what may be on the way: the rest is dropped
	// loopTurns is how many packets one writer delivers for others before it leaves that to a goroutine, which ends
	// with the queue.
	loopTurns = 256
)

// smallBufs hold bytes only, so they may wander between testing/synctest bubbles.
var smallBufs = sync.Pool{New: func() any { return new([loopSmall]byte) }}

func newLoopback() *loopback { return &loopback{idle: make(chan struct{}, 1)} }

func (l *loopback) Name() string { return "lo" }

func (l *loopback) MTU() int { return loopbackMTU }

// Offload says that checksums need not be completed for a way through memory.
func (l *loopback) Offload() link.Offload { return link.Offload{Csum: true} }

func (l *loopback) Attach(recv func(*link.Frame)) error {
	l.recv = recv
	return nil
}

func (l *loopback) Write(f *link.Frame) error {
	l.mu.Lock()
	if err := l.push(f); err != nil || l.draining {
		l.mu.Unlock()
		return err
	}
	l.draining = true
	last := l.spare
	l.mu.Unlock()
	l.drain(last, loopTurns)
	return nil
}

// push copies a frame into the queue.
func (l *loopback) push(f *link.Frame) error {
	p := loopPacket{n: f.Len(), gso: f.GSOSize, csum: f.Csum}
	switch {
	case l.closed.Load():
		return link.ErrClosed
	case p.n > loopbackMTU || l.bytes+loopSmall > loopMemory:
		return link.ErrDropped
	case p.n > loopSmall:
		p.buf = tcp.GetBuf()
	default:
		p.buf = smallBufs.Get().(*[loopSmall]byte)[:]
	}
	n := copy(p.buf, f.Head)
	for _, b := range f.Tail {
		n += copy(p.buf[n:], b)
	}
	l.bytes += len(p.buf)
	l.queue = append(l.queue, p)
	return nil
}

// take gives the packets queued to the caller, who delivers them, and takes the last batch back, delivered, for its
// memory. Where there are none, or the link is closed, the caller doesn't deliver any more.
func (l *loopback) take(last []loopPacket) []loopPacket {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range last {
		l.bytes -= len(p.buf)
	}
	clear(last)
	if l.closed.Load() || len(l.queue) == 0 {
		l.spare, l.draining = last[:0], false
		if l.closed.Load() {
			l.queue, l.spare = nil, nil
			l.idle <- struct{}{}
		}
		return nil
	}
	batch := l.queue
	l.queue = last[:0]
	return batch
}

// drain delivers what is queued. last is the batch delivered already. After turns packets the rest is left to a
// goroutine (turns 0: all is delivered here).
func (l *loopback) drain(last []loopPacket, turns int) {
	n := 0
	for batch := l.take(last); batch != nil; batch = l.take(batch) {
		for _, p := range batch {
			l.deliver(p)
		}
		if n += len(batch); turns > 0 && n >= turns {
			go l.drain(batch, 0)
			return
		}
	}
}

// deliver hands a packet up and gives its buffer back, or the one that came in its place.
func (l *loopback) deliver(p loopPacket) {
	if l.closed.Load() {
		return
	}
	f := &l.frame
	*f = link.Frame{Head: p.buf[:p.n], Csum: p.csum, GSOSize: p.gso}
	if len(p.buf) == loopSmall {
		l.recv(f)
		smallBufs.Put((*[loopSmall]byte)(p.buf))
	} else {
		f.Buf = p.buf
		l.recv(f)
		tcp.PutBuf(f.Buf)
	}
	*f = link.Frame{}
}

func (l *loopback) Close() error {
	l.mu.Lock()
	if l.closed.Swap(true) {
		l.mu.Unlock()
		return link.ErrClosed
	}
	busy := l.draining
	l.mu.Unlock()
	if busy {
		<-l.idle
	}
	return nil
}

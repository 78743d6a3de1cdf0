package border

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
)

// errVersion says that the two ends are of different versions.
type errVersion uint64

func (e errVersion) Error() string {
	return fmt.Sprintf("border: the other end speaks version %d, this one %d: build both with the same gotcp", e, version)
}

// maxEvents is how many events wait at most for a plugin that observes.
const maxEvents = 64

// overhead is what a message in the outbox costs beside its octets.
const overhead = 128

// outbox is the messages to the plugin. They are sent at once as long as its socket has room; what has none waits, up
// to a limit, and a goroutine sends it that ends when nothing is left.
type outbox struct {
	carrier Carrier
	limit   int // octets that wait
	cut     func(error)

	mu      sync.Mutex
	queue   []*letter
	size    int
	events  int
	sending bool // the goroutine runs
	closed  bool
	scratch []byte
	wg      sync.WaitGroup // of the goroutine
}

// letter is a message that waits.
type letter struct {
	text  []byte
	far   farEnd
	waits *atomic.Bool // that it does, for who would send another one; may be nil
	event bool
}

func newOutbox(c Carrier, limit int, cut func(error)) *outbox {
	return &outbox{carrier: c, limit: limit, cut: cut}
}

// send sends a message with a path's far end, which it takes over, or has it wait.
func (o *outbox) send(m message, far farEnd, waits *atomic.Bool) {
	o.mu.Lock()
	full := o.post(m, &letter{far: far, waits: waits})
	o.mu.Unlock()
	if full {
		o.cut(errProtocol("messages are not read"))
	}
}

// event is send for what may be dropped.
func (o *outbox) event(m message) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.events >= maxEvents || o.size > o.limit/2 {
		return false
	}
	return !o.post(m, &letter{event: true})
}

// post reports whether the outbox is full.
func (o *outbox) post(m message, l *letter) (full bool) {
	if o.closed {
		l.drop()
		return false
	}
	var err error
	if o.scratch, err = encode(o.scratch[:0], m); err != nil {
		// What the network has said is too long for a message. The request is answered all the same.
		r, ok := m.(*reply)
		if !ok {
			l.drop()
			return false
		}
		o.scratch, _ = encode(o.scratch[:0], &reply{req: r.req, err: syscall.EMSGSIZE})
	}
	if !o.sending {
		l.waiting(false)
		err := o.carrier.send(o.scratch, l.far, false)
		if err == nil {
			l.far = nil
			l.drop()
			return false
		}
		if err != syscall.EAGAIN {
			l.drop() // the plugin is gone
			return false
		}
	}
	if o.size += len(o.scratch) + overhead; o.size > o.limit {
		l.drop()
		return true
	}
	l.waiting(true)
	l.text = append([]byte(nil), o.scratch...)
	o.queue = append(o.queue, l)
	if l.event {
		o.events++
	}
	if !o.sending {
		o.sending = true
		o.wg.Go(o.drain)
	}
	return false
}

// drain sends what waits.
func (o *outbox) drain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.queue) > 0 {
		l := o.queue[0]
		o.queue[0] = nil
		o.queue = o.queue[1:]
		o.size -= len(l.text) + overhead
		if l.event {
			o.events--
		}
		o.mu.Unlock()
		l.waiting(false) // before it is sent, which may have the plugin do what calls for another one
		if o.carrier.send(l.text, l.far, true) == nil {
			l.far = nil
		}
		l.drop()
		o.mu.Lock()
	}
	o.queue, o.sending = nil, false
}

// close drops what waits and what comes. The carrier must be closed, so that the goroutine ends.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	for _, l := range o.queue {
		l.drop()
	}
	o.queue, o.size = nil, 0
	o.mu.Unlock()
	o.wg.Wait()
}

// drop is the end of a letter.
func (l *letter) drop() {
	if l.far != nil {
		l.far.Close()
	}
	l.waiting(false)
}

func (l *letter) waiting(is bool) {
	if l.waits != nil {
		l.waits.Store(is)
	}
}

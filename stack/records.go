package stack

import (
	"sync"

	"github.com/gotcp/gotcp/stack/tcp"
)

// record is a connection that needs no more than a small record: half-open or in TIME-WAIT.
type record interface {
	// slot is the record's place in its queue.
	slot() *dueSlot
	// due is called once the record's time has come, or has to come early because there are too many (forced). It may
	// put the record into the queue again.
	due(now tcp.Time, forced bool)
}

// dueSlot is a record's place in a dueQueue.
type dueSlot struct {
	at  tcp.Time
	pos int32 // in the heap, counted from 1; 0: not there
}

// dueQueue keeps the records of one kind by the time that something is due, in a heap, under one lazily armed timer for
// all. It also keeps their number near a limit: beyond it, the one due first goes early.
type dueQueue struct {
	mu    sync.Mutex // held for heap work and setting the timer only
	s     *Stack
	limit int
	heap  []record
	timer Timer
	armed tcp.Time // when the timer fires; Never where it isn't set
	ended bool
}

func (q *dueQueue) init(s *Stack, limit int) { q.s, q.limit, q.armed = s, limit, tcp.Never }

// len is the number of records.
func (q *dueQueue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.heap)
}

// full reports whether the limit is reached.
func (q *dueQueue) full() bool { return q.len() >= q.limit }

// put queues r for the time at, or moves it there.
func (q *dueQueue) put(r record, at tcp.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return
	}
	sl := r.slot()
	sl.at = at
	if sl.pos == 0 {
		q.heap = append(q.heap, r)
		sl.pos = int32(len(q.heap))
	}
	q.up(int(sl.pos - 1))
	q.down(int(sl.pos - 1))
	q.arm()
}

// remove takes r out, where it is in. Once the queue has ended nothing is.
func (q *dueQueue) remove(r record) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if pos := r.slot().pos; pos != 0 && !q.ended {
		q.take(int(pos - 1))
	}
}

// take removes and returns the record at index i.
func (q *dueQueue) take(i int) record {
	r := q.heap[i]
	last := len(q.heap) - 1
	q.swap(i, last)
	q.heap[last] = nil
	q.heap = q.heap[:last]
	if i < last {
		q.up(i)
		q.down(i)
	}
	r.slot().pos = 0
	if last == 0 {
		q.heap = nil // what a flood has made large goes with it
	}
	return r
}

// arm sets the timer for the first record, or for at once where there are too many. A timer that fires too early does
// no harm, so it is never set later.
func (q *dueQueue) arm() {
	at := tcp.Never
	if len(q.heap) > 0 {
		at = q.heap[0].slot().at
	}
	now := q.s.now()
	if len(q.heap) > q.limit {
		at = now
	}
	if at >= q.armed {
		return
	}
	q.armed = at
	d := max(0, at.Sub(now))
	if q.timer == nil {
		q.timer = q.s.cfg.Clock.AfterFunc(d, q.fire)
	} else {
		q.timer.Reset(d)
	}
}

// fire is the timer's call: whoever is due gets his turn, one after the other and with no lock held.
func (q *dueQueue) fire() {
	now := q.s.now()
	q.mu.Lock()
	q.armed = tcp.Never
	q.mu.Unlock()
	for {
		r, forced := q.next(now)
		if r == nil {
			return
		}
		r.due(now, forced)
	}
}

// next takes the first record out if it is due. When none is, it sets the timer for the one that will be.
func (q *dueQueue) next(now tcp.Time) (r record, forced bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.heap); n > 0 && !q.ended {
		forced = n > q.limit
		if forced || q.heap[0].slot().at <= now {
			return q.take(0), forced
		}
	}
	q.arm()
	return nil, false
}

// close stops the timer for good and returns the records that there were.
func (q *dueQueue) close() []record {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	if q.timer != nil {
		q.timer.Stop()
		q.timer = nil
	}
	q.armed = tcp.Never
	heap := q.heap
	q.heap = nil
	return heap
}

func (q *dueQueue) swap(i, j int) {
	q.heap[i], q.heap[j] = q.heap[j], q.heap[i]
	q.heap[i].slot().pos, q.heap[j].slot().pos = int32(i+1), int32(j+1)
}

func (q *dueQueue) before(i, j int) bool { return q.heap[i].slot().at < q.heap[j].slot().at }

func (q *dueQueue) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !q.before(i, parent) {
			return
		}
		q.swap(i, parent)
		i = parent
	}
}

func (q *dueQueue) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(q.heap) {
			return
		}
		if child+1 < len(q.heap) && q.before(child+1, child) {
			child++
		}
		if !q.before(child, i) {
			return
		}
		q.swap(i, child)
		i = child
	}
}

package stack

import (
	"runtime"
	"sync"
	"time"
)

// waitq is where the callers of one direction of a socket wait: readers (and acceptors) on one, writers (and
// connectors) on another. What they wait for is state of the socket under the socket's mutex, and so is the waitq.
//
// Wake-ups go through one channel of capacity 1 that was made with the socket, so a socket made outside of a
// testing/synctest bubble can be used inside. The channel carries at most one token, which wakes one waiter: so whoever
// was woken and leaves while others wait must pass the signal on, if what it leaves may concern them ("chain
// wake"). Always doing so is correct: a waiter that finds nothing waits again.
//
// A channel costs 112 octets, so the two directions of a stream have one between them. Who takes a token that was for
// the other direction hands it on, which is rare: mostly only one side waits.
//
//	s.mu.Lock()
//	for !condition && !s.rq.expired() {
//		s.rq.wait(&s.mu, nil)
//	}
//	... take what there is ...
//	s.rq.signal() // where there is more of it, or the socket is closed, or the deadline expired
//	s.mu.Unlock()
type waitq struct {
	ch      chan struct{}
	dl      *deadline // made with the first deadline that isn't past
	waiters int32
	called  bool // a waiter was signalled; the token is in the channel, or was taken by one who hasn't got the mutex yet
	past    bool // the deadline has passed
}

// deadline is the timer of a waitq: one, made when first needed, re-armed for later deadlines.
type deadline struct {
	timer Timer
	at    time.Time // by the stack's clock; zero where there is none
}

// makeWaitq makes the queue of a socket.
func makeWaitq() waitq { return waitq{ch: make(chan struct{}, 1)} }

// makeWaitqs makes the queues of the two directions of a socket, with one channel.
func makeWaitqs() (rq, wq waitq) {
	rq = makeWaitq()
	return rq, waitq{ch: rq.ch}
}

// wait blocks until the queue is signalled or done is closed (nil: never). The caller holds mu; it is given up while
// waiting. The caller looks at its condition again afterwards: a wake-up may be for somebody else.
func (q *waitq) wait(mu *sync.Mutex, done <-chan struct{}) { q.waitBeside(nil, mu, done) }

// waitBeside is wait on a queue that has its channel together with another.
func (q *waitq) waitBeside(other *waitq, mu *sync.Mutex, done <-chan struct{}) {
	q.waiters++
	for waiting := true; waiting; {
		mu.Unlock()
		select {
		case <-q.ch:
			mu.Lock()
			waiting = !q.called
			q.called = false
			if other != nil && other.handOn() && waiting {
				mu.Unlock()
				runtime.Gosched() // or we might take it again
				mu.Lock()
			}
		case <-done:
			mu.Lock()
			waiting = false
		}
	}
	q.waiters--
}

// handOn puts the token back that the other queue's waiter has taken, if it is for one of this queue's, and reports
// whether it was.
func (q *waitq) handOn() bool {
	if q.called = q.called && q.waiters > 0; q.called {
		q.post()
	}
	return q.called
}

// signal wakes one waiter, if there is any. The caller holds the socket's mutex.
func (q *waitq) signal() {
	if q.waiters > 0 && !q.called {
		q.called = true
		q.post()
	}
}

func (q *waitq) post() {
	select {
	case q.ch <- struct{}{}:
	default: // there is a token, and who takes it looks whom it is for
	}
}

// expired reports whether the deadline has passed. The caller holds the socket's mutex.
func (q *waitq) expired() bool { return q.past }

// setDeadline makes t the deadline: zero none, past at once. mu is the socket's mutex, held by the caller.
func (q *waitq) setDeadline(c Clock, mu *sync.Mutex, t time.Time) {
	now := c.Now()
	d := t.Sub(now)
	q.past = !t.IsZero() && d <= 0
	if t.IsZero() || q.past {
		q.stop()
		q.signal()
		return
	}
	if q.dl == nil {
		q.dl = &deadline{}
	}
	// Not t itself: it may come without a monotonic reading, and the wall's clock may be set meanwhile.
	q.dl.at = now.Add(d)
	if q.dl.timer != nil {
		q.dl.timer.Reset(d)
		return
	}
	q.dl.timer = c.AfterFunc(d, func() { q.fire(c, mu) })
}

// fire is the timer's call. It may belong to a deadline that was replaced while it was on its way.
func (q *waitq) fire(c Clock, mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
	if q.dl.at.IsZero() {
		return
	}
	if d := q.dl.at.Sub(c.Now()); d > 0 {
		q.dl.timer.Reset(d)
		return
	}
	q.dl.at = time.Time{}
	q.past = true
	q.signal()
}

// stop takes the timer away: there is no deadline any more, or the socket is closed. The caller holds the mutex.
func (q *waitq) stop() {
	if q.dl != nil {
		q.dl.at = time.Time{}
		q.dl.timer.Stop()
	}
}

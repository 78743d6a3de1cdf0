package stack

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

// waitBox is the smallest socket: a number of tokens to take, and whether it is closed.
type waitBox struct {
	mu     sync.Mutex
	q      waitq
	tokens int
	closed bool
}

// take waits for a token, and says why not.
func (b *waitBox) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.q.signal()
	for {
		switch {
		case b.closed:
			return "closed"
		case b.q.expired():
			return "deadline"
		case b.tokens > 0:
			b.tokens--
			return "token"
		}
		b.q.wait(&b.mu, nil)
	}
}

// waiters starts n takers and waits until all of them block.
func (b *waitBox) takers(n int) <-chan string {
	results := make(chan string, n)
	for range n {
		go func() { results <- b.take() }()
	}
	synctest.Wait()
	return results
}

func (b *waitBox) do(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// Two signals may melt into one, as the channel holds one. The first waiter to leave then wakes the next.
func TestWaitChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &waitBox{q: makeWaitq()}
		results := b.takers(5)
		b.do(func() {
			b.tokens = 2
			b.q.signal()
			b.q.signal()
		})
		synctest.Wait()
		if len(results) != 2 || b.tokens != 0 {
			t.Fatalf("%d takers have left with 2 tokens, %d tokens remain", len(results), b.tokens)
		}
		b.do(func() { b.closed = true; b.q.signal() })
		synctest.Wait()
		if len(results) != 5 {
			t.Errorf("%d of 5 have left after close", len(results))
		}
	})
}

// A deadline acts on who waits already, may be moved both ways, and is over when it is taken away.
func TestWaitDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &waitBox{q: makeWaitq()}
		set := func(d time.Duration) {
			b.do(func() { b.q.setDeadline(wallClock{}, &b.mu, time.Now().Add(d)) })
		}
		results := b.takers(3)
		start := time.Now()
		set(time.Hour)
		set(2 * time.Second) // earlier
		set(5 * time.Second) // later
		for range 3 {
			if r := <-results; r != "deadline" {
				t.Errorf("left with %q", r)
			}
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("left after %v, want 5s", d)
		}
		if r := b.take(); r != "deadline" {
			t.Errorf("a passed deadline must stay passed, got %q", r)
		}
		set(time.Hour) // which revives the socket
		results = b.takers(1)
		b.do(func() { b.q.setDeadline(wallClock{}, &b.mu, time.Time{}) })
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if len(results) != 0 {
			t.Fatalf("left with %q though the deadline was taken away", <-results)
		}
		set(-time.Second)
		if r := <-results; r != "deadline" {
			t.Errorf("a deadline in the past gives %q", r)
		}
	})
}

// A timer that has fired for a deadline since replaced must not end the new one early.
func TestWaitDeadlineRace(t *testing.T) {
	c := newManualClock()
	b := &waitBox{q: makeWaitq()}
	b.do(func() { b.q.setDeadline(c, &b.mu, c.Now().Add(time.Second)) })
	b.do(func() { b.q.setDeadline(c, &b.mu, c.Now().Add(time.Minute)) })
	b.q.fire(c, &b.mu) // as the first timer's call would, had Reset come too late
	if b.q.expired() {
		t.Fatal("expired a minute early")
	}
	c.advance(time.Minute)
	if !b.q.expired() {
		t.Fatal("the deadline has passed unseen")
	}
	b.do(func() { b.q.setDeadline(c, &b.mu, c.Now().Add(time.Minute)) })
	b.do(func() { b.q.setDeadline(c, &b.mu, time.Time{}) })
	b.q.fire(c, &b.mu)
	if b.q.expired() || c.pending() != 0 {
		t.Error("a deadline that was taken away has passed, or left a timer")
	}
}

// A waiter that its context ends must not take a wake-up with it that was for another.
func TestWaitDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &waitBox{q: makeWaitq()}
		done := make(chan struct{})
		left := make(chan bool, 1)
		go func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.q.wait(&b.mu, done)
			left <- true
		}()
		results := b.takers(1)
		close(done)
		<-left
		b.do(func() { b.tokens = 1; b.q.signal() })
		if r := <-results; r != "token" {
			t.Errorf("left with %q", r)
		}
	})
}

// There are two in each connection, and 1 KiB in all is what an idle one may cost.
func TestWaitqIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(waitq{}); n > 24 {
		t.Errorf("a waitq takes %d bytes", n)
	}
}

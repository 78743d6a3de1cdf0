package stack

import (
	"sync"
	"sync/atomic"
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

// twoSides is a socket with two directions and one channel: a number of tokens to take on each side.
type twoSides struct {
	mu     sync.Mutex
	q      [2]waitq
	tokens [2]int
	closed bool
}

func newTwoSides() *twoSides {
	b := &twoSides{}
	b.q[0], b.q[1] = makeWaitqs()
	return b
}

// take waits for a token of a side, and reports whether it got one before the end or before done was closed.
func (b *twoSides) take(side int, done <-chan struct{}) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.q[side].signal()
	for b.tokens[side] == 0 {
		select {
		case <-done:
			return false
		default:
		}
		if b.closed {
			return false
		}
		b.q[side].waitBeside(&b.q[1-side], &b.mu, done)
	}
	b.tokens[side]--
	return true
}

func (b *twoSides) give(side int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens[side]++
	b.q[side].signal()
}

// Whoever takes the wake-up that was for the other direction hands it on, however many wait on either, and in whatever
// order they came.
func TestWaitBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for first := range 2 {
			b := newTwoSides()
			var left [2]atomic.Int32
			for _, side := range []int{first, 1 - first} {
				for range 3 {
					go func() {
						if b.take(side, nil) {
							left[side].Add(1)
						}
					}()
				}
				synctest.Wait()
			}
			for i, side := range []int{1, 0, 0, 1, 1, 0} {
				b.give(side)
				synctest.Wait()
				if n := left[0].Load() + left[1].Load(); int(n) != i+1 || b.tokens != [2]int{} {
					t.Fatalf("%d have left with %d tokens given, %v remain", n, i+1, b.tokens)
				}
			}
		}
	})
}

// Both directions are signalled at once, as by the end of a connection, or when both are ready.
func TestWaitBesideBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTwoSides()
		left := make(chan int, 4)
		for range 2 {
			for side := range 2 {
				go func() { b.take(side, nil); left <- side }()
			}
		}
		synctest.Wait()
		b.mu.Lock()
		b.tokens = [2]int{1, 1}
		b.q[0].signal()
		b.q[1].signal()
		b.mu.Unlock()
		if <-left+<-left != 1 {
			t.Error("two left by the same side, want one by each")
		}
		b.mu.Lock()
		b.closed = true
		b.q[0].signal()
		b.q[1].signal()
		b.mu.Unlock()
		synctest.Wait()
		if len(left) != 2 {
			t.Errorf("%d of the other 2 have left after the end", len(left))
		}
	})
}

// Nothing is lost where many give and take on both sides at any time, and some give up.
func TestWaitBesideStress(t *testing.T) {
	const n = 5000
	b := newTwoSides()
	var wg sync.WaitGroup
	for side := range 2 {
		for range 2 {
			wg.Go(func() {
				for range n {
					b.give(side)
				}
			})
			wg.Go(func() {
				for range n {
					b.take(side, nil)
				}
			})
		}
		wg.Go(func() { // by the way, and gives back what it got
			for range n / 10 {
				done := make(chan struct{})
				go close(done)
				if b.take(side, done) {
					b.give(side)
				}
			}
		})
	}
	wg.Wait()
	if b.tokens != [2]int{} {
		t.Errorf("%v tokens remain", b.tokens)
	}
}

// There are two in each connection, and 1 KiB in all is what an idle one may cost.
func TestWaitqIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(waitq{}); n > 24 {
		t.Errorf("a waitq takes %d bytes", n)
	}
}

package stack

import "runtime"

// A stream socket has one channel for the callers of both its directions: a channel costs more than a hundred octets,
// and most sockets are idle. So a token on it may find somebody of the wrong direction. What it was meant for is noted
// beside (rtold, wtold), and who took it by mistake passes it on.

// wakeReader wakes one of those who wait on rq, if there is any. The caller holds mu.
func (c *stream) wakeReader() {
	if c.rq.waiters > 0 {
		c.rtold = true
		c.rq.signal()
	}
}

// wakeWriter wakes one of those who wait on wq.
func (c *stream) wakeWriter() {
	if c.wq.waiters > 0 {
		c.wtold = true
		c.wq.signal()
	}
}

// waitReader waits as a reader or acceptor. The caller holds mu, and looks at what he waits for before and after.
func (c *stream) waitReader() { c.wait(&c.rq, &c.rtold, nil) }

// waitWriter waits on the sending side, until done (nil: never) at the latest.
func (c *stream) waitWriter(done <-chan struct{}) { c.wait(&c.wq, &c.wtold, done) }

func (c *stream) wait(q *waitq, told *bool, done <-chan struct{}) {
	for {
		q.wait(&c.mu, done)
		mine := *told || q.past || ended(done)
		if mine {
			*told = false
		}
		passed := false
		if c.rq.waiters > 0 && (c.rtold || c.rq.past) {
			c.rq.signal()
			passed = true
		}
		if c.wq.waiters > 0 && (c.wtold || c.wq.past) {
			c.wq.signal()
			passed = true
		}
		if mine {
			return
		}
		if passed { // to one who may be just about to wait: let him, before this one takes the token again
			q.waiters++ // still one of those to wake
			c.yield()
			q.waiters--
		}
	}
}

// yield lets others run. The caller holds mu, which is released meanwhile.
func (c *stream) yield() {
	c.mu.Unlock()
	runtime.Gosched()
	c.mu.Lock()
}

// ended reports whether done is closed.
func ended(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// waitInTurn waits as the writer whose turn it is, and says why he is not to go on. The caller has looked, since mu was
// last released, that there is something to wait for.
func (c *stream) waitInTurn() error {
	c.turning = true
	c.waitWriter(nil)
	c.turning = false
	return c.writeError()
}

// waitByTheWay waits as anyone else who waits on the sending side. Who is woken there without being able to go on
// passes the signal to the writer whose turn it is.
func (c *stream) waitByTheWay(done <-chan struct{}) {
	c.waitWriter(done)
	if c.turning {
		c.wakeWriter()
		c.yield()
	}
}

package stack

import "runtime"

// wakeReader wakes one of those who wait on rq, if there is any. The caller holds mu.
func (c *stream) wakeReader() { c.rq.signal() }

// wakeWriter wakes one of those who wait on wq.
func (c *stream) wakeWriter() { c.wq.signal() }

// waitReader waits as a reader or acceptor. The caller holds mu, and looks at what he waits for before and after.
func (c *stream) waitReader() { c.rq.waitBeside(&c.wq, &c.mu, nil) }

// waitWriter waits on the sending side, until done (nil: never) at the latest.
func (c *stream) waitWriter(done <-chan struct{}) { c.wq.waitBeside(&c.rq, &c.mu, done) }

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

// yield lets others run: the one whose turn it is may be just about to wait, and should find the token first. The
// caller holds mu, which is released meanwhile.
func (c *stream) yield() {
	c.mu.Unlock()
	runtime.Gosched()
	c.mu.Lock()
}

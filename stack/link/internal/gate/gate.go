// Package gate counts the calls that are inside of something, so that Close can wait for the last of them.
package gate

import "sync/atomic"

const (
	shut  = 1 << 62 // nobody else gets in
	empty = 1 << 61 // and nobody is inside any more: idle is closed
)

// Gate lets calls in until it is shut, and says when the last one has left. No lock is held meanwhile: who waits does
// so on a channel, which a testing/synctest bubble sees.
type Gate struct {
	state atomic.Int64 // the number of calls inside, and the two marks above
	idle  chan struct{}
}

// New makes an open gate.
func New() *Gate { return &Gate{idle: make(chan struct{})} }

// Enter lets a call in, which says Leave when it is over; false where the gate is shut.
func (g *Gate) Enter() bool {
	if g.state.Add(1)&shut != 0 {
		g.Leave()
		return false
	}
	return true
}

// Leave ends a call.
func (g *Gate) Leave() {
	if g.state.Add(-1) == shut {
		g.settle()
	}
}

// IsShut reports whether Shut was called.
func (g *Gate) IsShut() bool { return g.state.Load()&shut != 0 }

// Shut lets no further call in. It reports whether it was the first to do so.
func (g *Gate) Shut() bool {
	old := g.state.Or(shut)
	if old == 0 {
		g.settle()
	}
	return old&shut == 0
}

// Wait blocks until the gate is shut and nobody is inside.
func (g *Gate) Wait() { <-g.idle }

// settle marks a shut gate as empty. Calls that are turned away count for a moment, too, so it may be tried more than
// once; one of the tries succeeds.
func (g *Gate) settle() {
	if g.state.CompareAndSwap(shut, shut|empty) {
		close(g.idle)
	}
}

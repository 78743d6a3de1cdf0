package parity

import (
	"net"
	"net/netip"
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// mute has nothing reach the peer of a subject's connection, and nothing come from there, until the question ends or
// speak is called.
func (q *asking) mute(c net.Conn) (speak func()) { return q.doom(q.farOf(c), &fate{}) }

// unreachable is mute with a router that answers the subject's packets.
func (q *asking) unreachable(c net.Conn, e wire.ICMPError) (speak func()) {
	return q.doom(q.farOf(c), &fate{answer: e})
}

// doom decides about an address at the far end.
func (q *asking) doom(far netip.AddrPort, f *fate) (undo func()) {
	q.h.Link.set(far, f)
	undo = func() { q.h.Link.set(far, nil) }
	q.cleanup(func() error { undo(); return nil })
	return undo
}

// awaitLost waits until so many packets to an address at the far end were lost.
func (q *asking) awaitLost(far netip.AddrPort, n int) {
	q.await("packets at the link", func() bool { return q.h.Link.hits(far) >= n })
}

// farOf is the peer's end of a subject's connection.
func (q *asking) farOf(c net.Conn) netip.AddrPort {
	a, err := netip.ParseAddrPort(c.RemoteAddr().String())
	q.must(err)
	return a
}

// lateness is how much later than it should be something may be on a busy machine.
const lateness = 3 * time.Second

// took records whether something has taken its time: within bounds, for the time itself is never twice the same. Clocks
// that tick may be a little early.
func (q *asking) took(step string, since time.Time, want time.Duration) {
	d, from, to := time.Since(since), want-want/20, want+lateness
	text := "as it should"
	switch {
	case d < from:
		text = "too early: " + d.String()
	case d > to:
		text = "too late: " + d.String()
	}
	q.value(step+" ends after", "%v..%v %s", from, to, text)
}

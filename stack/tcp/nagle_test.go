package tcp

import (
	"testing"
	"time"
)

// TestNagle: a small segment waits while another small one is unacknowledged (RFC 896, with Minshall's refinement).
//
// RFC 9293 SHLD-7
// RFC 9293 MAY-16: what was not pushed is aggregated.
func TestNagle(t *testing.T) {
	d := start(t, setup{})
	d.write(10)
	d.out("PA 1:11 ack 1") // nothing under way: at once
	d.write(10)
	d.write(20)
	d.out()
	d.in("A 1 ack 11")
	d.out("PA 11:41 ack 1") // what came together meanwhile
	d.write(959)
	d.out()
	d.write(41)
	d.out("PA 41:1041 ack 1") // a full segment never waits
	d.write(1)
	d.out() // 11:41 is still under way
	d.in("A 1 ack 41")
	d.out("PA 1041:1042 ack 1")
}

// TestMinshall: the tail of a large write doesn't wait for the full segments before it.
func TestMinshall(t *testing.T) {
	d := start(t, setup{})
	d.write(2500)
	d.out("A 1:1001", "A 1001:2001", "PA 2001:2501")
	d.write(2500) // the last small one, 2001:2501, is under way: this tail waits, the rest doesn't
	d.out("A 2501:3501", "A 3501:4501")
	d.in("A 1 ack 2501")
	d.out("PA 4501:5001")
}

// TestNoDelay turns Nagle's algorithm off, and lets go what it held.
//
// RFC 9293 MUST-17: the user can disable it.
// RFC 9293 MAY-15: the user can say that data is to be pushed.
func TestNoDelay(t *testing.T) {
	d := start(t, setup{})
	d.write(10)
	d.write(10)
	d.out("PA 1:11 ack 1")
	d.call(func(t *TCB) { t.SetOptions(d.now, UserOptions{NoDelay: true}) })
	d.out("PA 11:21 ack 1")
	d.write(10)
	d.out("PA 21:31 ack 1")

	d = start(t, setup{user: UserOptions{NoDelay: true}})
	for i := range 5 {
		d.write(10)
		if len(d.queue) != i+1 {
			t.Fatal("a write of ten octets is held back without delay allowed")
		}
	}
}

// TestPush lets one write pass, and only that.
func TestPush(t *testing.T) {
	d := start(t, setup{})
	d.write(10)
	d.write(10)
	d.skip()
	d.call(func(t *TCB) { t.Push(d.now) })
	d.out("PA 11:21 ack 1")
	d.write(10)
	d.out()
}

// TestFINPushes: what precedes a FIN doesn't wait, and the FIN goes with it.
func TestFINPushes(t *testing.T) {
	d := start(t, setup{})
	d.write(10)
	d.write(10)
	d.skip()
	d.closeWrite()
	d.out("FPA 11:21 ack 1")
}

// TestPSH: the last segment of what there is carries PSH, and no other.
//
// RFC 9293 MUST-61: PSH is set in the last buffered segment.
// RFC 9293 MUST-60: nothing is buffered indefinitely for want of a push.
// RFC 9293 SHLD-27: successive pushes collapse into one.
func TestPSH(t *testing.T) {
	d := start(t, setup{})
	d.hold = true
	for range 5 {
		d.write(500)
	}
	d.hold = false
	d.drain()
	d.out("A 1:1001", "A 1001:2001", "PA 2001:2501")
}

// TestCork: nothing but full segments leaves, until the user uncorks, closes, or 200 ms (an RTO, here) are over.
func TestCork(t *testing.T) {
	d := start(t, setup{user: UserOptions{Cork: true}})
	d.write(100)
	d.out()
	d.write(1000)
	d.out("A 1:1001 ack 1")
	d.in("A 1 ack 1001")
	d.out()
	d.call(func(t *TCB) { t.SetOptions(d.now, UserOptions{}) })
	d.out("PA 1001:1101 ack 1")

	d = start(t, setup{user: UserOptions{Cork: true}})
	d.write(100)
	d.tick(300 * time.Millisecond)
	d.out("PA 1:101 ack 1")
	d.in("A 1 ack 101")
	d.idle()

	d = start(t, setup{user: UserOptions{Cork: true}})
	d.write(100)
	d.closeWrite()
	d.out("FPA 1:101 ack 1")
}

// TestCorkThenMore: once a corked connection has enough, it sends as fast as the windows allow.
func TestCorkThenMore(t *testing.T) {
	d := start(t, setup{user: UserOptions{Cork: true}})
	d.write(100)
	d.out()
	d.write(2950)
	d.out("A 1:1001", "A 1001:2001", "A 2001:3001")
	d.in("A 1 ack 3001")
	d.out()
	d.tick(d.due())
	d.out("PA 3001:3051 ack 1")
}

// TestSuperSegments: Poll gives up to MaxSegment octets, a multiple of the MSS unless it ends the data, with the size
// of the segments to cut. The window and cwnd count octets.
func TestSuperSegments(t *testing.T) {
	d := start(t, setup{ts: true, max: 64000, tune: func(c *Config) { c.InitialWindow = 100 }})
	d.write(3500)
	d.out("PA 1:3501 ack 1")
	d.in("A 1 ack 3501")
	d.hold = true
	d.write(200000)
	var sizes []int
	for d.poll() {
		q := d.queue[len(d.queue)-1].seg
		if q.GSOSize != 1000 || q.Payload.Len()%1000 != 0 || q.Payload.Len() > 64000 {
			t.Errorf("a segment of %d octets, to be cut at %d", q.Payload.Len(), q.GSOSize)
		}
		sizes = append(sizes, q.Payload.Len())
	}
	if got := d.tcb.flight(); got != 60000 {
		t.Errorf("%v: %d octets in flight, want the peer's window of 60000", sizes, got)
	}
	if len(sizes) != 1 {
		t.Errorf("%d segments for 60000 octets, want one", len(sizes))
	}
}

package stack

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/tcp"
)

// A packet whose delivery sends a packet, and so on, must not nest: each is delivered after the one before has
// returned.
func TestLoopbackDoesNotNest(t *testing.T) {
	l := newLoopback()
	depth, deepest, delivered := 0, 0, 0
	l.Attach(func(f *link.Frame) {
		depth++
		deepest = max(deepest, depth)
		if delivered++; delivered < 100 {
			if err := l.Write(f); err != nil {
				t.Error(err)
			}
		}
		depth--
	})
	if err := l.Write(&link.Frame{Head: []byte("ping")}); err != nil {
		t.Fatal(err)
	}
	if delivered != 100 || deepest != 1 {
		t.Errorf("%d delivered, %d deep when Write returned; want 100, one at a time", delivered, deepest)
	}
}

// A writer is not kept for ever by the packets of others, and the goroutine that relieves it ends.
func TestLoopbackRelievesWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoopback()
		var delivered atomic.Int32
		returned := make(chan bool)
		l.Attach(func(f *link.Frame) {
			n := delivered.Add(1)
			if n > loopTurns {
				<-returned // a deadlock, if the writer is here
			}
			if n < 10*loopTurns {
				l.Write(f)
			}
		})
		l.Write(&link.Frame{Head: []byte("ping")})
		close(returned)
		synctest.Wait()
		if n := delivered.Load(); n != 10*loopTurns {
			t.Errorf("%d delivered", n)
		}
		l.Close()
	}) // which fails if a goroutine is left
}

// The pieces of a frame arrive in one, and its promises with it.
func TestLoopbackFrame(t *testing.T) {
	l := newLoopback()
	for _, n := range []int{1, loopSmall, loopSmall + 1, loopbackMTU} {
		data := pattern(n)
		got := 0
		l.recv = func(f *link.Frame) {
			got++
			if string(f.Head) != string(data) || f.Tail != nil || f.Csum != link.CsumPartial || f.GSOSize != 7 {
				t.Errorf("%d octets: a frame of %d has arrived, csum %v, gso %d", n, f.Len(), f.Csum, f.GSOSize)
			}
			if n > loopSmall && len(f.Buf) != tcp.BufSize {
				t.Errorf("a large packet's buffer of %d cannot be adopted", len(f.Buf))
			}
		}
		half := n / 2
		f := &link.Frame{Head: data[:half], Tail: [][]byte{data[half:], nil}, Csum: link.CsumPartial, GSOSize: 7}
		if err := l.Write(f); err != nil || got != 1 {
			t.Fatalf("%v, %d delivered", err, got)
		}
	}
	if err := l.Write(&link.Frame{Head: make([]byte, loopbackMTU+1)}); !errors.Is(err, link.ErrDropped) {
		t.Errorf("too large: %v", err)
	}
}

// A receiver that adopts the buffer leaves another in its place: the packets that follow must not be written over it.
func TestLoopbackAdoption(t *testing.T) {
	l := newLoopback()
	var kept [][]byte
	l.Attach(func(f *link.Frame) {
		kept = append(kept, f.Head)
		f.Buf = tcp.GetBuf()
	})
	for i := range 10 {
		b := make([]byte, 3000)
		b[0] = byte(i)
		l.Write(&link.Frame{Head: b})
	}
	for i, b := range kept {
		if b[0] != byte(i) {
			t.Errorf("the buffer adopted at %d was used again", i)
		}
	}
}

// What waits while another packet is delivered is bounded.
func TestLoopbackBounded(t *testing.T) {
	l := newLoopback()
	queued, dropped, first := 0, 0, true
	l.Attach(func(*link.Frame) {
		if !first {
			return
		}
		first = false
		for range 2 * loopMemory / tcp.BufSize {
			switch err := l.Write(&link.Frame{Head: make([]byte, 60000)}); {
			case err == nil:
				queued++
			case errors.Is(err, link.ErrDropped):
				dropped++
			default:
				t.Fatal(err)
			}
		}
	})
	l.Write(&link.Frame{Head: []byte("go")})
	if dropped == 0 || queued*tcp.BufSize > loopMemory+tcp.BufSize {
		t.Errorf("%d queued, %d dropped", queued, dropped)
	}
	if l.bytes != 0 {
		t.Errorf("%d bytes are still counted", l.bytes)
	}
}

// Once Close has returned nothing is delivered, also where another goroutine was in the middle of it.
func TestLoopbackClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLoopback()
		inside, goOn := make(chan bool), make(chan bool)
		delivered, closed := 0, false
		l.Attach(func(f *link.Frame) {
			if closed {
				t.Error("delivered after Close")
			}
			delivered++
			l.Write(f)
			inside <- true
			<-goOn
		})
		go l.Write(&link.Frame{Head: []byte("x")})
		<-inside
		done := make(chan bool)
		go func() {
			l.Close()
			closed = true
			close(done)
		}()
		synctest.Wait()
		if closed {
			t.Error("Close has returned during a delivery")
		}
		goOn <- true
		<-done
		synctest.Wait()
		if delivered != 1 {
			t.Errorf("%d delivered", delivered)
		}
		if err := l.Write(&link.Frame{}); !errors.Is(err, link.ErrClosed) {
			t.Errorf("write after close: %v", err)
		}
		if err := l.Close(); !errors.Is(err, link.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
	})
}

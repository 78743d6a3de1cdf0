package link_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
	"github.com/gotcp/gotcp/stack/wire"
)

func upTo(n int) (s []int) {
	for i := range n {
		s = append(s, i)
	}
	return s
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, link.Impairment{Delay: 20 * time.Millisecond})
		for i := range 10 {
			write(t, b.dev, numbered(i, 100))
			time.Sleep(3 * time.Millisecond)
		}
		time.Sleep(time.Second)
		for i, a := range b.came() {
			if want := time.Duration(i)*3*time.Millisecond + 20*time.Millisecond; a.at != want || a.n != i {
				t.Errorf("packet %d came as number %d after %v, want %v", a.n, i, a.at, want)
			}
		}
		if len(b.came()) != 10 {
			t.Errorf("%d packets came of 10", len(b.came()))
		}
	})
}

// Whom only time passes by needs no cutting: a super-segment stays one, with its partial checksum.
func TestDelayPassesSuperSegments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, link.Impairment{Delay: time.Millisecond, Jitter: time.Microsecond})
		f := flow.SuperTCP(wire.Segment{Payload: craft.Payload(craft.Data(60000))}, 1448)
		want := craft.Bytes(f)
		write(t, b.dev, f)
		clear(f.Head) // the frame was only lent
		time.Sleep(time.Second)
		if len(b.came()) != 1 || b.came()[0].frame.GSOSize != 1448 || b.came()[0].frame.Csum != link.CsumPartial {
			t.Fatalf("it came as %d frames, or changed", len(b.came()))
		}
		if !bytes.Equal(b.came()[0].frame.Head, want) {
			t.Error("the octets have changed")
		}
	})
}

func TestJitterKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, link.Impairment{Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond})
		const n = 300
		for i := range n {
			write(t, b.dev, numbered(i, 100))
			time.Sleep(20 * time.Millisecond) // longer than two delays differ, so that none waits for another
		}
		time.Sleep(time.Second)
		low, high := time.Hour, time.Duration(0)
		for i, a := range b.came() {
			d := a.at - time.Duration(i)*20*time.Millisecond
			low, high = min(low, d), max(high, d)
		}
		const ms = time.Millisecond
		if low < 15*ms || low > 16*ms || high > 25*ms || high < 24*ms {
			t.Errorf("the delays go from %v to %v: want 15ms to 25ms, and nearly all of that", low, high)
		}
		b.sendNumbered(n, 100)
		time.Sleep(time.Second)
		if !slices.Equal(b.numbers()[n:], upTo(n)) {
			t.Error("jitter alone has changed the order")
		}
	})
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, link.Impairment{Rate: 1e6, Delay: 10 * time.Millisecond})
		b.sendNumbered(125, 1000) // a million bits
		time.Sleep(time.Minute)
		if len(b.came()) != 125 {
			t.Fatalf("%d packets came of 125", len(b.came()))
		}
		for i, a := range b.came() {
			if want := time.Duration(i+1)*8*time.Millisecond + 10*time.Millisecond; a.at != want {
				t.Fatalf("packet %d came after %v, want %v: 8 ms each to send, and 10 ms under way", i, a.at, want)
			}
		}
		write(t, b.dev, numbered(0, 1000)) // the line was idle: nothing saved up, nothing owed
		if time.Sleep(time.Second); b.came()[125].at != time.Minute+18*time.Millisecond {
			t.Errorf("after a pause a packet took %v, want 18ms", b.came()[125].at-time.Minute)
		}
	})
}

func TestRateQueue(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  link.Impairment
		want int
	}{
		{"of packets", link.Impairment{Rate: 1e6, Queue: 10}, 10},
		{"of octets", link.Impairment{Rate: 1e6, QueueBytes: 5999}, 5},
		{"by default", link.Impairment{Rate: 1e6}, link.DefaultQueue},
		{"of both", link.Impairment{Rate: 1e6, Queue: 10, QueueBytes: 3000}, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, c.cfg)
			n := 0
			for ; n < 2000; n++ {
				if err := b.dev.Write(numbered(n, 1000)); err != nil {
					if !errors.Is(err, link.ErrDropped) {
						t.Errorf("%s: a full queue gives %v, want ErrDropped", c.name, err)
					}
					break
				}
			}
			if n != c.want {
				t.Errorf("%s: %d packets found a place, want %d", c.name, n, c.want)
			}
			time.Sleep(8 * time.Millisecond) // one is sent: one place is free
			if b.dev.Write(numbered(n, 1000)) != nil || b.dev.Write(numbered(n, 1000)) == nil {
				t.Errorf("%s: not just one place is free after one packet was sent", c.name)
			}
			time.Sleep(time.Hour)
			if len(b.came()) != c.want+1 {
				t.Errorf("%s: %d packets came, want %d", c.name, len(b.came()), c.want+1)
			}
			if s := b.dev.Stats(link.Out); s.QueueFull != 2 {
				t.Errorf("%s: %d packets counted as too many, want 2", c.name, s.QueueFull)
			}
		})
	}
}

// What fits of a super-segment is sent, and only where nothing did its writer is told.
func TestRateQueueOfSuperSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, link.Impairment{Rate: 1e6, Queue: 10})
		f := flow.SuperTCP(wire.Segment{Payload: craft.Payload(craft.Data(15 * 1448))}, 1448)
		write(t, b.dev, f)
		if err := b.dev.Write(f); !errors.Is(err, link.ErrDropped) {
			t.Errorf("a frame of which nothing fits gives %v, want ErrDropped", err)
		}
		time.Sleep(time.Hour)
		if len(b.came()) != 10 {
			t.Errorf("%d packets came, want the 10 that fit", len(b.came()))
		}
	})
}

func TestReorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, link.Impairment{Reorder: 0.05, ReorderGap: 2, Seed: 3, Delay: time.Millisecond})
		const n = 400
		b.sendNumbered(n, 100)
		time.Sleep(time.Hour)
		got := b.numbers()
		if sorted := slices.Sorted(slices.Values(got)); !slices.Equal(sorted, upTo(n)) {
			t.Fatal("reordering lost packets or made some")
		}
		late := 0
		for i, k := range got {
			overtaken := 0 // by how many later ones that came before it
			for _, other := range got[:i] {
				if other > k {
					overtaken++
				}
			}
			if overtaken > 0 {
				late++
			}
			if overtaken > 0 && overtaken < 2 && k < n-2 {
				t.Errorf("packet %d was overtaken by %d, want at least 2", k, overtaken)
			}
		}
		if s := b.dev.Stats(link.Out); int(s.Reordered) != late || late < 5 || late > 40 {
			t.Errorf("%d packets came late, %d are counted: want the same, and about 20", late, s.Reordered)
		}
	})
}

// A packet that is held back and that nothing follows comes after a while.
func TestReorderWithoutFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, link.Impairment{Reorder: 1, ReorderDelay: 50 * time.Millisecond, Delay: 10 * time.Millisecond})
		write(t, b.dev, numbered(0, 100))
		if time.Sleep(time.Second); len(b.came()) != 1 || b.came()[0].at != 60*time.Millisecond {
			t.Errorf("got %v, want the packet after 60ms", b.came())
		}
	})
}

// Without any delay a packet is held back until another one has gone before it, and not a moment longer.
func TestReorderOnAnImmediateLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, link.Impairment{Reorder: 0.5, ReorderGap: 1})
		waited := false
		for i := range 50 {
			write(t, b.dev, numbered(i, 100))
			came := b.numbers()
			waited = waited || len(came) <= i
			if slices.Contains(came, i) && len(came) != i+1 {
				t.Errorf("packet %d went, and those that were to let it go before them didn't follow: %v", i, came)
			}
		}
		if !waited {
			t.Error("of 50 packets none was held back at 50%")
		}
		time.Sleep(time.Second)
		if got := slices.Sorted(slices.Values(b.numbers())); !slices.Equal(got, upTo(50)) {
			t.Errorf("packets %v came, want all 50", got)
		}
	})
}

package link_test

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
	"github.com/gotcp/gotcp/stack/wire"
)

func TestImpairCloseDropsWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, link.Impairment{Delay: time.Second})
		b.sendNumbered(3, 100)
		write(t, b.far, numbered(4, 100))
		time.Sleep(500 * time.Millisecond)
		b.dev.Close()
		time.Sleep(time.Hour)
		if len(b.came()) != 0 {
			t.Errorf("packets %v came after Close", b.numbers())
		}
		for range 2 {
			if err := b.dev.Write(numbered(5, 100)); !errors.Is(err, link.ErrClosed) {
				t.Errorf("Write after Close gives %v, want ErrClosed", err)
			}
		}
		if err := b.dev.Close(); err != nil {
			t.Errorf("the second Close gives %v", err)
		}
	})
}

// Close waits for a delivery that the timer has begun, and drops what was to follow.
func TestImpairCloseWaitsForTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, far := link.Pipe(1500)
		dev := link.Impair(a, link.Impairment{Delay: time.Millisecond}, nil)
		release := make(chan struct{})
		var calls, closed atomic.Int32
		err := dev.Attach(func(*link.Frame) {
			calls.Add(1)
			<-release
		})
		if err != nil {
			t.Fatal(err)
		}
		write(t, far, numbered(0, 100))
		write(t, far, numbered(1, 100))
		time.Sleep(time.Second)
		go func() {
			dev.Close()
			closed.Store(1)
		}()
		synctest.Wait()
		if closed.Load() != 0 || calls.Load() != 1 {
			t.Errorf("with a delivery under way: closed %d, calls %d; want 0 and 1", closed.Load(), calls.Load())
		}
		close(release)
		synctest.Wait()
		if closed.Load() != 1 || calls.Load() != 1 {
			t.Errorf("after it: closed %d, calls %d; want 1 and 1", closed.Load(), calls.Load())
		}
	})
}

// Two ends that answer each packet at once, over an impaired link without any delay, don't call each other ever deeper:
// the packets queue with whoever delivers.
func TestImpairFlattensAnswers(t *testing.T) {
	a, far := link.Pipe(1500)
	dev := link.Impair(a, link.Impairment{Loss: 1e-18}, nil)
	depth, deepest, left := 0, 0, 1000
	answer := func(d link.Device) func(*link.Frame) {
		return func(*link.Frame) {
			depth++
			deepest = max(deepest, depth)
			if left--; left > 0 {
				d.Write(numbered(left, 100))
			}
			depth--
		}
	}
	if err := errors.Join(dev.Attach(answer(dev)), far.Attach(answer(far))); err != nil {
		t.Fatal(err)
	}
	write(t, dev, numbered(0, 100))
	if left != 0 || deepest > 3 {
		t.Errorf("%d answers are missing; the calls went %d deep, want at most 3", left, deepest)
	}
}

// countingClock counts the timers made.
type countingClock struct {
	link.WallClock
	made atomic.Int32
}

func (c *countingClock) AfterFunc(d time.Duration, f func()) link.Timer {
	c.made.Add(1)
	return c.WallClock.AfterFunc(d, f)
}

func TestImpairHasOneTimerPerDirection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, far := link.Pipe(1500)
		clock := new(countingClock)
		dev := link.Impair(a, link.Impairment{Delay: time.Second, Jitter: time.Second}, clock)
		got := attach(t, far)
		attach(t, dev)
		for i := range 100 {
			write(t, dev, numbered(i, 100))
			time.Sleep(30 * time.Millisecond)
		}
		time.Sleep(time.Hour)
		if got.len() != 100 || clock.made.Load() != 1 {
			t.Errorf("%d packets came, %d timers were made: want 100 and 1", got.len(), clock.made.Load())
		}
	})
}

func BenchmarkImpair(b *testing.B) {
	for _, c := range []struct {
		name string
		cfg  link.Impairment
	}{{"delay", link.Impairment{Delay: time.Nanosecond}}, {"loss", link.Impairment{Loss: 0.03, Duplicate: 0.01}}} {
		b.Run(c.name, func(b *testing.B) {
			x, y := link.Pipe(1500)
			dev := link.Impair(x, c.cfg, nil)
			y.Attach(func(*link.Frame) {})
			f := flow.SuperTCP(wire.Segment{Payload: craft.Payload(craft.Data(45 * 1448))}, 1448)
			b.SetBytes(int64(f.Len()))
			b.ReportAllocs()
			for b.Loop() {
				dev.Write(f)
			}
		})
	}
}

// TestImpairChange: what comes after a change meets the new impairment, what is under way arrives as it was to, and the
// order stays.
func TestImpairChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, link.Impairment{})
		b.sendNumbered(1, 100) // 0: at once
		if err := b.dev.Change(link.Impairment{Delay: time.Second}); err != nil {
			t.Fatal(err)
		}
		if got := b.numbers(); len(got) != 1 {
			t.Errorf("without an impairment %v have come; want the first", got)
		}
		write(t, b.dev, numbered(1, 100))
		time.Sleep(500 * time.Millisecond)
		if err := b.dev.Change(link.Impairment{}); err != nil {
			t.Fatal(err)
		}
		write(t, b.dev, numbered(2, 100))
		if got := b.numbers(); len(got) != 1 {
			t.Errorf("%v have come; want the second to come first of the rest, when its second is over", got)
		}
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		write(t, b.dev, numbered(3, 100))
		if got := fmt.Sprint(b.numbers()); got != "[0 1 2 3]" {
			t.Errorf("%v have come; want all, in order", got)
		}
		if err := b.dev.Change(link.Impairment{Loss: 2}); err == nil {
			t.Error("nonsense was taken")
		}
		if b.dev.Change(link.Impairment{Loss: 1}); b.dev.Impairment().Loss != 1 {
			t.Errorf("the impairment is %v", b.dev.Impairment())
		}
		write(t, b.dev, numbered(4, 100))
		time.Sleep(time.Hour)
		if got := len(b.numbers()); got != 4 {
			t.Errorf("%d packets have come; want the last one lost", got)
		}
	})
}

// TestImpairChangeWhileDelivering: a packet that is with the device below when the impairment ends is not overtaken.
func TestImpairChangeWhileDelivering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, far := link.Pipe(1500)
		dev := link.Impair(a, link.Impairment{Delay: time.Second}, nil)
		var order []int
		hold := make(chan struct{})
		far.Attach(func(f *link.Frame) {
			if len(order) == 0 {
				order = append(order, -1)
				<-hold
			}
			order = append(order, len(f.Head))
		})
		write(t, dev, numbered(0, 100))
		time.Sleep(time.Second)
		synctest.Wait() // it is being delivered
		if err := dev.Change(link.Impairment{}); err != nil {
			t.Fatal(err)
		}
		write(t, dev, numbered(1, 200))
		close(hold)
		synctest.Wait()
		if got := fmt.Sprint(order); got != "[-1 100 200]" {
			t.Errorf("the packets arrived as %v", got)
		}
	})
}

// TestImpairChangeToNone: once the last packet under the old impairment has arrived, the device is out of the way: it
// copies no packet, and counts none.
func TestImpairChangeToNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, link.Impairment{Delay: time.Second})
		write(t, b.dev, numbered(0, 100))
		if err := b.dev.Change(link.Impairment{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		write(t, b.dev, numbered(1, 100))
		write(t, b.far, numbered(2, 100))
		if got := fmt.Sprint(b.numbers()); got != "[0 1 2]" {
			t.Errorf("%v have come; want all, both ways", got)
		}
		if out, in := b.dev.Stats(link.Out).Packets, b.dev.Stats(link.In).Packets; out != 1 || in != 0 {
			t.Errorf("%d and %d packets were impaired; want the first only", out, in)
		}
	})
}

// TestImpairChangeOfSeed: another seed begins the random decisions anew, as a device has them that was made with it; the
// same one goes on with them.
func TestImpairChangeOfSeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lossy := func(seed uint64) link.Impairment { return link.Impairment{Loss: 0.5, Seed: seed} }
		made, changed, same := newBench(t, lossy(7)), newBench(t, lossy(1)), newBench(t, lossy(7))
		changed.sendNumbered(100, 100)
		before := len(changed.numbers())
		if err := changed.dev.Change(lossy(7)); err != nil {
			t.Fatal(err)
		}
		made.sendNumbered(200, 100)
		changed.sendNumbered(200, 100)
		for i := range 200 {
			if err := same.dev.Change(lossy(7)); err != nil {
				t.Fatal(err)
			}
			write(t, same.dev, numbered(i, 100))
		}
		want := made.numbers()
		if got := changed.numbers()[before:]; !slices.Equal(got, want) {
			t.Errorf("after a change of the seed %v have come; want %v", got, want)
		}
		if got := same.numbers(); !slices.Equal(got, want) {
			t.Errorf("after changes that leave the seed as it is %v have come; want %v", got, want)
		}
	})
}

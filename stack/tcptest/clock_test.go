package tcptest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack"
)

var _ stack.Clock = (*Clock)(nil)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestClockOrder(t *testing.T) {
	c := NewClock(start)
	var got []string
	add := func(name string, d time.Duration) stack.Timer {
		return c.AfterFunc(d, func() { got = append(got, name+" "+c.Now().Sub(start).String()) })
	}
	add("b", 2*time.Second)
	add("a", time.Second)
	add("c", 2*time.Second) // after b, which was set before
	add("z", time.Hour)
	c.AfterFunc(time.Second, func() { add("nested", 500*time.Millisecond) })
	add("past", -time.Second)
	if len(got) != 0 {
		t.Fatalf("called before the clock moved: %v", got)
	}
	c.Advance(2 * time.Second)
	// In the order of their times, each seeing its own, also those that a call set.
	want := []string{"past 0s", "a 1s", "nested 1.5s", "b 2s", "c 2s"}
	if !slices.Equal(got, want) {
		t.Errorf("calls %v, want %v", got, want)
	}
	if next, ok := c.Next(); !ok || next != start.Add(time.Hour) {
		t.Errorf("next call at %v %v, want in an hour", next, ok)
	}
	c.AdvanceTo(start) // has passed: nothing happens
	if now := c.Now(); now != start.Add(2*time.Second) {
		t.Errorf("clock went back to %v", now)
	}
}

func TestClockStopReset(t *testing.T) {
	c := NewClock(start)
	calls := 0
	tm := c.AfterFunc(time.Second, func() { calls++ })
	if !tm.Reset(3 * time.Second) {
		t.Error("Reset of a pending timer says it was not pending")
	}
	c.Advance(2 * time.Second)
	if calls != 0 {
		t.Error("called at the time that was replaced")
	}
	if !tm.Stop() || tm.Stop() {
		t.Error("Stop must be true once, while the call is pending")
	}
	c.Advance(time.Hour)
	if _, ok := c.Next(); calls != 0 || ok {
		t.Errorf("a stopped timer is pending (%v) or was called (%d)", ok, calls)
	}
	if tm.Reset(0) {
		t.Error("Reset of a stopped timer says it was pending")
	}
	c.Advance(0)
	if calls != 1 {
		t.Errorf("%d calls, want 1: a timer can be set again after Stop", calls)
	}
	if tm.Stop() {
		t.Error("Stop is true after the call")
	}
}

func TestClockConcurrent(t *testing.T) {
	c := NewClock(start)
	var calls sync.WaitGroup
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() {
			for i := range 100 {
				calls.Add(1)
				c.AfterFunc(time.Duration(i)*time.Millisecond, calls.Done)
				c.AfterFunc(time.Hour, func() { t.Error("called though stopped") }).Stop()
				c.Advance(time.Millisecond)
				c.Next()
			}
		})
	}
	users.Wait()
	c.Advance(time.Second)
	calls.Wait() // every call that was not stopped was made
}

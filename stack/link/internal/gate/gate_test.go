package gate

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestWaitReturnsAfterTheLastLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New()
		for range 2 {
			if !g.Enter() {
				t.Fatal("an open gate turned a call away")
			}
		}
		var passed atomic.Bool
		go func() {
			g.Shut()
			g.Wait()
			passed.Store(true)
		}()
		synctest.Wait()
		if g.Enter() {
			t.Error("a shut gate let a call in")
		}
		g.Leave()
		synctest.Wait()
		if passed.Load() {
			t.Error("Wait returned while a call was inside")
		}
		g.Leave()
		synctest.Wait()
		if !passed.Load() {
			t.Error("Wait goes on although everybody has left")
		}
	})
}

func TestShutOfAnEmptyGate(t *testing.T) {
	g := New()
	if g.IsShut() {
		t.Error("a new gate is shut")
	}
	if !g.Shut() || g.Shut() {
		t.Error("not exactly the first Shut says that it was the first")
	}
	g.Wait()
	g.Wait() // any number of closers may wait
	if !g.IsShut() {
		t.Error("a shut gate says that it isn't")
	}
}

// TestShutRace has calls turned away at the moment when the last one leaves: idle must be closed once, and always.
func TestShutRace(t *testing.T) {
	for range 500 {
		g := New()
		var inside atomic.Int32
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for g.Enter() {
					inside.Add(1)
					inside.Add(-1)
					g.Leave()
				}
			})
		}
		g.Shut()
		g.Wait()
		if n := inside.Load(); n != 0 {
			t.Fatalf("Wait returned with %d calls inside", n)
		}
		wg.Wait()
	}
}

func BenchmarkEnterLeave(b *testing.B) {
	g := New()
	for b.Loop() {
		g.Enter()
		g.Leave()
	}
}

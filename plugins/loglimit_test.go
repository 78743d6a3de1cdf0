package plugins

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLogLimit: a plugin that logs too much is cut short by the second, and how much it was is told, also when it falls
// silent. What its host says of it is not counted.
func TestLogLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newLogRing()
		l := newLogLimit(r)
		its := slog.New(limited{r, l})
		for range 3 * logLines {
			its.Info("flood")
		}
		slog.New(r).Warn("the host's word")
		left := func() (n int) {
			for _, e := range r.last() {
				if strings.Contains(e.Text, "left out") {
					n++
				}
			}
			return n
		}
		if n := left(); n != 0 {
			t.Errorf("it was told %d times while more may come", n)
		}
		time.Sleep(1500 * time.Millisecond)
		last := r.last()
		if got := last[len(last)-1].Text; got != "lines of the plugin's log were left out: it writes too many lines=2000 limit=1000" {
			t.Errorf("told: %q; want 2000 of 3000", got)
		}
		if got := last[len(last)-2].Text; got != "the host's word" {
			t.Errorf("before that: %q; want the host's word", got)
		}
		its.With("k", "v").WithGroup("g").Info("one more", "a", 1)
		last = r.last()
		if got := last[len(last)-1].Text; got != "one more k=v g.a=1" {
			t.Errorf("a second later: %q", got)
		}
		for range 2 * logLines {
			l.line()
		}
		l.tell() // the plugin's end doesn't wait
		if n := left(); n != 2 {
			t.Errorf("it was told %d times; want 2", n)
		}
		time.Sleep(2 * time.Second)
		if n := left(); n != 2 {
			t.Errorf("it was told %d times; want 2 still", n)
		}
	})
}

// TestLogPace: what a plugin writes is read so fast and no faster, however it comes.
func TestLogPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLogLimit(slog.DiscardHandler)
		w := &lineWriter{line: func([]byte) {}, wait: l.read}
		began := time.Now()
		for range 3 {
			w.Write(make([]byte, 2*logOctets))
		}
		// The first second's worth is there at once.
		if took := time.Since(began).Round(time.Millisecond); took != 5*time.Second {
			t.Errorf("6 times what is read in a second took %v; want 5 s", took)
		}
	})
}

// TestLimitedHandler: it has the level of the one that it is around.
func TestLimitedHandler(t *testing.T) {
	h := limited{slog.NewTextHandler(new(strings.Builder), nil), nil}
	if h.Enabled(context.Background(), slog.LevelDebug) || !h.Enabled(context.Background(), slog.LevelInfo) {
		t.Error("the level is another one")
	}
}

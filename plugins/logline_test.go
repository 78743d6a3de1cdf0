package plugins

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
)

// logged is the text of what f logs.
func logged(f func(l *slog.Logger)) string {
	var b bytes.Buffer
	f(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey && len(groups) == 0 {
				return slog.Attr{}
			}
			return a
		}})))
	return b.String()
}

// TestLogRoundTrip: what a plugin logs its host logs, with level, message, keys and values.
func TestLogRoundTrip(t *testing.T) {
	var wire bytes.Buffer
	slog.New(pluginHandler(&wire)).Warn("low on fuel", "litres", 3, "tank", "left")
	got := logged(func(l *slog.Logger) { logLine(l, "stderr", wire.Bytes()) })
	if want := "level=WARN msg=\"low on fuel\" litres=3 tank=left\n"; got != want {
		t.Errorf("%q; want %q", got, want)
	}
}

// TestLogLine: whatever a plugin writes becomes a record, and nothing more.
func TestLogLine(t *testing.T) {
	for line, want := range map[string]string{
		"plain words\r\n": "level=INFO msg=\"plain words\" stream=stderr\n",
		"[WARN] old ways": "level=WARN msg=\"[WARN] old ways\" stream=stderr\n",
		"panic: oh":       "level=ERROR msg=\"panic: oh\" stream=stderr\n",
		"\n":              "",
		`{"@message":1}`:  `level=INFO msg="{\"@message\":1}" stream=stderr` + "\n",
		`{"@message":"m","@level":"error","@timestamp":7}`: "level=ERROR msg=m\n",
		`{"@message":"m","@level":["x"]}`:                  "level=INFO msg=m\n",
		"{broken":                                          "level=INFO msg={broken stream=stderr\n",
		"\xff\xfe":                                         "level=INFO msg=? stream=stderr\n",
	} {
		if got := logged(func(l *slog.Logger) { logLine(l, "stderr", []byte(line)) }); got != want {
			t.Errorf("%q: %q; want %q", line, got, want)
		}
	}
}

// FuzzLogLine: a hostile plugin's log can neither crash its host nor make a record without bounds.
func FuzzLogLine(f *testing.F) {
	f.Add([]byte(`{"@message":"m","@level":"debug","k":{"a":[1,2]}}`))
	f.Add([]byte("text\n"))
	f.Fuzz(func(t *testing.T, line []byte) {
		w := lineWriter{line: func(text []byte) {
			if len(text) > maxLogLine {
				t.Errorf("a line of %d octets", len(text))
			}
			logLine(slog.New(slog.DiscardHandler), "stderr", text)
		}}
		if n, err := w.Write(line); n != len(line) || err != nil {
			t.Errorf("Write: %d, %v", n, err)
		}
		w.flush()
	})
}

// TestLineWriter: lines come whole however they were written; one without end is cut, and the next one is whole again.
func TestLineWriter(t *testing.T) {
	var got []string
	w := lineWriter{line: func(text []byte) { got = append(got, string(text)) }}
	for _, piece := range []string{"one\ntw", "o\n", strings.Repeat("x", maxLogLine+10), "yy\nthree", "\nfour"} {
		io.WriteString(&w, piece)
	}
	w.flush()
	want := []string{"one\n", "two\n", strings.Repeat("x", maxLogLine), "three\n", "four"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%d lines %.40q; want %d", len(got), got, len(want))
	}
}

// TestLogRing: the last lines are kept in order, and followers get what comes.
func TestLogRing(t *testing.T) {
	r := newLogRing()
	l := slog.New(r).With("plugin", "p")
	for i := range ringSize + 3 {
		l.Info("line", "i", i)
	}
	kept, more, stop := r.follow()
	defer stop()
	if len(kept) != ringSize || kept[0].Text != "line plugin=p i=3" || kept[ringSize-1].Text != "line plugin=p i=502" {
		t.Errorf("%d kept: %q ... %q", len(kept), kept[0].Text, kept[len(kept)-1].Text)
	}
	l.Error("boom")
	if e := <-more; e.Level != slog.LevelError || e.Text != "boom plugin=p" {
		t.Errorf("%+v", e)
	}
	for range ringSize * 2 {
		l.Info("flood") // nobody reads: nobody waits
	}
	if n := len(r.last()); n != ringSize {
		t.Errorf("%d records", n)
	}
}

// TestHCLog: go-plugin's own words arrive, those below a warning as debugging.
func TestHCLog(t *testing.T) {
	got := logged(func(l *slog.Logger) {
		h := hclogTo(l, func(int) {})
		h.Named("x").Error("bad", "k", 1)
		h.Info("fine")
		h.Trace("nobody's business")
	})
	want := "level=WARN msg=\"go-plugin: bad\" k=1\nlevel=DEBUG msg=\"go-plugin: fine\"\n"
	if got != want {
		t.Errorf("%q; want %q", got, want)
	}
}

// TestEventJSON: an event crosses to an observer as it is.
func TestEventJSON(t *testing.T) {
	e := Event{Plugin: "web", Kind: EventRefused, Reason: "no", Dropped: 3, In: 7}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var back Event
	if err := json.Unmarshal(text, &back); err != nil || back != e {
		t.Errorf("%s: %+v, %v", text, back, err)
	}
	if e.String() != string(text) {
		t.Errorf("String: %s", e)
	}
}

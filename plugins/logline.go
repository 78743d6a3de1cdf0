package plugins

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// A plugin's log crosses to its host on standard error, a line of JSON for each record, with the keys that hclog uses.
const (
	keyMessage = "@message"
	keyLevel   = "@level"
	keyTime    = "@timestamp"

	hclogTime = "2006-01-02T15:04:05.000000Z07:00"
)

// pluginHandler writes records for the host.
func pluginHandler(w io.Writer) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{
		Level: slog.LevelDebug, // what is shown is for the host to say
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) > 0 {
				return a
			}
			switch a.Key {
			case slog.MessageKey:
				a.Key = keyMessage
			case slog.LevelKey:
				level, _ := a.Value.Any().(slog.Level)
				return slog.String(keyLevel, strings.ToLower(level.String()))
			case slog.TimeKey:
				return slog.String(keyTime, a.Value.Time().Format(hclogTime))
			}
			return a
		},
	})
}

// maxLogLine is the longest line of a plugin's log, in octets; what is longer is cut. maxLogAttrs bounds its keys.
const (
	maxLogLine  = 16 << 10
	maxLogAttrs = 32
)

// logLine passes on one line of a plugin's standard error or output, whatever it is: hclog's JSON with its level, keys
// and values, other text as it is.
func logLine(l *slog.Logger, stream string, line []byte) {
	line = bytes.TrimRight(line, "\r\n")
	if len(line) == 0 {
		return
	}
	var fields map[string]any
	if line[0] != '{' || json.Unmarshal(line, &fields) != nil {
		l.Log(context.Background(), textLevel(line), strings.ToValidUTF8(string(line), "?"), "stream", stream)
		return
	}
	message, ok := fields[keyMessage].(string)
	if !ok {
		l.Info(strings.ToValidUTF8(string(line), "?"), "stream", stream)
		return
	}
	level, _ := fields[keyLevel].(string)
	keys := make([]string, 0, len(fields))
	for k := range fields {
		if !strings.HasPrefix(k, "@") {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var attrs []slog.Attr
	for _, k := range keys[:min(len(keys), maxLogAttrs)] {
		attrs = append(attrs, slog.Any(k, fields[k]))
	}
	l.LogAttrs(context.Background(), slogLevel(hclog.LevelFromString(level)), message, attrs...)
}

// textLevel is the level of a line of text that begins with it, as package log's users are wont to do.
func textLevel(line []byte) slog.Level {
	for _, l := range []struct {
		prefix string
		level  slog.Level
	}{
		{"[TRACE]", slog.LevelDebug}, {"[DEBUG]", slog.LevelDebug}, {"[WARN]", slog.LevelWarn},
		{"[ERROR]", slog.LevelError}, {"panic: ", slog.LevelError}, {"fatal error: ", slog.LevelError},
	} {
		if bytes.HasPrefix(line, []byte(l.prefix)) {
			return l.level
		}
	}
	return slog.LevelInfo
}

func slogLevel(l hclog.Level) slog.Level {
	switch l {
	case hclog.Trace, hclog.Debug:
		return slog.LevelDebug
	case hclog.Warn:
		return slog.LevelWarn
	case hclog.Error:
		return slog.LevelError
	}
	return slog.LevelInfo
}

// lineWriter cuts what is written to it into lines and passes each on.
type lineWriter struct {
	line func(text []byte)
	wait func(octets int) // before so many are taken; nil: at once

	mu   sync.Mutex
	rest []byte // a line that isn't complete
	cut  bool   // its beginning was passed on already, for it is too long
}

// Write implements io.Writer. It never fails.
func (w *lineWriter) Write(p []byte) (int, error) {
	if w.wait != nil {
		w.wait(len(p) + lineOctets*bytes.Count(p, []byte{'\n'}))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for text := range bytes.Lines(p) {
		if room := maxLogLine - len(w.rest); !w.cut {
			w.rest = append(w.rest, text[:min(len(text), room)]...)
		}
		complete := text[len(text)-1] == '\n'
		if !w.cut && (complete || len(w.rest) == maxLogLine) {
			w.line(w.rest)
			w.rest = w.rest[:0]
			w.cut = !complete
		}
		if complete {
			w.cut = false
		}
	}
	return len(p), nil
}

// flush passes on a last line that has no end.
func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) > 0 {
		w.line(w.rest)
		w.rest = nil
	}
}

// hclogTo is a logger for go-plugin that writes to l. A plugin can have go-plugin log as often as it reads from it: wait
// is what keeps that slow, each record being worth so many octets.
func hclogTo(l *slog.Logger, wait func(octets int)) hclog.Logger {
	log := hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard, Level: hclog.Off})
	log.RegisterSink(&slogSink{l, wait}) // it is a key of a map
	return log
}

// What a line, and a record of go-plugin's, cost besides their octets: as much as so many.
const (
	lineOctets   = 256
	recordOctets = 2 << 10
)

// slogSink passes hclog's records to slog. What go-plugin tells at its info level is of interest to who debugs it.
type slogSink struct {
	l    *slog.Logger
	wait func(octets int)
}

// Accept implements hclog.SinkAdapter.
func (s *slogSink) Accept(_ string, level hclog.Level, msg string, args ...any) {
	if level <= hclog.Trace {
		return // of each piece of standard output, for one
	}
	s.wait(recordOctets)
	to := min(slogLevel(level), slog.LevelWarn)
	if to < slog.LevelWarn {
		to = slog.LevelDebug
	}
	s.l.Log(context.Background(), to, "go-plugin: "+msg, args...)
}

// LogRecord is a line of a plugin's log that its host has kept.
type LogRecord struct {
	Time  time.Time
	Level slog.Level
	Text  string // message, keys and values
}

// String is the record on one line, without its end.
func (r LogRecord) String() string {
	return fmt.Sprintf("%s %-5s %s", r.Time.Format(time.DateTime), r.Level, r.Text)
}

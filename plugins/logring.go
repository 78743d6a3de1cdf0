package plugins

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
)

// logRing is a slog.Handler that keeps the last records and tells them to who follows.
type logRing struct {
	attrs slog.Handler // writes message and attributes into buf
	*logStore
}

// logStore is what the handlers derived from one logRing share.
type logStore struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	records []LogRecord // the last, as a ring whose oldest is at next
	next    int
	follows map[chan LogRecord]bool
}

// ringSize is how many records are kept of each plugin.
const ringSize = 500

func newLogRing() *logRing {
	s := &logStore{follows: map[chan LogRecord]bool{}}
	text := slog.NewTextHandler(&s.buf, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
				return slog.Attr{}
			}
			return a
		},
	})
	return &logRing{text, s}
}

// Enabled implements slog.Handler.
func (r *logRing) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (r *logRing) Handle(ctx context.Context, rec slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.buf.Reset()
	if err := r.attrs.Handle(ctx, rec); err != nil {
		return err
	}
	text := strings.TrimSpace(rec.Message + " " + strings.TrimSpace(r.buf.String()))
	entry := LogRecord{Time: rec.Time, Level: rec.Level, Text: strings.Clone(text[:min(len(text), maxLogLine)])}
	if len(r.records) < ringSize {
		r.records = append(r.records, entry)
	} else {
		r.records[r.next] = entry
		r.next = (r.next + 1) % ringSize
	}
	for c := range r.follows {
		select {
		case c <- entry:
		default: // who follows too slowly misses some
		}
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (r *logRing) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logRing{r.attrs.WithAttrs(attrs), r.logStore}
}

// WithGroup implements slog.Handler.
func (r *logRing) WithGroup(name string) slog.Handler {
	return &logRing{r.attrs.WithGroup(name), r.logStore}
}

// last returns the records that are kept, oldest first.
func (s *logStore) last() []LogRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(append([]LogRecord(nil), s.records[s.next:]...), s.records[:s.next]...)
}

// follow returns what is kept and a channel of what comes. stop ends it.
func (s *logStore) follow() (kept []LogRecord, more <-chan LogRecord, stop func()) {
	c := make(chan LogRecord, ringSize)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.follows[c] = true
	kept = append(append(kept, s.records[s.next:]...), s.records[:s.next]...)
	return kept, c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.follows, c)
	}
}

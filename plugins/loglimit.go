package plugins

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What a plugin writes can neither fill its host's log nor keep the host busy. Of its lines so many are passed on in a
// second, and the rest is counted; so many octets of its standard error and output are read in a second, and the rest
// waits in the pipe, by which the plugin waits, too.
const (
	logLines  = 1000
	logOctets = 8 << 20
)

// logLimit is a plugin's account of what it may write, the runs of its process together.
type logLimit struct {
	to     slog.Handler
	lines  *rate.Limiter
	octets *rate.Limiter

	mu    sync.Mutex
	left  uint64      // lines that were left out and not told of
	tells *time.Timer // which tells of them; nil: there are none
}

func newLogLimit(to slog.Handler) *logLimit {
	return &logLimit{to: to, lines: rate.NewLimiter(logLines, logLines), octets: rate.NewLimiter(logOctets, logOctets)}
}

// line reports whether one line more may be passed on.
func (l *logLimit) line() bool {
	if l.lines.Allow() {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left++
	if l.tells == nil {
		l.tells = time.AfterFunc(time.Second, l.tell)
	}
	return false
}

// tell says how many lines were left out since it has last said so.
func (l *logLimit) tell() {
	l.mu.Lock()
	n := l.left
	l.left = 0
	if l.tells != nil {
		l.tells.Stop()
		l.tells = nil
	}
	l.mu.Unlock()
	if n > 0 {
		slog.New(l.to).Warn("lines of the plugin's log were left out: it writes too many", "lines", n, "limit", logLines)
	}
}

// read waits until n octets more may be read.
func (l *logLimit) read(n int) {
	for n > 0 {
		some := min(n, logOctets)
		l.octets.WaitN(context.Background(), some) // no error: it is not more than a burst
		n -= some
	}
}

// limited is a slog.Handler whose records count as lines of the plugin's, for what the plugin can cause others to say.
type limited struct {
	slog.Handler
	limit *logLimit
}

// Handle implements slog.Handler.
func (h limited) Handle(ctx context.Context, r slog.Record) error {
	if !h.limit.line() {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h limited) WithAttrs(attrs []slog.Attr) slog.Handler {
	return limited{h.Handler.WithAttrs(attrs), h.limit}
}

// WithGroup implements slog.Handler.
func (h limited) WithGroup(name string) slog.Handler {
	return limited{h.Handler.WithGroup(name), h.limit}
}

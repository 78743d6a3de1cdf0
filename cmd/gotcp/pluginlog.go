package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// logTo is a logger of plugins' logs, for programs or for people.
func logTo(w io.Writer, asJSON bool, least slog.Level) *slog.Logger {
	if asJSON {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: least}))
	}
	return slog.New(newLogHandler(w, least))
}

// logHandler writes records as lines that begin with the plugin's name.
type logHandler struct {
	least  slog.Level
	plugin string
	attrs  slog.Handler // writes attributes into buf
	*logOutput
}

// logOutput is what the handlers derived from one have in common.
type logOutput struct {
	mu  sync.Mutex
	buf bytes.Buffer
	w   io.Writer
}

func newLogHandler(w io.Writer, least slog.Level) *logHandler {
	out := &logOutput{w: w}
	return &logHandler{logOutput: out, least: least, attrs: slog.NewTextHandler(&out.buf, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
				return slog.Attr{}
			}
			return a
		},
	})}
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.least }

// Handle implements slog.Handler.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf.Reset()
	if err := h.attrs.Handle(ctx, r); err != nil {
		return err
	}
	name := h.plugin
	if name == "" {
		name = "gotcp"
	}
	text := strings.TrimRight(r.Message+" "+h.buf.String(), " \n")
	_, err := fmt.Fprintf(h.w, "%s %-5s %s | %s\n", r.Time.Format("15:04:05.000"), r.Level, name, printable(text))
	return err
}

// printable is a plugin's text without what would change the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	to := *h
	var rest []slog.Attr
	for _, a := range attrs {
		if a.Key == "plugin" {
			to.plugin = a.Value.String()
		} else {
			rest = append(rest, a)
		}
	}
	if len(rest) > 0 {
		to.attrs = h.attrs.WithAttrs(rest)
	}
	return &to
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	to := *h
	to.attrs = h.attrs.WithGroup(name)
	return &to
}

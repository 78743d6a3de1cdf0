package plugintest

import (
	"bytes"
	"sync"
	"testing"
	"time"
)

// Log keeps what is written to it, and lets a test wait for it.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed when there is more; nil while nobody waits
}

// Write implements io.Writer. It never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
	return l.text.Write(p)
}

// String is what was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Await waits until find, given all that was written, finds something, and returns what it finds.
func (l *Log) Await(t testing.TB, what string, find func(text string) (string, bool)) string {
	t.Helper()
	late := time.After(time.Minute) // rather than to hang where the program has died
	for {
		l.mu.Lock()
		found, ok := find(l.text.String())
		if l.more == nil {
			l.more = make(chan struct{})
		}
		more := l.more
		l.mu.Unlock()
		if ok {
			return found
		}
		select {
		case <-more:
		case <-late:
			t.Fatalf("%s: it was never written", what)
		}
	}
}

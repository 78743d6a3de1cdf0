package plugintest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gotcp/gotcp/plugins"
)

// AwaitLog waits for a line in a plugin's log that has all of the texts.
func AwaitLog(t testing.TB, p *plugins.Plugin, texts ...string) {
	t.Helper()
	has := func(r plugins.LogRecord) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(r.Text, text) })
	}
	kept, more, stop := p.FollowLogs()
	defer stop()
	late := time.After(time.Minute) // rather than to hang
	for found := slices.ContainsFunc(kept, has); !found; {
		select {
		case r := <-more:
			found = has(r)
		case <-late:
			t.Fatalf("%q were never logged in one line", texts)
		}
	}
}

// Watch is a plugin that observes: it draws, for each TCP connection of its host's plugins, how round-trip time and
// congestion window have been of late.
//
//	web 10.77.0.3:8080 <- 10.77.0.1:51022   rtt ▁▁▂▁▇▂▁▁  214µs   cwnd ▁▂▃▄▅▆▇█  81 segments
//
//	go build -o /tmp/watch ./examples/plugins/watch     # then as a plugin in gotcp.yaml; or by hand:
//	gotcp plugin inspect web --events --json | go run ./examples/plugins/watch
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/gotcp/gotcp/plugins"
)

func main() { plugins.Serve(plugins.Observer(new(watcher).Observe)) }

// width is how many samples a line shows.
const width = 24

// watcher remembers the last samples of each connection.
type watcher struct{ conns map[string]*history }

type history struct{ rtt, cwnd []float64 }

// Observe takes one event in, and draws a line where that is a sample.
func (w *watcher) Observe(_ context.Context, e plugins.Event) {
	arrow := "->"
	if e.Inbound {
		arrow = "<-"
	}
	name := fmt.Sprintf("%s %v %s %v", e.Plugin, e.Local, arrow, e.Remote)
	switch {
	case e.Kind == plugins.EventClosed:
		delete(w.conns, name)
		fmt.Fprintf(os.Stdout, "%s   closed: %s\n", name, e.Reason)
	case e.Kind == plugins.EventRefused:
		fmt.Fprintf(os.Stdout, "%s   %s\n", e.Plugin, e.Reason)
	case e.Kind == plugins.EventSample && e.Info != nil:
		if w.conns == nil || len(w.conns) > 1000 {
			w.conns = map[string]*history{}
		}
		h := w.conns[name]
		if h == nil {
			h = &history{}
			w.conns[name] = h
		}
		h.rtt = last(append(h.rtt, float64(e.Info.RTT)))
		h.cwnd = last(append(h.cwnd, float64(e.Info.SndCwnd)))
		rtt := time.Duration(e.Info.RTT) * time.Microsecond
		fmt.Fprintf(os.Stdout, "%s   rtt %s  %v   cwnd %s  %d segments\n", name, spark(h.rtt), rtt, spark(h.cwnd), e.Info.SndCwnd)
	}
}

func last(v []float64) []float64 { return v[max(0, len(v)-width):] }

// spark draws values between their least and their greatest.
func spark(v []float64) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	low, high := slices.Min(v), slices.Max(v)
	text := make([]rune, len(v))
	for i, x := range v {
		if high > low {
			text[i] = bars[int((x-low)/(high-low)*float64(len(bars)-1))]
		} else {
			text[i] = bars[0]
		}
	}
	return string(text)
}

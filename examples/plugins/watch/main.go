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

// Observe takes one event in, and prints a line where there is something to see.
func (w *watcher) Observe(_ context.Context, e plugins.Event) {
	if line := w.draw(e); line != "" {
		fmt.Println(line)
	}
}

// draw is the line for an event, "" where there is none.
func (w *watcher) draw(e plugins.Event) string {
	arrow := map[bool]string{true: "<-", false: "->"}[e.Inbound]
	name := fmt.Sprintf("%s %v %s %v", e.Plugin, e.Local, arrow, e.Remote)
	switch {
	case e.Kind == plugins.EventRefused:
		return e.Plugin + "   " + e.Reason
	case e.Kind == plugins.EventClosed && e.Remote.IsValid(): // and not a listener
		delete(w.conns, name)
		return name + "   closed: " + e.Reason
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
		return fmt.Sprintf("%s   rtt %s  %v   cwnd %s  %d segments", name, spark(h.rtt), rtt, spark(h.cwnd), e.Info.SndCwnd)
	}
	return ""
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

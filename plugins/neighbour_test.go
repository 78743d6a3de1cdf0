package plugins

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/link/netns"
)

// BenchmarkNeighbour says what a hostile plugin costs another one: the median round trip of a small request to that one
// during the assault, times that of the same run without. The processors are the same, and what the attacker's own
// process takes of them nothing here bounds: "spin" is one that only does that, by which the others are to be judged.
func BenchmarkNeighbour(b *testing.B) {
	for _, a := range assaults {
		if a.ends == "" {
			b.Run(a.name, func(b *testing.B) { neighbour(b, a) })
		}
	}
	b.Run("packets", func(b *testing.B) {
		netns.Require(b)
		neighbour(b, assault{name: "packets", spec: func(s *Spec) { s.Sandbox = true }, said: "refused"})
	})
	b.Run("spin", func(b *testing.B) { neighbour(b, assault{name: "spin"}) })
}

func neighbour(b *testing.B, a assault) {
	fight := newBattle(b, a)
	if err := fight.peer.end(); err != nil {
		b.Fatal(err)
	}
	c, err := fight.ask(fight.peer.with, "echo")
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	var ratios, worst []float64
	for b.Loop() {
		before, _ := echoes(b, c)
		p, err := fight.Start(b.Context(), fight.spec)
		if err != nil {
			b.Fatal(err)
		}
		await(b, fmt.Sprintf("%q in its log", a.said), func() bool {
			return slices.ContainsFunc(p.Logs(), func(r LogRecord) bool { return strings.Contains(r.Text, a.said) })
		})
		during, late := echoes(b, c)
		p.Stop(context.Background())
		after, lateAfter := echoes(b, c)
		ratios = append(ratios, 2*float64(during)/float64(before+after))
		worst = append(worst, float64(late)/float64(lateAfter))
	}
	close(fight.over)
	b.ReportMetric(median(ratios), "x-round-trip")
	b.ReportMetric(median(worst), "x-p99")
	b.ReportMetric(0, "ns/op")
}

// echoes are the median and the 99th percentile of a second of round trips.
func echoes(b *testing.B, c net.Conn) (half, most time.Duration) {
	b.Helper()
	text := make([]byte, 100)
	var trips []time.Duration
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		began := time.Now()
		if _, err := c.Write(text); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, text); err != nil {
			b.Fatal(err)
		}
		trips = append(trips, time.Since(began))
	}
	half = median(trips)
	return half, trips[len(trips)*99/100]
}

package sandbox_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins/internal/sandbox"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// BenchmarkPour measures how fast a program in a sandbox reads from a server of the world, and the same without the
// sandbox; the metric is their ratio.
func BenchmarkPour(b *testing.B) {
	netns.Require(b)
	const size = 256 << 20
	w := newWorld(b)
	w.serve(b, "198.51.100.7:80", func(c *netapi.TCPConn) {
		defer c.Close()
		for buf := make([]byte, 64<<10); ; {
			if _, err := c.Write(buf); err != nil {
				return
			}
		}
	})
	var direct, boxed time.Duration
	for b.Loop() {
		c, err := w.near.DialContext(b.Context(), "tcp", "198.51.100.7:80")
		if err != nil {
			b.Fatal(err)
		}
		start1 := time.Now()
		if _, err := io.CopyN(io.Discard, c, size); err != nil {
			b.Fatal(err)
		}
		direct += time.Since(start1)
		c.Close()

		box := start(b, sandbox.Config{Network: w.near}, "pour", "198.51.100.7:80", fmt.Sprint(size))
		var n, ns int64
		if _, err := fmt.Sscan(box.all(), new(string), &n, &ns); err != nil || n != size {
			b.Fatalf("the program got %d octets, %v", n, err)
		}
		boxed += time.Duration(ns)
		box.end()
	}
	b.ReportMetric(float64(direct)/float64(boxed), "x-direct")
	b.ReportMetric(float64(b.N)*size/1e6/boxed.Seconds(), "MB/s")
}

// BenchmarkDial measures connections of a program to a server, made and ended one after the other.
func BenchmarkDial(b *testing.B) {
	netns.Require(b)
	w := newWorld(b)
	w.serve(b, "198.51.100.7:80", echo)
	box := start(b, sandbox.Config{Network: w.near}, "dialmany", "198.51.100.7:80", fmt.Sprint(b.N))
	box.line()
	b.ResetTimer()
	io.WriteString(box.in, "\n")
	if got := box.line(); got != "done" {
		b.Fatal(got)
	}
}

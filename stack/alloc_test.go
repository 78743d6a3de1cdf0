//go:build !race

package stack

// Allocations can't be counted under the race detector: it makes sync.Pool forget.

import (
	"fmt"
	"io"
	"testing"

	"github.com/gotcp/gotcp/stack/link"
)

// Nothing is allocated for a packet, small or large.
func TestLoopbackAllocates(t *testing.T) {
	l := newLoopback()
	l.Attach(func(*link.Frame) {})
	for _, n := range []int{40, loopbackMTU} {
		f := &link.Frame{Head: pattern(n)}
		if a := testing.AllocsPerRun(100, func() { l.Write(f) }); a > 0 {
			t.Errorf("%v allocations for a packet of %d octets", a, n)
		}
	}
}

// Nothing allocates per segment on the established data path, either way, whatever the size.
func TestDataPathAllocatesNothing(t *testing.T) {
	for _, n := range []int{1, 1000, 60_000} {
		for name, opts := range map[string][]link.PipeOption{"plain": {link.WithOffload(link.Offload{})}, "offload": nil} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				c, d := pipedConn(t, 1500, opts...)
				p, q := make([]byte, n), make([]byte, n)
				run := func() {
					for _, s := range [][2]Socket{{c, d}, {d, c}} {
						if _, err := s[0].Write(p); err != nil {
							t.Fatal(err)
						}
						if _, err := io.ReadFull(s[1], q); err != nil {
							t.Fatal(err)
						}
					}
				}
				for range 100 {
					run()
				}
				if a := testing.AllocsPerRun(1000, run); a > 0 {
					t.Errorf("%v allocations per round trip of %d octets", a, n)
				}
			})
		}
	}
}

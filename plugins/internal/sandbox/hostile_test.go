package sandbox_test

import (
	"context"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins/internal/sandbox"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// blackHole is a network on which no dial ever comes back. It counts those that wait.
type blackHole struct {
	netapi.Tuned
	tcp, udp         atomic.Int64 // begun
	nowTCP, nowUDP   atomic.Int64
	mostTCP, mostUDP atomic.Int64
}

func (h *blackHole) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	all, now, most := &h.tcp, &h.nowTCP, &h.mostTCP
	if network == "udp" {
		all, now, most = &h.udp, &h.nowUDP, &h.mostUDP
	}
	all.Add(1)
	n := now.Add(1)
	for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
	}
	<-ctx.Done()
	now.Add(-1)
	return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
}

// A program that opens connections and flows without end gets as many as the limits allow, and no more of our memory;
// another sandbox goes on as ever.
func TestFlood(t *testing.T) {
	netns.Require(t)
	h := &blackHole{}
	w := newWorld(t)
	w.serve(t, "198.51.100.7:80", echo)
	var before resources
	before.now(t)
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	heap := memory.HeapAlloc

	limits := sandbox.Limits{Conns: 50, Flows: 20}
	b := start(t, sandbox.Config{Network: h, Limits: limits}, "flood", "2000")
	want(t, "the flood", b.line(), "ready")
	eventually(t, "as many as may be are dialled", func() bool { return h.nowTCP.Load() >= 20 && h.nowUDP.Load() >= 20 })
	good := start(t, sandbox.Config{Network: w.near}, "talk", "198.51.100.7:80")
	good.in.Write([]byte("hello"))
	good.in.Close()
	if got := good.all(); !strings.HasSuffix(got, "hellook\n") {
		t.Errorf("meanwhile another program says %q", got)
	}
	if tcp, udp := h.mostTCP.Load(), h.mostUDP.Load(); tcp > 50 || udp > 20 {
		t.Errorf("%d connections and %d flows were dialled at a time, want at most 50 and 20", tcp, udp)
	}
	runtime.GC()
	runtime.ReadMemStats(&memory)
	if grown := int64(memory.HeapAlloc) - int64(heap); grown > 16<<20 {
		t.Errorf("the heap has grown by %d MiB", grown>>20)
	}
	b.end()
	before.settles(t)
}

// A program that connects and never reads, to a server that never stops, holds what its buffers have and no more.
func TestNeverReads(t *testing.T) {
	netns.Require(t)
	w := newWorld(t)
	var written atomic.Int64
	w.serve(t, "198.51.100.7:80", func(c *netapi.TCPConn) {
		defer c.Close()
		for buf := make([]byte, 64<<10); ; {
			n, err := c.Write(buf)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	cfg := sandbox.Config{Network: w.near, Limits: sandbox.Limits{Buffer: 64 << 10}}
	b := start(t, cfg, "hoard", "198.51.100.7:80", "10")
	want(t, "start", b.line(), "ready")
	// What has been written stops growing: in all of the buffers there is no more room. (Where it only pauses the bound
	// holds all the more.)
	last := int64(-1)
	for n := written.Load(); n != last; n = written.Load() {
		last = n
		b.in.Write([]byte("\n")) // the program answers when its kernel has had the time
		b.line()
	}
	if last > 10*(16<<20) { // two stacks of 1 MiB each way, 64 KiB here, and the kernel's 6 MiB
		t.Errorf("%d MiB were taken from the server", last>>20)
	}
}

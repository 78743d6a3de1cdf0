//go:build !race

package link_test

// Allocations can't be counted under the race detector: it makes sync.Pool forget.

import (
	"errors"
	"testing"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
	"github.com/gotcp/gotcp/stack/wire"
)

func TestPipeAllocatesNothing(t *testing.T) {
	a, b := link.Pipe(1500)
	if err := b.Attach(func(*link.Frame) {}); err != nil {
		t.Fatal(err)
	}
	small := frameOf(flow.UDP(craft.Data(1000)))
	super := flow.SuperTCP(wire.Segment{Payload: craft.Payload(craft.Data(60000))}, 1448)
	if n := testing.AllocsPerRun(200, func() { a.Write(small); a.Write(super) }); n >= 1 {
		t.Errorf("%v allocations per two frames, want none", n) // the pools may lose a buffer to a collection
	}
}

func TestSwitchAllocatesNothing(t *testing.T) {
	w := link.NewSwitch()
	a, b := port(t, w, 0, host1), port(t, w, 0, host2)
	near, far := link.Pipe(0)
	if err := errors.Join(w.Uplink(near), b.Attach(func(*link.Frame) {}), far.Attach(func(*link.Frame) {})); err != nil {
		t.Fatal(err)
	}
	small := frameOf(flow.UDP(craft.Data(1000)))
	super := flow.SuperTCP(wire.Segment{Payload: craft.Payload(craft.Data(60000))}, 1448)
	out, in := frameOf(between(host1, outside).UDP(nil)), frameOf(between(outside, host2).UDP(nil))
	if n := testing.AllocsPerRun(200, func() {
		a.Write(small)
		a.Write(super)
		a.Write(out)
		far.Write(in)
	}); n >= 1 {
		t.Errorf("%v allocations per four frames, want none", n) // the pools may lose a buffer to a collection
	}
}

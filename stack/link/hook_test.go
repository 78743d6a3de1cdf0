package link_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
	"github.com/gotcp/gotcp/stack/wire"
)

func TestCorrupt(t *testing.T) {
	b := newBench(t, link.Impairment{Corrupt: 1})
	whole := flow.TCP(wire.Segment{Flags: wire.ACK, Payload: craft.Payload(craft.Data(999))})
	partial := flow.SuperTCP(wire.Segment{Flags: wire.ACK, Payload: craft.Payload(craft.Data(999))}, 0)
	verified := frameOf(whole)
	verified.Csum = link.CsumVerified
	for range 100 {
		for _, f := range []*link.Frame{frameOf(whole), partial, verified} {
			write(t, b.dev, f)
		}
	}
	if n := b.dev.Stats(link.Out).Corrupted; n != 300 || len(b.came()) != 300 {
		t.Errorf("%d counted as corrupted, %d came; want all 300", n, len(b.came()))
	}
	seen := map[int]bool{}
	for _, a := range b.came() {
		if err := craft.Check(a.frame.Head); a.frame.Csum != link.CsumFull || !errors.Is(err, craft.ErrChecksum) {
			t.Fatalf("a corrupted packet isn't one that its receiver finds out: csum %v, %v", a.frame.Csum, err)
		}
		flipped := 0
		for i, x := range a.frame.Head {
			if d := x ^ whole[i]; d != 0 {
				if d&(d-1) != 0 {
					t.Fatalf("more than one bit of octet %d changed", i)
				}
				flipped++
				seen[i] = true
			}
		}
		if flipped != 1 {
			t.Fatalf("%d octets changed, want one", flipped)
		}
	}
	if len(seen) < 150 {
		t.Errorf("300 packets were hit in only %d places", len(seen))
	}
	write(t, b.dev, frameOf(whole[:20])) // nothing behind the IP header: nothing to flip, and no crash
	write(t, b.dev, &link.Frame{})
}

func TestHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		synAcks := 0
		b := newBench(t, link.Impairment{Hook: func(dir link.Direction, p []byte) link.Action {
			var seg wire.Segment
			if dir != link.In || wire.ParseSegment(wire.IPv4(p).Payload(), &seg) != nil || !seg.Flags.Has(wire.SYN|wire.ACK) {
				return link.Action{}
			}
			synAcks++
			switch synAcks {
			case 2:
				return link.Action{Delay: time.Second}
			case 3:
				return link.Action{Drop: true}
			case 4:
				return link.Action{Duplicate: true}
			}
			return link.Action{}
		}})
		for i := range 5 {
			s := wire.Segment{Flags: wire.SYN | wire.ACK, Seq: 0}
			s.Window = uint16(i)
			write(t, b.far, frameOf(flow.Back().TCP(s)))
		}
		write(t, b.dev, frameOf(flow.TCP(wire.Segment{Flags: wire.SYN | wire.ACK, Window: 9}))) // the other direction
		time.Sleep(time.Hour)
		var got []uint16
		for _, a := range b.came() {
			got = append(got, binary.BigEndian.Uint16(a.frame.Head[34:]))
		}
		// The second was late, the third was dropped, the fourth came twice.
		if want := []uint16{0, 3, 3, 4, 9, 1}; !slices.Equal(got, want) {
			t.Errorf("came %v, want %v", got, want)
		}
		if at := b.came()[len(b.came())-1].at; at != time.Second {
			t.Errorf("the delayed one came after %v, want 1s", at)
		}
		if s := b.dev.Stats(link.In); s.Hooked != 1 || s.Duplicated != 1 {
			t.Errorf("counters %+v", s)
		}
	})
}

// The hook sees what a wire would carry: packets, not super-segments.
func TestHookSeesPackets(t *testing.T) {
	var sizes []int
	b := newBench(t, link.Impairment{Hook: func(_ link.Direction, p []byte) link.Action {
		sizes = append(sizes, len(p))
		return link.Action{}
	}})
	write(t, b.dev, flow.SuperTCP(wire.Segment{Payload: craft.Payload(craft.Data(3000))}, 1448))
	if want := []int{1488, 1488, 144}; !slices.Equal(sizes, want) {
		t.Errorf("the hook saw packets of %v octets, want %v", sizes, want)
	}
}

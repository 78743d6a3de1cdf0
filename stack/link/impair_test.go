package link_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
	"github.com/gotcp/gotcp/stack/wire"
)

// arrival is a packet that came through, and when.
type arrival struct {
	n     int // the number that numbered put in, -1 where there is none
	at    time.Duration
	frame link.Frame
}

// bench is an impaired link, a far end that notes what comes, and the time since it began.
type bench struct {
	t     testing.TB
	dev   *link.Impaired
	far   link.Device
	start time.Time
	mu    sync.Mutex
	got   []arrival
}

// newBench impairs one end of a pipe. Both ends note what they receive in the same list.
func newBench(t testing.TB, cfg link.Impairment) *bench {
	t.Helper()
	a, far := link.Pipe(1500)
	b := &bench{t: t, dev: link.Impair(a, cfg, nil), far: far, start: time.Now()}
	if err := errors.Join(far.Attach(b.recv), b.dev.Attach(b.recv)); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) recv(f *link.Frame) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := -1
	if h := wire.IPv4MinHeader + wire.UDPHeaderLen; len(f.Head) >= h+4 {
		n = int(binary.BigEndian.Uint32(f.Head[h:]))
	}
	frame := link.Frame{Head: craft.Bytes(f), Csum: f.Csum, GSOSize: f.GSOSize}
	b.got = append(b.got, arrival{n, time.Since(b.start), frame})
}

// numbered is a packet of size octets that carries number n.
func numbered(n, size int) *link.Frame {
	data := make([]byte, size-wire.IPv4MinHeader-wire.UDPHeaderLen)
	binary.BigEndian.PutUint32(data, uint32(n))
	return frameOf(flow.UDP(data))
}

// sendNumbered writes packets 0..n-1, all at once.
func (b *bench) sendNumbered(n, size int) {
	for i := range n {
		write(b.t, b.dev, numbered(i, size))
	}
}

// came is what has arrived so far, in order.
func (b *bench) came() []arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got)
}

// numbers are those of the packets that came, in order of arrival.
func (b *bench) numbers() []int {
	var s []int
	for _, a := range b.came() {
		s = append(s, a.n)
	}
	return s
}

func TestNoImpairmentIsTransparent(t *testing.T) {
	b := newBench(t, link.Impairment{Loss: 1, Direction: link.In})
	super := flow.SuperTCP(wire.Segment{Payload: craft.Payload(craft.Data(30000))}, 1448)
	write(t, b.dev, super)
	if len(b.came()) != 1 || b.came()[0].frame.GSOSize != 1448 || b.came()[0].frame.Csum != link.CsumPartial {
		t.Errorf("a frame in the direction that isn't impaired arrived as %d frames, or changed", len(b.came()))
	}
	write(t, b.far, numbered(1, 100))
	if len(b.came()) != 1 {
		t.Error("a packet came through although all in its direction are lost")
	}
}

func TestLossIsOfPacketsAndBySeed(t *testing.T) {
	const n = 20000
	run := func(seed uint64) []int {
		b := newBench(t, link.Impairment{Loss: 0.1, Seed: seed})
		b.sendNumbered(n, 100)
		if s := b.dev.Stats(link.Out); s.Packets != n || s.Lost+s.Delivered != n || int(s.Delivered) != len(b.came()) {
			t.Errorf("the counters %+v don't add up to %d packets", s, n)
		}
		return b.numbers()
	}
	one := run(1)
	// Within five standard deviations of the mean: 2000 ± 212.
	if lost := n - len(one); lost < 1788 || lost > 2212 {
		t.Errorf("%d packets of %d were lost at 10%%", lost, n)
	}
	if !slices.Equal(one, run(1)) {
		t.Error("the same seed made other decisions")
	}
	if slices.Equal(one, run(2)) {
		t.Error("another seed made the same decisions")
	}
}

// A super-segment has as many chances to lose something as the packets in it.
func TestSuperSegmentIsCutBeforeLoss(t *testing.T) {
	b := newBench(t, link.Impairment{Loss: 0.1})
	data := craft.Data(45 * 1448)
	for range 100 {
		write(t, b.dev, flow.SuperTCP(wire.Segment{Seq: 5, Flags: wire.ACK | wire.PSH, Payload: craft.Payload(data)}, 1448))
	}
	s := b.dev.Stats(link.Both)
	if s.Packets != 4500 {
		t.Errorf("%d packets, want 4500: 45 from each super-segment", s.Packets)
	}
	if s.Lost < 350 || s.Lost > 550 { // 450 ± 5 standard deviations of 20
		t.Errorf("%d packets of 4500 were lost at 10%%", s.Lost)
	}
	for _, a := range b.came() {
		if err := craft.Check(a.frame.Head); err != nil || a.frame.Csum != link.CsumFull || a.frame.GSOSize != 0 {
			t.Fatalf("a packet cut out isn't fit for a wire: %v, csum %v", err, a.frame.Csum)
		}
		var seg wire.Segment
		if err := wire.ParseSegment(wire.IPv4(a.frame.Head).Payload(), &seg); err != nil {
			t.Fatal(err)
		}
		at := int(seg.Seq) - 5
		if !bytes.Equal(seg.Payload.Bytes(), data[at:at+1448]) {
			t.Fatalf("the packet at %d carries other octets than the super-segment", at)
		}
	}
}

func TestBurstLoss(t *testing.T) {
	const n = 50000
	b := newBench(t, link.Impairment{Burst: link.Burst{P: 0.01, R: 0.25}})
	b.sendNumbered(n, 100)
	came := make([]bool, n+1)
	for _, k := range b.numbers() {
		came[k] = true
	}
	came[n] = true
	bursts, lost := 0, 0
	for i, ok := range came[:n] {
		if !ok {
			lost++
			if came[i+1] {
				bursts++
			}
		}
	}
	// The bad state is left with 0.25: bursts have 4 packets on the average, and 0.01/(0.01+0.25) of all are lost.
	if mean := float64(lost) / float64(bursts); mean < 3.6 || mean > 4.4 {
		t.Errorf("%d losses in %d bursts: %.2f a burst, want about 4", lost, bursts, mean)
	}
	if share := float64(lost) / n; share < 0.03 || share > 0.047 {
		t.Errorf("%.1f%% are lost, want about 3.8%%", 100*share)
	}
}

func TestBurstStates(t *testing.T) {
	// It turns bad at the first packet and stays so; there it loses nothing but in the good state everything.
	b := newBench(t, link.Impairment{Burst: link.Burst{P: 1, R: 1e-18, LossBad: 1e-18, LossGood: 1}})
	b.sendNumbered(5, 100)
	if got := b.numbers(); !slices.Equal(got, []int{1, 2, 3, 4}) {
		t.Errorf("packets %v came, want all but the first", got)
	}
}

func TestDuplicate(t *testing.T) {
	b := newBench(t, link.Impairment{Duplicate: 1})
	b.sendNumbered(3, 100)
	if got := b.numbers(); !slices.Equal(got, []int{0, 0, 1, 1, 2, 2}) {
		t.Errorf("packets %v came, want each twice", got)
	}
	if s := b.dev.Stats(link.Out); s.Duplicated != 3 || s.Delivered != 6 {
		t.Errorf("counters %+v, want 3 duplicated, 6 delivered", s)
	}
}

func TestImpairRefuses(t *testing.T) {
	a, _ := link.Pipe(1500)
	bad := link.Impair(a, link.Impairment{Loss: 1.5}, nil)
	if err := bad.Attach(func(*link.Frame) {}); err == nil {
		t.Error("a probability of 150% is no error")
	}
	b := newBench(t, link.Impairment{Loss: 0.5})
	if err := b.dev.Attach(func(*link.Frame) {}); !errors.Is(err, link.ErrAttached) {
		t.Errorf("a second Attach gives %v, want ErrAttached", err)
	}
	if err := b.dev.Write(frameOf(flow.UDP(make([]byte, 1500)))); !errors.Is(err, link.ErrTooLong) {
		t.Errorf("a packet beyond the MTU gives %v, want ErrTooLong: its writer has to know", err)
	}
	b.dev.Close()
	if err := b.dev.Write(numbered(1, 100)); !errors.Is(err, link.ErrClosed) {
		t.Errorf("Write after Close gives %v, want ErrClosed", err)
	}
	if b.dev.Name() != "pipe-a" || b.dev.MTU() != 1500 || b.dev.Offload() != link.FullOffload {
		t.Error("name, MTU and offload aren't the inner device's")
	}
}

func TestImpairConcurrentWriters(t *testing.T) {
	b := newBench(t, link.Impairment{Loss: 0.1, Duplicate: 0.1, Reorder: 0.1, Corrupt: 0.1, Jitter: time.Millisecond})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			d := []link.Device{b.dev, b.far}[w%2]
			for i := range 300 {
				d.Write(numbered(i, 100))
				b.dev.Stats(link.Both)
			}
		})
	}
	wg.Wait()
	b.dev.Close()
	n := len(b.came())
	if s := b.dev.Stats(link.Both); s.Packets != 1200 || int(s.Delivered) != n {
		t.Errorf("counters %+v after 1200 packets, %d of which came", s, n)
	}
}

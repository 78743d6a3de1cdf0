package link_test

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

var flow = craft.NewFlow("10.0.0.1:1000", "10.0.0.2:2000")

// frameOf is a plain packet as a frame.
func frameOf(b []byte) *link.Frame { return &link.Frame{Head: b} }

// sink keeps what it receives.
type sink struct {
	mu     sync.Mutex
	frames []link.Frame // Head is a copy, Buf is gone
}

func (s *sink) recv(f *link.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frames = append(s.frames, link.Frame{Head: craft.Bytes(f), Csum: f.Csum, GSOSize: f.GSOSize})
}

func (s *sink) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.frames)
}

// attach gives d a new sink.
func attach(t testing.TB, d link.Device) *sink {
	t.Helper()
	s := new(sink)
	if err := d.Attach(s.recv); err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t testing.TB, d link.Device, f *link.Frame) {
	t.Helper()
	if err := d.Write(f); err != nil {
		t.Fatalf("Write: %v", err)
	}
}

func TestBufSizeIsTheEngines(t *testing.T) {
	if link.BufSize != tcp.BufSize {
		t.Errorf("link.BufSize is %d, tcp.BufSize is %d: the engine adopts buffers of its own size only",
			link.BufSize, tcp.BufSize)
	}
}

func TestPipeDeliversBeforeWriteReturns(t *testing.T) {
	a, b := link.Pipe(0)
	atA, atB := attach(t, a), attach(t, b)
	packet := flow.UDP([]byte("there"))
	write(t, a, frameOf(packet))
	if len(atB.frames) != 1 || !bytes.Equal(atB.frames[0].Head, packet) {
		t.Errorf("the other end received %v, not the packet written", atB.frames)
	}
	write(t, b, frameOf(flow.Back().UDP([]byte("and back"))))
	if len(atA.frames) != 1 {
		t.Errorf("%d frames came back, not 1", len(atA.frames))
	}
	if a.Name() == b.Name() || a.MTU() != link.DefaultMTU {
		t.Errorf("ends are %q and %q with MTU %d: want two names, and Ethernet's MTU by default", a.Name(), b.Name(), a.MTU())
	}
}

// A super-segment passes whole and with its checksum partial: nobody needs to compute what no wire can damage.
func TestPipePassesSuperSegments(t *testing.T) {
	a, b := link.Pipe(1500)
	atB := attach(t, b)
	data := craft.Data(45 * 1448)
	f := flow.SuperTCP(wire.Segment{Flags: wire.ACK, Payload: craft.Payload(data)}, 1448)
	write(t, a, f)
	if atB.len() != 1 {
		t.Fatalf("received %d frames, not 1", atB.len())
	}
	got := atB.frames[0]
	if got.Csum != link.CsumPartial || got.GSOSize != 1448 || !bytes.Equal(got.Head, craft.Bytes(f)) {
		t.Errorf("the frame has changed: csum %v, GSO size %d, %d octets", got.Csum, got.GSOSize, len(got.Head))
	}
}

func TestPipeRefuses(t *testing.T) {
	big := frameOf(flow.UDP(make([]byte, 1500-28+1)))
	segment := func(n, gso int) *link.Frame {
		return flow.SuperTCP(wire.Segment{Flags: wire.ACK, Payload: craft.Payload(make([]byte, n))}, gso)
	}
	partial := segment(100, 0)
	noMatter := link.Offload{Csum: true, TSO: true, MaxSize: 20000}
	for _, c := range []struct {
		name string
		off  link.Offload
		f    *link.Frame
		want error
	}{
		{"a packet of one octet too many", link.FullOffload, big, link.ErrTooLong},
		{"the same on a plain link", link.Offload{}, big, link.ErrTooLong},
		{"a packet that just fits", link.Offload{}, frameOf(flow.UDP(make([]byte, 1500-28))), nil},
		{"a partial checksum on a plain link", link.Offload{}, partial, link.ErrOffload},
		{"a super-segment on a plain link", link.Offload{Csum: true}, segment(4000, 1448), link.ErrOffload},
		{"a train of datagrams where only TSO is on", noMatter, flow.SuperUDP(make([]byte, 4000), 1000), link.ErrOffload},
		{"a super-segment above the largest", noMatter, segment(20000, 1448), link.ErrTooLong},
		{"segments that would exceed the MTU", noMatter, segment(4000, 1461), link.ErrTooLong},
		{"segments of just the MTU", noMatter, segment(4000, 1460), nil},
		{"a super-segment of ICMP", noMatter, &link.Frame{Head: flow.Echo(1, 1, nil), GSOSize: 8}, link.ErrOffload},
		{"a header cut short", noMatter, &link.Frame{Head: segment(4000, 1448).Head[:30], GSOSize: 8}, link.ErrOffload},
	} {
		a, b := link.Pipe(1500, link.WithOffload(c.off))
		atB := attach(t, b)
		if err := a.Write(c.f); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
		if want := map[bool]int{true: 1}[c.want == nil]; atB.len() != want {
			t.Errorf("%s: the other end received %d frames, want %d", c.name, atB.len(), want)
		}
	}
	var errno syscall.Errno
	if !errors.As(link.ErrTooLong, &errno) || errno != syscall.EMSGSIZE {
		t.Error("ErrTooLong isn't EMSGSIZE, which is what a socket gives for a packet beyond the MTU")
	}
}

func TestPipeWithoutReceiver(t *testing.T) {
	a, b := link.Pipe(1500)
	f := frameOf(flow.UDP([]byte("nobody hears it")))
	write(t, a, f) // not attached yet: lost, as on a cable with nothing at its end
	atB := attach(t, b)
	if err := b.Attach(func(*link.Frame) {}); !errors.Is(err, link.ErrAttached) {
		t.Errorf("a second Attach gives %v, want ErrAttached", err)
	}
	b.Close()
	write(t, a, f) // closed at the other end: lost, too
	if atB.len() != 0 {
		t.Errorf("%d frames arrived at an end that wasn't there", atB.len())
	}
	if err := b.Write(f); !errors.Is(err, link.ErrClosed) {
		t.Errorf("Write on a closed end gives %v, want ErrClosed", err)
	}
	a.Close()
	if err := a.Attach(func(*link.Frame) {}); !errors.Is(err, link.ErrClosed) {
		t.Errorf("Attach on a closed end gives %v, want ErrClosed", err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("the second Close gives %v", err)
	}
}

// A receiver may keep the buffer of a long packet, if it leaves another one. The pipe must not write to the first
// again.
func TestPipeAdoption(t *testing.T) {
	a, b := link.Pipe(link.MaxPacket)
	var kept [][]byte
	err := b.Attach(func(f *link.Frame) {
		if len(f.Head) < link.BufSize/2 {
			if f.Buf != nil && len(f.Head) <= 2048 {
				t.Error("a buffer of 64 KiB was taken for a short packet")
			}
			return
		}
		if len(f.Buf) != link.BufSize {
			t.Fatalf("Buf has %d octets, want %d", len(f.Buf), link.BufSize)
		}
		if start := cap(f.Buf) - cap(f.Head); &f.Buf[start] != &f.Head[0] {
			t.Error("Head doesn't lie in Buf")
		}
		kept = append(kept, f.Head)
		f.Buf = make([]byte, link.BufSize)
	})
	if err != nil {
		t.Fatal(err)
	}
	var want [][]byte
	for i := range 20 {
		data := craft.Data(60000)
		data[0] = byte(i)
		want = append(want, flow.UDP(data))
		write(t, a, frameOf(want[i]))
		write(t, a, frameOf(flow.UDP([]byte("short"))))
	}
	for i := range want {
		if !bytes.Equal(kept[i], want[i]) {
			t.Errorf("packet %d was changed after it had been adopted", i)
		}
	}
}

// Close waits for the deliveries under way, in a way that a bubble's clock sees, and nothing comes after it.
func TestPipeCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := link.Pipe(1500)
		release := make(chan struct{})
		var delivered, closed atomic.Bool
		err := b.Attach(func(*link.Frame) {
			<-release
			delivered.Store(true)
		})
		if err != nil {
			t.Fatal(err)
		}
		go a.Write(frameOf(flow.UDP(nil)))
		synctest.Wait()
		go func() {
			b.Close()
			closed.Store(true)
		}()
		synctest.Wait()
		if closed.Load() {
			t.Error("Close returned while a frame was being delivered")
		}
		close(release)
		synctest.Wait()
		if !closed.Load() || !delivered.Load() {
			t.Error("Close goes on waiting although the delivery is over")
		}
	})
}

// Two receivers that answer every packet until a count has run out: no lock is held while a frame is delivered.
func TestPipeReceiverMayWrite(t *testing.T) {
	a, b := link.Pipe(1500)
	left := 100
	answer := func(d link.Device, f craft.Flow) func(*link.Frame) {
		return func(*link.Frame) {
			if left--; left > 0 {
				d.Write(frameOf(f.UDP(nil)))
			}
		}
	}
	if err := errors.Join(a.Attach(answer(a, flow)), b.Attach(answer(b, flow.Back()))); err != nil {
		t.Fatal(err)
	}
	write(t, a, frameOf(flow.UDP(nil)))
	if left != 0 {
		t.Errorf("%d answers are missing", left)
	}
}

func TestPipeConcurrentWriters(t *testing.T) {
	a, b := link.Pipe(1500)
	var n atomic.Int64
	if err := b.Attach(func(f *link.Frame) {
		if err := craft.Check(f.Head); err != nil {
			t.Errorf("a packet arrived damaged: %v", err)
		}
		n.Add(1)
	}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 200 {
				a.Write(frameOf(flow.UDP(craft.Data(1 + (w*200+i)%1400))))
			}
		})
	}
	wg.Wait()
	if n.Load() != 800 {
		t.Errorf("%d packets arrived of 800", n.Load())
	}
}

func TestLoopback(t *testing.T) {
	lo := link.NewLoopback(0)
	got := attach(t, lo)
	if lo.Name() != "lo" || lo.MTU() != link.MaxPacket {
		t.Errorf("it is %s with MTU %d: want lo, with the longest IPv4 packet", lo.Name(), lo.MTU())
	}
	packet := flow.UDP(craft.Data(65535 - 28))
	write(t, lo, frameOf(packet))
	f := flow.SuperTCP(wire.Segment{Payload: craft.Payload(craft.Data(60000))}, 1448)
	write(t, lo, f)
	if got.len() != 2 || !bytes.Equal(got.frames[0].Head, packet) || got.frames[1].GSOSize != 1448 {
		t.Errorf("received %d frames, or they have changed", got.len())
	}
	if err := lo.Close(); err != nil {
		t.Error(err)
	}
	if err := lo.Write(f); !errors.Is(err, link.ErrClosed) {
		t.Errorf("Write on a closed loopback gives %v, want ErrClosed", err)
	}
}

func BenchmarkPipe(b *testing.B) {
	for _, c := range []struct {
		name string
		f    *link.Frame
	}{
		{"packet", frameOf(flow.UDP(craft.Data(1472)))},
		{"super", flow.SuperTCP(wire.Segment{Payload: craft.Payload(craft.Data(45 * 1448))}, 1448)},
	} {
		b.Run(c.name, func(b *testing.B) {
			x, y := link.Pipe(1500)
			y.Attach(func(*link.Frame) {})
			b.SetBytes(int64(c.f.Len()))
			b.ReportAllocs()
			for b.Loop() {
				x.Write(c.f)
			}
		})
	}
}

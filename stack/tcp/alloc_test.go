//go:build !race

package tcp

// Allocations can't be counted under the race detector: it makes sync.Pool forget.

import (
	"runtime/debug"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// bench is two connected TCBs and a wire between them that allocates nothing itself.
type bench struct {
	ends [2]TCB
	cfg  Config
	now  Time
	out  wire.Segment
	in   wire.Segment
	buf  []byte // what the reader of a device would have
}

func newBench(tb testing.TB, check bool, maxSegment int) *bench {
	b := &bench{now: Time(time.Minute), buf: GetBuf()}
	b.cfg.Check = check
	b.cfg.Default()
	p := Params{Config: &b.cfg, ISS: testISS, TSOffset: testTS, MSS: 1460, MaxSegment: maxSegment,
		SndBuf: 1 << 20, RcvBuf: 1 << 20}
	b.ends[0].Connect(b.now, p)
	p.ISS = testIRS
	b.ends[1].Connect(b.now, p) // simultaneous open: no listener is needed
	for range 4 {
		b.turn()
	}
	if b.ends[0].State() != Established || b.ends[1].State() != Established {
		tb.Fatal("no connection")
	}
	return b
}

// turn delivers what both ends have to send.
func (b *bench) turn() (segments int) {
	for i := range b.ends {
		for b.ends[i].Poll(b.now, &b.out) {
			b.carry(&b.ends[1-i])
			segments++
		}
	}
	return segments
}

// carry copies the segment as a wire would: the payload into one buffer.
func (b *bench) carry(to *TCB) {
	b.in = b.out
	b.in.Payload.Reset()
	n := 0
	for _, p := range b.out.Payload.Slices() {
		n += copy(b.buf[n:], p)
	}
	b.in.Payload.Append(b.buf[:n])
	b.in.Buf = b.buf
	to.Segment(b.now, &b.in)
	if b.in.Adopted {
		b.buf = GetBuf()
	}
}

// exchange writes p at one end, reads it at the other, and lets the ACKs come back.
func (b *bench) exchange(from int, p, r []byte) int {
	n, _ := b.ends[from].Write(b.now, p)
	got := 0
	for range 100 {
		b.now = b.now.Add(10 * time.Microsecond)
		moved := b.turn()
		for {
			k, err := b.ends[1-from].Read(b.now, r)
			got += k
			if err != nil || k == 0 {
				break
			}
		}
		if got == n && moved == 0 {
			break
		}
		for i := range b.ends {
			if d := b.ends[i].Deadline(); moved == 0 && d < b.now.Add(time.Second) {
				b.now = max(b.now, d)
				b.ends[i].Tick(b.now)
			}
		}
	}
	return got
}

// TestNoAllocations: the established data path allocates nothing, either way (law 10).
func TestNoAllocations(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pools
	for _, c := range []struct {
		name  string
		size  int
		max   int
		check bool
	}{
		{"one octet", 1, 1460, true},
		{"one segment", 1448, 1460, true},
		{"ten segments", 14480, 1460, true},
		{"super-segments", 200_000, 65535, true},
		{"super-segments, unchecked", 200_000, 65535, false},
	} {
		for from := range 2 {
			b := newBench(t, c.check, c.max)
			p, r := make([]byte, c.size), make([]byte, 1<<16)
			for range 50 { // fill the pools, open the window
				b.exchange(from, p, r)
			}
			n := testing.AllocsPerRun(100, func() {
				if got := b.exchange(from, p, r); got != c.size {
					t.Fatalf("%s: %d octets came through, want %d", c.name, got, c.size)
				}
			})
			if n != 0 {
				t.Errorf("%s from end %d: %v allocations per exchange, want none", c.name, from, n)
			}
		}
	}
}

// TestNoAllocationsOfLosses: nor does what finds and repairs losses: the first segment of each flight is lost.
func TestNoAllocationsOfLosses(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	d := start(t, setup{sack: true})
	in, p := d.segment(parseLine("A 1 ack 1")), make([]byte, 5000)
	var out wire.Segment
	step := func() {
		d.now = d.now.Add(100 * ms)
		d.tcb.Tick(d.now)
		d.tcb.Segment(d.now, in)
		for d.tcb.Poll(d.now, &out) {
		}
	}
	flight := func() {
		_, _ = d.tcb.Write(d.now, p)
		in.Options.NSACK = 0
		step()
		in.Options.NSACK, in.Options.SACK[0].Start, in.Options.SACK[0].End = 1, in.Ack.Add(1000), d.tcb.snd.nxt
		step()
		in.Options.NSACK, in.Ack = 0, d.tcb.snd.nxt
		step()
	}
	for range 50 {
		flight()
	}
	if n := testing.AllocsPerRun(100, flight); n != 0 {
		t.Errorf("%v allocations per flight, want none", n)
	}
	if in := d.tcb.Info(d.now); in.FastRecoveries < 100 {
		t.Errorf("%d recoveries: too few for a test of them", in.FastRecoveries)
	}
}

// TestNoAllocationsPingPong: requests and answers, the ACKs riding on them.
func TestNoAllocationsPingPong(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	b := newBench(t, true, 1460)
	p, r := make([]byte, 100), make([]byte, 1000)
	both := func() { b.exchange(0, p, r); b.exchange(1, p, r) }
	for range 50 {
		both()
	}
	if n := testing.AllocsPerRun(100, both); n != 0 {
		t.Errorf("%v allocations per round trip, want none", n)
	}
}

// TestNoAllocationsOfRejects: what an attacker sends costs no memory, either.
func TestNoAllocationsOfRejects(t *testing.T) {
	d := start(t, setup{ts: true, sack: true})
	var s wire.Segment
	for _, text := range []string{"R 100", "S 100", "A 1 ack 99999", "A 99999:100000 ack 1", "A 1 ack 1 ts -1000",
		"A 1 ack 1", "A 1 ack 1 sack 5:9"} {
		in := d.segment(parseLine(text))
		n := testing.AllocsPerRun(100, func() {
			d.tcb.Segment(d.now, in)
			for d.tcb.Poll(d.now, &s) {
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations, want none", text, n)
		}
	}
	var h HalfOpen
	p := d.params()
	syn := d.segment(parseLine("S 0 mss 1460 sackok ws 7"))
	if n := testing.AllocsPerRun(100, func() { h.Open(d.now, &p, syn); h.SYNACK(d.now, &d.cfg, &s) }); n != 0 {
		t.Errorf("a SYN: %v allocations, want none", n)
	}
}

// BenchmarkTransfer is the engine alone: bytes from Write to Read, with one copy for the wire.
func BenchmarkTransfer(b *testing.B) {
	for _, c := range []struct {
		name string
		max  int
	}{{"MSS", 1460}, {"64KiB", 65535}} {
		b.Run(c.name, func(b *testing.B) {
			k := newBench(b, false, c.max)
			p, r := make([]byte, 1<<18), make([]byte, 1<<18)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				if k.exchange(0, p, r) != len(p) {
					b.Fatal("octets are missing")
				}
			}
		})
	}
}

// BenchmarkPingPong is a round trip of one octet each way.
func BenchmarkPingPong(b *testing.B) {
	k := newBench(b, false, 1460)
	p, r := make([]byte, 1), make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		k.exchange(0, p, r)
		k.exchange(1, p, r)
	}
}

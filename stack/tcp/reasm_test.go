package tcp

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// byteMap is the reference for the receiver: which octets of the stream have arrived, relative to the first.
type byteMap struct {
	got  []bool
	next int // the first that has not
	edge int // of the window: what lies beyond is not taken
}

// take notes that [a, b) arrived, and returns the part that was there before, in the order of the stream.
func (m *byteMap) take(a, b int) (dups []seq.Span) {
	for i := max(a, 0); i < min(b, m.edge); i++ {
		if m.got[i] {
			if n := len(dups); n > 0 && dups[n-1].End == seq.Num(i) {
				dups[n-1].End++
			} else {
				dups = append(dups, seq.Span{Start: seq.Num(i), End: seq.Num(i + 1)})
			}
		}
		m.got[i] = true
	}
	for m.next < len(m.got) && m.got[m.next] {
		m.next++
	}
	return dups
}

// run is the contiguous piece that holds octet i.
func (m *byteMap) run(i int) seq.Span {
	a, b := i, i
	for a > m.next && m.got[a-1] {
		a--
	}
	for b < len(m.got) && m.got[b] {
		b++
	}
	return seq.Span{Start: seq.Num(a), End: seq.Num(b)}
}

// TestReassemblyAgainstMap sends random segments of any overlap and compares every ACK and every octet with the
// reference.
//
// RFC 9293 SHLD-31: out-of-order segments are queued.
// RFC 9293 MAY-13: and an ACK is sent for each.
func TestReassemblyAgainstMap(t *testing.T) {
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 3))
		const size = 4000
		d := start(t, setup{sack: true, ts: seed%2 == 1, rcv: size})
		m := byteMap{got: make([]bool, size), edge: size}
		for n := 0; m.next < size && n < 2000; n++ {
			a := rng.IntN(size + 100)
			if rng.IntN(3) == 0 {
				a = m.next - rng.IntN(50)
			}
			b := a + 1 + rng.IntN(300)
			old := m.next
			dups := m.take(a, b)
			d.in(fmt.Sprintf("A %d:%d ack 1", 1+a, 1+b))
			if len(d.queue) == 0 {
				continue // a delayed ACK
			}
			ack := d.queue[len(d.queue)-1].seg
			d.skip()
			if got := ack.Ack.Minus(testIRS) - 1; got != m.next {
				t.Fatalf("seed %d: [%d, %d) acknowledges %d octets, want %d", seed, a, b, got, m.next)
			}
			checkBlocks(t, &m, ack.Options.SACKBlocks(), arrival{a: a, b: b, old: old, dups: dups}, d.s.ts)
		}
		if m.next != size {
			t.Fatalf("seed %d: only %d octets came together", seed, m.next)
		}
		d.get(size) // compares each octet
		if d.tcb.rcv.ooo != nil {
			t.Error("a reassembly queue is kept without a hole")
		}
	}
}

// arrival is what the last segment brought.
type arrival struct {
	a, b int // its octets
	old  int // RCV.NXT before it
	dups []seq.Span
}

// checkBlocks holds the option to RFC 2018 section 4 and RFC 2883 section 4.
func checkBlocks(t *testing.T, m *byteMap, blocks []seq.Span, in arrival, ts bool) {
	t.Helper()
	rel := make([]seq.Span, len(blocks))
	for i, s := range blocks {
		rel[i] = seq.Span{Start: s.Start - testIRS - 1, End: s.End - testIRS - 1}
	}
	if limit := 4; ts {
		if limit = 3; len(rel) > limit { // beside timestamps there is room for three
			t.Fatalf("%d blocks beside timestamps", len(rel))
		}
	}
	if len(in.dups) > 0 || in.a < in.old {
		// The first block tells what arrived twice: the first such piece of the segment.
		first := seq.Span{Start: seq.Num(in.a), End: seq.Num(min(in.b, in.old))}
		if in.a >= in.old {
			first = in.dups[0]
		}
		if len(rel) == 0 || rel[0] != first {
			t.Fatalf("[%d, %d) repeats %v, but the blocks are %v", in.a, in.b, first, rel)
		}
		rel = rel[1:]
	}
	// "The first SACK block MUST specify the contiguous block of data containing the segment which triggered this ACK,
	// unless that segment advanced the Acknowledgment Number field in the header."
	if in.a < m.edge && in.a > m.next && in.b > m.next {
		if want := m.run(in.a); len(rel) == 0 || rel[0] != want {
			t.Fatalf("[%d, %d) lies in %v, but the blocks are %v", in.a, in.b, want, rel)
		}
	}
	for i, s := range rel {
		if s != m.run(int(s.Start)) || int32(s.Start) <= int32(m.next) {
			t.Fatalf("the block %v is not a whole run beyond %d: that is %v", s, m.next, m.run(int(s.Start)))
		}
		if slices.Contains(rel[:i], s) {
			t.Fatalf("the block %v is told twice in %v", s, rel)
		}
	}
}

// TestSACKOrder is the example of RFC 2018 section 4: the most recent block first, then the ones told before.
func TestSACKOrder(t *testing.T) {
	d := start(t, setup{sack: true})
	d.in("A 1001:2001 ack 1")
	d.out("A 1 ack 1 sack 1001:2001")
	d.in("A 3001:4001 ack 1")
	d.out("A 1 ack 1 sack 3001:4001 1001:2001")
	d.in("A 5001:6001 ack 1")
	d.out("A 1 ack 1 sack 5001:6001 3001:4001 1001:2001")
	d.in("A 7001:8001 ack 1")
	d.out("A 1 ack 1 sack 7001:8001 5001:6001 3001:4001 1001:2001")
	d.in("A 9001:9501 ack 1")
	d.out("A 1 ack 1 sack 9001:9501 7001:8001 5001:6001 3001:4001") // the oldest is pushed out
	d.in("A 9501:10001 ack 1")
	d.out("A 1 ack 1 sack 9001:10001 7001:8001 5001:6001 3001:4001") // grows: told as one
	d.in("A 4001:5001 ack 1")
	d.out("A 1 ack 1 sack 3001:6001 9001:10001 7001:8001") // joins two
	d.in("A 1:1001 ack 1")
	d.out("A 1 ack 2001 sack 3001:6001 9001:10001 7001:8001") // advances: nothing is told first
	d.in("A 2001:3001 ack 1")
	d.out("A 1 ack 6001 sack 9001:10001 7001:8001")
}

// TestDSACKExamples are the situations of RFC 2883 section 4.
func TestDSACKExamples(t *testing.T) {
	d := start(t, setup{sack: true})
	d.in("A 1:1001 ack 1")
	d.skip()
	d.in("A 1:1001 ack 1") // 4.1.1: a full segment twice, below the ACK
	d.out("A 1 ack 1001 sack 1:1001")
	d.in("A 2001:3001 ack 1")
	d.out("A 1 ack 1001 sack 2001:3001") // told once only
	d.in("A 501:1001 ack 1")             // 4.1.2: below the ACK, with a run above it
	d.out("A 1 ack 1001 sack 501:1001 2001:3001")
	d.in("A 2001:3001 ack 1") // 4.1.3: inside a run: then that run is next
	d.out("A 1 ack 1001 sack 2001:3001 2001:3001")
	d.in("A 2501:3501 ack 1") // 4.2: a part of the segment
	d.out("A 1 ack 1001 sack 2501:3001 2001:3501")
	d.in("A 1001:2501 ack 1") // 4.2.2: fills the hole and repeats
	d.out("A 1 ack 3501 sack 2001:2501")
}

// TestAcknowledgedStays: octets that were acknowledged are not replaced by others that claim their place.
func TestAcknowledgedStays(t *testing.T) {
	d := start(t, setup{})
	d.in("A 1:21 ack 1")
	other := d.segment(parseLine("A 11 ack 1"))
	other.Payload.Append(make([]byte, 20)) // zeros for 11:31
	d.tcb.Segment(d.now, other)
	p := make([]byte, 30)
	if n, err := d.tcb.Read(d.now, p); n != 30 || err != nil {
		t.Fatal(n, err)
	}
	if want := append(patternBytes(0, 20), make([]byte, 10)...); !slices.Equal(p, want) {
		t.Errorf("the stream is %v, want %v", p, want)
	}
}

// TestMemoryOfManyRuns: holes cost memory, so there is a bound for it (law 7), and within it the stream still comes
// together.
func TestMemoryOfManyRuns(t *testing.T) {
	d := start(t, setup{rcv: 60000})
	for at := 2; at < 60000; at += 2 {
		d.in(fmt.Sprintf("A %d:%d ack 1", at, at+1))
		d.skip()
	}
	o := d.tcb.rcv.ooo
	held := 0
	for i := range o.runs {
		held += o.runs[i].data.memory()
	}
	if held > 5*60000+2*BufSize || len(o.runs) > maxRuns {
		t.Errorf("%d runs of one octet hold %d octets of memory, window 60000", len(o.runs), held)
	}
	if held != o.size {
		t.Errorf("the runs hold %d octets, the books say %d", held, o.size)
	}
	for at := 1; at < 60000; at += 1000 { // what was dropped comes again
		d.in(fmt.Sprintf("A %d:%d ack 1", at, min(at+1000, 60001)))
		d.skip()
	}
	d.get(60000)
}

// TestMemoryOfDrainedRuns: short pieces that were put in order don't hold a block each.
func TestMemoryOfDrainedRuns(t *testing.T) {
	d := start(t, setup{rcv: 20000})
	for at := 1; at < 20000; at += 100 {
		for k := 1; k < 100; k += 2 {
			d.in(fmt.Sprintf("A %d:%d ack 1", at+k, at+k+1))
		}
		for k := 0; k < 100; k += 2 {
			d.in(fmt.Sprintf("A %d:%d ack 1", at+k, at+k+1))
		}
		d.skip()
	}
	if got := d.tcb.rcv.buf.memory(); got > 20000+2*BufSize {
		t.Errorf("20000 octets hold %d octets of memory", got)
	}
	d.get(20000)
}

// TestKeepsWholeWindow: what lies in the window is kept, whatever the pattern of losses (RFC 2018 section 8: a receiver
// should not discard what it has reported).
func TestKeepsWholeWindow(t *testing.T) {
	for _, every := range []int{2, 3, 4, 7, 20} {
		d := start(t, setup{})
		kept := 0
		for i := range 65 {
			if i%every != 0 {
				d.in(fmt.Sprintf("A %d:%d ack 1", 1+1000*i, 1001+1000*i))
				kept += 1000
			}
		}
		if got := d.tcb.outOfOrder(); got != kept {
			t.Errorf("each %dth segment lost: %d of %d octets are kept", every, got, kept)
		}
	}
}

// TestQueuedFIN: a FIN beyond a hole is remembered, and no text behind it is given to the user.
func TestQueuedFIN(t *testing.T) {
	d := start(t, setup{sack: true})
	d.in("FA 101:201 ack 1")
	d.out("A 1 ack 1 sack 101:201")
	d.in("A 301:401 ack 1") // nobody sends behind a FIN
	d.skip()
	d.in("A 1:101 ack 1")
	d.out("A 1 ack 202 nosack")
	d.state(CloseWait)
	d.get(200)
	d.fails(ErrEOF)
}

// TestAdoption: a buffer that is mostly text is kept whole, without a copy, when it is in order (law 5).
func TestAdoption(t *testing.T) {
	for _, c := range []struct {
		name    string
		at, n   int
		adopted bool
	}{
		{"in order, large", 1, BufSize - 100, true},
		{"in order, just half", 1, BufSize / 2, true},
		{"in order, below half", 1, BufSize/2 - 1, false},
		{"begins before RCV.NXT", -99, BufSize - 100, true},
		{"out of order", 101, BufSize - 200, false},
	} {
		d := start(t, setup{ws: 4, rcv: 1 << 20, sack: true})
		d.in("A 1:1 ack 1") // tells the whole window
		d.write(1)
		d.in("A 1 ack 2")
		d.skip()
		in := d.segment(parseLine(fmt.Sprintf("A %d:%d ack 2", c.at, c.at+c.n)))
		buf := GetBuf()
		for i := range buf {
			buf[i] = 0xee
		}
		k := copy(buf[64:], in.Payload.Bytes())
		in.Payload.Reset()
		in.Payload.Append(buf[64 : 64+k])
		in.Buf = buf
		if 64+k > len(buf) {
			t.Fatal("the text doesn't fit")
		}
		d.tcb.Segment(d.now, in)
		d.drain()
		if in.Adopted != c.adopted {
			t.Errorf("%s: adopted is %v", c.name, in.Adopted)
		}
		if !in.Adopted {
			clear(buf) // it is the reader's again
		}
		if c.at > 1 {
			d.in("A 1:101 ack 2")
		}
		d.get(c.at + c.n - 1)
	}
}

// TestAdoptionRefused: what is no buffer of ours, or not the one that the text lies in, is copied.
func TestAdoptionRefused(t *testing.T) {
	d := start(t, setup{ws: 4, rcv: 1 << 20})
	d.write(1)
	d.in("A 1 ack 2")
	text := patternBytes(0, 60000)
	for i, buf := range [][]byte{make([]byte, BufSize), make([]byte, BufSize-1), text} {
		var in wire.Segment
		in.Flags, in.Seq, in.Ack, in.Window = wire.ACK, d.tcb.rcv.nxt, d.tcb.snd.nxt, 60000
		in.Payload.Append(patternBytes(60000*i, 60000))
		in.Buf = buf
		d.tcb.Segment(d.now, &in)
		if in.Adopted {
			t.Errorf("buffer %d is adopted", i)
		}
	}
	d.drain()
	d.get(180000)
}

// TestDSACKWithHeldData: a D-SACK is not lost because there is data that may not leave.
func TestDSACKWithHeldData(t *testing.T) {
	for name, hold := range map[string]func(d *dut){
		"Nagle":       func(d *dut) { d.write(10); d.write(10) },
		"TCP_CORK":    func(d *dut) { d.tcb.SetOptions(d.now, UserOptions{Cork: true}); d.write(10) },
		"cwnd":        func(d *dut) { d.write(50000) },
		"zero window": func(d *dut) { d.in("A 1 ack 1 win 0"); d.write(10) },
	} {
		t.Run(name, func(t *testing.T) {
			d := start(t, setup{sack: true})
			hold(d)
			d.in("A 1:1001 ack 1 win 0")
			d.skip()
			d.in("A 1:1001 ack 1 win 0")
			d.out("A ack 1001 sack 1:1001")
		})
	}
}

// TestRunsBounded: as many runs as maxRuns says are kept, and one that joins two makes room.
func TestRunsBounded(t *testing.T) {
	var o reassembly
	put := func(at int) bool {
		s := seq.Span{Start: seq.Num(at), End: seq.Num(at + 10)}
		return o.insert(s, patternBytes(at, 10), func(seq.Span) {})
	}
	for i := range maxRuns {
		if !put(i * 20) {
			t.Fatalf("run %d is refused", i)
		}
	}
	if put(maxRuns * 20) {
		t.Errorf("%d runs are kept, more than %d", len(o.runs), maxRuns)
	}
	if !put(10) || !put(maxRuns*20) {
		t.Error("a run that joins two makes no room")
	}
	size := 0
	for i := range o.runs {
		size += o.runs[i].data.memory()
	}
	if size != o.size {
		t.Errorf("%d octets of memory are held, and %d are counted", size, o.size)
	}
}

// TestAdoptionEdges: text anywhere in the buffer is adopted, from its first octet to its last.
func TestAdoptionEdges(t *testing.T) {
	for _, at := range []int{0, BufSize - 60000} {
		d := start(t, setup{})
		in := d.segment(parseLine("PA 1 ack 1"))
		in.Buf = GetBuf()
		text := in.Buf[at : at+60000]
		fillPattern(text, 0)
		in.Payload.Append(text)
		if d.tcb.Segment(d.now, in); !in.Adopted {
			t.Errorf("text at %d is not adopted", at)
		}
		d.get(60000)
	}
}

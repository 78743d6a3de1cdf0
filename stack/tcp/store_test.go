package tcp

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/gotcp/gotcp/stack/wire"
)

// TestStoreAgainstBuffer runs random operations on a store and on a bytes.Buffer.
func TestStoreAgainstBuffer(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var s, aside store
		var ref, refAside bytes.Buffer
		random := func() []byte {
			n := rng.IntN(3000)
			switch rng.IntN(10) {
			case 0:
				n = rng.IntN(200_000)
			case 1:
				n = 0
			}
			p := make([]byte, n)
			for i := range p {
				p[i] = byte(rng.Uint32())
			}
			return p
		}
		for range 400 {
			switch rng.IntN(8) {
			case 0, 1:
				p := random()
				s.append(p)
				ref.Write(p)
			case 2: // a buffer that is adopted
				buf := GetBuf()
				r := rng.IntN(100)
				w := r + 1 + copy(buf[r:], random()[:0]) + rng.IntN(len(buf)-r-1)
				copy(buf[r:w], patternBytes(rng.IntN(1000), w-r))
				ref.Write(buf[r:w])
				s.push(adoptBlock(buf, r, w))
			case 3:
				p, q := make([]byte, rng.IntN(100_000)), make([]byte, 100_000)
				n := s.read(p)
				m, _ := ref.Read(q[:len(p)])
				if n != m || !bytes.Equal(p[:n], q[:m]) {
					t.Fatalf("seed %d: read gives %d octets, want %d", seed, n, m)
				}
			case 4:
				n := rng.IntN(5000)
				s.drop(n, nil)
				ref.Next(n)
			case 5:
				p := make([]byte, rng.IntN(10_000))
				n := s.peek(p)
				if want := ref.Bytes()[:min(len(p), ref.Len())]; !bytes.Equal(p[:n], want) {
					t.Fatalf("seed %d: peek gives something else", seed)
				}
			case 6:
				checkView(t, rng, &s, ref.Bytes())
			case 7:
				p := random()
				aside.append(p)
				refAside.Write(p)
				if rng.IntN(2) == 0 {
					s.join(&aside)
					ref.Write(refAside.Bytes())
					refAside.Reset()
					if aside.len() != 0 || aside.head != nil {
						t.Fatal("join leaves octets behind")
					}
				}
			}
			if s.len() != ref.Len() {
				t.Fatalf("seed %d: the store holds %d octets, want %d", seed, s.len(), ref.Len())
			}
			if s.len() == 0 && (s.head != nil || s.tail != nil) {
				t.Fatalf("seed %d: an empty store holds memory", seed)
			}
		}
		s.clear(nil)
		aside.clear(nil)
	}
}

// checkView compares a random view with the reference, as far as the payload has places.
func checkView(t *testing.T, rng *rand.Rand, s *store, ref []byte) {
	t.Helper()
	if len(ref) == 0 {
		return
	}
	off := rng.IntN(len(ref))
	n := rng.IntN(len(ref) - off + 1)
	var v wire.Payload
	got := s.view(off, n, &v)
	if got != v.Len() || got > n || got < n && len(v.Slices()) < wire.MaxVec {
		t.Fatalf("a view of %d octets has %d in %d slices", n, v.Len(), len(v.Slices()))
	}
	if !bytes.Equal(v.Bytes(), ref[off:off+got]) {
		t.Fatal("a view gives something else")
	}
}

// TestStoreMemory: a store holds little more than its octets, however they came in (ARCHITECTURE: idle is small).
func TestStoreMemory(t *testing.T) {
	var s store
	s.append(make([]byte, 100))
	if got := s.memory(); got > smallBlock {
		t.Errorf("100 octets hold %d octets of memory", got)
	}
	for range 10_000 {
		s.append(make([]byte, 100))
	}
	if got := s.memory(); got > s.len()+BufSize+mediumBlock {
		t.Errorf("%d octets hold %d octets of memory", s.len(), got)
	}
	s.drop(s.len()-1, nil)
	if got := s.memory(); got > BufSize {
		t.Errorf("one octet holds %d octets of memory", got)
	}
}

// TestBuffers: only buffers of the pools' sizes go back there.
func TestBuffers(t *testing.T) {
	if n := len(GetBuf()); n != BufSize {
		t.Fatalf("GetBuf gives %d octets, want BufSize", n)
	}
	PutBuf(make([]byte, 17)) // left alone
	PutBuf(nil)
	b := GetBuf()
	PutBuf(b[:10]) // a part of a large one is known by its capacity
	if n := len(GetBuf()); n != BufSize {
		t.Fatalf("GetBuf gives %d octets, want BufSize", n)
	}
}

// TestLentPayload: what Poll gave stays as it was until the next Poll, whatever else is called meanwhile.
func TestLentPayload(t *testing.T) {
	for name, meanwhile := range map[string]func(d *dut){
		"acknowledged": func(d *dut) { d.in("A 1 ack 100001") },
		"in part":      func(d *dut) { d.in("A 1 ack 30001") },
		"reset":        func(d *dut) { d.in("R 1") },
		"aborted":      func(d *dut) { d.tcb.Abort(d.now, 0) },
		"closed":       func(d *dut) { d.in("FA 1 ack 100001"); d.tcb.Close(d.now); d.in("A 2 ack 100002") },
		"timed out":    func(d *dut) { d.elapse(30 * 60 * 1e9) },
	} {
		d := start(t, setup{win: 50000, ws: 4, max: 60000, snd: 200000, tune: func(c *Config) { c.InitialWindow = 100 }})
		d.hold = true
		d.write(100000)
		for d.poll() {
		}
		var s wire.Segment
		d.tcb.PacketTooBig(d.now, testISS.Add(1), 900) // all of it again
		if !d.tcb.Poll(d.now, &s) || s.Payload.Len() == 0 {
			t.Fatalf("%s: nothing was sent", name)
		}
		from, n := s.Seq.Minus(testISS)-1, s.Payload.Len()
		meanwhile(d)
		// Whatever is taken from the pools now must not be what the segment points at.
		var bufs [][]byte
		for range 20 {
			b := newBlock(100)
			c := newBlock(5000)
			bufs = append(bufs, b.buf, c.buf, GetBuf())
		}
		for _, b := range bufs {
			clear(b)
		}
		if n, _ := d.tcb.Write(d.now, make([]byte, 50000)); n > 0 {
			d.tcb.Events()
		}
		if !bytes.Equal(s.Payload.Bytes(), patternBytes(from, n)) {
			t.Errorf("%s: the payload changed while it was lent", name)
		}
		for d.tcb.Poll(d.now, &s) {
		}
		if d.tcb.snd.retired != nil {
			t.Errorf("%s: blocks are still set aside after the last Poll", name)
		}
	}
}

// TestBlocksGrow: many small pieces end up in few blocks.
func TestBlocksGrow(t *testing.T) {
	var s store
	for at := 0; at < 128<<10; at += 100 {
		s.append(patternBytes(at, 100))
	}
	n := 0
	for b := s.head; b != nil; b = b.next {
		n++
	}
	if n > 4 { // 2 KiB, 16 KiB, 64 KiB, 64 KiB
		t.Errorf("128 KiB are held in %d blocks", n)
	}
}

// TestBufSize: a block holds the largest packet, and the header that a device puts before it (virtio's has 12 octets).
func TestBufSize(t *testing.T) {
	if BufSize < 1<<16-1+12 {
		t.Errorf("%d octets", BufSize)
	}
}

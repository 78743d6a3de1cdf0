package tcp

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// bytecode is a fuzzer's input, read piece by piece; behind its end there are zeros.
type bytecode struct {
	b   []byte
	off int
}

func (c *bytecode) done() bool { return c.off >= len(c.b) }

func (c *bytecode) byte() int {
	if c.done() {
		return 0
	}
	c.off++
	return int(c.b[c.off-1])
}

func (c *bytecode) word() int { return c.byte()<<8 | c.byte() }

// near is a distance that is mostly small.
func (c *bytecode) near() int {
	switch k := c.byte(); {
	case k < 200:
		return k%16 - 8
	case k < 240:
		return int(int16(c.word()))
	default:
		return int(int32(c.word()<<16 | c.word()))
	}
}

// seeds are inputs to begin with: random ones, and some that hold to the beaten track.
func seeds(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 40 {
		b := make([]byte, 10+n*20)
		for i := range b {
			b[i] = byte(rng.Uint32())
			if n%2 == 0 && i > 3 {
				b[i] %= 16
			}
		}
		f.Add(b)
	}
}

// FuzzSegments gives a TCB in any state a sequence of any events. It must not panic (law 7), break an invariant, send
// without an end, or hold more memory than its buffers allow; and what is read and sent must be the octets of that
// place.
func FuzzSegments(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &bytecode{b: b[:min(len(b), 4000)]}
		k := c.byte()
		s := setup{ts: k&1 != 0, sack: k&2 != 0, ws: k >> 2 & 1 * 3, passive: k&8 != 0, max: k >> 4 & 1 * 60000,
			rcv: 1000 << (c.byte() % 8), snd: 1000 << (c.byte() % 8), mss: 100 + c.byte()*8}
		d := newDUT(t, s)
		builds := []func(*dut){inSynSent, inSynReceived, inEstablished, inFinWait1, inFinWait2, inCloseWait, inClosing,
			inLastAck, func(d *dut) {}}
		if i := c.byte() % len(builds); s.snd >= 1000 && s.rcv >= 1000 {
			builds[i](d)
		}
		z := &fuzzed{dut: d, c: c, adv: d.tcb.rcv.adv}
		for !c.done() {
			z.step()
			z.verify()
		}
		d.elapse(time.Hour)
		d.tcb.Abort(d.now, 0)
		d.hold = false
		d.drain()
	})
}

// fuzzed is a device under a fuzzer.
type fuzzed struct {
	*dut
	c     *bytecode
	adv   seq.Num // the rightmost edge so far
	first int     // the peer's initial sequence number, relative to where the octets are counted from
}

// step does one event.
func (z *fuzzed) step() {
	d, c := z.dut, z.c
	switch op := c.byte(); op % 24 {
	default:
		in := z.segment()
		before := d.tcb.State()
		d.tcb.Segment(d.now, in)
		if before == SynSent && d.tcb.State() != SynSent {
			z.first = in.Seq.Minus(testIRS) // it is the peer's SYN
		}
	case 0, 1:
		n, _ := d.tcb.Write(d.now, patternBytes(d.written, c.word()%5000))
		d.written += n
	case 2, 3:
		p := make([]byte, c.word()%5000)
		n, _ := d.tcb.Read(d.now, p)
		if !isPattern(p[:n], d.read+z.first) {
			d.t.Fatal("what is read is not what was sent")
		}
		d.read += n
	case 4:
		z.close(c.byte())
	case 5:
		o := c.byte()
		d.tcb.SetOptions(d.now, UserOptions{NoDelay: o&1 != 0, Cork: o&2 != 0, KeepAlive: o&4 != 0, NoQuickAck: o&8 != 0,
			MaxSeg: o >> 4 & 1 * 300, UserTimeout: time.Duration(o>>5&1) * time.Minute, KeepIdle: time.Second})
	case 6, 7:
		if at := d.tcb.Deadline(); at != Never {
			d.now = max(d.now, at)
			d.tcb.Tick(d.now)
		}
	case 8:
		d.now = d.now.Add(time.Duration(c.word()) * time.Millisecond)
		d.tcb.Tick(d.now)
	case 9:
		q := d.tcb.snd.una.Add(c.near())
		if c.byte()&1 == 0 {
			d.tcb.Unreachable(d.now, q, syscall.EHOSTUNREACH, c.byte()&1 != 0)
		} else {
			d.tcb.PacketTooBig(d.now, q, c.word())
		}
	case 10:
		d.tcb.SetBuffers(d.now, c.word()%30000, c.word()%30000)
	case 11:
		d.hold = !d.hold
	case 12:
		d.tcb.Push(d.now)
		n, _ := d.tcb.WriteUrgent(d.now, patternBytes(d.written, c.byte()))
		d.written += n
	}
	d.drain()
	d.skip()
}

// close ends the connection in one way or the other, now and then.
func (z *fuzzed) close(how int) {
	switch d := z.dut; how % 16 {
	case 0:
		_ = d.tcb.CloseRead(d.now)
	case 1:
		d.tcb.Close(d.now)
	case 2:
		d.tcb.Abort(d.now, syscall.ECONNABORTED)
	case 3, 4:
		_ = d.tcb.CloseWrite(d.now)
	}
}

// segment makes one whose numbers lie mostly near those that matter.
func (z *fuzzed) segment() *wire.Segment {
	t, c := &z.tcb, z.c
	in := &wire.Segment{Window: uint16(c.word()), Flags: wire.ACK}
	shape := c.byte()
	if shape&1 != 0 {
		in.Flags = wire.Flags(c.byte())
	}
	in.Seq = []seq.Num{t.rcv.nxt, t.rcv.nxt, t.rcv.adv, t.rcv.ack, testIRS, t.rcv.nxt.Add(1000)}[c.byte()%6]
	if shape&2 != 0 {
		in.Seq = in.Seq.Add(c.near())
	}
	in.Ack = []seq.Num{t.snd.nxt, t.snd.nxt, t.snd.una, t.snd.una.Add(t.cong.SMSS), testISS}[c.byte()%5]
	if shape&4 != 0 {
		in.Ack = in.Ack.Add(c.near())
	}
	if shape&8 != 0 {
		n := c.word() % 3000
		from := in.Seq.Minus(testIRS) - 1
		if in.Flags&wire.SYN != 0 {
			from++
		}
		in.Payload.Append(patternBytes(from, n))
	}
	if shape&16 != 0 {
		in.Urgent = uint16(c.word())
	}
	o := &in.Options
	if shape&32 != 0 {
		o.HasTS, o.TSVal, o.TSEcr = true, t.ts.recent+uint32(c.near()), z.lastTS+uint32(c.near())
	}
	for range c.byte() % 5 * (shape >> 6 & 1) {
		start := t.snd.una.Add(c.near())
		if c.byte()&1 == 0 {
			start = t.snd.una.Add(c.word())
		}
		o.SACK[o.NSACK] = seq.Span{Start: start, End: start.Add(c.near() + t.cong.SMSS)}
		o.NSACK++
	}
	if shape&128 != 0 {
		o.HasMSS, o.MSS, o.HasWScale, o.WScale, o.SACKPermitted = true, uint16(c.word()), true, uint8(c.byte()), true
	}
	return in
}

// verify checks what Config.Check doesn't.
func (z *fuzzed) verify() {
	t := &z.tcb
	if t.State() != SynSent && t.rcv.adv.Before(z.adv) && z.adv != 0 {
		z.t.Fatalf("the window's right edge went back from %d to %d", z.adv, t.rcv.adv)
	}
	z.adv = t.rcv.adv
	limit := max(int(t.rcv.limit), 128_000) // SetBuffers doesn't take back what was offered
	if held := t.rcv.buf.memory(); held > 2*limit+2*BufSize+0xffff {
		z.t.Fatalf("%d octets to read hold %d octets of memory", t.rcv.buf.len(), held)
	}
	if o := t.rcv.ooo; o != nil && (o.size > 5*limit+2*BufSize || len(o.runs) > maxRuns) {
		z.t.Fatalf("%d octets behind holes hold %d octets of memory in %d runs", o.n, o.size, len(o.runs))
	}
	if held := t.snd.buf.memory(); held > 2*max(int(t.snd.limit), 128_000)+2*BufSize {
		z.t.Fatalf("%d octets to send hold %d octets of memory", t.snd.buf.len(), held)
	}
	if b := t.reco.board; b != nil && len(b.live()) > maxFlown {
		z.t.Fatalf("%d runs on the scoreboard", len(b.live()))
	}
}

// FuzzPair lets the fuzzer decide what becomes of each packet, as long as its input lasts: lost, late, twice. Then the
// network works, and everything must come through.
func FuzzPair(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &bytecode{b: b[:min(len(b), 2000)]}
		p := newPair(t, 1, network{delay: 10 * time.Millisecond})
		var gone [2]int // lost in a row
		p.net.fate = func(from int) (copies int, late time.Duration) {
			if c.done() {
				return 1, 0
			}
			k := c.byte()
			copies = []int{1, 1, 0, 2, 0, 1, 1, 3}[k&7]
			if gone[from]++; copies > 0 || gone[from] > 20 {
				copies, gone[from] = max(copies, 1), 0
			}
			return copies, time.Duration(k>>3) * 5 * time.Millisecond
		}
		k := c.byte()
		for i, e := range p.ends {
			e.cfg.NoTimestamps, e.cfg.NoSACK = k&1 != 0, k&2 != 0
			e.cfg.Retries, e.cfg.SynRetries, e.cfg.SynAckRetries = 10000, 255, 255 // the fuzzer may be persistent
			e.cfg.TimeWait = 10000 * time.Hour
			e.param.MSS, e.param.RcvBuf, e.param.SndBuf = 50+c.byte(), 200<<(c.byte()%6), 200<<(c.byte()%6)
			e.total = c.word() % 6000 >> (k >> (2 + i) & 1 * 4)
			e.chunk = 1 + c.byte()*8
			e.tcb.SetOptions(p.now, UserOptions{NoDelay: k&16 != 0})
		}
		p.net.whole = k&32 != 0
		p.ends[0].tcb.Connect(p.now, p.ends[0].param)
		if k&64 != 0 {
			p.ends[1].tcb.Connect(p.now, p.ends[1].param)
		}
		p.run(1000 * time.Hour)
	})
}

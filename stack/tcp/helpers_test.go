package tcp

import (
	"bytes"
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// Both ends begin shortly before the wrap, so that the first segments cross it.
const (
	testISS = seq.Num(0xffffff00) // the device's
	testIRS = seq.Num(0xffffff80) // the peer's
	testTS  = uint32(0xfffffff0)  // the device's timestamp offset: its clock wraps after 16 ms
	peerTS  = uint32(0xffffffe0)  // the peer's
)

// setup says what a test connection is like. The zero setup: no options but MSS, segments of 1000 octets, a peer whose
// window is 60000 octets.
type setup struct {
	ts, sack bool
	ws       int // the peer's shift; 0: no window scaling
	mss      int // payload of a full segment; 0: 1000
	max      int // Params.MaxSegment; 0: one segment
	win      int // the peer's window field; 0: 60000
	snd, rcv int // buffers; 0: 1 MiB, 64 KiB - 1
	passive  bool
	tune     func(*Config)
	user     UserOptions
}

// sent is a segment that the device has sent: a copy.
type sent struct {
	at  Time
	seg wire.Segment
}

// dut is the device under test: one TCB, and a peer that the test plays.
type dut struct {
	t    testing.TB
	s    setup
	cfg  Config
	tcb  TCB
	half HalfOpen
	now  Time
	hold bool // don't poll after each event

	queue   []sent // what the device has sent and no test has looked at
	written int    // octets that the user has written
	read    int    // octets that the user has read
	lastTS  uint32 // the device's last TSval
	win     int    // the peer's window field
}

// patternPeriod is a prime below 64 KiB, so that blocks and segments never repeat in step with it.
const patternPeriod = 65521

var patternTable = func() (b [patternPeriod]byte) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}()

// fillPattern writes the octets of a stream from the given one on into p.
func fillPattern(p []byte, from int) {
	for from = (from%patternPeriod + patternPeriod) % patternPeriod; len(p) > 0; from = 0 {
		p = p[copy(p, patternTable[from:]):]
	}
}

// isPattern reports whether p is the octets from the given one on.
func isPattern(p []byte, from int) bool {
	for from = (from%patternPeriod + patternPeriod) % patternPeriod; len(p) > 0; from = 0 {
		n := min(len(p), patternPeriod-from)
		if !bytes.Equal(p[:n], patternTable[from:from+n]) {
			return false
		}
		p = p[n:]
	}
	return true
}

func patternBytes(from, n int) []byte {
	b := make([]byte, n)
	fillPattern(b, from)
	return b
}

// newDUT makes a device in CLOSED.
func newDUT(t testing.TB, s setup) *dut {
	s.mss = cmp.Or(s.mss, 1000)
	s.win = cmp.Or(s.win, 60000)
	s.snd = cmp.Or(s.snd, 1<<20)
	s.rcv = cmp.Or(s.rcv, 1<<16-1)
	d := &dut{t: t, s: s, now: Time(time.Hour), win: s.win}
	d.cfg.Check = true
	if s.tune != nil {
		s.tune(&d.cfg)
	}
	d.cfg.Default()
	d.tcb.SetOptions(d.now, s.user)
	return d
}

// wireMSS is the MSS that makes full segments of s.mss octets.
func (d *dut) wireMSS() int {
	if d.s.ts {
		return d.s.mss + tsLen
	}
	return d.s.mss
}

func (d *dut) params() Params {
	return Params{Config: &d.cfg, ISS: testISS, TSOffset: testTS - uint32(d.now/Time(ms)), MSS: d.wireMSS(),
		MaxSegment: d.s.max, SndBuf: d.s.snd, RcvBuf: d.s.rcv}
}

// start makes a connection in ESTABLISHED, actively or passively opened, with a round trip of 100 ms in the handshake.
func start(t testing.TB, s setup) *dut {
	t.Helper()
	d := newDUT(t, s)
	if s.passive {
		d.listen("S 0" + d.synOptions())
		d.now = d.now.Add(100 * time.Millisecond)
		d.promote("A 1 ack 1")
	} else {
		d.connect()
		d.now = d.now.Add(100 * time.Millisecond)
		d.in("SA 0 ack 1" + d.synOptions())
		d.out("A 1 ack 1")
	}
	d.state(Established)
	if e := d.tcb.Events(); e&(Opened|Writable) != Opened|Writable {
		t.Fatalf("events %b after the handshake, want Opened and Writable", e)
	}
	return d
}

// connect has the device send its SYN.
func (d *dut) connect() {
	d.t.Helper()
	d.tcb.Connect(d.now, d.params())
	d.drain()
	d.out("S 0")
	d.state(SynSent)
}

// listen opens a half-open record with a SYN and takes its SYN-ACK.
func (d *dut) listen(syn string) {
	d.t.Helper()
	p := d.params()
	in := d.segment(parseLine(syn))
	d.half.Open(d.now, &p, in)
	var out wire.Segment
	d.half.SYNACK(d.now, &d.cfg, &out)
	d.note(&out)
	d.out("SA 0 ack 1")
}

// promote gives the record the segment that completes the handshake.
func (d *dut) promote(text string) {
	d.t.Helper()
	var out wire.Segment
	in := d.segment(parseLine(text))
	if v := d.half.Segment(d.now, &d.cfg, in, &out); v != Promote {
		d.t.Fatalf("%s: verdict %d, want Promote", text, v)
	}
	d.tcb.Accept(d.now, d.params(), &d.half)
	d.tcb.Segment(d.now, in)
	d.drain()
}

// synOptions are what the peer's SYN carries.
func (d *dut) synOptions() string {
	o := " mss " + seq.Num(d.wireMSS()).String()
	if d.s.sack {
		o += " sackok"
	}
	if d.s.ws > 0 {
		o += " ws " + seq.Num(d.s.ws).String()
	}
	return o
}

func (d *dut) baseOut() base {
	return base{seq: testISS, ack: testIRS, ts: testTS, ecr: peerTS, shift: d.tcb.rcv.wscale}
}

// segment makes what the peer sends. What a line doesn't say: the ack is of everything that was sent, the window is the
// peer's, the timestamp is its clock's and echoes the last one.
func (d *dut) segment(l *line) *wire.Segment {
	s := &wire.Segment{Flags: l.flags, Seq: testIRS.Add(l.start), Window: uint16(d.win), Urgent: uint16(l.urg)}
	if l.has["win"] {
		s.Window = uint16(l.win)
	}
	if l.flags&wire.ACK != 0 {
		s.Ack = d.tcb.snd.nxt
		if l.has["ack"] {
			s.Ack = testISS.Add(l.ack)
		}
	}
	o := &s.Options
	o.HasMSS, o.MSS = l.has["mss"], uint16(l.mss)
	o.HasWScale, o.WScale = l.has["ws"], uint8(l.ws)
	o.SACKPermitted = l.has["sackok"]
	if o.HasTS = d.s.ts && !l.has["nots"]; o.HasTS {
		o.TSVal, o.TSEcr = d.peerClock(), d.lastTS
		if l.flags&wire.ACK == 0 {
			o.TSEcr = 0
		}
		if l.has["ts"] {
			o.TSVal = peerTS + uint32(l.tsval)
		}
		if l.has["ecr"] {
			o.TSEcr = testTS + uint32(l.tsecr)
		}
	}
	for i, k := range l.sack {
		o.SACK[i] = seq.Span{Start: testISS + k.Start, End: testISS + k.End}
		o.NSACK++
	}
	if l.end > l.start {
		from := l.start - 1
		if l.flags&wire.SYN != 0 {
			from++ // the SYN comes first
		}
		s.Payload.Append(patternBytes(from, l.end-l.start))
	}
	return s
}

// peerClock is the peer's timestamp: milliseconds, 0 when the connection began.
func (d *dut) peerClock() uint32 { return peerTS + uint32((d.now-Time(time.Hour))/Time(ms)) }

// in has segments arrive, one after the other, all at the same time.
func (d *dut) in(texts ...string) {
	d.t.Helper()
	for _, text := range texts {
		d.tcb.Segment(d.now, d.segment(parseLine(text)))
		d.drain()
	}
}

// drain polls until there is nothing to send, unless the test holds that back.
func (d *dut) drain() {
	d.t.Helper()
	for !d.hold && d.poll() {
	}
}

// poll takes one segment from the device and checks that its payload is what was written there.
func (d *dut) poll() bool {
	d.t.Helper()
	var s wire.Segment
	if !d.tcb.Poll(d.now, &s) {
		return false
	}
	if len(d.queue) > 10000 {
		d.t.Fatal("the device sends without an end")
	}
	d.note(&s)
	return true
}

func (d *dut) note(s *wire.Segment) {
	d.t.Helper()
	if s.Options.HasTS {
		d.lastTS = s.Options.TSVal
	}
	data := s.Payload.Bytes()
	off := s.Seq.Minus(testISS) - 1
	if !isPattern(data, off) {
		d.t.Fatalf("the payload of %s is not what was written there", d.baseOut().format(s))
	}
	if d.s.max == 0 { // a device without offload: the stack cuts it
		for _, c := range cut(s) {
			d.queue = append(d.queue, sent{d.now, c})
		}
		return
	}
	c := clone(s, 0, len(data))
	c.GSOSize = s.GSOSize
	d.queue = append(d.queue, sent{d.now, c})
}

// cut makes the segments that leave of one that may be a super-segment. They have a payload of their own.
func cut(s *wire.Segment) (out []wire.Segment) {
	n := s.Payload.Len()
	if s.GSOSize == 0 || n <= s.GSOSize {
		return []wire.Segment{clone(s, 0, n)}
	}
	for off := 0; off < n; off += s.GSOSize {
		c := clone(s, off, min(off+s.GSOSize, n))
		c.Seq = s.Seq.Add(off)
		if off+s.GSOSize < n {
			c.Flags &^= wire.FIN | wire.PSH
		}
		if s.Flags&wire.URG != 0 {
			if c.Urgent = uint16(max(0, int(s.Urgent)-off)); c.Urgent == 0 {
				c.Flags &^= wire.URG
			}
		}
		out = append(out, c)
	}
	return out
}

// clone copies a segment with the octets [from, to) of its payload.
func clone(s *wire.Segment, from, to int) wire.Segment {
	c := *s
	c.GSOSize = 0
	c.Payload.Reset()
	c.Payload.Append(slices.Clone(s.Payload.Bytes()[from:to]))
	return c
}

// out asserts that the device has sent exactly these segments since it was last looked.
func (d *dut) out(want ...string) {
	d.t.Helper()
	b := d.baseOut()
	bad := len(want) != len(d.queue)
	msg := ""
	for i := range min(len(want), len(d.queue)) {
		if diff := b.differs(parseLine(want[i]), &d.queue[i].seg); diff != "" {
			msg += "\n  segment " + seq.Num(i).String() + ": " + diff
			bad = true
		}
	}
	if bad {
		msg += "\nsent:"
		for i := range d.queue {
			msg += "\n  " + b.format(&d.queue[i].seg)
		}
		msg += "\nwant:"
		for _, w := range want {
			msg += "\n  " + w
		}
		d.t.Fatal(msg)
	}
	d.queue = d.queue[:0]
}

// skip forgets what was sent.
func (d *dut) skip() { d.queue = d.queue[:0] }

// write has the user write n more octets, all of which must find room.
func (d *dut) write(n int) {
	d.t.Helper()
	if k, err := d.tcb.Write(d.now, patternBytes(d.written, n)); k != n || err != nil {
		d.t.Fatalf("Write of %d octets: %d, %v", n, k, err)
	}
	d.written += n
	d.drain()
}

// get has the user read exactly n octets.
func (d *dut) get(n int) {
	d.t.Helper()
	for p := make([]byte, n); n > 0; {
		k, err := d.tcb.Read(d.now, p[:n])
		if err != nil {
			d.t.Fatalf("Read: %v, with %d octets to come", err, n)
		}
		if !isPattern(p[:k], d.read) {
			d.t.Fatalf("something of the octets %d to %d was read wrongly", d.read, d.read+k)
		}
		d.read += k
		n -= k
	}
	d.drain()
}

// fails asserts the error of a Read.
func (d *dut) fails(want error) {
	d.t.Helper()
	if n, err := d.tcb.Read(d.now, make([]byte, 1)); n != 0 || !errors.Is(err, want) {
		d.t.Fatalf("Read: %d, %v; want %v", n, err, want)
	}
}

// again asserts that there is nothing to read yet.
func (d *dut) again() { d.t.Helper(); d.fails(syscall.EAGAIN) }

// call runs a call of the user and polls.
func (d *dut) call(f func(*TCB)) { d.t.Helper(); f(&d.tcb); d.drain() }

func (d *dut) closeWrite() {
	d.t.Helper()
	if err := d.tcb.CloseWrite(d.now); err != nil {
		d.t.Fatal("CloseWrite:", err)
	}
	d.drain()
}

func (d *dut) close() { d.t.Helper(); d.tcb.Close(d.now); d.drain() }

func (d *dut) state(want State) {
	d.t.Helper()
	if got := d.tcb.State(); got != want {
		d.t.Fatalf("state is %v, want %v", got, want)
	}
}

// elapse lets time pass, ticking when the device asked for it.
func (d *dut) elapse(dur time.Duration) {
	d.t.Helper()
	end := d.now.Add(dur)
	for n := 0; d.tcb.Deadline() <= end; n++ {
		if n > 100000 {
			d.t.Fatal("deadlines without an end")
		}
		d.now = max(d.now, d.tcb.Deadline())
		d.tcb.Tick(d.now)
		d.drain()
	}
	d.now = end
}

// due is how long it is until the device's deadline.
func (d *dut) due() time.Duration {
	d.t.Helper()
	at := d.tcb.Deadline()
	if at == Never {
		d.t.Fatal("no timer runs")
	}
	return at.Sub(d.now)
}

// tick lets time pass until the deadline, which must be in want.
func (d *dut) tick(want time.Duration) {
	d.t.Helper()
	if got := d.due(); got != want {
		d.t.Fatalf("the deadline is in %v, want %v", got, want)
	}
	d.elapse(want)
}

// idle asserts that no timer runs.
func (d *dut) idle() {
	d.t.Helper()
	if at := d.tcb.Deadline(); at != Never {
		d.t.Fatalf("a timer runs, due in %v", at.Sub(d.now))
	}
}

// delay lets the delayed ACK, if one is under way, leave.
func (d *dut) delay() { d.t.Helper(); d.elapse(d.cfg.DelAckMax); d.skip() }

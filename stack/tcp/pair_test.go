package tcp

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// network is what lies between two ends: each packet is judged by itself.
type network struct {
	delay   time.Duration // one way
	jitter  time.Duration // up to so much more: packets overtake each other
	loss    float64       // 0 to 1
	dup     float64
	rate    int // octets per second; 0: no limit
	limit   int // octets that wait for the line; more are dropped. 0: no limit
	mtu     int // of the path; larger packets draw "packet too big". 0: no limit
	whole   bool
	blocked func(from int, s *wire.Segment) bool // drops what it says
	fate    func(from int) (copies int, late time.Duration)
}

// packet is a segment under way to an end, or an ICMP message about one.
type packet struct {
	at     Time
	to     int
	seg    wire.Segment
	tooBig bool
}

// pair is two ends and the network between them, driven by hand in virtual time.
type pair struct {
	t    testing.TB
	rng  *rand.Rand
	net  network
	now  Time
	ends [2]*end
	way  []packet // sorted by time
	buf  [1 << 16]byte

	sent, lost int // packets
}

// end is a TCB and its user, who writes total octets, reads until EOF, and closes.
type end struct {
	p     *pair
	i     int
	cfg   Config
	param Params
	tcb   TCB
	half  *HalfOpen
	tw    *TimeWait

	total, written, read int
	chunk                int           // octets that a write or read is at most
	lazy                 time.Duration // between reads; 0: reads whenever there is something
	readAt               Time
	eof, closed          bool
	err                  error
	lineFree             Time
}

func newPair(t testing.TB, seed uint64, net network) *pair {
	p := &pair{t: t, rng: rand.New(rand.NewPCG(seed, 99)), net: net, now: Time(time.Minute)}
	for i := range p.ends {
		e := &end{p: p, i: i, chunk: 1 << 16, readAt: Never}
		e.cfg.Check = true
		e.cfg.Default()
		e.param = Params{Config: &e.cfg, ISS: seq.Num(0).Add(-p.rng.IntN(20000)),
			TSOffset: -uint32(p.rng.IntN(1 << 20)), MSS: 1460, SndBuf: 1 << 20, RcvBuf: 1 << 20}
		p.ends[i] = e
	}
	return p
}

// offset is where one end's stream begins in the pattern: the two are different.
func (e *end) offset() int { return e.i * 31 }

// run drives everything until both ends are gone, and returns how long the users needed. It fails where that is more
// than limit.
func (p *pair) run(limit time.Duration) (took time.Duration) {
	p.t.Helper()
	began, done := p.now, false
	for n := 0; ; n++ {
		for _, e := range p.ends {
			e.work()
		}
		if !done && p.ends[0].done() && p.ends[1].done() {
			took, done = p.now.Sub(began), true
		}
		at := p.next()
		if at == Never {
			break
		}
		if !done && at.Sub(began) > limit || n > 5_000_000 {
			p.t.Fatalf("not finished after %v and %d events:\n%s\n%s", p.now.Sub(began), n, p.ends[0], p.ends[1])
		}
		p.now = max(p.now, at)
		p.deliver()
		for _, e := range p.ends {
			e.tick()
		}
	}
	for _, e := range p.ends {
		e.verdict()
	}
	return took
}

// done reports whether the user has got everything and has nothing more to give.
func (e *end) done() bool { return e.eof && e.written == e.total }

func (e *end) String() string {
	i := e.tcb.Info(e.p.now)
	return fmt.Sprintf("end %d: %v, written %d, read %d, queued %d, unacked %d, unsent %d, deadline in %v: %+v", e.i,
		e.tcb.State(), e.written, e.read, e.tcb.Queued(), e.tcb.Unacked(), e.tcb.Unsent(), e.tcb.Deadline().Sub(e.p.now), i)
}

// next is when something happens next.
func (p *pair) next() Time {
	at := Never
	if len(p.way) > 0 {
		at = p.way[0].at
	}
	for _, e := range p.ends {
		at = min(at, e.tcb.Deadline(), e.readAt)
		if e.half != nil {
			at = min(at, e.half.Deadline())
		}
		if e.tw != nil {
			at = min(at, e.tw.Deadline())
		}
	}
	return at
}

// deliver gives out what has arrived by now.
func (p *pair) deliver() {
	for len(p.way) > 0 && p.way[0].at <= p.now {
		k := p.way[0]
		p.way = p.way[1:]
		p.ends[k.to].arrive(&k)
	}
}

// arrive is what the shell does with a packet: connection, half-open or TIME-WAIT record, listener, or RST.
func (e *end) arrive(k *packet) {
	p, in := e.p, &k.seg
	var out wire.Segment
	switch {
	case k.tooBig:
		e.tcb.PacketTooBig(p.now, in.Seq, p.net.mtu)
	case e.tw != nil:
		if v := e.tw.Segment(p.now, &e.cfg, in, &out); v == Reply {
			p.send(e.i, &out)
		} else if v == Gone {
			e.tw = nil
		}
	case e.tcb.State() != Closed && e.tcb.State() != TimeWaitState:
		e.tcb.Segment(p.now, in)
		e.linger()
	case e.half != nil:
		switch e.half.Segment(p.now, &e.cfg, in, &out) {
		case Reply:
			p.send(e.i, &out)
		case Promote:
			e.tcb.Accept(p.now, e.param, e.half)
			e.half = nil
			e.tcb.Segment(p.now, in)
		case Gone:
			e.half = nil
		}
	case in.Flags&(wire.SYN|wire.ACK|wire.RST) == wire.SYN && !e.closed:
		e.half = new(HalfOpen)
		e.half.Open(p.now, &e.param, in)
		if in.Payload.Len() > 0 {
			e.half.KeepText(in)
		}
		e.half.SYNACK(p.now, &e.cfg, &out)
		p.send(e.i, &out)
	default:
		if Reset(in, &out) {
			p.send(e.i, &out)
		}
	}
}

func (e *end) tick() {
	p := e.p
	if e.tcb.Deadline() <= p.now {
		e.tcb.Tick(p.now)
	}
	var out wire.Segment
	if e.half != nil && e.half.Deadline() <= p.now {
		switch e.half.Tick(p.now, &e.cfg, &out) {
		case Reply:
			p.send(e.i, &out)
		case Gone:
			e.half = nil
		}
	}
	if e.tw != nil && e.tw.Deadline() <= p.now {
		e.tw = nil
	}
}

// work lets the user do what can be done, and sends what there is to send.
func (e *end) work() {
	p := e.p
	if s := e.tcb.State(); s != Closed || e.written > 0 || e.read > 0 {
		e.user()
	}
	var s wire.Segment
	for e.tcb.Poll(p.now, &s) {
		p.send(e.i, &s)
	}
}

// linger makes the record of a connection that has just entered TIME-WAIT.
func (e *end) linger() {
	if e.tcb.State() == TimeWaitState && !e.closed {
		w := e.tcb.TimeWait(e.p.now)
		e.tw, e.closed = &w, true
	}
}

// user writes, reads and closes.
func (e *end) user() {
	p := e.p
	for e.written < e.total {
		n := min(e.total-e.written, 1+p.rng.IntN(e.chunk))
		b := p.buf[:min(n, max(1, int(e.tcb.snd.limit)-e.tcb.Unacked()+1))] // some are too large
		fillPattern(b, e.written+e.offset())
		k, err := e.tcb.Write(p.now, b)
		e.written += k
		if err == syscall.EAGAIN || err == nil && k < len(b) {
			break
		}
		if err != nil {
			e.err, e.total = err, e.written
		}
	}
	if e.written == e.total && !e.eofSent() {
		_ = e.tcb.CloseWrite(p.now)
	}
	if e.lazy > 0 && p.now < e.readAt && e.readAt != Never {
		return
	}
	e.readAt = Never
	for !e.eof {
		n, err := e.tcb.Read(p.now, p.buf[:1+p.rng.IntN(e.chunk)])
		if peer := p.ends[1-e.i]; !isPattern(p.buf[:n], e.read+peer.offset()) {
			p.t.Fatalf("end %d: something of the octets %d to %d of %d is wrong", e.i, e.read, e.read+n, peer.total)
		}
		e.read += n
		switch {
		case err == syscall.EAGAIN:
			return
		case err != nil:
			e.eof = true
			if err != ErrEOF {
				e.err = err
			}
		case e.lazy > 0:
			e.readAt = p.now.Add(e.lazy)
			return
		}
	}
}

// eofSent reports whether our FIN is queued, or cannot be any more.
func (e *end) eofSent() bool {
	switch e.tcb.State() {
	case Established, CloseWait, SynReceived:
		return e.tcb.snd.fin
	case SynSent:
		return true // not yet
	}
	return true
}

// verdict looks back when all is over.
func (e *end) verdict() {
	p := e.p
	peer := p.ends[1-e.i]
	if e.err != nil || e.read != peer.total || e.written != e.total || !e.eof {
		p.t.Fatalf("end %d: read %d of %d octets, wrote %d of %d, EOF %v, error %v\n%s\n%s", e.i, e.read, peer.total,
			e.written, e.total, e.eof, e.err, e, peer)
	}
	in := e.tcb.Info(p.now)
	if in.BytesAcked != uint64(e.total) || in.BytesReceived != uint64(peer.total) {
		p.t.Errorf("end %d: Info counts %d octets acknowledged and %d received, want %d and %d", e.i, in.BytesAcked,
			in.BytesReceived, e.total, peer.total)
	}
	if t := &e.tcb; t.snd.buf.len()+t.rcv.buf.len() > 0 || t.rcv.ooo != nil || t.reco.board != nil || t.snd.retired != nil {
		p.t.Errorf("end %d holds memory after its end", e.i)
	}
}

// send puts a segment on the way to the other end, cut where it is a super-segment.
func (p *pair) send(from int, s *wire.Segment) {
	if p.net.whole {
		p.transmit(from, clone(s, 0, s.Payload.Len()))
		return
	}
	for _, c := range cut(s) {
		p.transmit(from, c)
	}
}

func (p *pair) transmit(from int, s wire.Segment) {
	e, n := p.ends[from], &p.net
	p.sent++
	size := s.Payload.Len() + 40
	if n.mtu > 0 && size > n.mtu {
		p.arrange(packet{at: p.now.Add(n.delay), to: from, seg: s, tooBig: true})
		return
	}
	at := p.now
	if n.rate > 0 {
		e.lineFree = max(e.lineFree, p.now)
		if n.limit > 0 && int(e.lineFree.Sub(p.now).Seconds()*float64(n.rate)) > n.limit {
			p.lost++
			return
		}
		e.lineFree = e.lineFree.Add(time.Duration(float64(size) / float64(n.rate) * float64(time.Second)))
		at = e.lineFree
	}
	if p.rng.Float64() < n.loss || n.blocked != nil && n.blocked(from, &s) {
		p.lost++
		return
	}
	copies := 1
	if p.rng.Float64() < n.dup {
		copies++
	}
	d := n.delay
	if n.fate != nil {
		var late time.Duration
		copies, late = n.fate(from)
		d += late
	}
	for range copies {
		jitter := time.Duration(0)
		if n.jitter > 0 {
			jitter = time.Duration(p.rng.Int64N(int64(n.jitter)))
		}
		p.arrange(packet{at: at.Add(d + jitter), to: 1 - from, seg: clone(&s, 0, s.Payload.Len())})
	}
}

// arrange puts a packet where it belongs among those under way.
func (p *pair) arrange(k packet) {
	i := len(p.way)
	for i > 0 && p.way[i-1].at > k.at {
		i--
	}
	p.way = slices.Insert(p.way, i, k)
}

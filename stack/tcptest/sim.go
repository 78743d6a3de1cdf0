package tcptest

import (
	"slices"
	"time"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

// Pair is two engines back to back over a wire, in time that only [Pair.Step] moves: no stack, clock or goroutine.
// Whoever uses it calls the methods of the ends' TCBs, with Now, and then [Pair.Run].
type Pair struct {
	A, B *End
	Now  tcp.Time
	// Delay is how long a segment is under way.
	Delay time.Duration
	// Fate, where it is set, decides about the n-th segment (from 0) that an end sends: it arrives once for each delay
	// given, so no delay is a loss and two a duplicate.
	Fate func(from *End, n int, seg *wire.Segment) []time.Duration
	// After, where it is set, is called after each event at an end: for invariants. (The engine's own are checked, too.)
	After func(e *End)

	way   []flight
	order int
}

// flight is a segment under way.
type flight struct {
	at    tcp.Time
	order int // of those that arrive at the same time
	to    *End
	seg   wire.Segment
}

// End is one of a pair: CLOSED, or listening, and later a connection, and at last a record in TIME-WAIT.
type End struct {
	Name   string
	TCB    tcp.TCB
	Config tcp.Config // to be changed before the end is opened
	Params tcp.Params // likewise
	// Listening has the next SYN accepted.
	Listening bool
	// Sent counts segments, as they are on the wire.
	Sent int

	pair *Pair
	peer *End
	half *tcp.HalfOpen
	wait *tcp.TimeWait
}

// NewPair returns two ends that are CLOSED, with segments of 1000 octets and sequence numbers that are about to wrap.
func NewPair(delay time.Duration) *Pair {
	p := &Pair{Delay: delay}
	p.A, p.B = &End{Name: "A", pair: p}, &End{Name: "B", pair: p}
	p.A.peer, p.B.peer = p.B, p.A
	for i, e := range []*End{p.A, p.B} {
		e.Config.Check = true
		e.Config.Default()
		e.Params = tcp.Params{Config: &e.Config, ISS: seq.Num(0).Add(-1000 - i), TSOffset: uint32(i) - 50, MSS: 1000,
			SndBuf: 1 << 20, RcvBuf: 1 << 20}
	}
	return p
}

// Open has A connect to B, and runs until both ends are established, or A has given up.
func (p *Pair) Open() {
	p.B.Listening = true
	p.A.Connect()
	p.RunUntil(func() bool {
		return p.A.State() == tcp.Closed || p.A.State() == tcp.Established && p.B.State() == tcp.Established
	})
}

// Connect starts an active open.
func (e *End) Connect() {
	e.TCB.Connect(e.pair.Now, e.Params)
	e.pair.after(e)
}

// State is the end's state, those of its records included.
func (e *End) State() tcp.State {
	state := e.TCB.State()
	switch {
	case e.half != nil:
		return tcp.SynReceived
	case e.wait != nil:
		return tcp.TimeWaitState
	case state == tcp.TimeWaitState: // whose record has expired
		state = tcp.Closed
	}
	if state == tcp.Closed && e.Listening {
		return tcp.Listen
	}
	return state
}

// Run goes on until a time: what is due at it has happened then.
func (p *Pair) Run(until tcp.Time) {
	p.flush()
	for p.next() <= until {
		p.Step()
	}
	p.Now = max(p.Now, until)
}

// RunUntil goes on until cond says so, or nothing is due any more, and reports which.
func (p *Pair) RunUntil(cond func() bool) bool {
	p.flush()
	for !cond() {
		if !p.Step() {
			return false
		}
	}
	return true
}

// Step moves time to the next event and makes it happen; false where there is none.
func (p *Pair) Step() bool {
	p.flush()
	at := p.next()
	if at == tcp.Never {
		return false
	}
	p.Now = max(p.Now, at)
	if len(p.way) > 0 && p.way[0].at <= p.Now {
		f := p.way[0]
		p.way = p.way[1:]
		f.to.arrive(&f.seg)
		p.after(f.to)
		return true
	}
	for _, e := range []*End{p.A, p.B} {
		if e.deadline() <= p.Now {
			e.tick()
			p.after(e)
			return true
		}
	}
	return true
}

// next is when something is due.
func (p *Pair) next() tcp.Time {
	at := min(p.A.deadline(), p.B.deadline())
	if len(p.way) > 0 {
		at = min(at, p.way[0].at)
	}
	return at
}

// flush has both ends send what their users' calls gave them to send.
func (p *Pair) flush() {
	p.A.poll()
	p.B.poll()
}

// after ends an event at an end.
func (p *Pair) after(e *End) {
	e.poll()
	if p.After != nil {
		p.After(e)
	}
}

// deadline is when the end has something to do.
func (e *End) deadline() tcp.Time {
	switch {
	case e.half != nil:
		return e.half.Deadline()
	case e.wait != nil:
		return e.wait.Deadline()
	case e.TCB.State() == tcp.TimeWaitState:
		return tcp.Never
	}
	return e.TCB.Deadline()
}

func (e *End) tick() {
	now := e.pair.Now
	var out wire.Segment
	switch {
	case e.half != nil:
		e.obey(e.half.Tick(now, &e.Config, &out), nil, &out)
	case e.wait != nil:
		e.wait = nil
	default:
		e.TCB.Tick(now)
	}
}

// arrive gives a segment to whom it concerns.
func (e *End) arrive(in *wire.Segment) {
	now := e.pair.Now
	var out wire.Segment
	switch state := e.State(); {
	case e.half != nil:
		e.obey(e.half.Segment(now, &e.Config, in, &out), in, &out)
	case e.wait != nil:
		e.obey(e.wait.Segment(now, &e.Config, in, &out), in, &out)
	case state == tcp.Listen && in.Flags&(wire.SYN|wire.ACK|wire.RST) == wire.SYN:
		e.half = new(tcp.HalfOpen)
		e.half.Open(now, &e.Params, in)
		e.half.SYNACK(now, &e.Config, &out)
		e.send(&out)
	case state == tcp.Listen, state == tcp.Closed:
		if tcp.Reset(in, &out) {
			e.send(&out)
		}
	default:
		e.TCB.Segment(now, in)
	}
}

// obey does what a record says about a segment, or about its deadline.
func (e *End) obey(v tcp.Verdict, in, out *wire.Segment) {
	switch v {
	case tcp.Reply:
		e.send(out)
	case tcp.Promote:
		half := e.half
		e.half, e.Listening = nil, false
		e.TCB = tcp.TCB{}
		e.TCB.Accept(e.pair.Now, e.Params, half)
		e.TCB.Segment(e.pair.Now, in)
	case tcp.ReplyGone:
		e.send(out)
		e.half, e.wait = nil, nil
	case tcp.Reopen:
		e.Params.ISS = seq.Max(e.Params.ISS, e.wait.NextISS())
		e.wait = nil
		e.arrive(in)
	case tcp.Gone:
		e.half, e.wait = nil, nil
	}
}

// poll sends what the engine has to send, cut into segments as on the wire.
func (e *End) poll() {
	if e.half != nil || e.wait != nil {
		return
	}
	var seg wire.Segment
	for e.TCB.Poll(e.pair.Now, &seg) {
		data := seg.Payload.Bytes()
		size := max(len(data), 1)
		if seg.GSOSize != 0 {
			size = seg.GSOSize
		}
		for off := 0; off == 0 || off < len(data); off += size {
			e.send(part(&seg, data, off, min(off+size, len(data))))
		}
		seg = wire.Segment{}
	}
	if e.TCB.State() == tcp.TimeWaitState && e.TCB.Events()&tcp.Dead != 0 {
		w := e.TCB.TimeWait(e.pair.Now)
		e.wait = &w
	}
}

// part is the segment with the octets from one offset to another of a super-segment.
func part(super *wire.Segment, data []byte, from, to int) *wire.Segment {
	s := *super
	s.GSOSize = 0
	s.Payload.Reset()
	s.Payload.Append(slices.Clone(data[from:to]))
	s.Seq = super.Seq.Add(from)
	if to < len(data) {
		s.Flags &^= wire.FIN | wire.PSH
	}
	return &s
}

// send puts a segment on the wire.
func (e *End) send(s *wire.Segment) {
	p := e.pair
	delays := []time.Duration{p.Delay}
	if p.Fate != nil {
		delays = p.Fate(e, e.Sent, s)
	}
	e.Sent++
	for _, d := range delays {
		p.way = append(p.way, flight{p.Now.Add(d), p.order, e.peer, *s})
		p.order++
	}
	slices.SortFunc(p.way, func(a, b flight) int {
		if a.at != b.at {
			return int(max(-1, min(a.at-b.at, 1)))
		}
		return a.order - b.order
	})
}

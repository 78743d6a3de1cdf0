package tcp

import (
	"sync"

	"github.com/gotcp/gotcp/stack/seq"
)

// scoreboard is what a connection with SACK knows of the octets in flight: when they were sent (RFC 8985 6.1), what the
// peer reported as received (RFC 6675 section 3), what is lost, and what was sent again. It exists only while something
// is in flight.
type scoreboard struct {
	spans []flown // spans[first:] is [SND.UNA, SND.NXT) without a gap; those before are acknowledged
	first int
	retry seq.Num // nothing before it waits to be sent again

	reported, lost, again int // octets in spans of these states

	rack  rack
	probe lossProbe
	prr   prr
}

// flown is a run of octets in flight that are alike.
type flown struct {
	seq.Span
	at    Time // Segment.xmit_ts: when they were sent last
	state flownState
}

// flownState is a set of what is known of a run.
type flownState uint8

const (
	reported flownState = 1 << iota // the peer has received it; no other bit is set then
	lost                            // Segment.lost: the first copy, or all, are no longer in the network
	again                           // one more copy than without this bit is in the network
	resent                          // Segment.retransmitted: there ever was a second copy
)

// waiting reports whether the run is to be sent again.
func (f *flown) waiting() bool { return f.state&(lost|again) == lost }

// alike reports whether two runs can be one: the time of what has arrived, or is lost, doesn't matter any more.
func (f *flown) alike(g *flown) bool {
	return f.state == g.state && (f.at == g.at || f.state&reported != 0 || f.waiting())
}

// Bounds of the scoreboard. What is sent beyond the first becomes part of the run before it, as if that had been sent
// as late; what the peer reports beyond the second is ignored, which is safe: SACK is advice.
const (
	maxSent  = 4096
	maxFlown = maxSent + 1024
)

var boardPool = sync.Pool{New: func() any { return new(scoreboard) }}

// newBoard makes the scoreboard of a flight that begins at una.
func newBoard(una seq.Num) *scoreboard {
	b := boardPool.Get().(*scoreboard)
	*b = scoreboard{spans: b.spans[:0], retry: una}
	b.rack.fack, b.rack.timer, b.probe.timer = una, Never, Never
	return b
}

func (b *scoreboard) live() []flown { return b.spans[b.first:] }

// add notes that s, which begins at SND.NXT, is sent for the first time.
func (b *scoreboard) add(now Time, s seq.Span) {
	if k := len(b.spans) - 1; k >= b.first {
		if last := &b.spans[k]; last.state == 0 && last.at == now || k-b.first >= maxSent {
			b.grow(last, s, now)
			return
		}
	}
	b.spans = append(b.spans, flown{Span: s, at: now})
}

// grow makes s a part of the run before it.
func (b *scoreboard) grow(last *flown, s seq.Span, now Time) {
	b.count(last, -1)
	last.End, last.at = s.End, now
	last.state &= resent // a report of the run before is forgotten rather than taken for one of s
	b.count(last, 1)
}

// count adds the run's octets, times sign, to the sums.
func (b *scoreboard) count(f *flown, sign int) {
	n := sign * f.Len()
	if f.state&reported != 0 {
		b.reported += n
	}
	if f.state&lost != 0 {
		b.lost += n
	}
	if f.state&again != 0 {
		b.again += n
	}
}

// set changes what is known of a run.
func (b *scoreboard) set(f *flown, state flownState) {
	b.count(f, -1)
	f.state = state
	b.count(f, 1)
	if f.waiting() {
		b.retry = seq.Min(b.retry, f.Start)
	}
}

// find is the index of the run that contains n, or the number of runs.
func (b *scoreboard) find(n seq.Num) int {
	i, j := b.first, len(b.spans)
	for i < j {
		if m := int(uint(i+j) >> 1); b.spans[m].End.AtOrBefore(n) {
			i = m + 1
		} else {
			j = m
		}
	}
	return i
}

// split makes a run begin at n and returns its index, or the number of runs where n is behind them.
func (b *scoreboard) split(n seq.Num) int {
	i := b.find(n)
	if i == len(b.spans) || b.spans[i].Start.AtOrAfter(n) {
		return i
	}
	b.spans = append(b.spans, flown{})
	copy(b.spans[i+1:], b.spans[i:])
	b.spans[i].End, b.spans[i+1].Start = n, n
	return i + 1
}

// join makes one of neighbours that are alike, from the run before index i up to the one at index j.
func (b *scoreboard) join(i, j int) {
	i, j = max(i-1, b.first), min(j+1, len(b.spans))
	if i >= j {
		return
	}
	w := i
	for k := i + 1; k < j; k++ {
		if f, g := &b.spans[w], &b.spans[k]; f.alike(g) {
			f.End, f.at = g.End, max(f.at, g.at)
			continue
		}
		w++
		b.spans[w] = b.spans[k]
	}
	b.remove(w+1, j)
}

// remove takes the runs [i, j) out, by moving those of the shorter side.
func (b *scoreboard) remove(i, j int) {
	if n := j - i; n > 0 && i-b.first < len(b.spans)-j {
		copy(b.spans[b.first+n:j], b.spans[b.first:i])
		b.first += n
	} else if n > 0 {
		b.spans = append(b.spans[:i], b.spans[j:]...)
	}
}

// mark notes that the peer has reported s, and returns how many octets are news.
func (b *scoreboard) mark(s seq.Span, d *delivery) int {
	if i := b.find(s.Start); i < len(b.spans) && b.spans[i].state&reported != 0 && b.spans[i].Contains(s) {
		return 0
	}
	if len(b.spans)-b.first+2 > maxFlown {
		return 0
	}
	i, j, n := b.split(s.Start), b.split(s.End), 0
	for k := i; k < j; k++ {
		f := &b.spans[k]
		if f.state&reported != 0 {
			continue
		}
		n += f.Len()
		b.delivered(f, d)
		b.set(f, reported)
	}
	b.join(i, j)
	return n
}

// forget removes what lies before una, which is acknowledged.
func (b *scoreboard) forget(una seq.Num, d *delivery) {
	b.retry = seq.Max(b.retry, una) // half a circle later it would seem to lie ahead
	for b.first < len(b.spans) && b.spans[b.first].Start.Before(una) {
		f := &b.spans[b.first]
		piece := *f
		piece.End = seq.Min(f.End, una)
		if piece.state&reported == 0 {
			b.delivered(&piece, d)
		}
		b.count(&piece, -1)
		if f.Start = piece.End; f.End.After(una) {
			break
		}
		b.first++
	}
	if b.first > 32 && b.first > len(b.spans)/2 {
		b.spans = b.spans[:copy(b.spans, b.live())]
		b.first = 0
	}
}

// sentAgain notes that s was sent a second time.
func (b *scoreboard) sentAgain(now Time, s seq.Span) {
	i, j := b.split(s.Start), b.split(s.End)
	for k := i; k < j; k++ {
		f := &b.spans[k]
		if f.at = now; f.state&reported == 0 {
			b.set(f, f.state|again|resent)
		}
	}
	b.join(i, j)
}

// nextLost is the first run that waits to be sent again: NextSeg's rule (1) of RFC 6675 section 4.
func (b *scoreboard) nextLost() (s seq.Span) {
	i := b.find(b.retry)
	for i < len(b.spans) && !b.spans[i].waiting() {
		i++
	}
	if i == len(b.spans) {
		if i > b.first {
			b.retry = b.spans[i-1].End
		}
		return s
	}
	s = b.spans[i].Span
	for i++; i < len(b.spans) && b.spans[i].waiting(); i++ {
		s.End = b.spans[i].End
	}
	b.retry = s.Start
	return s
}

// lose marks a run as lost, both copies of it where there are two.
func (b *scoreboard) lose(f *flown) { b.set(f, (f.state|lost)&^again) }

// loseAll marks everything as lost that was not reported.
func (b *scoreboard) loseAll() {
	for i := b.first; i < len(b.spans); i++ {
		if f := &b.spans[i]; f.state&reported == 0 {
			b.lose(f)
		}
	}
	b.join(b.first, len(b.spans))
}

// distrust forgets every report of the peer, which has taken one back (RFC 2018 section 8).
func (b *scoreboard) distrust() {
	for i := b.first; i < len(b.spans); i++ {
		if f := &b.spans[i]; f.state&reported != 0 {
			b.set(f, 0)
		}
	}
}

// forgive takes back that anything is lost.
func (b *scoreboard) forgive() {
	for i := b.first; i < len(b.spans); i++ {
		f := &b.spans[i]
		b.set(f, f.state&^lost)
	}
	b.join(b.first, len(b.spans))
}

// segments is how many segments were reported at least, counted up to limit: a run of reports of so many octets took so
// many segments of smss octets, or more.
func (b *scoreboard) segments(smss, limit int) int {
	n := 0
	if b.reported == 0 {
		return 0
	}
	for i := len(b.spans) - 1; i >= b.first && n < limit; i-- {
		if f := &b.spans[i]; f.state&reported != 0 {
			n += (f.Len() + smss - 1) / smss
		}
	}
	return min(n, limit)
}

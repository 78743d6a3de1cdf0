package tcp

import (
	"sync"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// scoreboard is what the peer reported as received beyond SND.UNA: RFC 6675 section 3. It exists only while there is
// something on it.
type scoreboard struct {
	spans []seq.Span // sorted, disjoint, not touching
	n     int        // octets in them
}

// maxSpans bounds the scoreboard. Beyond it reports are ignored, which is safe: SACK is advice.
const maxSpans = 1024

var boardPool = sync.Pool{New: func() any { return new(scoreboard) }}

// mark adds what s covers and returns how many octets were new.
func (b *scoreboard) mark(s seq.Span) int {
	i := 0
	for i < len(b.spans) && b.spans[i].End.Before(s.Start) {
		i++
	}
	j, held := i, 0
	joined := s
	for j < len(b.spans) && b.spans[j].Start.AtOrBefore(s.End) {
		held += b.spans[j].Len()
		joined.Start = seq.Min(joined.Start, b.spans[j].Start)
		joined.End = seq.Max(joined.End, b.spans[j].End)
		j++
	}
	switch {
	case j > i:
		b.spans[i] = joined
		b.spans = append(b.spans[:i+1], b.spans[j:]...)
	case len(b.spans) >= maxSpans:
		return 0
	default:
		b.spans = append(b.spans, seq.Span{})
		copy(b.spans[i+1:], b.spans[i:])
		b.spans[i] = joined
	}
	b.n += joined.Len() - held
	return joined.Len() - held
}

// forget removes everything before una.
func (b *scoreboard) forget(una seq.Num) {
	k := 0
	for k < len(b.spans) && b.spans[k].Start.Before(una) {
		if b.spans[k].End.After(una) {
			b.n -= una.Minus(b.spans[k].Start)
			b.spans[k].Start = una
			break
		}
		b.n -= b.spans[k].Len()
		k++
	}
	b.spans = append(b.spans[:0], b.spans[k:]...)
}

// within counts the reported octets in s.
func (b *scoreboard) within(s seq.Span) int {
	n := 0
	for _, x := range b.spans {
		if x.Start.AtOrAfter(s.End) {
			break
		}
		n += x.Intersect(s).Len()
	}
	return n
}

// hole is the first span at or after from that was not reported, up to end.
func (b *scoreboard) hole(from, end seq.Num) seq.Span {
	for _, x := range b.spans {
		if x.End.AtOrBefore(from) {
			continue
		}
		if x.Start.After(from) {
			return seq.Span{Start: from, End: seq.Min(x.Start, end)}
		}
		from = x.End
	}
	return seq.Span{Start: from, End: end}
}

// lostBefore is the sequence number before which every octet that was not reported IsLost: three separate runs, or more
// than two segments' octets, were reported above it (RFC 6675 section 4, DupThresh = 3).
func (b *scoreboard) lostBefore(smss int) (seq.Num, bool) {
	n := 0
	for i := len(b.spans) - 1; i >= 0; i-- {
		n += b.spans[i].Len()
		if n > (dupThresh-1)*smss || len(b.spans)-i >= dupThresh {
			return b.spans[i].Start, true
		}
	}
	return 0, false
}

// sackInfo is what one ACK's option told.
type sackInfo struct {
	newly int  // octets reported for the first time
	dsack bool // the first block reports a duplicate (RFC 2883)
}

// segmentSACK reads the option of an acceptable ACK: a D-SACK first, then blocks above SND.UNA (RFC 2018 section 5).
// ack is SEG.ACK, which may not have been taken yet.
func (t *TCB) segmentSACK(now Time, seg *wire.Segment) (info sackInfo) {
	if !t.rcv.sackOK || seg.Options.NSACK == 0 {
		return info
	}
	blocks := seg.Options.SACKBlocks()
	if t.isDSACK(seg.Ack, blocks) {
		info.dsack = true
		t.stats.dsacks++
		t.undoByDSACK(now, blocks[0])
		blocks = blocks[1:]
	}
	una := seq.Max(t.snd.una, seg.Ack)
	for _, b := range blocks {
		// RFC 2018 section 5.1 leaves checks to us: a block outside of what is in flight is a mistake or an attack.
		if !believable(b, una, t.snd.nxt) {
			continue
		}
		if t.reco.board == nil {
			t.reco.board = boardPool.Get().(*scoreboard)
		}
		info.newly += t.reco.board.mark(b)
	}
	return info
}

// believable reports whether b is a piece of [una, nxt], by distances from una: on a circle, two ends may each compare well
// and yet be far apart.
func believable(b seq.Span, una, nxt seq.Num) bool {
	return b.Start-una < b.End-una && b.End-una <= nxt-una
}

// isDSACK is RFC 2883 section 4: the first block lies below the cumulative ACK, or inside the second.
func (t *TCB) isDSACK(ack seq.Num, blocks []seq.Span) bool {
	first := blocks[0]
	if first.Empty() || first.End.After(t.snd.nxt) || first.Start.Before(t.snd.una.Add(-maxBuffer)) {
		return false
	}
	if first.Start.Before(ack) && first.End.AtOrBefore(ack) {
		return true
	}
	return len(blocks) > 1 && believable(blocks[1], t.snd.una, t.snd.nxt) && blocks[1].Contains(first) && first != blocks[1]
}

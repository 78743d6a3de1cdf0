package tcp

import (
	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// segmentSACK reads the option of an acceptable ACK: a D-SACK first, then blocks above SND.UNA (RFC 2018 section 5).
// SEG.ACK may not have been taken yet.
func (t *TCB) segmentSACK(now Time, seg *wire.Segment, d *delivery) {
	if !t.rcv.sackOK || seg.Options.NSACK == 0 {
		return
	}
	blocks := seg.Options.SACKBlocks()
	if t.isDSACK(seg.Ack, blocks) {
		d.dsack = blocks[0]
		t.stats.dsacks++
		t.undoByDSACK(now, blocks[0])
		blocks = blocks[1:]
	}
	una := seq.Max(t.snd.una, seg.Ack)
	for _, s := range blocks {
		// RFC 2018 section 5.1 leaves checks to us: a block outside of what is in flight is a mistake or an attack.
		if believable(s, una, t.snd.nxt) && !s.Empty() && t.reco.board != nil {
			d.news += t.reco.board.mark(s, d)
		}
	}
}

// believable reports whether b is a piece of [una, nxt], by distances from una: on a circle, two ends may each compare
// well and yet be far apart.
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

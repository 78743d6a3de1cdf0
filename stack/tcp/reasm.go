package tcp

import (
	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// reassembly holds what arrived beyond RCV.NXT. It exists only while there is a hole.
type reassembly struct {
	runs   []run       // sorted, disjoint, not touching
	sacks  [4]seq.Span // what to report, most recent first (RFC 2018 section 4)
	nsacks int
	n      int // octets held
	size   int // octets of memory held, which is what is bounded
	fin    bool
	finSeq seq.Num
}

// run is a contiguous piece.
type run struct {
	span seq.Span
	data store
}

// maxRuns bounds the holes that a peer can make us remember.
const maxRuns = 1024

// outOfOrder is the number of octets that wait behind a hole.
func (t *TCB) outOfOrder() int {
	if t.rcv.ooo == nil {
		return 0
	}
	return t.rcv.ooo.n
}

func (t *TCB) dropOutOfOrder() {
	if t.rcv.ooo == nil {
		return
	}
	for i := range t.rcv.ooo.runs {
		t.rcv.ooo.runs[i].data.clear(nil)
	}
	t.rcv.ooo = nil
}

// segmentText is the seventh check of 3.10.7.4: the part of the segment inside the window is queued where it belongs,
// and everything up to RCV.NXT is acknowledged.
func (t *TCB) segmentText(now Time, seg *wire.Segment) {
	n := seg.Payload.Len()
	if n == 0 {
		return
	}
	t.stats.dataSegsIn++
	text := seq.Span{Start: seg.Seq, End: seg.Seq.Add(n)}
	if seg.Flags&wire.SYN != 0 {
		text.Start, text.End = text.Start.Add(1), text.End.Add(1)
	}
	in := text.Intersect(seq.Span{Start: t.rcv.nxt, End: t.rcv.adv})
	if old := text.Intersect(seq.Span{Start: text.Start, End: t.rcv.nxt}); !old.Empty() {
		t.noteDuplicate(old)
	}
	if in.Empty() {
		t.ackNow = true
		return
	}
	data := seg.Payload.Bytes()[in.Start.Minus(text.Start):in.End.Minus(text.Start)]
	if in.Start == t.rcv.nxt {
		t.acceptInOrder(now, seg, data)
	} else {
		t.acceptOutOfOrder(now, in, data)
	}
}

// acceptInOrder takes text at RCV.NXT, and what was waiting for it.
func (t *TCB) acceptInOrder(now Time, seg *wire.Segment, data []byte) {
	if !t.adopt(seg, data) {
		t.rcv.buf.append(data)
	}
	t.rcv.nxt = t.rcv.nxt.Add(len(data))
	t.stats.bytesReceived += uint64(len(data))
	if t.rcv.ooo != nil {
		t.ackNow = true // it fills a hole, all or part of it: RFC 5681 4.2
		t.drainOutOfOrder()
	}
	t.ackData(now, seg)
	t.events |= Readable
}

// adopt keeps the whole buffer that the text came in, where most of it is text: the copy that a bulk transfer saves.
func (t *TCB) adopt(seg *wire.Segment, data []byte) bool {
	if len(seg.Buf) != BufSize || len(data) < BufSize/2 || seg.Adopted {
		return false
	}
	// data is a subslice of Buf: its end lies cap(data) before Buf's.
	start := cap(seg.Buf) - cap(data)
	if start < 0 || start+len(data) > len(seg.Buf) || &seg.Buf[start] != &data[0] {
		return false
	}
	t.rcv.buf.push(adoptBlock(seg.Buf, start, start+len(data)))
	seg.Adopted = true
	return true
}

// acceptOutOfOrder keeps text that lies beyond a hole and has it reported at once (RFC 5681 4.2, RFC 2018 section 4).
func (t *TCB) acceptOutOfOrder(now Time, in seq.Span, data []byte) {
	t.ackNow = true
	t.quickMode()
	t.stats.outOfOrder++
	if t.rcv.ooo == nil {
		t.rcv.ooo = new(reassembly)
	}
	o := t.rcv.ooo
	if o.size > 4*int(t.rcv.limit)+BufSize {
		t.stats.rcvDropped++
		return
	}
	if !o.insert(in, data, t.noteDuplicate) {
		t.stats.rcvDropped++
	}
	t.rcv.last = now
}

// insert stores the octets of in that are not there yet. dup is told of those that are. It reports whether all found a
// place.
func (o *reassembly) insert(in seq.Span, data []byte, dup func(seq.Span)) bool {
	for at := in.Start; at.Before(in.End); {
		i := o.find(at)
		if i < len(o.runs) && o.runs[i].span.Start.AtOrBefore(at) { // held already
			held := o.runs[i].span.Intersect(seq.Span{Start: at, End: in.End})
			dup(held)
			at = held.End
			continue
		}
		end := in.End
		if i < len(o.runs) {
			end = seq.Min(end, o.runs[i].span.Start)
		}
		if !o.add(i, seq.Span{Start: at, End: end}, data[at.Minus(in.Start):end.Minus(in.Start)]) {
			return false
		}
		at = end
	}
	o.report(in)
	return true
}

// find is the index of the first run that ends after at.
func (o *reassembly) find(at seq.Num) int {
	lo, hi := 0, len(o.runs)
	for lo < hi {
		if mid := (lo + hi) / 2; o.runs[mid].span.End.AtOrBefore(at) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// add puts new octets before run i, growing the run before it where it touches, and joins the runs that then touch.
func (o *reassembly) add(i int, in seq.Span, data []byte) bool {
	if i > 0 && o.runs[i-1].span.End == in.Start {
		i--
		o.grow(&o.runs[i].data, data)
		o.runs[i].span.End = in.End
	} else {
		if len(o.runs) >= maxRuns {
			return false
		}
		o.runs = append(o.runs, run{})
		copy(o.runs[i+1:], o.runs[i:])
		o.runs[i] = run{span: in}
		o.grow(&o.runs[i].data, data)
	}
	o.n += len(data)
	if next := i + 1; next < len(o.runs) && o.runs[next].span.Start == in.End {
		o.size -= o.runs[i].data.memory() + o.runs[next].data.memory()
		o.runs[i].data.join(&o.runs[next].data)
		o.size += o.runs[i].data.memory()
		o.runs[i].span.End = o.runs[next].span.End
		o.remove(next)
	}
	return true
}

func (o *reassembly) grow(s *store, data []byte) {
	o.size -= s.memory()
	s.append(data)
	o.size += s.memory()
}

func (o *reassembly) remove(i int) {
	copy(o.runs[i:], o.runs[i+1:])
	o.runs[len(o.runs)-1] = run{}
	o.runs = o.runs[:len(o.runs)-1]
}

// drainOutOfOrder moves what RCV.NXT has reached to the receive store, blocks and all.
func (t *TCB) drainOutOfOrder() {
	o := t.rcv.ooo
	for len(o.runs) > 0 && o.runs[0].span.Start.AtOrBefore(t.rcv.nxt) {
		r := &o.runs[0]
		o.n -= r.data.len()
		o.size -= r.data.memory()
		if over := t.rcv.nxt.Minus(r.span.Start); over > 0 { // the peer sent these twice
			t.noteDuplicate(seq.Span{Start: r.span.Start, End: seq.Min(t.rcv.nxt, r.span.End)})
			r.data.drop(over, nil)
		}
		n := r.data.len()
		t.rcv.buf.join(&r.data)
		t.rcv.nxt = t.rcv.nxt.Add(n)
		t.stats.bytesReceived += uint64(n)
		o.remove(0)
	}
	o.forget(t.rcv.nxt)
	if len(o.runs) == 0 && !o.fin {
		t.rcv.ooo = nil
	}
}

// report puts the run that holds in first in the list of SACK blocks: "the first SACK block MUST specify the contiguous
// block of data containing the segment which triggered this ACK" (RFC 2018 section 4).
func (o *reassembly) report(in seq.Span) {
	i := o.find(in.Start)
	if i == len(o.runs) {
		return
	}
	span := o.runs[i].span
	kept := o.sacks
	n := 1
	for _, s := range kept[:o.nsacks] {
		if n < len(o.sacks) && !span.Contains(s) && !span.Overlaps(s) {
			o.sacks[n] = s
			n++
		}
	}
	o.sacks[0] = span
	o.nsacks = n
}

// forget takes the blocks out of the list that the cumulative ACK covers by now.
func (o *reassembly) forget(nxt seq.Num) {
	n := 0
	for _, s := range o.sacks[:o.nsacks] {
		if s.End.After(nxt) {
			o.sacks[n] = s
			n++
		}
	}
	o.nsacks = n
}

// noteDuplicate remembers octets that arrived twice, to be told in the next ACK (RFC 2883 section 4).
func (t *TCB) noteDuplicate(s seq.Span) {
	t.ackNow = true
	if t.rcv.sackOK && t.rcv.dsack.Empty() {
		t.rcv.dsack = s
	}
}

// putSACK fills in the option: the D-SACK block, then the most recent runs, as many as fit (RFC 2018 section 3).
func (t *TCB) putSACK(o *wire.Options) {
	if !t.rcv.sackOK {
		return
	}
	room := uint8(4)
	if t.ts.on {
		room = 3
	}
	add := func(s seq.Span) {
		if o.NSACK < room && !s.Empty() {
			o.SACK[o.NSACK] = s
			o.NSACK++
		}
	}
	add(t.rcv.dsack)
	if r := t.rcv.ooo; r != nil {
		for _, s := range r.sacks[:r.nsacks] {
			add(s)
		}
	}
}

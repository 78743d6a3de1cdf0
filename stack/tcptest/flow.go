package tcptest

import (
	"slices"
	"time"

	"github.com/gotcp/gotcp/stack/tcptest/script"
)

// flow is what the runner knows of one connection (or of a pair of ports): how the script's numbers and those on the
// wire go together, and the data that either end sends.
//
// The script's end chooses its numbers, so a fixed distance maps them. The host chooses its own: the distance is
// learnt from its SYN, and then holds for all sequence and acknowledgment numbers and SACK blocks of that direction.
type flow struct {
	remote, local uint16 // the ports of the script's end and of the host; local 0: not known yet

	remoteBase uint32 // what is on the wire less what is in the script, numbers of the script's end
	remoteISN  uint32 // of the SYN from the script's end, in the script's numbers
	hasRemote  bool   // remoteISN is known
	lastSYN    uint32 // Seq of the SYN injected last

	localBase uint32 // what is on the wire less what is in the script, numbers of the host
	localISN  uint32 // of the host's SYN, in the script's numbers
	bound     bool   // localBase is known
	fresh     bool   // the host's next SYN may begin a new connection with numbers of its own

	ts      stamps
	urgent  bool   // urgent data was sent: reads don't give all octets
	written []byte // what the host's user has written
}

// bind learns the host's numbers from a SYN that the script expects.
func (f *flow) bind(want, got *script.TCP) {
	if want.Flags&got.Flags&script.SYN == 0 || f.bound && !f.fresh {
		return
	}
	base := got.Seq - want.Seq
	if !f.bound || base != f.localBase {
		f.ts, f.written = stamps{}, nil
	}
	f.localBase, f.localISN, f.bound, f.fresh = base, want.Seq, true, false
	if got.HasAck {
		f.remoteISN, f.hasRemote = got.Ack-f.remoteBase-1, true
	}
}

// injected notes a segment on its way to the host.
func (f *flow) injected(t *script.TCP) {
	if t.Flags&script.URG != 0 {
		f.urgent = true
	}
	if t.Flags&script.SYN == 0 {
		return
	}
	if !f.hasRemote {
		f.remoteISN, f.hasRemote = t.Seq, true
	}
	if t.Seq != f.lastSYN {
		f.fresh = true
	}
	f.lastSYN = t.Seq
}

// toWire maps a segment of the script's end to the numbers on the wire.
func (f *flow) toWire(t *script.TCP) *script.TCP {
	w := *t
	w.Seq += f.remoteBase
	if w.HasAck {
		w.Ack += f.localBase
	}
	if !w.HasWin {
		w.Win = defaultWindow
	}
	w.Options = slices.Clone(t.Options)
	for i := range w.Options {
		switch o := &w.Options[i]; o.Kind {
		case script.TS:
			o.Ecr = f.ts.wire(o.Ecr)
		case script.SACK:
			o.Blocks = shift(o.Blocks, f.localBase)
		}
	}
	return &w
}

// defaultWindow is what the script's end offers where a segment doesn't say.
const defaultWindow = 65535

// toScript maps a segment of the host to the script's numbers.
func (f *flow) toScript(w *script.TCP) *script.TCP {
	t := *w
	t.Seq -= f.localBase
	if !f.bound && w.Flags&script.SYN != 0 {
		t.Seq = 0 // for a message: no line expects it
	}
	if t.HasAck {
		t.Ack -= f.remoteBase
	}
	t.Options = slices.Clone(w.Options)
	for i := range t.Options {
		switch o := &t.Options[i]; o.Kind {
		case script.TS:
			o.Value = f.ts.script(o.Value)
		case script.SACK:
			o.Blocks = shift(o.Blocks, -f.remoteBase)
		}
	}
	return &t
}

func shift(blocks [][2]uint32, by uint32) [][2]uint32 {
	blocks = slices.Clone(blocks)
	for i := range blocks {
		blocks[i][0] += by
		blocks[i][1] += by
	}
	return blocks
}

// stamps maps the values of the host's timestamp clock. Each number that a script uses for one stands for what the host
// sent there; what a script echoes is looked up. A number that was never sent lies as far from the first one on the
// wire as in the script.
type stamps struct {
	known map[uint32]uint32
	base  uint32 // of the first one: on the wire less in the script
	last  uint32 // on the wire
	bound bool
}

// wire maps a value that the script's end echoes.
func (s *stamps) wire(v uint32) uint32 {
	if w, ok := s.known[v]; ok {
		return w
	}
	return v + s.base
}

// script maps a value that the host sent.
func (s *stamps) script(w uint32) uint32 { return w - s.base }

// check learns or compares a value that the host sent, w, where the script expects v; "" if it is right. With a tick,
// the values of the script are times.
func (s *stamps) check(v, w uint32, tick, late time.Duration) string {
	if !s.bound {
		s.known, s.base, s.bound = map[uint32]uint32{}, w-v, true
	}
	if s.last != 0 && int32(w-s.last) < 0 {
		return "TS val (runs backwards)"
	}
	s.known[v], s.last = w, w
	if tick == 0 {
		return ""
	}
	if d := int32(s.script(w) - v); d < -1 || time.Duration(d) > late/tick+1 {
		return "TS val"
	}
	return ""
}

// pattern is the octet that a stream has at a position.
func pattern(pos uint32) byte { return byte(pos % 251) }

// patternBytes makes n octets of the stream from pos on.
func patternBytes(pos uint32, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = pattern(pos + uint32(i))
	}
	return b
}

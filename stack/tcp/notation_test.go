package tcp

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// The tests write segments in one line: flags, the range of the payload, then what else matters.
//
//	S 0 win 1000 mss 1460    SYN
//	A 1 ack 1001             a pure ACK; 1 is short for 1:1
//	PA 1:101 ack 1           100 octets
//	A 1 ack 1 sack 101:201   options: mss, ws, sackok, ts VAL/ECR, sack A:B...
//	R 1001                   no ACK bit, so no ack
//
// Flags are of the letters F S R P A U, or - for none. Numbers are relative: sequence numbers and acknowledgments count
// from the initial sequence number of whoever sends the octets, timestamps from the offset of whose clock it is.

// flagLetters are the control bits in the header's order.
const flagLetters = "FSRPAUEC"

func parseFlags(s string) (f wire.Flags) {
	if s == "-" {
		return 0
	}
	for _, c := range s {
		i := strings.IndexRune(flagLetters, c)
		if i < 0 {
			panic("notation: no such flag in " + s)
		}
		f |= 1 << i
	}
	return f
}

func formatFlags(f wire.Flags) string {
	s := ""
	for i := range flagLetters {
		if f&(1<<i) != 0 {
			s += flagLetters[i : i+1]
		}
	}
	if s == "" {
		return "-"
	}
	return s
}

// line is a segment in the notation, and which of its fields were given.
type line struct {
	flags      wire.Flags
	start, end int // payload
	ack        int
	win        int // header field
	wnd        int // octets, scaled
	urg        int
	tsval      int
	tsecr      int
	mss, ws    int
	sack       []seq.Span // relative
	has        map[string]bool
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic("notation: " + err.Error())
	}
	return n
}

func span(s string) (a, b int) {
	from, to, both := strings.Cut(s, ":")
	a = number(from)
	if !both {
		return a, a
	}
	return a, number(to)
}

// parseLine reads the notation. It panics on a mistake: that is one in the test.
func parseLine(text string) *line {
	w := strings.Fields(text)
	l := &line{flags: parseFlags(w[0]), has: map[string]bool{}}
	w = w[1:]
	if len(w) > 0 && strings.Trim(w[0], "-0123456789:") == "" {
		l.start, l.end = span(w[0])
		l.has["seq"] = true
		w = w[1:]
	}
	ints := map[string]*int{"ack": &l.ack, "win": &l.win, "wnd": &l.wnd, "urg": &l.urg, "mss": &l.mss, "ws": &l.ws}
	for len(w) > 0 {
		key := w[0]
		l.has[key] = true
		w = w[1:]
		switch p := ints[key]; {
		case p != nil:
			*p, w = number(w[0]), w[1:]
		case key == "ts":
			val, ecr, both := strings.Cut(w[0], "/")
			l.tsval, w = number(val), w[1:]
			if both {
				l.tsecr, l.has["ecr"] = number(ecr), true
			}
		case key == "sack":
			for len(w) > 0 && strings.Contains(w[0], ":") {
				a, b := span(w[0])
				l.sack, w = append(l.sack, seq.Span{Start: seq.Num(a), End: seq.Num(b)}), w[1:]
			}
		case key == "sackok", key == "nots", key == "nosack", key == "nomss", key == "nows", key == "nosackok":
		default:
			panic("notation: no such word: " + key + " in " + text)
		}
	}
	return l
}

// base says from where the numbers of one direction count.
type base struct {
	seq, ack seq.Num
	ts, ecr  uint32
	shift    uint8 // of the window field
}

// format prints a segment in the notation.
func (b base) format(s *wire.Segment) string {
	var o strings.Builder
	start := s.Seq.Minus(b.seq)
	fmt.Fprintf(&o, "%s %d", formatFlags(s.Flags), start)
	if n := s.Payload.Len(); n > 0 {
		fmt.Fprintf(&o, ":%d", start+n)
	}
	if s.Flags&wire.ACK != 0 {
		fmt.Fprintf(&o, " ack %d", s.Ack.Minus(b.ack))
	}
	fmt.Fprintf(&o, " win %d", s.Window)
	if s.Flags&wire.URG != 0 {
		fmt.Fprintf(&o, " urg %d", s.Urgent)
	}
	p := &s.Options
	if p.HasMSS {
		fmt.Fprintf(&o, " mss %d", p.MSS)
	}
	if p.HasWScale {
		fmt.Fprintf(&o, " ws %d", p.WScale)
	}
	if p.SACKPermitted {
		o.WriteString(" sackok")
	}
	if p.HasTS {
		fmt.Fprintf(&o, " ts %d/%d", int32(p.TSVal-b.ts), int32(p.TSEcr-b.ecr))
	}
	if p.NSACK > 0 {
		o.WriteString(" sack")
		for _, k := range p.SACKBlocks() {
			fmt.Fprintf(&o, " %d:%d", k.Start.Minus(b.ack), k.End.Minus(b.ack))
		}
	}
	return o.String()
}

// differs compares a segment with what was expected: flags, payload range and acknowledgment always, the rest where it
// is given. It returns the first difference, or nothing.
func (b base) differs(want *line, s *wire.Segment) string {
	start := s.Seq.Minus(b.seq)
	o := &s.Options
	type check struct {
		name      string
		given     bool
		got, want any
	}
	blocks := make([]seq.Span, 0, 4)
	for _, k := range o.SACKBlocks() {
		blocks = append(blocks, seq.Span{Start: k.Start - b.ack, End: k.End - b.ack})
	}
	for _, c := range []check{
		{"flags", true, formatFlags(s.Flags), formatFlags(want.flags)},
		{"seq", want.has["seq"], start, want.start},
		{"payload's end", want.has["seq"], start + s.Payload.Len(), want.end},
		{"ack", want.flags&wire.ACK != 0 && want.has["ack"], s.Ack.Minus(b.ack), want.ack},
		{"win", want.has["win"], int(s.Window), want.win},
		{"wnd", want.has["wnd"], int(s.Window) << b.shift, want.wnd},
		{"urg", want.has["urg"], int(s.Urgent), want.urg},
		{"mss", want.has["mss"], int(o.MSS), want.mss},
		{"mss option", want.has["mss"], o.HasMSS, true},
		{"mss option", want.has["nomss"], o.HasMSS, false},
		{"ws", want.has["ws"], int(o.WScale), want.ws},
		{"ws option", want.has["ws"], o.HasWScale, true},
		{"ws option", want.has["nows"], o.HasWScale, false},
		{"sackok", want.has["sackok"], o.SACKPermitted, true},
		{"sackok", want.has["nosackok"], o.SACKPermitted, false},
		{"ts option", want.has["ts"], o.HasTS, true},
		{"ts option", want.has["nots"], o.HasTS, false},
		{"ts val", want.has["ts"], int(int32(o.TSVal - b.ts)), want.tsval},
		{"ts ecr", want.has["ecr"], int(int32(o.TSEcr - b.ecr)), want.tsecr},
		{"sack", want.has["sack"], fmt.Sprint(blocks), fmt.Sprint(append([]seq.Span{}, want.sack...))},
		{"sack blocks", want.has["nosack"], o.NSACK, uint8(0)},
	} {
		if c.given && c.got != c.want {
			return fmt.Sprintf("%s is %v, not %v", c.name, c.got, c.want)
		}
	}
	return ""
}

func TestNotation(t *testing.T) {
	b := base{seq: 0xfffffff0, ack: 0xffffff00, ts: 7, ecr: 9}
	var s wire.Segment
	s.Seq, s.Ack, s.Flags, s.Window, s.Urgent = b.seq.Add(20), b.ack.Add(300), parseFlags("PAU"), 5, 3
	s.Options.HasTS, s.Options.TSVal, s.Options.TSEcr = true, 107, 209
	s.Options.NSACK, s.Options.SACK[0] = 1, seq.Span{Start: b.ack.Add(400), End: b.ack.Add(500)}
	s.Payload.Append(make([]byte, 4))
	const text = "PAU 20:24 ack 300 win 5 urg 3 ts 100/200 sack 400:500"
	if got := b.format(&s); got != text {
		t.Errorf("format: %s, want %s", got, text)
	}
	if d := b.differs(parseLine(text), &s); d != "" {
		t.Error("a segment differs from its own notation:", d)
	}
	for _, other := range []string{"PA 20:24 ack 300", "PAU 21:25 ack 300", "PAU 20:25 ack 300", "PAU 20:24 ack 1",
		"PAU 20:24 ack 300 ts 1", "PAU 20:24 ack 300 nots", "PAU 20:24 ack 300 nosack", "PAU 20:24 ack 300 win 4"} {
		if b.differs(parseLine(other), &s) == "" {
			t.Errorf("%s passes for %s", text, other)
		}
	}
}

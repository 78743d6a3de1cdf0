package tcp

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gotcp/gotcp/stack/seq"
)

// octet is the reference for the scoreboard: what is known of each octet by itself.
type octet struct {
	at    Time
	state flownState
}

// model is a scoreboard made of octets.
type model struct {
	una seq.Num
	oct []octet // from una on
}

func (m *model) each(s seq.Span, f func(*octet)) {
	for n := s.Start; n != s.End; n++ {
		f(&m.oct[n.Minus(m.una)])
	}
}

func (m *model) count(bit flownState) (n int) {
	for i := range m.oct {
		if m.oct[i].state&bit != 0 {
			n++
		}
	}
	return n
}

// nextLost is the first run of octets that are lost and not sent again.
func (m *model) nextLost() (s seq.Span) {
	waiting := func(i int) bool { return i < len(m.oct) && m.oct[i].state&(lost|again) == lost }
	i := 0
	for i < len(m.oct) && !waiting(i) {
		i++
	}
	j := i
	for waiting(j) {
		j++
	}
	if i == j {
		return s
	}
	return seq.Span{Start: m.una.Add(i), End: m.una.Add(j)}
}

// segments is how many segments of smss octets the reports stand for.
func (m *model) segments(smss int) (n int) {
	run := 0
	for i := range m.oct {
		if m.oct[i].state&reported == 0 {
			run = 0
			continue
		}
		if run%smss == 0 {
			n++
		}
		run++
	}
	return n
}

func TestScoreboardAgainstOctets(t *testing.T) {
	const smss = 20
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 2))
		una := seq.Num(0).Add(-rng.IntN(600)) // somewhere across the wrap
		m, b := &model{una: una}, newBoard(una)
		var d delivery
		random := func() seq.Span {
			start := rng.IntN(len(m.oct) + 1)
			return seq.Span{Start: m.una.Add(start), End: m.una.Add(start + rng.IntN(min(len(m.oct)-start, 60)+1))}
		}
		for step := range 150 {
			now := Time(1000 * step)
			switch s := random(); rng.IntN(8) {
			case 0, 1, 2:
				if n := 1 + rng.IntN(40); len(m.oct) < 500 {
					b.add(now, seq.Span{Start: m.una.Add(len(m.oct)), End: m.una.Add(len(m.oct) + n)})
					for range n {
						m.oct = append(m.oct, octet{at: now})
					}
				}
			case 3:
				n := rng.IntN(min(len(m.oct), 30) + 1)
				fresh := 0
				m.each(seq.Span{Start: m.una, End: m.una.Add(n)}, func(o *octet) { fresh += 1 - int(o.state&reported) })
				m.una, m.oct = m.una.Add(n), m.oct[n:]
				d.octets = 0
				b.forget(m.una, &d)
				if d.octets != fresh {
					t.Fatalf("seed %d: %d octets have arrived, want %d", seed, d.octets, fresh)
				}
			case 4, 5:
				fresh := 0
				m.each(s, func(o *octet) {
					fresh += 1 - int(o.state&reported)
					o.state = reported
				})
				if got := markNonEmpty(b, s, &d); got != fresh {
					t.Fatalf("seed %d: mark %v gives %d new octets, want %d", seed, s, got, fresh)
				}
			case 6:
				if next := m.nextLost(); !next.Empty() && rng.IntN(2) == 0 {
					s = next
				}
				m.each(s, func(o *octet) {
					if o.at = now; o.state&reported == 0 {
						o.state |= again | resent
					}
				})
				if !s.Empty() {
					b.sentAgain(now, s)
				}
			case 7:
				mixed(rng.IntN(12), b, m, now)
			}
			compareBoard(t, b, m, smss)
		}
	}
}

func markNonEmpty(b *scoreboard, s seq.Span, d *delivery) int {
	if s.Empty() {
		return 0
	}
	return b.mark(s, d)
}

// mixed does what concerns all octets at once, or those that were sent before a time.
func mixed(op int, b *scoreboard, m *model, now Time) {
	all := seq.Span{Start: m.una, End: m.una.Add(len(m.oct))}
	lose := func(o *octet) {
		if o.state&reported == 0 {
			o.state = (o.state | lost) &^ again
		}
	}
	switch {
	case op == 0:
		b.forgive()
		m.each(all, func(o *octet) { o.state &^= lost })
	case op == 1:
		b.loseAll()
		m.each(all, lose)
	case op == 2:
		b.distrust()
		m.each(all, func(o *octet) { o.state &^= reported })
	default:
		for i := range b.live() {
			if f := &b.live()[i]; f.state&reported == 0 && f.at%7000 == 0 {
				b.lose(f)
				m.each(f.Span, lose)
			}
		}
		b.join(b.first, len(b.spans))
	}
}

// compareBoard compares everything the scoreboard can tell with the model.
func compareBoard(t *testing.T, b *scoreboard, m *model, smss int) {
	t.Helper()
	if b.reported != m.count(reported) || b.lost != m.count(lost) || b.again != m.count(again) {
		t.Fatalf("octets reported, lost, again: %d, %d, %d; want %d, %d, %d", b.reported, b.lost, b.again,
			m.count(reported), m.count(lost), m.count(again))
	}
	at := m.una
	for _, f := range b.live() {
		if f.Start != at || f.Empty() {
			t.Fatalf("the runs %v leave a gap", b.live())
		}
		at = f.End
		m.each(f.Span, func(o *octet) {
			if o.state != f.state {
				t.Fatalf("in %v: state %b, want %b", f.Span, f.state, o.state)
			}
		})
	}
	if got, want := b.nextLost(), m.nextLost(); got != want {
		t.Fatalf("the next to send again is %v, want %v", got, want)
	}
	if got, want := b.segments(smss, 1000), m.segments(smss); got != want {
		t.Fatalf("the reports are of %d segments, want %d", got, want)
	}
}

// TestScoreboardBounded: a peer cannot make us remember more than maxFlown runs (law 7), and what it reports beyond
// counts as not reported. What we send is always remembered.
func TestScoreboardBounded(t *testing.T) {
	b := newBoard(0)
	for i := range 3 * maxSent {
		b.add(Time(i), seq.Span{Start: seq.Num(100 * i), End: seq.Num(100*i + 100)})
	}
	if n := len(b.live()); n > maxSent+1 {
		t.Fatalf("%d runs of what was sent", n)
	}
	news := 0
	for i := range 3 * maxSent {
		news += b.mark(seq.Span{Start: seq.Num(100*i + 10), End: seq.Num(100*i + 20)}, new(delivery))
	}
	if n := len(b.live()); n > maxFlown || b.reported != news || news < 5000 {
		t.Errorf("%d runs after reports of every segment, %d octets are marked of %d", n, b.reported, news)
	}
	if last := b.spans[len(b.spans)-1].End; last != 300*maxSent {
		t.Errorf("the scoreboard ends at %d", last)
	}
}

// TestSACKBlocksBelieved: what the peer reports must be in flight (RFC 2018 section 5.1 leaves the checks to us).
func TestSACKBlocksBelieved(t *testing.T) {
	for _, c := range []struct {
		ack  string
		want int // octets on the scoreboard
		why  string
	}{
		{"A 1 ack 1 sack 2001:3001", 1000, "in flight"},
		{"A 1 ack 1 sack 2001:3001 2001:3001", 1000, "told twice"},
		{"A 1 ack 1 sack 2001:3001 1001:1501", 1500, "the order says nothing"},
		{"A 1 ack 1 sack 4001:5001 3001:4001 2001:3001 1001:2001", 4000, "four blocks, touching"},
		{"A 1 ack 2001 sack 3001:4001", 1000, "above an ACK that advances"},
		{"A 1 ack 1 sack 4001:5002", 0, "beyond SND.NXT"},
		{"A 1 ack 1 sack 5001:6001", 0, "never sent"},
		{"A 1 ack 1 sack 3001:2001", 0, "inverted"},
		{"A 1 ack 1 sack 2001:2001", 0, "empty"},
		{"A 1 ack 1 sack 0:2001", 0, "begins before SND.UNA"},
		{"A 1 ack 2001 sack 1001:3001", 0, "begins before the very ACK"},
		{"A 1 ack 1 sack 2022181114:-2056473236", 0, "around the far side of the circle"},
		{"A 1 ack 1 sack 2000000000:-2000000000", 0, "as above"},
		{"A 1 ack 1 sack 3001:-2147483640", 0, "from here to there"},
		{"A 1 ack 1 sack -2147483640:3001", 0, "from there to here"},
		{"A 1 ack 1 sack 1:1001", 1000, "the first octets in flight: odd, but not below SEG.ACK"},
	} {
		d := start(t, setup{sack: true})
		d.write(5000)
		d.in(c.ack)
		if got := d.tcb.reco.sacked(); got != c.want {
			t.Errorf("%s (%s): %d octets count as received, want %d", c.ack, c.why, got, c.want)
		}
	}
	d := start(t, setup{})
	d.write(5000)
	d.in("A 1 ack 1 sack 2001:3001")
	if d.tcb.reco.board != nil {
		t.Error("SACK blocks are taken although SACK was not negotiated")
	}
}

// TestDSACKRecognised is RFC 2883 section 4: the first block, below the cumulative ACK or inside the second block.
func TestDSACKRecognised(t *testing.T) {
	for _, c := range []struct {
		ack    string
		dsack  bool
		sacked int
	}{
		{"A 1 ack 3001 sack 1001:2001", true, 0},
		{"A 1 ack 3001 sack 1001:2001 4001:5001", true, 1000},
		{"A 1 ack 1 sack 2001:2501 2001:4001", true, 2000},
		{"A 1 ack 1 sack 2001:3001 4001:5001", false, 2000},
		{"A 1 ack 1 sack 2001:4001", false, 2000},
		{"A 1 ack 3001 sack 2501:3501", false, 0}, // straddles the ACK: neither
		{"A 1 ack 3001 sack 9001:9002", false, 0},
	} {
		d := start(t, setup{sack: true})
		d.write(5000)
		d.in(c.ack)
		in := d.tcb.Info(d.now)
		if (in.DSACKDups == 1) != c.dsack || d.tcb.reco.sacked() != c.sacked {
			t.Errorf("%s: D-SACKs %d, octets reported %d; want %v, %d", c.ack, in.DSACKDups, d.tcb.reco.sacked(), c.dsack, c.sacked)
		}
	}
}

// TestScoreboardReleased: the scoreboard exists only while it says something.
func TestScoreboardReleased(t *testing.T) {
	d := start(t, setup{sack: true})
	d.write(5000)
	d.in("A 1 ack 1 sack 2001:3001")
	d.in("A 1 ack 5001")
	if d.tcb.reco.board != nil {
		t.Error("a scoreboard is kept with nothing in flight")
	}
	d.write(5000)
	d.in(fmt.Sprintf("A 1 ack 5001 sack %d:%d", 7001, 8001))
	d.in("R 1")
	if d.tcb.reco.board != nil {
		t.Error("a dead connection keeps its scoreboard")
	}
}

// TestPayloadLeavesRoomForSACK: data that carries a SACK option is shorter by it (Eff.snd.MSS, RFC 9293 3.7.1 MUST-16).
func TestPayloadLeavesRoomForSACK(t *testing.T) {
	d := start(t, setup{sack: true, user: UserOptions{NoDelay: true}})
	d.in("A 1001:2001 ack 1")
	d.skip()
	d.write(2000) // an option of 4 + 8 octets
	d.out("A 1:989 ack 1 sack 1001:2001", "A 989:1977 ack 1 sack 1001:2001", "PA 1977:2001 ack 1 sack 1001:2001")
	d.in("A 3001:4001")
	d.skip()
	d.write(1000) // and one of 4 + 16
	d.out("A 2001:2981 sack 3001:4001 1001:2001", "PA 2981:3001")
}

// TestEmptySACKBlocks: a block without octets reports nothing; three of them are no three runs above a hole.
func TestEmptySACKBlocks(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.in("A 1 ack 1 sack 3001:3001 5001:5001 7001:7001")
	d.out()
	if d.tcb.reco.board.reported > 0 {
		t.Error("empty blocks are on the scoreboard")
	}
}

// TestLossLateInFlight: where a flight never ends, what is lost is found after half a circle of sequence numbers, too.
func TestLossLateInFlight(t *testing.T) {
	for _, sent := range []int64{1000, 1<<31 - 1500, 1<<31 - 500, 1<<31 - 1, 1 << 31, 3 << 30} {
		b, end := newBoard(0), seq.Num(0)
		var d delivery
		for left := sent; left > 0; {
			s := seq.Span{Start: end, End: end.Add(int(min(left, 1<<28)))}
			b.add(0, s)
			b.forget(s.Start, &d)
			left -= int64(s.Len())
			end = s.End
		}
		b.add(1, seq.Span{Start: end, End: end.Add(1000)})
		b.forget(end, &d)
		b.lose(&b.spans[b.first])
		if s := b.nextLost(); s.Start != end || s.Len() != 1000 {
			t.Errorf("%d octets into the flight what is lost is %v", sent, s)
		}
	}
}

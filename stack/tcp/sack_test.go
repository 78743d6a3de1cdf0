package tcp

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gotcp/gotcp/stack/seq"
)

// bitmap is the reference for the scoreboard: one flag per octet.
type bitmap struct {
	base seq.Num
	bit  []bool
}

func (b *bitmap) set(s seq.Span) (newly int) {
	for n := s.Start; n != s.End; n++ {
		if i := n.Minus(b.base); !b.bit[i] {
			b.bit[i] = true
			newly++
		}
	}
	return newly
}

func (b *bitmap) count(s seq.Span) (n int) {
	for at := s.Start; at.Before(s.End); at++ {
		if b.bit[at.Minus(b.base)] {
			n++
		}
	}
	return n
}

// isLost is RFC 6675 section 4, word by word: "returns true when either DupThresh discontiguous SACKed sequences have
// arrived above SeqNum or more than (DupThresh - 1) * SMSS bytes with sequence numbers greater than SeqNum have been
// SACKed".
func (b *bitmap) isLost(i, smss int) bool {
	octets, runs := 0, 0
	for j := i + 1; j < len(b.bit); j++ {
		if b.bit[j] {
			octets++
			if !b.bit[j-1] || j == i+1 {
				runs++
			}
		}
	}
	return runs >= 3 || octets > 2*smss
}

func TestScoreboardAgainstBitmap(t *testing.T) {
	const size, smss = 600, 20
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 2))
		base := seq.Num(0).Add(-rng.IntN(size)) // somewhere across the wrap
		ref := bitmap{base: base, bit: make([]bool, size)}
		var sb scoreboard
		una := base
		random := func() seq.Span {
			left := size - una.Minus(base)
			start := rng.IntN(left)
			return seq.Span{Start: una.Add(start), End: una.Add(start + rng.IntN(min(left-start, 60)+1))}
		}
		for range 60 {
			switch rng.IntN(5) {
			case 0:
				una = una.Add(rng.IntN(20))
				if size-una.Minus(base) < 100 {
					continue
				}
				sb.forget(una)
				for i := range una.Minus(base) {
					ref.bit[i] = false
				}
			default:
				if s := random(); !s.Empty() {
					if got, want := sb.mark(s), ref.set(s); got != want {
						t.Fatalf("seed %d: mark %v gives %d new octets, want %d", seed, s, got, want)
					}
				}
			}
			checkBoard(t, &sb, &ref, una, random())
		}
	}
}

// checkBoard compares everything the scoreboard can tell with the reference.
func checkBoard(t *testing.T, sb *scoreboard, ref *bitmap, una seq.Num, s seq.Span) {
	t.Helper()
	const smss = 20
	all := seq.Span{Start: una, End: ref.base.Add(len(ref.bit))}
	if sb.n != ref.count(all) {
		t.Fatalf("%d octets are marked, want %d", sb.n, ref.count(all))
	}
	for i, x := range sb.spans {
		if x.Empty() || i > 0 && x.Start.AtOrBefore(sb.spans[i-1].End) {
			t.Fatalf("the spans %v are not sorted and apart", sb.spans)
		}
	}
	if got, want := sb.within(s), ref.count(s); got != want {
		t.Fatalf("%d octets are marked within %v, want %d", got, s, want)
	}
	// hole: the first unmarked run at or after the start, which ends at the next mark or at the end.
	hole := sb.hole(s.Start, s.End)
	from := s.Start
	for from.Before(s.End) && ref.bit[from.Minus(ref.base)] {
		from++
	}
	end := from
	for end.Before(s.End) && !ref.bit[end.Minus(ref.base)] {
		end++
	}
	if hole.Len() != end.Minus(from) || !hole.Empty() && hole.Start != from {
		t.Fatalf("the hole in %v is %v, want [%v %v)", s, hole, from, end)
	}
	edge, ok := sb.lostBefore(smss)
	for at := una; at.Before(all.End); at++ {
		if i := at.Minus(ref.base); !ref.bit[i] && ref.isLost(i, smss) != (ok && at.Before(edge)) {
			t.Fatalf("octet %d: IsLost is %v, the edge %v %v", i, ref.isLost(i, smss), edge.Minus(ref.base), ok)
		}
	}
}

// TestScoreboardBounded: a peer cannot make us remember more than maxSpans runs (law 7), and what it reports beyond
// counts as not reported.
func TestScoreboardBounded(t *testing.T) {
	var sb scoreboard
	for i := range 3 * maxSpans {
		n := sb.mark(seq.Span{Start: seq.Num(10 * i), End: seq.Num(10*i + 5)})
		if want := 5; i >= maxSpans {
			if want = 0; n != want {
				t.Fatalf("run %d is taken", i)
			}
		} else if n != want {
			t.Fatalf("run %d: %d new octets", i, n)
		}
	}
	if sb.n != 5*maxSpans {
		t.Errorf("%d octets are marked, want %d", sb.n, 5*maxSpans)
	}
	if n := sb.mark(seq.Span{Start: 2, End: 12}); n != 5 { // joins two: there is always room for that
		t.Errorf("a joining run gives %d new octets, want 5", n)
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
	if d.tcb.reco.board != nil {
		t.Error("empty blocks are on the scoreboard")
	}
}

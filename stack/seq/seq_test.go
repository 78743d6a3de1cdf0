package seq_test

import (
	"math"
	"testing"
	"testing/quick"

	"github.com/gotcp/gotcp/stack/seq"
)

const half = 1 << 31

func TestOrder(t *testing.T) {
	// How far b is after a. What the circle's origin is must not matter, so each row is tried at several places.
	rows := []struct {
		distance      uint32
		before, after bool
		why           string
	}{
		{0, false, false, "equal numbers are neither before nor after each other"},
		{1, true, false, "the next octet is later"},
		{65535, true, false, "an unscaled window"},
		{1 << 30, true, false, "the largest window (RFC 7323 section 2.3)"},
		{half - 1, true, false, "the farthest number that is later"},
		{half + 1, false, true, "more than half the circle ahead is behind"},
		{math.MaxUint32, false, true, "the octet before"},
	}
	for _, a := range []seq.Num{0, 1, half - 1, half, half + 1, math.MaxUint32 - 65535, math.MaxUint32} {
		for _, r := range rows {
			b := a + seq.Num(r.distance)
			if got := a.Before(b); got != r.before {
				t.Errorf("%v.Before(%v) = %v: %s", a, b, got, r.why)
			}
			if got := a.After(b); got != r.after {
				t.Errorf("%v.After(%v) = %v: %s", a, b, got, r.why)
			}
			if got, want := a.AtOrBefore(b), r.before || r.distance == 0; got != want {
				t.Errorf("%v.AtOrBefore(%v) = %v: %s", a, b, got, r.why)
			}
			if got, want := a.AtOrAfter(b), r.after || r.distance == 0; got != want {
				t.Errorf("%v.AtOrAfter(%v) = %v: %s", a, b, got, r.why)
			}
		}
	}
}

func TestOrderAcrossHalf(t *testing.T) {
	// Half the circle apart, neither number is later in fact. Both comparisons must still give an answer, and Before
	// and AtOrAfter must be each other's negation, or an if and its else would both be skipped.
	for _, a := range []seq.Num{0, 1, half, math.MaxUint32} {
		b := a + half
		if a.Before(b) == a.AtOrAfter(b) || a.After(b) == a.AtOrBefore(b) {
			t.Errorf("%v and %v: a comparison and its negation agree", a, b)
		}
	}
}

func TestOrderProperties(t *testing.T) {
	check(t, "a comparison and its negation differ", func(a, b seq.Num) bool {
		return a.Before(b) != a.AtOrAfter(b) && a.After(b) != a.AtOrBefore(b)
	})
	check(t, "before one way is after the other way", func(a, b seq.Num) bool {
		return b-a == half || a.Before(b) == b.After(a)
	})
	check(t, "moving both numbers changes nothing", func(a, b, by seq.Num) bool {
		return a.Before(b) == (a+by).Before(b+by) && a.Minus(b) == (a+by).Minus(b+by)
	})
	check(t, "Max and Min are the two numbers", func(a, b seq.Num) bool {
		hi, lo := seq.Max(a, b), seq.Min(a, b)
		return b-a == half || lo.AtOrBefore(hi) && (hi == a && lo == b || hi == b && lo == a)
	})
}

func TestAddAndMinus(t *testing.T) {
	rows := []struct {
		a    seq.Num
		n    int
		want seq.Num
	}{
		{0, 0, 0},
		{0, 1, 1},
		{math.MaxUint32, 1, 0},
		{0, -1, math.MaxUint32},
		{math.MaxUint32 - 9, 20, 10},
		{10, -20, math.MaxUint32 - 9},
		{half - 1, 1, half},
	}
	for _, r := range rows {
		if got := r.a.Add(r.n); got != r.want {
			t.Errorf("%v.Add(%d) = %v, want %v", r.a, r.n, got, r.want)
		}
		if got := r.want.Minus(r.a); got != r.n {
			t.Errorf("%v.Minus(%v) = %d, want %d", r.want, r.a, got, r.n)
		}
	}
	check(t, "Minus undoes Add", func(a seq.Num, n int32) bool { return a.Add(int(n)).Minus(a) == int(n) })
	check(t, "Add undoes Minus", func(a, b seq.Num) bool { return a.Add(b.Minus(a)) == b })
	if n := seq.Num(7).Add(math.MinInt32); n != half+7 {
		t.Errorf("half the circle back from 7 is %v, want %v", n, seq.Num(half+7))
	}
}

func TestIn(t *testing.T) {
	rows := []struct {
		a, start, end seq.Num
		want          bool
		why           string
	}{
		{5, 5, 10, true, "the start belongs to it"},
		{9, 5, 10, true, "the last octet belongs to it"},
		{10, 5, 10, false, "the end doesn't"},
		{4, 5, 10, false, "before the start"},
		{5, 5, 5, false, "an empty span holds nothing"},
		{math.MaxUint32, math.MaxUint32 - 1, 3, true, "before the wrap"},
		{2, math.MaxUint32 - 1, 3, true, "after the wrap"},
		{3, math.MaxUint32 - 1, 3, false, "the end after the wrap"},
		{math.MaxUint32 - 2, math.MaxUint32 - 1, 3, false, "before a start that is before the wrap"},
	}
	for _, r := range rows {
		if got := r.a.In(r.start, r.end); got != r.want {
			t.Errorf("%v.In(%v, %v) = %v: %s", r.a, r.start, r.end, got, r.why)
		}
	}
}

func TestString(t *testing.T) {
	if got := seq.Num(math.MaxUint32).String(); got != "4294967295" {
		t.Errorf("a number prints as %q, want it unsigned and in decimal", got)
	}
}

// octets is the naive model of a span: bit i says whether octet base+i belongs to it.
func octets(base seq.Num, s seq.Span) uint64 {
	var set uint64
	for i := range 64 {
		if base.Add(i).In(s.Start, s.End) && s.End.After(s.Start) {
			set |= 1 << i
		}
	}
	return set
}

func TestSpansAgainstSets(t *testing.T) {
	// All pairs of small spans, empty and inverted ones among them, away from the wrap and right on it.
	const n = 7
	for _, base := range []seq.Num{1000, math.MaxUint32 - 3, half - 3} {
		var all []seq.Span
		for i := range n {
			for j := range n {
				all = append(all, seq.Span{Start: base.Add(i), End: base.Add(j)})
			}
		}
		for _, a := range all {
			checkSpan(t, base, a)
			for _, b := range all {
				checkSpans(t, base, a, b)
			}
		}
	}
}

func checkSpan(t *testing.T, base seq.Num, a seq.Span) {
	t.Helper()
	count := 0
	for set := octets(base, a); set != 0; set &= set - 1 {
		count++
	}
	if got := a.Len(); got != count {
		t.Errorf("%v.Len() = %d, want %d octets", a, got, count)
	}
	if got := a.Empty(); got != (count == 0) {
		t.Errorf("%v.Empty() = %v with %d octets", a, got, count)
	}
}

func checkSpans(t *testing.T, base seq.Num, a, b seq.Span) {
	t.Helper()
	x, y := octets(base, a), octets(base, b)
	if got := a.Overlaps(b); got != (x&y != 0) {
		t.Errorf("%v.Overlaps(%v) = %v, sharing octets %b", a, b, got, x&y)
	}
	if got := octets(base, a.Intersect(b)); got != x&y {
		t.Errorf("%v.Intersect(%v) has octets %b, want %b", a, b, got, x&y)
	}
	if x != 0 && y != 0 { // where an empty span lies is nobody's concern
		if got := a.Contains(b); got != (y&^x == 0) {
			t.Errorf("%v.Contains(%v) = %v", a, b, got)
		}
	}
}

func check(t *testing.T, law string, f any) {
	t.Helper()
	if err := quick.Check(f, nil); err != nil {
		t.Errorf("%s: %v", law, err)
	}
}

// Package seq is arithmetic on TCP sequence numbers.
//
// A sequence number lives on a circle of 2^32 values (RFC 9293 section 3.4), so there is no "less than" among all of
// them, only "before" for two that are less than 2^31 apart. [Num] therefore offers Before and After and no ordering
// that a sort could use. Every operation is total: no input panics, none overflows.
package seq

import "strconv"

// Num is a sequence number of an octet, modulo 2^32.
type Num uint32

// Before reports whether a comes before b: a < b on the circle.
func (a Num) Before(b Num) bool { return int32(a-b) < 0 }

// After reports whether a comes after b: a > b on the circle.
func (a Num) After(b Num) bool { return int32(a-b) > 0 }

// AtOrBefore reports whether a is b or comes before it.
func (a Num) AtOrBefore(b Num) bool { return int32(a-b) <= 0 }

// AtOrAfter reports whether a is b or comes after it.
func (a Num) AtOrAfter(b Num) bool { return int32(a-b) >= 0 }

// Add returns the number n octets after a (before it, where n is negative).
func (a Num) Add(n int) Num { return a + Num(uint32(n)) }

// Minus returns how many octets a is after b: negative where a is before b.
func (a Num) Minus(b Num) int { return int(int32(a - b)) }

// In reports whether a lies in the half-open span [start, end).
func (a Num) In(start, end Num) bool { return a-start < end-start }

// String gives the number in decimal.
func (a Num) String() string { return strconv.FormatUint(uint64(a), 10) }

// Max returns the later of a and b.
func Max(a, b Num) Num {
	if a.After(b) {
		return a
	}
	return b
}

// Min returns the earlier of a and b.
func Min(a, b Num) Num {
	if a.Before(b) {
		return a
	}
	return b
}

// Span is the half-open range of octets [Start, End): a SACK block, a hole, a queued segment.
type Span struct{ Start, End Num }

// Len is the number of octets in the span; 0 where it is empty or inverted.
func (s Span) Len() int { return max(0, s.End.Minus(s.Start)) }

// Empty reports whether the span holds no octet.
func (s Span) Empty() bool { return s.Start.AtOrAfter(s.End) }

// Contains reports whether every octet of o lies in s.
func (s Span) Contains(o Span) bool { return s.Start.AtOrBefore(o.Start) && o.End.AtOrBefore(s.End) }

// Overlaps reports whether s and o share an octet.
func (s Span) Overlaps(o Span) bool { return !s.Intersect(o).Empty() }

// Intersect returns the octets that s and o share; an empty span where there are none.
func (s Span) Intersect(o Span) Span { return Span{Max(s.Start, o.Start), Min(s.End, o.End)} }

package stack

import (
	"testing"
	"time"
)

// RFC 6528: ISN = M + F(four-tuple, key). M advances one per four microseconds; F differs between flows and stacks.
//
// RFC 9293 MUST-8, SHLD-1, MUST-9: driven by a clock, different for each pair of addresses, and not to be computed without
// the key.
func TestISN(t *testing.T) {
	r := newRig(t, Config{}, nil)
	k := keyOf(ours(40000), theirs(80))
	first := r.isn(k)
	r.clock.advance(time.Second)
	if got := r.isn(k).Minus(first); got != 250_000 {
		t.Errorf("after a second the ISN of the same flow is %d further, want 250000", got)
	}
	other := keyOf(ours(40001), theirs(80))
	if d := r.isn(other).Minus(r.isn(k)); d > -1000 && d < 1000 {
		t.Errorf("a neighbouring port's ISN is only %d away: it could be guessed", d)
	}
	s := New(Config{Rand: seededRand(8)})
	defer s.Close()
	if d := s.isn(k).Minus(first); d > -1000 && d < 1000 {
		t.Errorf("another stack's ISN is only %d away: F doesn't depend on the key", d)
	}
}

// RFC 7323 5.4 wants an offset; RFC 6191 wants it to be the same for the next use of the same ports, so it must not
// depend on them, but it must depend on the peer.
func TestTimestampOffset(t *testing.T) {
	r := newRig(t, Config{}, nil)
	k := keyOf(ours(40000), theirs(80))
	if r.tsOffset(k) != r.tsOffset(keyOf(ours(50000), theirs(443))) {
		t.Error("the offset depends on the ports")
	}
	far := k
	far.remote = addrOf(farIP)
	if r.tsOffset(k) == r.tsOffset(far) {
		t.Error("two peers see the same offset")
	}
}

// A cookie's hash must depend on everything it is made of.
func TestCookieHash(t *testing.T) {
	r := newRig(t, Config{}, nil)
	k := keyOf(ours(80), theirs(40000))
	seen := map[uint64]bool{}
	for _, f := range []flowKey{k, k.reversed(), keyOf(ours(80), theirs(40001)), keyOf(ours(81), theirs(40000))} {
		for n := range uint64(3) {
			seen[r.cookieHash(f, n)] = true
		}
	}
	if len(seen) != 12 {
		t.Errorf("12 different inputs gave %d values", len(seen))
	}
}

package wire_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gotcp/gotcp/stack/wire"
)

func partial(pieces ...[]byte) uint16 {
	var c wire.Checksum
	for _, p := range pieces {
		c.Add(p)
	}
	return c.Partial()
}

func TestChecksumVectors(t *testing.T) {
	rows := []struct{ name, hex, sum string }{
		{"RFC 1071 section 3", "0001 f203 f4f5 f6f7", "ddf2"},
		{"nothing", "", "0000"},
		{"one octet, followed by a zero in thought", "ab", "ab00"},
		{"an end-around carry", "ffff 0001", "0001"},
		{"negative zero stays", "ffff", "ffff"},
		{"zeros", "0000 0000", "0000"},
		// The header of a datagram that many texts take as their example; its own checksum, b861, is left out.
		{"an IPv4 header", "4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7", "479e"},
	}
	for _, r := range rows {
		b := unhex(t, r.hex)
		if got := fmt.Sprintf("%04x", partial(b)); got != r.sum {
			t.Errorf("%s: sum %s, want %s", r.name, got, r.sum)
		}
		var c wire.Checksum
		c.Add(b)
		if c.Fold() != ^c.Partial() {
			t.Errorf("%s: the checksum isn't the complement of the sum", r.name)
		}
	}
}

func TestChecksumAgainstNaive(t *testing.T) {
	// All lengths around the unrolled loops' steps, at places of every alignment, and octets that carry at every step.
	for n := range 300 {
		for at := range 8 {
			random := octets(n + at)[at:]
			if got, want := partial(random), naiveSum(random); got != want {
				t.Fatalf("%d octets at %d: sum %#04x, want %#04x", n, at, got, want)
			}
		}
		ones := bytes.Repeat([]byte{0xff}, n)
		if got, want := partial(ones), naiveSum(ones); got != want {
			t.Fatalf("%d octets 255: sum %#04x, want %#04x", n, got, want)
		}
	}
	long := octets(65535)
	if got, want := partial(long), naiveSum(long); got != want {
		t.Errorf("65535 octets: sum %#04x, want %#04x", got, want)
	}
}

func TestChecksumInPieces(t *testing.T) {
	// Two cuts at all places: pieces of odd length must not shift the words of what follows.
	b := octets(41)
	want := naiveSum(b)
	for i := range len(b) {
		for j := i; j < len(b); j++ {
			if got := partial(b[:i], b[i:j], b[j:]); got != want {
				t.Fatalf("cut at %d and %d: sum %#04x, want %#04x", i, j, got, want)
			}
		}
	}
	long := octets(5000)
	if got, want := partial(long[:1001], long[1001:1001], long[1001:3000], long[3000:]), naiveSum(long); got != want {
		t.Errorf("long pieces: sum %#04x, want %#04x", got, want)
	}
}

func TestChecksumAddUint16(t *testing.T) {
	for _, before := range []int{0, 1, 2, 3} {
		b := octets(before)
		var c wire.Checksum
		c.Add(b)
		c.AddUint16(0x1234)
		c.AddUint16(0xfedc)
		c.Add([]byte{9})
		want := naiveSum(append(append([]byte{}, b...), 0x12, 0x34, 0xfe, 0xdc, 9))
		if got := c.Partial(); got != want {
			t.Errorf("after %d octets: sum %#04x, want %#04x", before, got, want)
		}
	}
}

func TestChecksumIsAValue(t *testing.T) {
	var c wire.Checksum
	c.Add([]byte{1, 2, 3})
	d := c
	d.Add([]byte{4})
	if c.Partial() != naiveSum([]byte{1, 2, 3}) || d.Partial() != naiveSum([]byte{1, 2, 3, 4}) {
		t.Error("a copy of a sum doesn't go on by itself")
	}
}

func TestPseudoHeader(t *testing.T) {
	c := wire.PseudoHeader(left, right, wire.ProtoTCP, 0x1234)
	want := naiveSum(unhex(t, "c0000201 c6336402 0006 1234"))
	if got := c.Partial(); got != want {
		t.Errorf("sum %#04x, want %#04x", got, want)
	}
}

func FuzzChecksum(f *testing.F) {
	f.Add([]byte("abc"), 1, 2)
	f.Add(octets(200), 63, 64)
	f.Fuzz(func(t *testing.T, b []byte, i, j int) {
		i = min(max(i, 0), len(b))
		j = min(max(j, i), len(b))
		if got, want := partial(b[:i], b[i:j], b[j:]), naiveSum(b); got != want {
			t.Errorf("sum %#04x, want %#04x", got, want)
		}
	})
}

func BenchmarkChecksum(b *testing.B) {
	for _, n := range []int{20, 40, 536, 1460, 65495} {
		data := octets(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				var c wire.Checksum
				c.Add(data)
				sink = c.Fold()
			}
		})
	}
}

// sink keeps a benchmark's results from being optimised away.
var sink uint16

package stack

import (
	"encoding/binary"
	"math/bits"
)

// sipKey is a key of SipHash, 128 secret bits.
type sipKey struct{ k0, k1 uint64 }

// makeSipKey draws a key.
func makeSipKey(rand func([]byte)) sipKey {
	var b [16]byte
	rand(b[:])
	return sipKey{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
}

// sipState is the four words of SipHash's inner state.
type sipState struct{ v0, v1, v2, v3 uint64 }

func (s *sipState) round() {
	s.v0 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 13) ^ s.v0
	s.v0 = bits.RotateLeft64(s.v0, 32)
	s.v2 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 16) ^ s.v2
	s.v0 += s.v3
	s.v3 = bits.RotateLeft64(s.v3, 21) ^ s.v0
	s.v2 += s.v1
	s.v1 = bits.RotateLeft64(s.v1, 17) ^ s.v2
	s.v2 = bits.RotateLeft64(s.v2, 32)
}

// absorb takes in one word of the message with two rounds.
func (s *sipState) absorb(m uint64) {
	s.v3 ^= m
	s.round()
	s.round()
	s.v0 ^= m
}

// hash is SipHash-2-4 of b (Aumasson and Bernstein, 2012): a fast pseudo-random function, which an observer of its
// values can neither predict nor invert without the key. RFC 6528, RFC 6056 and SYN cookies ask for no more. It is
// written out here because the crypto packages would pull their self-tests into whatever links a stack below package
// net.
func (k sipKey) hash(b []byte) uint64 {
	s := sipState{
		k.k0 ^ 0x736f6d6570736575, k.k1 ^ 0x646f72616e646f6d,
		k.k0 ^ 0x6c7967656e657261, k.k1 ^ 0x7465646279746573,
	}
	last := uint64(len(b)) << 56
	for ; len(b) >= 8; b = b[8:] {
		s.absorb(binary.LittleEndian.Uint64(b))
	}
	for i, c := range b {
		last |= uint64(c) << (8 * i)
	}
	s.absorb(last)
	s.v2 ^= 0xff
	for range 4 {
		s.round()
	}
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3
}

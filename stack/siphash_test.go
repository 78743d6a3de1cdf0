package stack

import (
	"encoding/binary"
	"encoding/hex"
	"testing"
)

// The vectors are those of the algorithm's authors: key 00 01 ... 0f, message 00 01 02 ... of each length.
func TestSipHashVectors(t *testing.T) {
	vectors := []string{
		"310e0edd47db6f72", "fd67dc93c539f874", "5a4fa9d909806c0d", "2d7efbd796666785", "b7877127e09427cf",
		"8da699cd64557618", "cee3fe586e46c9cb", "37d1018bf50002ab", "6224939a79f5f593",
	}
	k := makeSipKey(func(p []byte) {
		for i := range p {
			p[i] = byte(i)
		}
	})
	var msg []byte
	for i, want := range vectors {
		var got [8]byte
		binary.LittleEndian.PutUint64(got[:], k.hash(msg))
		if hex.EncodeToString(got[:]) != want {
			t.Errorf("length %d: %x, want %s", i, got, want)
		}
		msg = append(msg, byte(i))
	}
	// The example of the paper's appendix A has 15 octets: one full word and one with the length in its top octet.
	for len(msg) < 15 {
		msg = append(msg, byte(len(msg)))
	}
	if got := k.hash(msg[:15]); got != 0xa129ca6149be45e5 {
		t.Errorf("the paper's example gives %x", got)
	}
}

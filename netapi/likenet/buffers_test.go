package likenet

import (
	"bytes"
	"net"
	"testing"
)

// TestConsume: what was written goes, the rest stays, at every count.
func TestConsume(t *testing.T) {
	for n := range 7 {
		v := net.Buffers{[]byte("ab"), nil, []byte("cdef")}
		Consume(&v, int64(n))
		if got := string(bytes.Join(v, nil)); got != "abcdef"[n:] {
			t.Errorf("after %d octets %q is left", n, got)
		}
	}
}

package tcp

import "sync"

// BufSize is the length of the largest blocks, and of the buffers that readers offer for adoption: a packet of 64 KiB
// with room for a device's header.
const BufSize = 1<<16 + 64

// Blocks come in three sizes, so that a request of a hundred octets doesn't claim 64 KiB while it is under way.
const (
	smallBlock  = 2 << 10
	mediumBlock = 16 << 10
)

// The pools hold byte blocks and list nodes only: nothing in them belongs to one testing/synctest bubble.
var (
	smallPool  = sync.Pool{New: func() any { return new([smallBlock]byte) }}
	mediumPool = sync.Pool{New: func() any { return new([mediumBlock]byte) }}
	largePool  = sync.Pool{New: func() any { return new([BufSize]byte) }}
	nodePool   = sync.Pool{New: func() any { return new(block) }}
)

// GetBuf takes a buffer of [BufSize] octets from the pool that the byte stores use.
func GetBuf() []byte { return largePool.Get().(*[BufSize]byte)[:] }

// PutBuf gives a buffer of GetBuf back. A buffer of another length is left to the garbage collector.
func PutBuf(b []byte) {
	switch cap(b) {
	case smallBlock:
		smallPool.Put((*[smallBlock]byte)(b[:smallBlock]))
	case mediumBlock:
		mediumPool.Put((*[mediumBlock]byte)(b[:mediumBlock]))
	case BufSize:
		largePool.Put((*[BufSize]byte)(b[:BufSize]))
	}
}

// block is a piece of a byte store: octets buf[r:w], then room for more. It has one owner (the store that it is in).
type block struct {
	next *block
	buf  []byte
	r, w int
}

// newBlock makes an empty block with room for at least min(n, BufSize) octets.
func newBlock(n int) *block {
	b := nodePool.Get().(*block)
	switch {
	case n <= smallBlock:
		b.buf = smallPool.Get().(*[smallBlock]byte)[:]
	case n <= mediumBlock:
		b.buf = mediumPool.Get().(*[mediumBlock]byte)[:]
	default:
		b.buf = GetBuf()
	}
	return b
}

// adoptBlock makes a block of a buffer that already holds the octets buf[r:w].
func adoptBlock(buf []byte, r, w int) *block {
	b := nodePool.Get().(*block)
	b.buf, b.r, b.w = buf, r, w
	return b
}

// free gives the block and its buffer back to the pools.
func (b *block) free() {
	PutBuf(b.buf)
	*b = block{}
	nodePool.Put(b)
}

func (b *block) len() int { return b.w - b.r }

// fill copies as much of p as there is room for behind what b holds.
func (b *block) fill(p []byte) int {
	n := copy(b.buf[b.w:], p)
	b.w += n
	return n
}

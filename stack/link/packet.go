package link

import "sync"

// BufSize is the length of the buffers that devices offer for adoption (see [Frame]): a 64 KiB packet with room for a
// device's header. It is that of the blocks in which the engine keeps data.
const BufSize = 1<<16 + 64

// Lengths of the buffers for packets that are too short to be worth an adoption.
const (
	smallBuf  = 2 << 10
	mediumBuf = 16 << 10
)

// packet is a frame with memory of its own. It holds bytes only, so it may wander between testing/synctest bubbles.
type packet struct {
	frame Frame
	mem   []byte
}

var (
	smallPackets  = sync.Pool{New: func() any { return &packet{mem: make([]byte, smallBuf)} }}
	mediumPackets = sync.Pool{New: func() any { return &packet{mem: make([]byte, mediumBuf)} }}
	largePackets  = sync.Pool{New: func() any { return &packet{mem: make([]byte, BufSize)} }}
)

// newPacket takes an empty packet with room for n octets, at most BufSize.
func newPacket(n int) *packet {
	pool := &largePackets
	switch {
	case n <= smallBuf:
		pool = &smallPackets
	case n <= mediumBuf:
		pool = &mediumPackets
	}
	p := pool.Get().(*packet)
	p.set(0)
	return p
}

// copyPacket makes a packet of its own from a frame, in one piece. A large buffer is offered for adoption.
func copyPacket(f *Frame) *packet {
	p := newPacket(f.Len())
	n := copy(p.mem, f.Head)
	for _, b := range f.Tail {
		n += copy(p.mem[n:], b)
	}
	p.set(n)
	p.frame.Csum, p.frame.GSOSize = f.Csum, f.GSOSize
	return p
}

// packetOf makes a packet from b, with a whole checksum.
func packetOf(b []byte) *packet {
	p := newPacket(len(b))
	p.set(copy(p.mem, b))
	return p
}

// clone copies a packet that nobody was offered yet.
func (p *packet) clone() *packet { return copyPacket(&p.frame) }

// set makes the frame one of the first n octets of mem, all else in it zero.
func (p *packet) set(n int) {
	p.frame = Frame{Head: p.mem[:n]}
	if len(p.mem) == BufSize {
		p.frame.Buf = p.mem
	}
}

// free gives the packet back: with the buffer that the receiver left in place of its own, where it adopted that.
func (p *packet) free() {
	pool := &smallPackets
	switch len(p.mem) {
	case mediumBuf:
		pool = &mediumPackets
	case BufSize:
		pool = &largePackets
		if p.mem = p.frame.Buf; len(p.mem) != BufSize {
			return // the receiver broke the rule: who knows who has the memory
		}
	}
	p.frame = Frame{}
	pool.Put(p)
}

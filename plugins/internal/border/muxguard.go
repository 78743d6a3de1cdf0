package border

import (
	"encoding/binary"
	"io"
	"sync/atomic"
)

// What of a frame of yamux is looked at: its header is version, type, flags (2 octets), stream (4), length (4).
const (
	muxFrameHeader = 12
	muxTypeData    = 0
	muxTypePing    = 2
	muxFlagSYN     = 1
)

// muxGuard is what the host reads its plugin's frames by. A plugin has no reason for pings, each of which would cost a
// goroutine until its answer is read, nor for streams of its own: either ends the carrier.
type muxGuard struct {
	io.ReadWriteCloser
	breach atomic.Pointer[errProtocol]

	head [muxFrameHeader]byte
	have int    // octets of head
	text uint32 // octets of the frame's text that follow
}

// Read implements io.Reader.
func (g *muxGuard) Read(p []byte) (int, error) {
	n, err := g.ReadWriteCloser.Read(p)
	for b := p[:n]; len(b) > 0; {
		if g.text > 0 {
			skip := min(int(g.text), len(b))
			g.text -= uint32(skip)
			b = b[skip:]
			continue
		}
		k := copy(g.head[g.have:], b)
		g.have += k
		b = b[k:]
		if g.have == muxFrameHeader {
			g.have = 0
			if why := g.frame(); why != "" {
				g.breach.Store(&why)
				return 0, why
			}
		}
	}
	return n, err
}

// frame looks at a header, and says what is wrong with it.
func (g *muxGuard) frame() errProtocol {
	kind, flags := g.head[1], binary.BigEndian.Uint16(g.head[2:])
	if kind == muxTypeData {
		g.text = binary.BigEndian.Uint32(g.head[8:])
	}
	switch {
	case flags&muxFlagSYN == 0:
		return ""
	case kind == muxTypePing:
		return "a ping"
	}
	return "a stream of the plugin's making"
}

// broken is what was wrong with the plugin's frames, or err where nothing was. It may be called on nil.
func (g *muxGuard) broken(err error) error {
	if g != nil {
		if why := g.breach.Load(); why != nil {
			return *why
		}
	}
	return err
}

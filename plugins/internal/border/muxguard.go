package border

import (
	"encoding/binary"
	"io"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// What of a frame of yamux is looked at: its header is version, type, flags (2 octets), stream (4), length (4).
const (
	muxFrameHeader = 12
	muxTypeData    = 0
	muxTypePing    = 2
	muxFlagSYN     = 1
)

// MuxGuard is what a client of yamux reads a hostile server's frames by.
type MuxGuard struct {
	io.ReadWriteCloser
	pings  *rate.Limiter // nil: none
	breach atomic.Pointer[errProtocol]

	head [muxFrameHeader]byte
	have int    // octets of head
	text uint32 // octets of the frame's text that follow
}

// GuardMux makes a guard. More pings than these in a minute, each of which would cost the client a goroutine until its
// answer is read, and a stream of the server's own, end it. None is for a server that has no reason for any ping.
func GuardMux(rw io.ReadWriteCloser, pingsPerMinute int) *MuxGuard {
	g := &MuxGuard{ReadWriteCloser: rw}
	if pingsPerMinute > 0 {
		g.pings = rate.NewLimiter(rate.Limit(float64(pingsPerMinute)/60), pingsPerMinute)
	}
	return g
}

// Read implements io.Reader.
func (g *MuxGuard) Read(p []byte) (int, error) {
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
func (g *MuxGuard) frame() errProtocol {
	kind, flags := g.head[1], binary.BigEndian.Uint16(g.head[2:])
	if kind == muxTypeData {
		g.text = binary.BigEndian.Uint32(g.head[8:])
	}
	switch {
	case flags&muxFlagSYN == 0:
		return ""
	case kind == muxTypePing && g.pings != nil && g.pings.Allow():
		return ""
	case kind == muxTypePing:
		return "a ping too many"
	}
	return "a stream of the plugin's making"
}

// Broken is what was wrong with the plugin's frames, or err where nothing was. It may be called on nil.
func (g *MuxGuard) Broken(err error) error {
	if g != nil {
		if why := g.breach.Load(); why != nil {
			return *why
		}
	}
	return err
}

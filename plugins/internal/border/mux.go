package border

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/yamux"

	"github.com/gotcp/gotcp/plugins/internal/pump"
)

// MuxHost is the host's end of a carrier over one connection of whatever kind, for where file descriptors cannot be
// passed: messages and each data path are streams of yamux. It takes rw over. It does the same as [FD], slower.
func MuxHost(rw io.ReadWriteCloser) (Carrier, error) {
	g := GuardMux(rw, 0)
	s, err := yamux.Client(g, muxConfig())
	if err != nil {
		return nil, err
	}
	return &muxCarrier{
		s: s, guard: g, control: sync.OnceValues(s.OpenStream), paths: make(map[uint32]*yamux.Stream),
	}, nil
}

// MuxPlugin is the plugin's end of what [MuxHost] is the host's.
func MuxPlugin(rw io.ReadWriteCloser) (Carrier, error) {
	s, err := yamux.Server(rw, muxConfig())
	if err != nil {
		return nil, err
	}
	return &muxCarrier{s: s, control: sync.OnceValues(s.AcceptStream), paths: make(map[uint32]*yamux.Stream)}, nil
}

func muxConfig() *yamux.Config {
	c := yamux.DefaultConfig()
	c.LogOutput = io.Discard
	c.StreamCloseTimeout = 0  // a half-closed connection may last
	c.EnableKeepAlive = false // neither end's process can be lost without the other's noticing
	return c
}

// muxCarrier is a carrier over yamux. Its first stream is for messages: 4 octets of length, 4 octets with the number of
// the stream that is handed over or 0, the message.
type muxCarrier struct {
	s       *yamux.Session
	guard   *MuxGuard // the host's
	control func() (*yamux.Stream, error)
	max     int                      // streams
	paths   map[uint32]*yamux.Stream // that came before the messages that tell of them
}

const muxHeader = 8

func (c *muxCarrier) send(msg []byte, far farEnd, block bool) error {
	if !block {
		return syscall.EAGAIN // a stream has no such thing
	}
	s, err := c.control()
	if err != nil {
		return muxError(err)
	}
	frame := make([]byte, muxHeader, muxHeader+len(msg))
	binary.BigEndian.PutUint32(frame, uint32(len(msg)))
	if far != nil {
		binary.BigEndian.PutUint32(frame[4:], uint32(far.(farStream)))
	}
	_, err = s.Write(append(frame, msg...))
	return muxError(err)
}

func (c *muxCarrier) recv(buf []byte) (n int, p pipe, err error) {
	s, err := c.control()
	if err != nil {
		return 0, nil, c.guard.Broken(io.EOF)
	}
	var head [muxHeader]byte
	if _, err := io.ReadFull(s, head[:]); err != nil {
		return 0, nil, c.guard.Broken(muxError(err))
	}
	size, path := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
	if size == 0 || int64(size) > int64(len(buf)) {
		return 0, nil, errProtocol("a message that is empty or too long")
	}
	if _, err := io.ReadFull(s, buf[:size]); err != nil {
		return 0, nil, c.guard.Broken(muxError(err))
	}
	if path != 0 {
		if p, err = c.handed(path); err != nil {
			return 0, nil, err
		}
	}
	return int(size), p, nil
}

// handed gives a stream that a message told of, which was opened before it.
func (c *muxCarrier) handed(id uint32) (pipe, error) {
	for c.paths[id] == nil {
		s, err := c.s.AcceptStream()
		if err != nil {
			return nil, io.EOF
		}
		c.paths[s.StreamID()] = s
	}
	s := c.paths[id]
	delete(c.paths, id)
	return &muxPipe{s: s}, nil
}

// pair refuses where there are more streams than paths, which is so where the plugin doesn't close its ends.
func (c *muxCarrier) pair(packets bool) (near pipe, far farEnd, err error) {
	if c.max > 0 && c.s.NumStreams() > c.max {
		c.Close()
		return nil, nil, errProtocol("streams that are not closed")
	}
	s, err := c.s.OpenStream()
	if err != nil {
		return nil, nil, muxError(err)
	}
	near = &muxPipe{s: s}
	if packets {
		near = near.packets()
	}
	return near, farStream(s.StreamID()), nil
}

func (c *muxCarrier) limit(paths int) { c.max = paths + 1 }
func (c *muxCarrier) Close() error    { return c.s.Close() }

// farStream is the number of a stream, of which the plugin's end needs no closing by the host.
type farStream uint32

func (farStream) Close() error { return nil }

// muxError says what yamux says as a socket pair would.
func muxError(err error) error {
	switch {
	case errors.Is(err, yamux.ErrTimeout):
		return os.ErrDeadlineExceeded
	case errors.Is(err, yamux.ErrStreamClosed):
		return syscall.EPIPE
	case errors.Is(err, yamux.ErrSessionShutdown), errors.Is(err, yamux.ErrConnectionReset),
		errors.Is(err, io.ErrUnexpectedEOF):
		return syscall.ECONNRESET
	}
	return bare(err)
}

// muxPipe is a data path of octets over a stream. yamux gives data that is there also where the deadline has passed,
// hence it has the deadlines itself.
type muxPipe struct {
	s *yamux.Stream

	mu     sync.Mutex
	rd, wd time.Time
	closed bool
}

// check says why a call is not to begin.
func (p *muxPipe) check(deadline *time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return net.ErrClosed
	case expired(*deadline):
		return os.ErrDeadlineExceeded
	}
	return nil
}

func (p *muxPipe) Read(b []byte) (int, error) {
	for {
		if err := p.check(&p.rd); err != nil {
			return 0, err
		}
		n, err := p.s.Read(b)
		if n > 0 {
			return n, nil
		}
		if err == io.EOF && p.s.Session().IsClosed() {
			return 0, syscall.ECONNRESET // the stream's end hasn't come
		}
		if err = muxError(err); err != os.ErrDeadlineExceeded && err != nil {
			return 0, err
		}
		// else the deadline was tryRead's, for which check has no error
	}
}

// next reads one octet without a buffer, and what else is there into one.
func (p *muxPipe) next() (*pump.Buffer, int, error) {
	var one [1]byte
	if _, err := p.Read(one[:]); err != nil {
		return nil, 0, err
	}
	b := pump.Get()
	b[0] = one[0]
	n, _ := p.tryRead(b[1:])
	return b, 1 + n, nil
}

func (p *muxPipe) tryRead(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.s.SetReadDeadline(past)
	n, err := p.s.Read(b)
	p.s.SetReadDeadline(p.rd)
	if err = muxError(err); err == os.ErrDeadlineExceeded {
		err = syscall.EAGAIN
	}
	return n, err
}

func (p *muxPipe) Write(b []byte) (int, error) {
	if err := p.check(&p.wd); err != nil {
		return 0, err
	}
	n, err := p.s.Write(b)
	if err != nil {
		if cerr := p.check(&p.wd); cerr != nil {
			return n, cerr
		}
	}
	return n, muxError(err)
}

func (p *muxPipe) closeWrite() error { return muxError(p.s.Close()) }

func (p *muxPipe) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return net.ErrClosed
	}
	p.rd = t
	return p.s.SetReadDeadline(t)
}

func (p *muxPipe) SetWriteDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return net.ErrClosed
	}
	p.wd = t
	return p.s.SetWriteDeadline(t)
}

// Close also wakes who is blocked, which the stream's own, being a half-close, doesn't.
func (p *muxPipe) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return net.ErrClosed
	}
	p.closed = true
	p.rd, p.wd = past, past
	p.s.SetDeadline(past)
	p.mu.Unlock()
	return muxError(p.s.Close())
}

func (p *muxPipe) packets() pipe {
	return &muxPackets{muxPipe: p, r: bufio.NewReaderSize(p, 4+pump.Size)}
}

// muxPackets is a data path of packets: each has 4 octets of length before it.
type muxPackets struct {
	*muxPipe
	reading sync.Mutex
	r       *bufio.Reader
}

func (p *muxPackets) Read(b []byte) (int, error) {
	p.reading.Lock()
	defer p.reading.Unlock()
	if err := p.check(&p.rd); err != nil {
		return 0, err
	}
	head, err := p.r.Peek(4) // an error leaves what was read in the reader
	if err != nil {
		return 0, err
	}
	size := binary.BigEndian.Uint32(head)
	if size == 0 || size > pump.Size {
		return 0, errProtocol("a packet that is empty or too long")
	}
	packet, err := p.r.Peek(4 + int(size))
	if err != nil {
		return 0, err
	}
	n := copy(b, packet[4:])
	p.r.Discard(len(packet))
	return n, nil
}

func (p *muxPackets) next() (*pump.Buffer, int, error) {
	b := pump.Get()
	n, err := p.Read(b[:])
	if err != nil {
		pump.Put(b)
		return nil, 0, err
	}
	return b, n, nil
}

// Write ignores a deadline that passes while it is blocked: half a packet cannot be taken back.
func (p *muxPackets) Write(b []byte) (int, error) {
	if err := p.check(&p.wd); err != nil {
		return 0, err
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(b)), uint32(len(b)))
	if _, err := p.s.Write(append(frame, b...)); err != nil {
		return 0, muxError(err)
	}
	return len(b), nil
}

// SetWriteDeadline is looked at before a write only.
func (p *muxPackets) SetWriteDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return net.ErrClosed
	}
	p.wd = t
	return nil
}

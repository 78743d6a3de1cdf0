// Package pump copies octets between two connections, and with them how each of the two ends: a half-close, a reset, a
// peer that is not heard of any more.
//
// It holds a buffer only while there are octets in it: a joint of two idle connections costs two goroutines.
package pump

import (
	"io"
	"sync"
	"syscall"
)

// Size is how much is read at a time, in octets: as much as fits into the largest segment that a stack sends.
const Size = 64 << 10

// Buffer is what octets are in on their way.
type Buffer = [Size]byte

var buffers = sync.Pool{New: func() any { return new(Buffer) }}

// Get takes a buffer from the pool; Put gives it back.
func Get() *Buffer  { return buffers.Get().(*Buffer) }
func Put(b *Buffer) { buffers.Put(b) }

// Copy writes to dst what src gives until its end: the two errors tell on which side it stopped before. Both are nil at
// the end of src. No buffer is held while src has nothing, provided that its WriteTo holds none.
func Copy(dst io.Writer, src io.WriterTo) (n int64, srcErr, dstErr error) {
	s := sink{w: dst}
	n, err := src.WriteTo(&s)
	if s.err != nil {
		return n, nil, s.err
	}
	return n, err, nil
}

// sink remembers whose error it was that ended a copy.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	s.err = err
	return n, err
}

// Source is a connection's octets for [Copy]. Where the connection has a file descriptor it reads that by itself, for
// package net's own WriteTo holds a buffer all the time.
func Source(c io.WriterTo) io.WriterTo {
	if s, ok := c.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			return descriptor{raw}
		}
	}
	return c
}

// descriptor reads a file descriptor.
type descriptor struct{ raw syscall.RawConn }

// WriteTo writes to w what arrives until the end of the stream.
func (d descriptor) WriteTo(w io.Writer) (total int64, err error) {
	for {
		b, n, err := Next(d.raw)
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		m, err := w.Write(b[:n])
		Put(b)
		total += int64(m)
		if err != nil {
			return total, err
		}
	}
}

// Next waits until a stream's descriptor, which doesn't block, has octets, and only then takes a buffer and reads. The
// buffer is the caller's to Put back. At the end of the stream it gives io.EOF; other errors are an errno or those of
// raw, which are about Close and deadlines.
func Next(raw syscall.RawConn) (b *Buffer, n int, err error) {
	rerr := raw.Read(func(fd uintptr) bool {
		b = Get()
		for {
			if n, err = syscall.Read(int(fd), b[:]); err != syscall.EINTR {
				break
			}
		}
		if n > 0 {
			return true
		}
		Put(b)
		b = nil
		return err != syscall.EAGAIN
	})
	switch {
	case rerr != nil:
		return nil, 0, rerr
	case err != nil:
		return nil, 0, err
	case n == 0:
		return nil, 0, io.EOF
	}
	return b, n, nil
}

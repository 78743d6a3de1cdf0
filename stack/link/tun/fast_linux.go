package tun

import (
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

// fastQueue is a queue with virtio-net headers.
type fastQueue struct {
	file    *os.File
	fd      int
	refuses *refusals
	writev  func(fd int, iov []unix.Iovec) syscall.Errno // the system call, but for tests
}

func newFastQueue(file *os.File, fd int, r *refusals) *fastQueue {
	return &fastQueue{file: file, fd: fd, refuses: r, writev: writev}
}

// writev doesn't block, as the descriptor is non-blocking. The device's gate keeps that open meanwhile.
func writev(fd int, iov []unix.Iovec) syscall.Errno {
	for {
		_, _, errno := unix.Syscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&iov[0])), uintptr(len(iov)))
		if errno != unix.EINTR {
			return errno
		}
	}
}

func (q *fastQueue) read(buf []byte, f *link.Frame) error {
	n, err := q.file.Read(buf)
	if err != nil {
		return readError(err)
	}
	if n < vnetLen {
		return errTruncated
	}
	h := parseVnet((*[vnetLen]byte)(buf))
	return h.apply(buf[vnetLen:n], f)
}

func (q *fastQueue) close() error {
	// The offloads would outlive this program on a persistent interface, and confuse the next one.
	_ = unix.IoctlSetInt(q.fd, unix.TUNSETOFFLOAD, 0)
	return q.file.Close()
}

// vector is what a write is made of. It is pooled, as what the kernel is shown has to lie on the heap.
type vector struct {
	head [vnetLen]byte
	iov  [2 + wire.MaxVec]unix.Iovec
}

var vectors = sync.Pool{New: func() any { return new(vector) }}

func (q *fastQueue) write(f *link.Frame) (cut bool, err error) {
	if f.GSOSize > 0 && q.refuses.those(f).Load() {
		return true, q.writeCut(f)
	}
	h, err := describe(f)
	if err != nil {
		return false, err
	}
	errno := q.send(&h, f)
	if errno == syscall.EINVAL && h.gsoType != gsoNone {
		// Some kernels take the header, but no super-segments. If they take its pieces this is one.
		if err := q.writeCut(f); err != nil {
			return true, err
		}
		q.refuses.those(f).Store(true)
		return true, nil
	}
	return false, writeError(errno)
}

// send writes the header and the frame.
func (q *fastQueue) send(h *vnetHeader, f *link.Frame) syscall.Errno {
	v := vectors.Get().(*vector)
	h.put(&v.head)
	iov := addIovec(addIovec(v.iov[:0], v.head[:]), f.Head)
	for _, b := range f.Tail {
		iov = addIovec(iov, b)
	}
	errno := q.writev(q.fd, iov)
	runtime.KeepAlive(f)
	clear(iov) // so that the pool doesn't hold on to the payload
	vectors.Put(v)
	return errno
}

func addIovec(iov []unix.Iovec, b []byte) []unix.Iovec {
	if len(b) == 0 {
		return iov
	}
	v := unix.Iovec{Base: &b[0]}
	v.SetLen(len(b))
	return append(iov, v)
}

// cutter is the memory that cutting a super-segment takes.
type cutter struct{ whole, piece [link.MaxPacket]byte }

var cutters = sync.Pool{New: func() any { return new(cutter) }}

// writeCut cuts a super-segment and writes the packets. The first error ends it.
func (q *fastQueue) writeCut(f *link.Frame) error {
	c := cutters.Get().(*cutter)
	defer cutters.Put(c)
	b := linear(c.whole[:0], f)
	train, err := wire.Segments(b, f.GSOSize, c.piece[:])
	if err != nil {
		return syscall.EINVAL
	}
	for p := range train.All {
		if errno := q.send(&vnetHeader{}, &link.Frame{Head: p}); errno != 0 {
			return writeError(errno)
		}
	}
	return nil
}

// linear appends the frame's packet to b.
func linear(b []byte, f *link.Frame) []byte {
	b = append(b, f.Head...)
	for _, t := range f.Tail {
		b = append(b, t...)
	}
	return b
}

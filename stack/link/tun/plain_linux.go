package tun

import (
	"os"
	"sync"

	"github.com/songgao/water"
	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/link"
)

// plainQueue is a queue of plain packets.
type plainQueue struct{ file *os.File }

// newPlainQueue takes over what songgao/water has opened.
func newPlainQueue(w *water.Interface) (*plainQueue, error) {
	file, ok := w.ReadWriteCloser.(*os.File)
	if !ok {
		return nil, errPlain
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		unix.CloseOnExec(int(fd)) // water forgets that, and every child would hold the device open
		// Offloads that another program has left on a persistent interface would make the kernel send 64 KiB without a
		// checksum, and without a header that says so.
		failed = unix.IoctlSetInt(int(fd), unix.TUNSETOFFLOAD, 0)
	})
	if err == nil {
		err = failed
	}
	return &plainQueue{file}, err
}

func (q *plainQueue) read(buf []byte, f *link.Frame) error {
	n, err := q.file.Read(buf)
	if err != nil {
		return readError(err)
	}
	return new(vnetHeader).apply(buf[:n], f)
}

func (q *plainQueue) close() error { return q.file.Close() }

// pieces are the buffers in which frames are put together.
var pieces = sync.Pool{New: func() any { return new([link.MaxPacket]byte) }}

func (q *plainQueue) write(f *link.Frame) (cut bool, err error) {
	b := f.Head
	if len(f.Tail) > 0 {
		whole := pieces.Get().(*[link.MaxPacket]byte)
		defer pieces.Put(whole)
		b = linear(whole[:0], f)
	}
	_, err = q.file.Write(b)
	return false, fileError(err)
}

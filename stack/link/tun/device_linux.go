package tun

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/gate"
)

// Device is an open TUN device: a [link.Device].
type Device struct {
	name    string
	path    Path
	off     link.Offload
	mtu     atomic.Int64
	adopted bool // the interface may be in another network namespace, so its name tells nothing here
	queues  []queue
	refuses refusals
	stats   counters

	attached atomic.Bool
	readers  sync.WaitGroup
	writes   *gate.Gate // the writes under way: the descriptors stay open until they are over
	mu       sync.Mutex
	err      error // why reading ended
}

// counters are [Stats] in the making.
type counters struct {
	in, out, cut, refused, notIPv4, badHeader atomic.Uint64
}

// queue is one of the device's file descriptors.
type queue interface {
	// read blocks for a frame. It lies in buf, which has link.BufSize octets. errNotIPv4, errVnet and errTruncated are
	// of this one frame only.
	read(buf []byte, f *link.Frame) error
	// write doesn't block. cut reports that the frame had to be written in pieces.
	write(f *link.Frame) (cut bool, err error)
	// close wakes a read.
	close() error
}

func (d *Device) init() { d.writes = gate.New() }

// Name is the interface's.
func (d *Device) Name() string { return d.name }

// MTU is what the interface's was when the device was opened, or attached.
func (d *Device) MTU() int { return int(d.mtu.Load()) }

// Offload is full on the fast path (without USO on kernels before 6.2) and none on the portable one.
func (d *Device) Offload() link.Offload { return d.off }

// Path says which path the device has: Fast or Portable.
func (d *Device) Path() Path { return d.path }

// Attach starts a goroutine for each queue, which reads frames and delivers them.
func (d *Device) Attach(recv func(*link.Frame)) error {
	if d.writes.IsShut() {
		return link.ErrClosed
	}
	if d.attached.Swap(true) {
		return link.ErrAttached
	}
	if mtu, err := MTU(d.name); err == nil && !d.adopted {
		d.mtu.Store(int64(mtu))
	}
	for _, q := range d.queues {
		d.readers.Go(func() { d.readLoop(q, recv) })
	}
	return nil
}

// readLoop reads frames from a queue and delivers them in this goroutine: to hand them to another one costs as much as
// a whole round trip. It ends when the device is closed, or the interface deleted.
func (d *Device) readLoop(q queue, recv func(*link.Frame)) {
	buf := make([]byte, link.BufSize)
	f := new(link.Frame)
	for {
		f.Buf = buf
		switch err := q.read(buf, f); {
		case err == nil:
			d.stats.in.Add(1)
			recv(f)
			if buf = f.Buf; len(buf) != link.BufSize {
				buf = make([]byte, link.BufSize)
			}
		case errors.Is(err, errNotIPv4):
			d.stats.notIPv4.Add(1)
		case errors.Is(err, errVnet), errors.Is(err, errTruncated):
			d.stats.badHeader.Add(1)
		case d.writes.IsShut():
			return
		default:
			d.mu.Lock()
			d.err = &Error{Op: "read", Name: d.name, Err: err}
			d.mu.Unlock()
			return
		}
	}
}

// Err says why nothing is received any more, where that isn't because of Close: somebody has deleted the interface.
func (d *Device) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// Write gives the kernel a frame, in the caller's goroutine. Besides what [link.Device] says, it gives ENETDOWN where
// the interface is down or deleted.
func (d *Device) Write(f *link.Frame) error {
	if err := d.off.Admit(f, d.MTU()); err != nil {
		return err
	}
	if !d.writes.Enter() {
		return link.ErrClosed
	}
	cut, err := d.queueOf(f).write(f)
	d.writes.Leave()
	if cut {
		d.stats.cut.Add(1)
	}
	if err != nil {
		d.stats.refused.Add(1)
		return err
	}
	d.stats.out.Add(1)
	return nil
}

// queueOf chooses the queue of a frame's flow. The kernel sends a flow's packets to the queue that it last had some
// from, so both ways share one.
func (d *Device) queueOf(f *link.Frame) queue {
	if len(d.queues) == 1 || len(f.Head) < 20 {
		return d.queues[0]
	}
	h := binary.BigEndian.Uint32(f.Head[12:]) ^ binary.BigEndian.Uint32(f.Head[16:])
	if _, start, _, _, ok := transport(f.Head); ok {
		h ^= binary.BigEndian.Uint32(f.Head[start:]) // the ports
	}
	h *= 0x9e3779b1
	return d.queues[int(h>>16)%len(d.queues)]
}

// Stats says what has passed so far.
func (d *Device) Stats() Stats {
	s := &d.stats
	return Stats{
		In: s.in.Load(), Out: s.out.Load(), Cut: s.cut.Load(), Refused: s.refused.Load(),
		NotIPv4: s.notIPv4.Load(), BadHeader: s.badHeader.Load(),
	}
}

// Close closes the device and waits for its readers. An interface that Open has made is gone then.
func (d *Device) Close() error {
	if !d.writes.Shut() {
		d.readers.Wait()
		return nil
	}
	d.writes.Wait()
	err := d.closeQueues()
	d.readers.Wait()
	return err
}

func (d *Device) closeQueues() error {
	var errs []error
	for _, q := range d.queues {
		errs = append(errs, q.close())
	}
	return errors.Join(errs...)
}

// writeError is the kernel's answer to a write, in the terms of [link.Device].
func writeError(errno syscall.Errno) error {
	switch errno {
	case 0:
		return nil
	case syscall.EAGAIN, syscall.ENOBUFS, syscall.ENOMEM:
		return link.ErrDropped // no room now; who writes isn't kept waiting
	case syscall.EIO, syscall.EBADFD:
		return syscall.ENETDOWN // the interface is down, or deleted
	}
	return errno
}

// fileError takes an errno out of what package os wraps it in.
func fileError(err error) error {
	if err == nil {
		return nil
	}
	var errno syscall.Errno // after the test, as it goes to the heap
	switch {
	case errors.As(err, &errno):
		return writeError(errno)
	case errors.Is(err, os.ErrClosed):
		return link.ErrClosed
	}
	return err
}

// readError says why a read failed. Where the interface was deleted, the run-time's poller may notice before the kernel
// says EBADFD: it hears that the file is in error, and tells no more than that it is "not pollable".
func readError(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) || errors.Is(err, os.ErrClosed) {
		return err
	}
	return fmt.Errorf("%w (%v)", syscall.EBADFD, err)
}

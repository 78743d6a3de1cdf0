package tun

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
	"github.com/gotcp/gotcp/stack/wire"
)

// fakeKernel takes writes as a kernel does that may refuse some.
type fakeKernel struct {
	refuse func(h vnetHeader) syscall.Errno
	writes [][]byte // packets taken
	tries  int
}

func (k *fakeKernel) writev(_ int, iov []unix.Iovec) syscall.Errno {
	k.tries++
	var b []byte
	for _, v := range iov {
		b = append(b, bytesAt(v)...)
	}
	if errno := k.refuse(parseVnet((*[vnetLen]byte)(b))); errno != 0 {
		return errno
	}
	k.writes = append(k.writes, b[vnetLen:])
	return 0
}

func newFake(refuse func(h vnetHeader) syscall.Errno) (*fakeKernel, *Device) {
	k := &fakeKernel{refuse: refuse}
	d := &Device{off: link.FullOffload}
	q := newFastQueue(nil, -1, &d.refuses)
	q.writev = k.writev
	d.queues = []queue{q}
	d.mtu.Store(1500)
	d.init()
	return k, d
}

// Some kernels take the header, but refuse super-segments. After the first refusal they are cut at once.
func TestKernelThatRefusesSuperSegments(t *testing.T) {
	k, d := newFake(func(h vnetHeader) syscall.Errno {
		if h.gsoType == gsoTCPv4 {
			return syscall.EINVAL
		}
		return 0
	})
	f := superTCP(wire.ACK|wire.PSH, 4000, 1448)
	for i, want := range []int{1 + 3, 3} { // tries: the whole, then the pieces; and then the pieces only
		k.tries, k.writes = 0, nil
		if err := d.Write(f); err != nil {
			t.Fatal(err)
		}
		if k.tries != want || len(k.writes) != 3 {
			t.Errorf("write %d: %d tries, %d packets; want %d and 3", i, k.tries, len(k.writes), want)
		}
		var got []byte
		for _, p := range k.writes {
			if err := craft.Check(p); err != nil || len(p) > 1500 {
				t.Errorf("write %d: a packet of %d octets: %v", i, len(p), err)
			}
			got = append(got, p[40:]...)
		}
		if !bytes.Equal(got, craft.Data(4000)) {
			t.Errorf("write %d: the pieces carry other octets than the whole", i)
		}
	}
	k.tries = 0
	if err := d.Write(crafted.SuperUDP(craft.Data(4000), 1000)); err != nil || k.tries != 1 {
		t.Errorf("UDP, which this kernel cuts, took %d tries, %v", k.tries, err)
	}
	if s := d.Stats(); s.Cut != 2 || s.Out != 3 || s.Refused != 0 {
		t.Errorf("counters %+v, want 2 cut and 3 out", s)
	}
}

// A frame that is refused in pieces, too, was wrong itself: nothing follows for others.
func TestKernelThatRefusesAFrame(t *testing.T) {
	answer := syscall.EINVAL
	k, d := newFake(func(vnetHeader) syscall.Errno { return answer })
	f := superTCP(wire.ACK, 4000, 1448)
	if err := d.Write(f); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Write gives %v, want EINVAL", err)
	}
	answer = 0
	k.tries = 0
	if err := d.Write(f); err != nil || k.tries != 1 {
		t.Errorf("the next frame took %d tries, %v; want one", k.tries, err)
	}
	for errno, want := range map[syscall.Errno]error{
		syscall.EAGAIN: link.ErrDropped, syscall.ENOBUFS: link.ErrDropped, syscall.EIO: syscall.ENETDOWN,
		syscall.EBADFD: syscall.ENETDOWN, syscall.EPERM: syscall.EPERM,
	} {
		answer = errno
		if err := d.Write(&link.Frame{Head: crafted.UDP(nil)}); !errors.Is(err, want) {
			t.Errorf("%v from the kernel becomes %v, want %v", errno, err, want)
		}
	}
	if s := d.Stats(); s.Refused != 6 {
		t.Errorf("counters %+v, want 6 refused", s)
	}
}

func TestFastWriteAllocatesNothing(t *testing.T) {
	_, d := newFake(nil)
	d.queues[0].(*fastQueue).writev = func(int, []unix.Iovec) syscall.Errno { return 0 }
	f := superTCP(wire.ACK, 60000, 1448)
	d.Write(f)
	// The race detector has pools lose things on purpose: then the average is below one, too.
	if n := testing.AllocsPerRun(1000, func() { d.Write(f) }); n >= 1 {
		t.Errorf("%v allocations per Write, want none", n)
	}
}

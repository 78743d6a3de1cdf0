package stack

import (
	"bytes"
	"io"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/stack/link"
)

// adoptions is a device that counts the buffers its receiver keeps.
type adoptions struct {
	link.Device
	large, kept atomic.Int32
}

func (a *adoptions) Attach(recv func(*link.Frame)) error {
	return a.Device.Attach(func(f *link.Frame) {
		buf := f.Buf
		recv(f)
		if len(f.Head) > 40000 {
			a.large.Add(1)
			if &f.Buf[0] != &buf[0] {
				a.kept.Add(1)
			}
		}
	})
}

// TestLargeSegmentsAreAdopted: a super-segment's buffer becomes a block of the receive store, from the
// device to the reader: law 5, and the copy that a bulk transfer saves.
func TestLargeSegmentsAreAdopted(t *testing.T) {
	x, y := link.Pipe(1500)
	dev := &adoptions{Device: y}
	a, b := New(Config{}), New(Config{})
	defer a.Close()
	defer b.Close()
	_, err := a.AddDevice(x, netip.PrefixFrom(leftAddr, 24))
	must(t, err)
	_, err = b.AddDevice(dev, netip.PrefixFrom(rightAddr, 24))
	must(t, err)
	l, err := b.Socket(syscall.SOCK_STREAM)
	must(t, err)
	must(t, l.Bind(netip.AddrPortFrom(rightAddr, 80)))
	must(t, l.Listen(1))
	c, d := connectTo(t, a, l)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() {
		c.Write(sent)
		c.Close()
	}()
	got, err := io.ReadAll(d)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("read %d octets, %v; want the %d that were sent", len(got), err, len(sent))
	}
	// One whose text the window's edge cuts short is copied.
	if dev.large.Load() == 0 || 2*dev.kept.Load() < dev.large.Load() {
		t.Errorf("of %d large frames %d were adopted, want nearly all", dev.large.Load(), dev.kept.Load())
	}
}

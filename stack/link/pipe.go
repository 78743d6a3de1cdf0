package link

import (
	"sync/atomic"

	"github.com/gotcp/gotcp/stack/link/internal/gate"
)

// DefaultMTU is the MTU of a link in memory where none is given: Ethernet's.
const DefaultMTU = 1500

// PipeOption changes what [Pipe] or [NewLoopback] makes.
type PipeOption func(*pipeConfig)

type pipeConfig struct {
	names [2]string
	off   Offload
}

// WithOffload gives both ends another offload than [FullOffload]. With the zero Offload they are plain links: a packet
// longer than the MTU is an error, ErrTooLong, and so is one that leaves anything to the device, ErrOffload.
func WithOffload(o Offload) PipeOption {
	if (o.TSO || o.USO) && (o.MaxSize <= 0 || o.MaxSize > MaxPacket) {
		o.MaxSize = MaxPacket
	}
	return func(c *pipeConfig) { c.off = o }
}

// WithNames names the ends.
func WithNames(a, b string) PipeOption {
	return func(c *pipeConfig) { c.names = [2]string{a, b} }
}

// Pipe makes two devices back to back in memory: what is written to one the other one receives, before Write returns,
// in the goroutine that called it, and in several at a time where several write. It has no queue, no goroutine and no
// lock. mtu is in octets; 0 stands for [DefaultMTU].
//
// Super-segments and partial checksums pass as they are: packets that never leave the memory need no checksum. A frame
// is lost, and its writer not told, while the other end isn't attached, and once it is closed.
func Pipe(mtu int, opts ...PipeOption) (a, b Device) {
	c := pipeConfig{names: [2]string{"pipe-a", "pipe-b"}, off: FullOffload}
	for _, opt := range opts {
		opt(&c)
	}
	x, y := newEnd(c.names[0], mtu, c.off), newEnd(c.names[1], mtu, c.off)
	x.peer, y.peer = y, x
	return x, y
}

// NewLoopback makes a device whose receiver gets what is written to it, before Write returns. mtu is in octets; 0
// stands for [MaxPacket]. The options are those of [Pipe].
func NewLoopback(mtu int, opts ...PipeOption) Device {
	c := pipeConfig{names: [2]string{"lo"}, off: FullOffload}
	for _, opt := range opts {
		opt(&c)
	}
	if mtu == 0 {
		mtu = MaxPacket
	}
	x := newEnd(c.names[0], mtu, c.off)
	x.peer = x
	return x
}

// end is one end of a pipe, or both.
type end struct {
	name string
	mtu  int
	off  Offload
	peer *end
	recv atomic.Pointer[func(*Frame)]
	in   *gate.Gate // the deliveries under way
}

func newEnd(name string, mtu int, off Offload) *end {
	if mtu == 0 {
		mtu = DefaultMTU
	}
	return &end{name: name, mtu: min(mtu, MaxPacket), off: off, in: gate.New()}
}

func (e *end) Name() string     { return e.name }
func (e *end) MTU() int         { return e.mtu }
func (e *end) Offload() Offload { return e.off }

func (e *end) Attach(recv func(*Frame)) error {
	if e.in.IsShut() {
		return ErrClosed
	}
	if !e.recv.CompareAndSwap(nil, &recv) {
		return ErrAttached
	}
	return nil
}

func (e *end) Write(f *Frame) error {
	if e.in.IsShut() {
		return ErrClosed
	}
	if err := e.off.Admit(f, e.mtu); err != nil {
		return err
	}
	e.peer.deliver(f)
	return nil
}

// deliver hands a copy of the frame up, where there is somebody to take it.
func (e *end) deliver(f *Frame) {
	recv := e.recv.Load()
	if recv == nil || !e.in.Enter() {
		return
	}
	defer e.in.Leave()
	p := copyPacket(f)
	(*recv)(&p.frame)
	p.free()
}

func (e *end) Close() error {
	e.in.Shut()
	e.in.Wait()
	return nil
}

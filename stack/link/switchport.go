package link

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gotcp/gotcp/stack/link/internal/gate"
)

// Port is a port of a [Switch]: the device of a host.
//
// Who sends a frame to a port delivers it, and those that come while it does so: so frames arrive one after the other,
// and however packets answer packets, no call gets deeper than there are ports. Somebody who has delivered very many
// leaves the rest to a goroutine, which ends with the queue.
type Port struct {
	sw    *Switch
	name  string
	mtu   int
	addrs [][4]byte
	recv  atomic.Pointer[func(*Frame)]
	in    *gate.Gate // the deliveries under way

	mu       sync.Mutex // not held while a packet is delivered
	queue    []*packet  // queue[head:] wait
	head     int
	bytes    int // memory that they hold
	draining bool

	counts portCounts
}

const (
	portMemory = 4 << 20 // what may wait for a port, octets of memory: the rest is dropped
	portTurns  = 256     // how many packets one sender delivers in one go
)

// PortStats counts frames; a super-segment counts as one.
type PortStats struct {
	Sent, SentBytes         uint64 // from the port's host, or from the uplink, into the switch
	Received, ReceivedBytes uint64 // from the switch to the host, or to the uplink

	Spoofed uint64 // refused: not from one of the port's own addresses; from the uplink: from one of a port's
	Group   uint64 // sent to multicast or the limited broadcast address, hence dropped
	NoPort  uint64 // sent to an address that no port has, without a way further: dropped
	Dropped uint64 // to this port or to the uplink, whose queue was full, or where nobody took it
}

type portCounts struct {
	sent, sentBytes, received, receivedBytes atomic.Uint64
	spoofed, group, noPort, dropped          atomic.Uint64
}

func (c *portCounts) in(n int) {
	c.sent.Add(1)
	c.sentBytes.Add(uint64(n))
}

func (c *portCounts) out(n int) {
	c.received.Add(1)
	c.receivedBytes.Add(uint64(n))
}

func (c *portCounts) stats() PortStats {
	return PortStats{
		Sent: c.sent.Load(), SentBytes: c.sentBytes.Load(),
		Received: c.received.Load(), ReceivedBytes: c.receivedBytes.Load(),
		Spoofed: c.spoofed.Load(), Group: c.group.Load(), NoPort: c.noPort.Load(), Dropped: c.dropped.Load(),
	}
}

// Name is what the port was given.
func (p *Port) Name() string { return p.name }

// MTU bounds what the port's host may write.
func (p *Port) MTU() int { return p.mtu }

// Offload is everything: the switch does what its uplink doesn't.
func (p *Port) Offload() Offload { return FullOffload }

// Stats says what has passed, and what hasn't.
func (p *Port) Stats() PortStats { return p.counts.stats() }

// Attach gives the port its host.
func (p *Port) Attach(recv func(*Frame)) error {
	if p.in.IsShut() {
		return ErrClosed
	}
	if !p.recv.CompareAndSwap(nil, &recv) {
		return ErrAttached
	}
	return nil
}

// Write sends a frame: to another port, in the caller as a rule, or to the uplink. [ErrSource] where it isn't from an
// address of the port's. What no port has, and what its receiver isn't there for, is lost without a word, as in any
// network.
func (p *Port) Write(f *Frame) error {
	if p.in.IsShut() {
		return ErrClosed
	}
	if err := FullOffload.Admit(f, p.mtu); err != nil {
		return err
	}
	src, dst, ok := ends(f.Head)
	if !ok || !slices.Contains(p.addrs, src) {
		p.counts.spoofed.Add(1)
		return ErrSource
	}
	p.counts.in(f.Len())
	return p.sw.fromPort(p, dst, f)
}

// Close takes the port out of the switch.
func (p *Port) Close() error {
	p.sw.remove(p)
	p.in.Shut()
	p.in.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.queue[p.head:] {
		k.free()
	}
	p.queue, p.head, p.bytes = nil, 0, 0
	return nil
}

// ready lets a delivery in; false where the port is closed or nobody is attached, so that the frame is lost.
func (p *Port) ready() bool {
	if p.recv.Load() == nil || !p.in.Enter() {
		p.counts.dropped.Add(1)
		return false
	}
	return true
}

// offer delivers a packet, or leaves it to who delivers just now. The packet is the port's from now on.
func (p *Port) offer(k *packet) error {
	if !p.ready() {
		k.free()
		return nil
	}
	defer p.in.Leave()
	p.mu.Lock()
	if p.bytes+len(k.mem) > portMemory {
		p.mu.Unlock()
		k.free()
		p.counts.dropped.Add(1)
		return ErrDropped
	}
	p.push(k)
	if p.draining {
		p.mu.Unlock()
		return nil
	}
	p.draining = true
	p.mu.Unlock()
	p.drain(portTurns)
	return nil
}

// lend is offer for a frame as a device has received it. It isn't copied where it can be delivered at once.
func (p *Port) lend(f *Frame) {
	if !p.ready() {
		return
	}
	defer p.in.Leave()
	p.mu.Lock()
	if p.draining {
		p.mu.Unlock()
		p.offer(keepPacket(f)) // nobody is to be told of a full queue
		return
	}
	p.draining = true
	p.mu.Unlock()
	p.hand(f)
	p.drain(portTurns)
}

// keepPacket makes a packet of its own from a frame that was received: of the frame's buffer, where most of it would
// have to be copied and the device allows to keep it.
func keepPacket(f *Frame) *packet {
	if len(f.Buf) != BufSize || len(f.Head) < BufSize/2 {
		return copyPacket(f)
	}
	k := largePackets.Get().(*packet)
	k.mem, f.Buf = f.Buf, k.mem
	k.frame = Frame{Head: f.Head, Csum: f.Csum, GSOSize: f.GSOSize, Buf: k.mem}
	return k
}

// hand hands a frame up.
func (p *Port) hand(f *Frame) {
	p.counts.out(len(f.Head))
	(*p.recv.Load())(f)
}

// drain delivers what waits. The caller has set draining, and is inside the gate. After turns packets (0: never) the
// rest is left to a goroutine.
func (p *Port) drain(turns int) {
	for n := 1; ; n++ {
		k := p.pop()
		if k == nil {
			return
		}
		p.hand(&k.frame)
		k.free()
		if n == turns && p.in.Enter() {
			go p.drainOn()
			return
		}
	}
}

// drainOn is the goroutine of drain.
func (p *Port) drainOn() {
	defer p.in.Leave()
	p.drain(0)
}

// push appends to the queue. The caller holds mu.
func (p *Port) push(k *packet) {
	if p.head > 0 && len(p.queue) == cap(p.queue) {
		n := copy(p.queue, p.queue[p.head:])
		clear(p.queue[n:])
		p.queue, p.head = p.queue[:n], 0
	}
	p.queue = append(p.queue, k)
	p.bytes += len(k.mem)
}

// pop takes the first packet. Where there is none, or the port is closed, the caller doesn't deliver any more.
func (p *Port) pop() *packet {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.head == len(p.queue) || p.in.IsShut() {
		p.draining = false
		return nil
	}
	k := p.queue[p.head]
	p.queue[p.head] = nil
	p.bytes -= len(k.mem)
	if p.head++; p.head == len(p.queue) {
		p.queue, p.head = p.queue[:0], 0
	}
	return k
}

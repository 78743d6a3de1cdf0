package stack

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

// manualClock stands still until it is told to advance.
type manualClock struct {
	mu     sync.Mutex
	now    time.Time
	timers []*manualTimer
}

type manualTimer struct {
	c       *manualClock
	at      time.Time
	f       func()
	pending bool
}

func newManualClock() *manualClock { return &manualClock{now: time.Unix(1e9, 0)} }

func (c *manualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manualClock) AfterFunc(d time.Duration, f func()) Timer {
	t := &manualTimer{c: c, f: f}
	t.Reset(d)
	return t
}

func (t *manualTimer) Stop() bool {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	was := t.pending
	t.pending = false
	t.c.timers = slices.DeleteFunc(t.c.timers, func(o *manualTimer) bool { return o == t })
	return was
}

func (t *manualTimer) Reset(d time.Duration) bool {
	was := t.Stop()
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	t.at, t.pending = t.c.now.Add(d), true
	t.c.timers = append(t.c.timers, t)
	return was
}

// advance lets d pass: the calls that become due happen in order, in the caller, each at its time.
func (c *manualClock) advance(d time.Duration) {
	c.mu.Lock()
	end := c.now.Add(d)
	for {
		var next *manualTimer
		for _, t := range c.timers {
			if !t.at.After(end) && (next == nil || t.at.Before(next.at)) {
				next = t
			}
		}
		if next == nil {
			break
		}
		c.now, next.pending = next.at, false
		c.timers = slices.DeleteFunc(c.timers, func(o *manualTimer) bool { return o == next })
		c.mu.Unlock()
		next.f()
		c.mu.Lock()
	}
	c.now = end
	c.mu.Unlock()
}

// pending is the number of timers that run.
func (c *manualClock) pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

// sentFrame is a frame that a stack wrote to a fakeDevice.
type sentFrame struct {
	packet []byte
	csum   link.Csum
	gso    int
}

// fakeDevice records what is written to it, and injects packets.
type fakeDevice struct {
	mtu    int
	off    link.Offload
	err    error // what Write says
	recv   func(*link.Frame)
	mu     sync.Mutex
	sent   []sentFrame
	closed bool
}

func (d *fakeDevice) Name() string          { return "fake0" }
func (d *fakeDevice) MTU() int              { return d.mtu }
func (d *fakeDevice) Offload() link.Offload { return d.off }

func (d *fakeDevice) Attach(recv func(*link.Frame)) error {
	d.recv = recv
	return nil
}

func (d *fakeDevice) Write(f *link.Frame) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return d.err
	}
	p := bytes.Clone(f.Head)
	for _, b := range f.Tail {
		p = append(p, b...)
	}
	d.sent = append(d.sent, sentFrame{p, f.Csum, f.GSOSize})
	return nil
}

func (d *fakeDevice) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	return nil
}

// take returns what was written since it was last called.
func (d *fakeDevice) take() []sentFrame {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.sent
	d.sent = nil
	return s
}

// inject has the stack receive a packet with a full checksum.
func (d *fakeDevice) inject(packet []byte) { d.recv(&link.Frame{Head: packet}) }

// Addresses of the tests: the stack under test, and a host on its link. The stack has a default route to it.
var (
	ourIP   = netip.MustParseAddr("10.0.0.2")
	theirIP = netip.MustParseAddr("10.0.0.1")
	farIP   = netip.MustParseAddr("192.0.2.7")
)

func ours(port uint16) netip.AddrPort   { return netip.AddrPortFrom(ourIP, port) }
func theirs(port uint16) netip.AddrPort { return netip.AddrPortFrom(theirIP, port) }
func local(port uint16) netip.AddrPort  { return netip.AddrPortFrom(loopbackAddr, port) }

// rig is a stack with one fake device, on a clock of its own.
type rig struct {
	*Stack
	t     testing.TB
	clock *manualClock
	dev   *fakeDevice
}

// newRig makes a stack at 10.0.0.2/24 with a default route, deterministic randomness and a clock that stands still.
func newRig(t testing.TB, cfg Config, dev *fakeDevice) *rig {
	t.Helper()
	r := &rig{t: t, clock: newManualClock(), dev: dev}
	if r.dev == nil {
		r.dev = &fakeDevice{mtu: 1500}
	}
	cfg.Clock = r.clock
	cfg.Rand = seededRand(7)
	r.Stack = New(cfg)
	t.Cleanup(func() { r.Close() })
	ifc, err := r.AddDevice(r.dev, netip.PrefixFrom(ourIP, 24))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), ifc); err != nil {
		t.Fatal(err)
	}
	return r
}

// seededRand fills bytes that are the same in every run.
func seededRand(seed uint64) func([]byte) {
	src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	var mu sync.Mutex
	return func(p []byte) {
		mu.Lock()
		defer mu.Unlock()
		src.Read(p)
	}
}

// counted checks that a counter has gone up by n since the rig was made or the counter last checked here, and names it.
func (r *rig) counted(c Counter, n uint64) {
	r.t.Helper()
	if got := r.counts[c].Swap(0); got != n {
		r.t.Errorf("counter %v is %d, want %d", c, got, n)
	}
}

// sentOne returns the only packet written since the last look.
func (r *rig) sentOne() wire.IPv4 {
	r.t.Helper()
	s := r.dev.take()
	if len(s) != 1 {
		r.t.Fatalf("%d packets sent, want 1", len(s))
	}
	return mustIPv4(r.t, s[0].packet)
}

// sentNone checks that nothing was written since the last look.
func (r *rig) sentNone() {
	r.t.Helper()
	for _, f := range r.dev.take() {
		r.t.Errorf("sent, where nothing should be: %s", wire.DescribePacket(f.packet))
	}
}

func mustIPv4(t testing.TB, b []byte) wire.IPv4 {
	t.Helper()
	ip, err := wire.ParseIPv4(b)
	if err != nil {
		t.Fatalf("packet % x: %v", b, err)
	}
	return ip
}

// packet makes an IPv4 datagram around a transport segment.
func packet(h wire.IPv4Header, segment []byte) []byte {
	if h.TTL == 0 {
		h.TTL = 64
	}
	b := make([]byte, h.Len()+len(segment))
	n := h.Put(b, len(segment))
	copy(b[n:], segment)
	return b
}

// header is that of a packet from them to us.
func header(proto uint8, options ...byte) wire.IPv4Header {
	return wire.IPv4Header{Protocol: proto, Src: theirIP, Dst: ourIP, Options: options}
}

// udpSegment makes a UDP datagram with its checksum.
func udpSegment(from, to netip.AddrPort, data []byte) []byte {
	b := make([]byte, wire.UDPHeaderLen+len(data))
	wire.UDPHeader{SrcPort: from.Port(), DstPort: to.Port()}.Put(b, len(data))
	copy(b[wire.UDPHeaderLen:], data)
	wire.SetTransportChecksum(from.Addr(), to.Addr(), wire.ProtoUDP, b, nil)
	return b
}

// udpPacket makes an IPv4 datagram with UDP.
func udpPacket(from, to netip.AddrPort, data []byte) []byte {
	h := wire.IPv4Header{Protocol: wire.ProtoUDP, Src: from.Addr(), Dst: to.Addr()}
	return packet(h, udpSegment(from, to, data))
}

// icmpErrorPacket makes an ICMP error from a host about a packet of ours.
func icmpErrorPacket(from netip.Addr, e wire.ICMPError, about []byte) []byte {
	b := make([]byte, e.Len(about))
	e.Put(b, about)
	return packet(wire.IPv4Header{Protocol: wire.ProtoICMP, Src: from, Dst: ourIP}, b)
}

// fragments cuts a datagram into fragments with at most size octets of payload.
func fragments(t testing.TB, whole []byte, id uint16, size int) [][]byte {
	ip := mustIPv4(t, whole)
	h := wire.IPv4Header{ID: id, TOS: ip.TOS(), Protocol: ip.Protocol(), Src: ip.Src(), Dst: ip.Dst()}
	var l [][]byte
	for p := ip.Payload(); len(p) > 0; {
		n := min(size, len(p))
		h.MoreFragments = n < len(p)
		l = append(l, packet(h, p[:n]))
		h.FragmentOffset += n
		p = p[n:]
	}
	return l
}

// datagram makes a datagram socket bound to an address.
func (r *rig) datagram(at netip.AddrPort) *udpSocket {
	r.t.Helper()
	d, err := r.Socket(2)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := d.Bind(at); err != nil {
		r.t.Fatalf("bind %v: %v", at, err)
	}
	return d.(*udpSocket)
}

// received takes a datagram that must be there.
func received(t testing.TB, d Socket) ([]byte, netip.AddrPort) {
	t.Helper()
	buf := make([]byte, 1<<16)
	n, _, from, err := d.TryRecvFrom(buf, false)
	if err != nil {
		t.Fatalf("no datagram: %v", err)
	}
	return buf[:n], from
}

// pattern makes n octets that don't repeat in a period a mistake would hit.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 / 3)
	}
	return b
}

package stack

import (
	"crypto/sha256"
	"errors"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// cable is a link in memory that delivers in the caller. It can drop packets and show them.
type cable struct {
	ends [2]*cableEnd
	mu   sync.Mutex
	drop func(from int, seg *wire.Segment) bool // nil: nothing is dropped
	cut  atomic.Bool
}

type cableEnd struct {
	c    *cable
	side int
	mtu  int
	off  link.Offload
	recv atomic.Pointer[func(*link.Frame)]
}

func newCable(mtu int) *cable {
	c := &cable{}
	for i := range c.ends {
		c.ends[i] = &cableEnd{c: c, side: i, mtu: mtu}
	}
	return c
}

// dropping has packets dropped for which f says so; from is the side that sends, 0 or 1. f must not send anything itself.
func (c *cable) dropping(f func(from int, seg *wire.Segment) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop = f
}

func (e *cableEnd) Name() string          { return "cable" }
func (e *cableEnd) MTU() int              { return e.mtu }
func (e *cableEnd) Offload() link.Offload { return e.off }

func (e *cableEnd) Attach(recv func(*link.Frame)) error {
	e.recv.Store(&recv)
	return nil
}

func (e *cableEnd) Close() error {
	e.recv.Store(nil)
	return nil
}

func (e *cableEnd) Write(f *link.Frame) error {
	b := append([]byte(nil), f.Head...)
	for _, p := range f.Tail {
		b = append(b, p...)
	}
	if e.c.lost(e.side, b) {
		return nil
	}
	if recv := e.c.ends[1-e.side].recv.Load(); recv != nil {
		(*recv)(&link.Frame{Head: b, Csum: f.Csum, GSOSize: f.GSOSize})
	}
	return nil
}

func (c *cable) lost(side int, b []byte) bool {
	if c.cut.Load() {
		return true
	}
	c.mu.Lock() // so that drop need not be safe for concurrent use
	defer c.mu.Unlock()
	if c.drop == nil {
		return false
	}
	ip, err := wire.ParseIPv4(b)
	var seg wire.Segment
	if err != nil || ip.Protocol() != wire.ProtoTCP || wire.ParseSegment(ip.Payload(), &seg) != nil {
		return false
	}
	return c.drop(side, &seg)
}

// Both ends of the cable.
var (
	leftAddr  = netip.MustParseAddr("10.9.0.1")
	rightAddr = netip.MustParseAddr("10.9.0.2")
)

// pair is two stacks with a cable between them.
type pair struct {
	t    *testing.T
	c    *cable
	a, b *Stack
}

// newPair makes two stacks; change may be nil, or alters their configuration.
func newPair(t *testing.T, change func(c *Config)) *pair {
	t.Helper()
	p := &pair{t: t, c: newCable(1500)}
	for i, s := range []**Stack{&p.a, &p.b} {
		var cfg Config
		cfg.TCP.Check = true
		if change != nil {
			change(&cfg)
		}
		*s = New(cfg)
		addr := []netip.Addr{leftAddr, rightAddr}[i]
		if _, err := (*s).AddDevice(p.c.ends[i], netip.PrefixFrom(addr, 24)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p *pair) close() {
	p.a.Close()
	p.b.Close()
}

// inBubble runs f on two stacks in a bubble of its own, and closes them.
func inBubble(t *testing.T, change func(c *Config), f func(t *testing.T, p *pair)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, change)
		f(t, p)
		p.close()
	})
}

// stream makes a stream socket on s.
func (p *pair) stream(s *Stack) *stream {
	p.t.Helper()
	c, err := s.Socket(syscall.SOCK_STREAM)
	if err != nil {
		p.t.Fatal(err)
	}
	return c.(*stream)
}

// listen makes a socket on s that listens on a port.
func (p *pair) listen(s *Stack, port uint16, backlog int) *stream {
	p.t.Helper()
	l := p.stream(s)
	must(p.t, l.SetOpt(syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	must(p.t, l.Bind(netip.AddrPortFrom(netip.IPv4Unspecified(), port)))
	must(p.t, l.Listen(backlog))
	return l
}

// dial connects a new socket of stack a to a port of stack b.
func (p *pair) dial(port uint16) *stream {
	p.t.Helper()
	c := p.stream(p.a)
	must(p.t, c.Connect(p.t.Context(), netip.AddrPortFrom(rightAddr, port)))
	return c
}

// connect makes a connection from a to b.
func (p *pair) connect() (c, d *stream) {
	p.t.Helper()
	l := p.listen(p.b, 80, 8)
	c = p.dial(80)
	a, err := l.Accept()
	must(p.t, err)
	must(p.t, l.Close())
	return c, a.(*stream)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantErr checks an error by errors.Is; nil wants none.
func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) || want == nil && got != nil {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// tcpPattern is n octets that don't repeat within any window's size.
func tcpPattern(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// drain reads to the end and returns the hash and the length of what came.
func drain(r io.Reader) (sum [32]byte, n int64, err error) {
	h := sha256.New()
	n, err = io.Copy(h, struct{ io.Reader }{r})
	return [32]byte(h.Sum(nil)), n, err
}

// readAll reads to the end.
func readAll(t *testing.T, r io.Reader) []byte {
	t.Helper()
	b, err := io.ReadAll(r)
	must(t, err)
	return b
}

func frameOf(packet []byte) *link.Frame { return &link.Frame{Head: packet} }

func seqNum(n uint32) seq.Num { return seq.Num(n) }

package tun_test

import (
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
	"github.com/gotcp/gotcp/stack/link/netns"
	"github.com/gotcp/gotcp/stack/link/tun"
	"github.com/gotcp/gotcp/stack/wire"
)

// The benchmarks move 1 MiB per turn with as little TCP as the kernel lets pass: what the link itself can do. That of
// the kernel over lo in the same minutes is the measure.
const turn = 1 << 20

// benchConn is a connection by hand, whose segments the reader itself takes.
type benchConn struct {
	*tun.Device
	flow  craft.Flow
	seg   wire.Segment
	wnd   atomic.Uint32 // the right edge of the kernel's window: acknowledged and advertised
	shift uint8
	moved chan struct{} // the edge has moved
	total atomic.Int64  // octets received
	full  chan struct{} // another turn was received
}

func (c *benchConn) recv(f *link.Frame) {
	ip := wire.IPv4(f.Head)
	var s wire.Segment
	if ip.Protocol() != wire.ProtoTCP || wire.ParseSegment(ip.Payload(), &s) != nil {
		return
	}
	if s.Flags.Has(wire.SYN) {
		c.shift = s.Options.WScale
		c.seg.Ack = s.Seq.Add(1)
		c.wnd.Store(uint32(s.Ack) + uint32(s.Window))
	} else {
		c.wnd.Store(uint32(s.Ack) + uint32(s.Window)<<c.shift)
	}
	select {
	case c.moved <- struct{}{}:
	default:
	}
	n := s.Payload.Len()
	if n == 0 {
		return
	}
	c.seg.Ack = s.End()
	c.Write(&link.Frame{Head: c.flow.TCP(c.seg)})
	if before := c.total.Add(int64(n)) - int64(n); before/turn != (before+int64(n))/turn {
		c.full <- struct{}{}
	}
}

// dialBench connects to the kernel.
func dialBench(b *testing.B, p tun.Path, mtu int) (*benchConn, net.Conn) {
	b.Helper()
	netns.Require(b)
	d, err := tun.Open(tun.Config{Path: p})
	if err == nil {
		b.Cleanup(func() { d.Close() })
		err = tun.Configure(d.Name(), kernel, mtu)
	}
	if err != nil {
		b.Fatal(err)
	}
	// A receive buffer of the default size offers no more than one super-segment at the start, and acknowledges that late.
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20) })
	}}
	l, err := lc.Listen(b.Context(), "tcp4", kernel.Addr().String()+":0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	c := &benchConn{
		Device: d, moved: make(chan struct{}, 1), full: make(chan struct{}, 100),
		flow: craft.Flow{Src: netip.AddrPortFrom(ours, 4000), Dst: l.Addr().(*net.TCPAddr).AddrPort()},
	}
	if err := d.Attach(c.recv); err != nil {
		b.Fatal(err)
	}
	syn := wire.Segment{Seq: 99, Flags: wire.SYN, Window: 65535}
	syn.Options.HasMSS, syn.Options.MSS = true, uint16(mtu-40)
	syn.Options.HasWScale, syn.Options.WScale = true, 10
	c.seg = wire.Segment{Seq: 100, Flags: wire.ACK, Window: 4000}
	d.Write(&link.Frame{Head: c.flow.TCP(syn)})
	<-c.moved
	d.Write(&link.Frame{Head: c.flow.TCP(c.seg)})
	return c, accept(b, l)
}

func BenchmarkFromKernel(b *testing.B) {
	for _, v := range variants {
		b.Run(v.name, func(b *testing.B) {
			c, k := dialBench(b, v.path, v.mtu)
			go func() {
				for data := craft.Data(256 << 10); ; {
					if _, err := k.Write(data); err != nil {
						return
					}
				}
			}()
			b.SetBytes(turn)
			b.ReportAllocs()
			for b.Loop() {
				<-c.full
			}
			k.Close()
			go func() { // what is still to come nobody counts
				for range c.full {
				}
			}()
		})
	}
}

func BenchmarkToKernel(b *testing.B) {
	for _, v := range variants {
		b.Run(v.name, func(b *testing.B) {
			c, k := dialBench(b, v.path, v.mtu)
			go io.Copy(io.Discard, k)
			mss := v.mtu - 40
			size := mss
			gso := 0
			if v.path == tun.Fast {
				size, gso = 65535/mss*mss-mss, mss
			}
			seg := c.seg
			seg.Payload = craft.Payload(craft.Data(size))
			f := c.flow.SuperTCP(seg, gso)
			if v.path != tun.Fast {
				f = &link.Frame{Head: c.flow.TCP(seg)}
			}
			next := uint32(seg.Seq)
			b.SetBytes(turn)
			b.ReportAllocs()
			for b.Loop() {
				for sent := 0; sent < turn; sent += size {
					for int32(c.wnd.Load()-next) < int32(size) {
						<-c.moved
					}
					putSeq(f, next)
					if err := c.Write(f); err != nil {
						b.Fatal(err)
					}
					next += uint32(size)
				}
			}
		})
	}
}

// putSeq gives the segment another sequence number, and keeps a whole checksum right (RFC 1624).
func putSeq(f *link.Frame, n uint32) {
	tcp := f.Head[20:]
	if f.Csum == link.CsumFull {
		sum := uint32(^be16(tcp[16:])) + uint32(^be16(tcp[4:])) + uint32(^be16(tcp[6:])) + n>>16 + n&0xffff
		sum = sum>>16 + sum&0xffff
		sum = sum>>16 + sum&0xffff
		putBE16(tcp[16:], ^uint16(sum))
	}
	putBE16(tcp[4:], uint16(n>>16))
	putBE16(tcp[6:], uint16(n))
}

func be16(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) }

func putBE16(b []byte, v uint16) { b[0], b[1] = byte(v>>8), byte(v) }

var variants = []struct {
	name string
	path tun.Path
	mtu  int
}{{"fast", tun.Fast, 1500}, {"portable", tun.Portable, 1500}, {"portable-64k", tun.Portable, 65535}}

// BenchmarkKernelLoopback is the kernel's TCP at both ends.
func BenchmarkKernelLoopback(b *testing.B) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	go io.Copy(io.Discard, accept(b, l))
	data := craft.Data(turn)
	b.SetBytes(turn)
	for b.Loop() {
		if _, err := c.Write(data); err != nil {
			b.Fatal(err)
		}
	}
}

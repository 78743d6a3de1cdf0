package stack

import (
	"io"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"github.com/gotcp/gotcp/stack/link"
)

// maxStream is what a stream socket may take, its connection included. The allocator adds 8 octets and rounds up to
// 640, and the next size is 704. With its channel (112), its place in the tables of connections and of ports (about
// 50), the net facade's part (24), and the timer that keep-alive needs (170), that is less than a kibibyte.
const maxStream = 632

func TestStreamIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(stream{}); n > maxStream {
		t.Errorf("a stream socket takes %d octets, more than %d", n, maxStream)
	}
	if n := unsafe.Sizeof(halfOpen{}); n > 160 {
		t.Errorf("a half-open connection takes %d octets", n)
	}
	if n := unsafe.Sizeof(timeWait{}); n > 112 {
		t.Errorf("a connection in TIME-WAIT takes %d octets", n)
	}
}

// piped makes two stacks over a pipe, and a listener on port 80 of the second.
func piped(tb testing.TB, mtu int, opts ...link.PipeOption) (a, b *Stack, l Socket) {
	tb.Helper()
	x, y := link.Pipe(mtu, opts...)
	a, b = New(Config{}), New(Config{})
	_, err := a.AddDevice(x, netip.PrefixFrom(leftAddr, 24))
	if err == nil {
		_, err = b.AddDevice(y, netip.PrefixFrom(rightAddr, 24))
	}
	if err == nil {
		l, err = b.Socket(syscall.SOCK_STREAM)
	}
	if err == nil {
		err = l.Bind(netip.AddrPortFrom(rightAddr, 80))
	}
	if err == nil {
		err = l.Listen(128)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		a.Close()
		b.Close()
	})
	return a, b, l
}

// pipedConn makes a connection over a pipe.
func pipedConn(tb testing.TB, mtu int, opts ...link.PipeOption) (c, d Socket) {
	tb.Helper()
	a, _, l := piped(tb, mtu, opts...)
	return connectTo(tb, a, l)
}

func connectTo(tb testing.TB, a *Stack, l Socket) (c, d Socket) {
	tb.Helper()
	c, err := a.Socket(syscall.SOCK_STREAM)
	if err == nil {
		err = c.Connect(tb.Context(), l.LocalAddr())
	}
	if err == nil {
		d, err = l.Accept()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return c, d
}

func BenchmarkThroughput(b *testing.B) {
	for name, opts := range map[string][]link.PipeOption{"plain": {link.WithOffload(link.Offload{})}, "offload": nil} {
		b.Run(name, func(b *testing.B) {
			c, d := pipedConn(b, 1500, opts...)
			p := make([]byte, 128<<10)
			b.SetBytes(int64(len(p)))
			go func() {
				for range b.N {
					c.Write(p)
				}
				c.Close()
			}()
			b.ReportAllocs()
			b.ResetTimer()
			if n, err := io.Copy(io.Discard, struct{ io.Reader }{d}); n != int64(b.N)*int64(len(p)) || err != nil {
				b.Fatal(n, err)
			}
		})
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	c, d := pipedConn(b, 1500)
	go func() {
		var p [1]byte
		for {
			if _, err := d.Read(p[:]); err != nil {
				return
			}
			d.Write(p[:])
		}
	}()
	var p [1]byte
	b.ReportAllocs()
	for b.Loop() {
		c.Write(p[:])
		c.Read(p[:])
	}
}

func BenchmarkConnect(b *testing.B) {
	a, _, l := piped(b, 1500)
	b.ReportAllocs()
	for b.Loop() {
		c, d := connectTo(b, a, l)
		c.Abort()
		d.Close()
	}
}

// BenchmarkIdleConnections makes connections and says what each costs while nothing is sent.
func BenchmarkIdleConnections(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		a, t, _ := piped(b, 1500)
		var ls []Socket
		for i := range 4 { // one pair of addresses has 28232 ports
			l, err := t.Socket(syscall.SOCK_STREAM)
			if err == nil {
				err = l.Bind(netip.AddrPortFrom(rightAddr, uint16(1000+i)))
			}
			if err == nil {
				err = l.Listen(8)
			}
			if err != nil {
				b.Fatal(err)
			}
			ls = append(ls, l)
		}
		before := heap()
		socks := make([]Socket, 0, 2*n)
		for i := range n {
			c, d := connectTo(b, a, ls[i%len(ls)])
			socks = append(socks, c, d)
		}
		used := heap() - before - uint64(cap(socks))*uint64(unsafe.Sizeof(socks[0]))
		b.ReportMetric(float64(used)/(2*n), "B/conn")
		for _, s := range socks {
			s.Abort()
		}
	}
}

func heap() uint64 {
	var m runtime.MemStats
	for range 3 { // what is in the pools goes at the second collection
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

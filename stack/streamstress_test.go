package stack

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/stack/link"
)

// impaired makes two stacks with a link in between that mistreats packets, in a bubble, and a listener on port 80.
func impaired(t *testing.T, im link.Impairment, f func(t *testing.T, a *Stack, l Socket)) {
	synctest.Test(t, func(t *testing.T) {
		x, y := link.Pipe(1500)
		var cfg Config
		cfg.TCP.Check = true
		a, b := New(cfg), New(cfg)
		_, err := a.AddDevice(link.Impair(x, im, nil), netip.PrefixFrom(leftAddr, 24))
		must(t, err)
		_, err = b.AddDevice(y, netip.PrefixFrom(rightAddr, 24))
		must(t, err)
		l, err := b.Socket(syscall.SOCK_STREAM)
		must(t, err)
		must(t, l.Bind(netip.AddrPortFrom(rightAddr, 80)))
		must(t, l.Listen(128))
		f(t, a, l)
		must(t, l.Close())
		must(t, a.Close())
		must(t, b.Close())
	})
}

// Every octet arrives in order over a link that loses, delays, reorders, duplicates and corrupts packets, both ways at
// the same time.
func TestTransferOverBadLink(t *testing.T) {
	im := link.Impairment{Seed: 7, Loss: 0.03, Delay: 10 * time.Millisecond, Jitter: 2 * time.Millisecond,
		Reorder: 0.01, Duplicate: 0.01, Corrupt: 0.01}
	impaired(t, im, func(t *testing.T, a *Stack, l Socket) {
		c, d := connectTo(t, a, l)
		data := tcpPattern(2 << 20)
		want := sha256.Sum256(data)
		var wg sync.WaitGroup
		for _, s := range []Socket{c, d} {
			wg.Go(func() {
				if _, err := s.Write(data); err != nil {
					t.Errorf("Write: %v", err)
				}
				s.Shutdown(syscall.SHUT_WR)
			})
			wg.Go(func() {
				if sum, n, err := drain(s); sum != want || err != nil {
					t.Errorf("got %d octets, %v; or others than were sent", n, err)
				}
			})
		}
		wg.Wait()
		must(t, c.Close())
		must(t, d.Close())
	})
}

// Many connections at a time, each with data both ways and ended in one of several manners. What is read is what was
// written, as far as it goes, and nothing is left at the end.
func TestManyConnections(t *testing.T) {
	a, b, l := piped(t, 1500)
	n := 200
	if testing.Short() {
		n = 20
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for range n {
			d, err := l.Accept()
			if err != nil {
				t.Errorf("Accept: %v", err)
				return
			}
			wg.Go(func() { serveEcho(d) })
		}
	})
	slots := make(chan struct{}, 32)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			clientOf(t, a, l.LocalAddr(), i)
		})
	}
	wg.Wait()
	must(t, l.Close())
	a.Flush(10 * time.Second)
	b.Flush(10 * time.Second)
	for name, s := range map[string]*Stack{"a": a, "b": b} {
		if n := s.Open() + int(s.tcp.orphans.Load()); n != 0 {
			t.Errorf("stack %s: %d sockets and orphans left", name, n)
		}
	}
}

// serveEcho sends back what it reads until the end.
func serveEcho(d Socket) {
	p := make([]byte, 10_000)
	for {
		n, err := d.Read(p)
		if _, werr := d.Write(p[:n]); err != nil || werr != nil {
			d.Close()
			return
		}
	}
}

// clientOf talks to an echo server and ends the connection in a manner that i decides.
func clientOf(t *testing.T, s *Stack, to netip.AddrPort, i int) {
	c, err := s.Socket(syscall.SOCK_STREAM)
	if err == nil {
		err = c.Connect(t.Context(), to)
	}
	if err != nil {
		t.Errorf("Connect: %v", err)
		return
	}
	r := rand.New(rand.NewPCG(1, uint64(i)))
	data := tcpPattern(1 + r.IntN(200_000))
	var wg sync.WaitGroup
	for range 2 { // which also write at the same time, nothing
		wg.Go(func() { c.Write(nil) })
	}
	wg.Go(func() {
		c.Write(data)
		switch i % 4 {
		case 1:
			c.Close()
		case 2:
			c.Abort()
		default:
			c.Shutdown(syscall.SHUT_WR)
		}
	})
	got, err := io.ReadAll(struct{ io.Reader }{c})
	wg.Wait()
	switch i % 4 {
	case 1, 2:
		if !errors.Is(err, ErrClosed) {
			t.Errorf("Read at Close: %v", err)
		}
	default:
		if err != nil || len(got) != len(data) {
			t.Errorf("got %d octets of %d, %v", len(got), len(data), err)
		}
		if c.Close() != nil {
			t.Error("Close failed")
		}
	}
	if !bytes.HasPrefix(data, got) {
		t.Error("what came back is not what was sent")
	}
}

// A Read is not kept by a writer of the same connection that never stops, although it is the one that transmits.
func TestReaderIsNotCaptured(t *testing.T) {
	c, d := pipedConn(t, 1500)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { io.Copy(io.Discard, struct{ io.Reader }{d}) })
	wg.Go(func() {
		p := make([]byte, 64<<10)
		for {
			select {
			case <-stop:
				c.Close()
				return
			default:
				c.Write(p)
			}
		}
	})
	var q [1]byte
	for range 200 {
		if _, err := d.Write(q[:]); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(q[:]); err != nil { // returns, or the test never ends
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
}

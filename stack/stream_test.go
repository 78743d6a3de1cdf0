package stack

import (
	"crypto/sha256"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestHandshake(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 8)
		c := p.dial(80)
		d, err := l.Accept()
		must(t, err)
		if got, want := c.RemoteAddr(), netip.AddrPortFrom(rightAddr, 80); got != want {
			t.Errorf("remote address of the dialled end is %v, want %v", got, want)
		}
		if c.LocalAddr() != d.RemoteAddr() || d.LocalAddr() != c.RemoteAddr() {
			t.Errorf("the ends disagree: %v %v, %v %v", c.LocalAddr(), c.RemoteAddr(), d.LocalAddr(), d.RemoteAddr())
		}
		if c.LocalAddr().Addr() != leftAddr {
			t.Errorf("local address %v: the route leads over %v", c.LocalAddr(), leftAddr)
		}
		local, remote := c.LocalAddr(), c.RemoteAddr()
		must(t, c.Close())
		if c.LocalAddr() != local || c.RemoteAddr() != remote {
			t.Error("addresses changed at Close; they stay readable")
		}
		wantErr(t, "second Close", c.Close(), ErrClosed)
	})
}

func TestTransfer(t *testing.T) {
	for _, n := range []int{1, 1448, 1449, 100_000, 5_000_000} {
		inBubble(t, nil, func(t *testing.T, p *pair) {
			c, d := p.connect()
			data := tcpPattern(n)
			go func() {
				if m, err := c.Write(data); m != n || err != nil {
					t.Errorf("Write: %d, %v; want %d", m, err, n)
				}
				must(t, c.Shutdown(syscall.SHUT_WR))
			}()
			sum, m, err := drain(d)
			if err != nil || m != int64(n) || sum != sha256.Sum256(data) {
				t.Errorf("got %d octets of %d, %v, or other ones", m, n, err)
			}
			// The other direction is still open: half-close.
			_, err = d.Write([]byte("thanks"))
			must(t, err)
			must(t, d.Close())
			if got := string(readAll(t, c)); got != "thanks" {
				t.Errorf("the answer after a half-close is %q", got)
			}
			must(t, c.Close())
		})
	}
}

func TestKeepAliveDeath(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, _ := p.connect()
		must(t, c.SetOpt(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1))
		p.c.cut.Store(true)
		start := time.Now()
		_, err := c.Read(make([]byte, 1))
		wantErr(t, "blocked Read", err, syscall.ETIMEDOUT)
		// Linux's defaults: idle for two hours, then 9 probes 75 s apart, each with as long to be answered.
		want := 2*time.Hour + 9*75*time.Second
		if d := time.Since(start); d < want || d > want+time.Second {
			t.Errorf("died after %v, want %v", d, want)
		}
		_, err = c.Write([]byte("x"))
		wantErr(t, "Write after the error was told", err, syscall.EPIPE)
	})
}

func TestTimeWaitExpires(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		must(t, c.Close())
		must(t, d.Close())
		synctest.Wait()
		if n := p.a.tcp.timeWait.len(); n != 1 {
			t.Errorf("%d records in TIME-WAIT at the end that closed first, want 1", n)
		}
		if n := p.b.tcp.timeWait.len(); n != 0 {
			t.Errorf("%d records in TIME-WAIT at the other end, want 0", n)
		}
		if n := p.a.tcp.conns.Load() + p.b.tcp.conns.Load(); n != 0 {
			t.Errorf("%d connections left", n)
		}
		time.Sleep(61 * time.Second)
		if n := p.a.tcp.timeWait.len(); n != 0 {
			t.Errorf("%d records in TIME-WAIT after 60 s", n)
		}
		if l := p.a.tcpPorts.list(); len(l) != 0 {
			t.Errorf("ports still held: %v", l)
		}
		if l := p.b.tcpPorts.list(); len(l) != 0 {
			t.Errorf("ports still held: %v", l)
		}
	})
}

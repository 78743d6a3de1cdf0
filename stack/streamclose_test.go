package stack

import (
	"io"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

// Close returns at once; what was written, and the FIN, are delivered in the background.
func TestCloseFlushes(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		must(t, c.SetOpt(syscall.SOL_SOCKET, syscall.SO_SNDBUF, 1<<20))
		data := tcpPattern(900_000)
		p.c.cut.Store(true)
		start := time.Now()
		_, err := c.Write(data)
		must(t, err)
		must(t, c.Close())
		if e := time.Since(start); e != 0 {
			t.Errorf("Close blocked for %v", e)
		}
		if n := p.a.tcp.orphans.Load(); n != 1 {
			t.Errorf("%d orphans, want 1", n)
		}
		p.c.cut.Store(false)
		if got := readAll(t, d); string(got) != string(data) {
			t.Errorf("the peer got %d octets of %d", len(got), len(data))
		}
		must(t, d.Close())
		synctest.Wait()
		if n := p.a.tcp.orphans.Load(); n != 0 {
			t.Errorf("%d orphans when all is done", n)
		}
	})
}

// Closing with unread data tells the peer so by RST (RFC 1122 4.2.2.13); so does data that arrives later.
func TestCloseUnread(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		_, err := d.Write([]byte("x"))
		must(t, err)
		must(t, c.Close())
		_, err = d.Read(make([]byte, 1))
		wantErr(t, "Read at the peer", err, syscall.ECONNRESET)

		c, d = p.connect()
		must(t, c.Close())
		_, err = d.Write([]byte("late")) // in CLOSE-WAIT
		must(t, err)
		synctest.Wait()
		_, err = d.Write([]byte("later"))
		wantErr(t, "Write after the RST that data drew", err, syscall.EPIPE)
		_, err = d.Read(make([]byte, 1))
		wantErr(t, "Read then", err, io.EOF)
	})
}

func TestLinger(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		must(t, c.SetOpt(syscall.SOL_SOCKET, syscall.SO_LINGER, 0))
		must(t, c.Close())
		_, err := d.Read(make([]byte, 1))
		wantErr(t, "Read at the peer of a close with linger 0", err, syscall.ECONNRESET)

		c, d = p.connect()
		must(t, c.SetOpt(syscall.SOL_SOCKET, syscall.SO_LINGER, 5))
		start := time.Now()
		must(t, c.Close()) // the FIN is acknowledged at once
		if e := time.Since(start); e > 0 {
			t.Errorf("lingered for %v although all was acknowledged", e)
		}
		must(t, d.Close())

		c, d = p.connect()
		must(t, c.SetOpt(syscall.SOL_SOCKET, syscall.SO_LINGER, 2))
		go io.Copy(io.Discard, struct{ io.Reader }{c})
		synctest.Wait()
		p.c.cut.Store(true)
		_, err = c.Write([]byte("lost"))
		must(t, err)
		start = time.Now()
		must(t, c.Close())
		if e := time.Since(start); e != 2*time.Second {
			t.Errorf("lingered for %v, want 2 s", e)
		}
		p.c.cut.Store(false)
		if got := string(readAll(t, d)); got != "lost" { // it goes on in the background
			t.Errorf("the peer got %q", got)
		}
	})
}

// FIN-WAIT-2 of a socket that nobody has any more ends after a minute (Linux's tcp_fin_timeout).
func TestOrphanInFinWait2(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, _ := p.connect()
		must(t, c.Close())
		if st := c.Info().State; st != tcp.FinWait2 {
			t.Fatalf("state %v, want FIN-WAIT-2", st)
		}
		time.Sleep(59 * time.Second)
		if n := p.a.tcp.conns.Load(); n != 1 {
			t.Errorf("%d connections after 59 s, want 1", n)
		}
		time.Sleep(2 * time.Second)
		if n := p.a.tcp.conns.Load(); n != 0 {
			t.Errorf("%d connections after 61 s, want 0", n)
		}
	})
}

// Beyond the bound, closing a connection whose peer doesn't answer ends it.
func TestMaxOrphans(t *testing.T) {
	inBubble(t, func(c *Config) { c.MaxConns = 32 }, func(t *testing.T, p *pair) { // so 2 orphans
		p.listen(p.b, 80, 8)
		var cs []*stream
		for range 4 {
			cs = append(cs, p.dial(80))
		}
		p.c.cut.Store(true)
		for _, c := range cs {
			must(t, c.Close())
		}
		if n := p.a.tcp.orphans.Load(); n != 2 {
			t.Errorf("%d orphans, want 2", n)
		}
		time.Sleep(time.Hour)
		if n := p.a.tcp.orphans.Load() + p.a.tcp.conns.Load(); n != 0 {
			t.Errorf("%d orphans after an hour without an answer", n)
		}
	})
}

// Data that the peer has sent is readable after both ends have closed for writing, and so is a connection in TIME-WAIT.
func TestReadInTimeWait(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		must(t, c.Shutdown(syscall.SHUT_WR))
		_, err := d.Write([]byte("last words"))
		must(t, err)
		must(t, d.Close())
		synctest.Wait()
		if n := p.a.tcp.timeWait.len(); n != 1 {
			t.Fatalf("%d in TIME-WAIT, want 1", n)
		}
		time.Sleep(2 * time.Minute)
		if got := string(readAll(t, c)); got != "last words" {
			t.Errorf("got %q", got)
		}
		must(t, c.Close())
	})
}

// A FIN that is repeated because our last ACK was lost is acknowledged again, from TIME-WAIT.
func TestTimeWaitAnswersFIN(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		must(t, c.Close())
		p.c.dropping(func(from int, _ *wire.Segment) bool { return from == 0 })
		must(t, d.Close()) // its FIN arrives, the ACK is lost
		p.c.dropping(nil)
		if st := d.Info().State; st != tcp.LastAck {
			t.Fatalf("state %v, want LAST-ACK", st)
		}
		time.Sleep(5 * time.Second)
		if n := p.b.tcp.conns.Load(); n != 0 {
			t.Error("the FIN was not acknowledged again")
		}
	})
}

func TestStackCloseLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		l := p.listen(p.b, 80, 8)
		c := p.dial(80)
		s, err := l.Accept()
		must(t, err)
		d := s.(*stream)
		waiting := p.dial(80)
		w, err := l.Accept()
		must(t, err)
		must(t, waiting.Close())
		must(t, w.Close())
		other := p.listen(p.b, 81, 8)
		p.dial(81) // stays in the queue
		orphan := p.dial(81)
		must(t, orphan.Close())
		must(t, other.SetOpt(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1))
		flood(p, 3)
		errs := make(chan error)
		call := func(f func() error) { go func() { errs <- f() }() }
		call(func() error { _, err := c.Read(make([]byte, 1)); return err })
		call(func() error { _, err := c.Write(make([]byte, 9<<20)); return err })
		call(func() error { _, err := l.Accept(); return err })
		call(func() error { _, err := l.Accept(); return err })
		n := p.stream(p.a)
		call(func() error { return n.Connect(t.Context(), netip.MustParseAddrPort("10.9.0.9:80")) })
		must(t, c.SetReadDeadline(time.Now().Add(time.Hour)))
		synctest.Wait()
		must(t, p.a.Close())
		for range 3 {
			wantErr(t, "blocked call", <-errs, ErrClosed)
		}
		b := make([]byte, 1)
		if _, err = d.Read(b); err == nil { // the data that was written before
			for err == nil {
				_, err = d.Read(make([]byte, 1<<20))
			}
		}
		wantErr(t, "Read at the other stack", err, syscall.ECONNRESET)
		must(t, d.Close()) // it has ended, but only its user can close it
		must(t, p.b.Close())
		for range 2 {
			<-errs
		}
		for _, s := range []*Stack{p.a, p.b} {
			st := &s.tcp
			if n := st.conns.Load() + st.orphans.Load() + st.open.Load() + st.texts.Load(); n != 0 {
				t.Errorf("%d connections, orphans, sockets left", n)
			}
			if n := st.halfOpen.len() + st.timeWait.len() + len(st.all()) + len(st.listeners.all()); n != 0 {
				t.Errorf("%d records and listeners left", n)
			}
		}
		if _, err := p.a.Socket(syscall.SOCK_STREAM); err != ErrClosed {
			t.Errorf("Socket of a closed stack: %v", err)
		}
		// That no goroutine is left is what the bubble checks at its end. Timers: none may fire.
		if p.a.tcp.halfOpen.timer != nil || p.b.tcp.halfOpen.timer != nil || p.a.tcp.timeWait.timer != nil || c.timer != nil {
			t.Error("a timer is left")
		}
	})
}

func TestFlush(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		e, _ := p.connect()
		p.c.cut.Store(true)
		_, err := c.Write([]byte("x"))
		must(t, err)
		must(t, c.Close())
		_, err = e.Write([]byte("y")) // still open
		must(t, err)
		time.AfterFunc(time.Second, func() { p.c.cut.Store(false) })
		start := time.Now()
		p.a.Flush(time.Minute)
		if dt := time.Since(start); dt < time.Second || dt > 5*time.Second {
			t.Errorf("Flush took %v, want a little more than the second that the link was cut", dt)
		}
		if got := string(readAll(t, d)); got != "x" {
			t.Errorf("got %q", got)
		}
		p.c.cut.Store(true)
		_, err = e.Write([]byte("z"))
		must(t, err)
		start = time.Now()
		p.a.Flush(3 * time.Second)
		if dt := time.Since(start); dt != 3*time.Second {
			t.Errorf("Flush took %v, want no more than 3 s", dt)
		}
	})
}

func TestOpenCounts(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		if n := p.b.Open(); n != 0 {
			t.Errorf("%d open", n)
		}
		l := p.listen(p.b, 80, 8)
		p.dial(80)
		if n := p.b.Open(); n != 2 { // the listener and what waits in its queue
			t.Errorf("%d open, want 2", n)
		}
		must(t, l.Close())
		if n := p.b.Open(); n != 0 {
			t.Errorf("%d open after Close of the listener", n)
		}
	})
}

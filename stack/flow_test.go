package stack

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

// flows connects a to b in the MirageOS shape: b's packets come in by an InputFunc.
func flows(t *testing.T, p *pair, l *Listener) (asked *[]uint16) {
	t.Helper()
	asked = new([]uint16)
	input := p.b.Input(func(port uint16) *Listener {
		*asked = append(*asked, port)
		if port == 80 {
			return l
		}
		return nil
	})
	recv := func(f *link.Frame) { input(f.Head) }
	p.c.ends[1].recv.Store(&recv) // what comes over the cable goes to the InputFunc instead
	return asked
}

// accepted makes a connection and returns both flows.
func flowPair(t *testing.T, p *pair) (c, d *Flow) {
	t.Helper()
	got := make(chan *Flow, 1)
	flows(t, p, &Listener{Process: func(f *Flow) { got <- f }})
	c, err := p.a.CreateConnection(t.Context(), netip.AddrPortFrom(rightAddr, 80), FlowOptions{})
	must(t, err)
	return c, <-got
}

func TestInputListeners(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		got := make(chan *Flow, 1)
		keepAlive := &KeepAlive{After: time.Minute, Interval: time.Second, Probes: 3}
		asked := flows(t, p, &Listener{KeepAlive: keepAlive, Process: func(f *Flow) { got <- f }})
		c, err := p.a.CreateConnection(t.Context(), netip.AddrPortFrom(rightAddr, 80), FlowOptions{})
		must(t, err)
		d := <-got
		if c.Dst() != netip.AddrPortFrom(rightAddr, 80) || c.Src() != d.Dst() || d.Src() != c.Dst() {
			t.Errorf("%v > %v, %v > %v", c.Src(), c.Dst(), d.Src(), d.Dst())
		}
		o := d.sock.tcb.Options()
		if !o.KeepAlive || o.KeepIdle != time.Minute || o.KeepInterval != time.Second || o.KeepCount != 3 {
			t.Errorf("keep-alive was not applied before Process: %+v", o)
		}
		_, err = p.a.CreateConnection(t.Context(), netip.AddrPortFrom(rightAddr, 81), FlowOptions{})
		wantErr(t, "connecting where listeners gives nil", err, ErrRefused)
		if len(*asked) != 2 || (*asked)[0] != 80 || (*asked)[1] != 81 {
			t.Errorf("listeners was asked for %v, want 80, 81: once for each SYN", *asked)
		}
		echo(t, c.sock, d.sock)
		must(t, c.Close())
		if _, err := d.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("Read after the peer's FIN: %v, want io.EOF", err)
		}
	})
}

// Where the listeners of an InputFunc say nil, a socket that listens gets the connection.
func TestInputFallsBackToSockets(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		flows(t, p, nil)
		l := p.listen(p.b, 85, 8)
		c := p.dial(85)
		d, err := l.Accept()
		must(t, err)
		echo(t, c, d)
	})
}

func TestFlowErrors(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		_, err := p.a.CreateConnection(t.Context(), netip.AddrPortFrom(rightAddr, 9), FlowOptions{})
		if !errors.Is(err, ErrRefused) || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("refused: %v", err)
		}
		if got := err.Error(); got != "stack: connection attempt was refused" {
			t.Errorf("text: %q", got)
		}
		_, err = p.a.CreateConnection(t.Context(), netip.MustParseAddrPort("10.9.0.9:9"), FlowOptions{})
		if !errors.Is(err, ErrTimeout) || !errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("nobody there: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = p.a.CreateConnection(ctx, netip.MustParseAddrPort("10.9.0.9:9"), FlowOptions{})
		if !errors.Is(err, ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("beyond the deadline: %v", err)
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = p.a.CreateConnection(cancelled, netip.MustParseAddrPort("10.9.0.9:9"), FlowOptions{})
		wantErr(t, "cancelled", err, context.Canceled)
		if n := p.a.Open(); n != 0 {
			t.Errorf("%d sockets left", n)
		}
	})
}

// A flow whose keep-alive probes are not answered dies: reading gives EOF, writing ErrClosed.
func TestFlowKeepAliveDeath(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		p.listen(p.b, 80, 8)
		c, err := p.a.CreateConnection(t.Context(), netip.AddrPortFrom(rightAddr, 80),
			FlowOptions{KeepAlive: &KeepAlive{After: 10 * time.Second, Interval: time.Second, Probes: 4}})
		must(t, err)
		probes := 0
		p.c.dropping(func(from int, seg *wire.Segment) bool {
			if from == 0 {
				probes++
			}
			return probes > 1 // the first is answered, so the connection is idle for another 10 s
		})
		start := time.Now()
		_, err = c.Read(make([]byte, 1))
		wantErr(t, "Read", err, io.EOF)
		if e := time.Since(start); e < 24*time.Second || e > 25*time.Second {
			t.Errorf("died after %v, want 10 + 10 + 4 s", e)
		}
		_, err = c.Write([]byte("x"))
		wantErr(t, "Write", err, ErrClosed)
	})
}

func TestFlowWrites(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := flowPair(t, p)
		n, err := c.Writev([][]byte{[]byte("a"), []byte("b")})
		if n != 2 || err != nil {
			t.Errorf("Writev: %d, %v", n, err)
		}
		var sent []int
		p.c.dropping(func(from int, seg *wire.Segment) bool {
			if from == 0 && seg.Payload.Len() > 0 {
				sent = append(sent, seg.Payload.Len())
			}
			return from == 1 // the peer's ACKs are lost, so Nagle would hold back what follows
		})
		for range 2 {
			_, err := c.WriteNoDelay([]byte("now"))
			must(t, err)
		}
		n, err = c.WritevNoDelay([][]byte{[]byte("and"), []byte("again")})
		if n != 8 || err != nil {
			t.Errorf("WritevNoDelay: %d, %v", n, err)
		}
		if len(sent) != 3 || sent[2] != 8 {
			t.Errorf("segments of %v octets had left when the calls returned, want 3, 3, 8", sent)
		}
		_, err = c.Write([]byte("held"))
		must(t, err)
		if len(sent) != 3 {
			t.Error("Write didn't wait for more, as Nagle's algorithm has it")
		}
		must(t, c.SetNoDelay(true))
		if len(sent) != 4 {
			t.Error("SetNoDelay didn't send what was held back")
		}
		p.c.dropping(nil)
		must(t, c.CloseWrite())
		if got := string(readAll(t, d)); got != "abnownowandagainheld" {
			t.Errorf("the peer got %q", got)
		}
		_, err = c.Write([]byte("x"))
		wantErr(t, "Write after CloseWrite", err, ErrClosed)
		must(t, c.CloseRead())
		must(t, d.Close())
		must(t, c.Close())
		_, err = c.Read(make([]byte, 1))
		wantErr(t, "Read after Close", err, ErrClosed)
	})
}

// WriteNoDelay blocks until what it wrote has been transmitted, here for the time that the peer's window is closed.
func TestWriteNoDelayBlocks(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := flowPair(t, p)
		must(t, d.sock.SetOpt(syscall.SOL_SOCKET, syscall.SO_RCVBUF, 5000))
		done := make(chan struct{})
		data := tcpPattern(2 << 20)
		go func() {
			n, err := c.WriteNoDelay(data)
			if n != len(data) || err != nil {
				t.Errorf("WriteNoDelay: %d, %v", n, err)
			}
			close(done)
			c.Close()
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Error("returned although the peer reads nothing")
		default:
		}
		if got := readAll(t, d); string(got) != string(data) {
			t.Errorf("got %d octets, want %d", len(got), len(data))
		}
		<-done
	})
}

func TestFlowAbort(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := flowPair(t, p)
		must(t, c.Abort())
		_, err := d.Read(make([]byte, 1))
		wantErr(t, "Read at the peer", err, syscall.ECONNRESET) // what came may be incomplete
		_, err = d.Read(make([]byte, 1))
		wantErr(t, "Read again", err, io.EOF)
		_, err = d.Write([]byte("x"))
		wantErr(t, "Write", err, ErrClosed)
	})
}

// A stack that gets its packets by an InputFunc answers floods with cookies, too.
func TestInputCookies(t *testing.T) {
	inBubble(t, func(c *Config) { c.MaxHalfOpen = 5 }, func(t *testing.T, p *pair) {
		got := make(chan *Flow, 1)
		flows(t, p, &Listener{Process: func(f *Flow) { got <- f }})
		for i := range 20 {
			k := flowKey{local: addr4{10, 9, 0, byte(100 + i)}, remote: addrOf(rightAddr), lport: 1000, rport: 80}
			pkt := packetOf(k, &wire.Segment{Seq: 1, Flags: wire.SYN, Window: 1000})
			(*p.c.ends[1].recv.Load())(frameOf(pkt))
		}
		if n := p.b.Counters()[TCPCookieSent]; n != 15 {
			t.Errorf("%d cookies sent, want 15", n)
		}
		c, err := p.a.CreateConnection(t.Context(), netip.AddrPortFrom(rightAddr, 80), FlowOptions{})
		must(t, err)
		d := <-got
		echo(t, c.sock, d.sock)
	})
}

package stack

import (
	"context"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

func TestConnectErrors(t *testing.T) {
	at := netip.MustParseAddrPort
	for name, c := range map[string]struct {
		to   netip.AddrPort
		want error
	}{
		"closed port":       {netip.AddrPortFrom(rightAddr, 81), syscall.ECONNREFUSED},
		"port 0":            {netip.AddrPortFrom(rightAddr, 0), syscall.ECONNREFUSED},
		"own closed port":   {netip.AddrPortFrom(leftAddr, 81), syscall.ECONNREFUSED},
		"loopback":          {at("127.0.0.1:81"), syscall.ECONNREFUSED},
		"0.0.0.0":           {at("0.0.0.0:81"), syscall.ECONNREFUSED}, // means loopback
		"no route":          {at("192.0.2.1:81"), syscall.ENETUNREACH},
		"limited broadcast": {at("255.255.255.255:81"), syscall.ENETUNREACH},
		"broadcast":         {at("10.9.0.255:81"), syscall.ENETUNREACH},
		"multicast":         {at("224.0.0.9:81"), syscall.ENETUNREACH},
		"IPv6":              {at("[2001:db8::1]:81"), syscall.EAFNOSUPPORT},
		"nobody there":      {at("10.9.0.9:81"), syscall.ETIMEDOUT},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, p *pair) {
				s := p.stream(p.a)
				wantErr(t, "Connect", s.Connect(t.Context(), c.to), c.want)
				must(t, s.Close())
				if list := p.a.tcpPorts.list(); len(list) != 0 {
					t.Errorf("ports held: %v", list)
				}
				if n := p.a.tcp.conns.Load() + p.a.tcp.orphans.Load() + p.a.tcp.open.Load(); n != 0 {
					t.Errorf("%d connections, orphans and sockets left", n)
				}
			})
		})
	}
}

// With six retransmissions after 1, 2, 4, ... s, a SYN that nobody answers is given up after 127 s, as with Linux.
func TestConnectTimesOut(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		start := time.Now()
		err := p.stream(p.a).Connect(t.Context(), netip.MustParseAddrPort("10.9.0.9:80"))
		wantErr(t, "Connect", err, syscall.ETIMEDOUT)
		if d := time.Since(start); d != 127*time.Second {
			t.Errorf("took %v, want 127 s", d)
		}
	})
}

func TestConnectContext(t *testing.T) {
	nowhere := netip.MustParseAddrPort("10.9.0.9:80")
	inBubble(t, nil, func(t *testing.T, p *pair) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel()
		}()
		start := time.Now()
		c := p.stream(p.a)
		wantErr(t, "Connect", c.Connect(ctx, nowhere), context.Canceled)
		if d := time.Since(start); d != time.Second {
			t.Errorf("returned after %v, want 1 s: when it was cancelled", d)
		}
		wantErr(t, "Connect with a context that is cancelled", c.Connect(ctx, nowhere), context.Canceled)
		if n := p.a.tcp.conns.Load(); n != 0 {
			t.Errorf("%d connections in the table", n)
		}
		// The socket may try again.
		p.listen(p.b, 80, 8)
		must(t, c.Connect(t.Context(), netip.AddrPortFrom(rightAddr, 80)))
		wantErr(t, "Connect of a connected socket", c.Connect(t.Context(), nowhere), syscall.EISCONN)

		ctx, cancel = context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		err := p.stream(p.a).Connect(ctx, nowhere)
		wantErr(t, "Connect beyond the context's deadline", err, context.DeadlineExceeded)
	})
}

// A connection that is established when its context has been cancelled meanwhile is not given (golang.org/issue/16523).
func TestConnectCancelledThenEstablished(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 8)
		ctx, cancel := context.WithCancel(t.Context())
		p.c.dropping(func(from int, seg *wire.Segment) bool {
			if seg.Flags.Has(wire.SYN | wire.ACK) {
				cancel() // while the SYN-ACK is on its way
			}
			return false
		})
		err := p.stream(p.a).Connect(ctx, netip.AddrPortFrom(rightAddr, 80))
		wantErr(t, "Connect", err, context.Canceled)
		d, err := l.Accept()
		must(t, err)
		_, err = d.Read(make([]byte, 1))
		wantErr(t, "Read at the peer", err, syscall.ECONNRESET)
	})
}

func TestStartConnect(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		p.listen(p.b, 80, 8)
		p.c.dropping(func(_ int, seg *wire.Segment) bool { return p.a.now() == 0 }) // the first SYN is lost
		c := p.stream(p.a)
		dst := netip.AddrPortFrom(rightAddr, 80)
		if r, w := c.Ready(); !r || !w {
			t.Error("an unconnected socket's calls fail at once, so it is ready")
		}
		wantErr(t, "StartConnect", c.StartConnect(dst), syscall.EINPROGRESS)
		wantErr(t, "StartConnect again", c.StartConnect(dst), syscall.EALREADY)
		if r, w := c.Ready(); r || w {
			t.Error("ready while connecting")
		}
		_, err := c.TryWrite([]byte("x"))
		wantErr(t, "TryWrite while connecting", err, syscall.EAGAIN)
		must(t, c.WaitWritable(true))
		if e, err := c.Opt(syscall.SOL_SOCKET, syscall.SO_ERROR); e != 0 || err != nil {
			t.Errorf("SO_ERROR %v, %v", e, err)
		}
		if p.a.now() != tcp.Time(time.Second) {
			t.Errorf("connected at %v, want when the SYN was repeated after 1 s", p.a.now())
		}
		wantErr(t, "StartConnect when connected", c.StartConnect(dst), syscall.EISCONN)

		r := p.stream(p.a)
		wantErr(t, "StartConnect to a closed port", r.StartConnect(netip.AddrPortFrom(rightAddr, 81)), syscall.EINPROGRESS)
		must(t, r.WaitWritable(true))
		e, _ := r.Opt(syscall.SOL_SOCKET, syscall.SO_ERROR)
		wantErr(t, "SO_ERROR", syscall.Errno(e), syscall.ECONNREFUSED)
		e, _ = r.Opt(syscall.SOL_SOCKET, syscall.SO_ERROR)
		if e != 0 {
			t.Errorf("SO_ERROR %v the second time; reading it clears it", syscall.Errno(e))
		}
		wantErr(t, "StartConnect after a failure", r.StartConnect(dst), syscall.EINPROGRESS)
		must(t, r.WaitWritable(true))
		_, err = r.Write([]byte("x"))
		wantErr(t, "Write", err, nil)

		// Close cancels.
		x := p.stream(p.a)
		wantErr(t, "StartConnect", x.StartConnect(netip.MustParseAddrPort("10.9.0.9:1")), syscall.EINPROGRESS)
		must(t, x.Close())
		synctest.Wait()
		if n := p.a.tcp.conns.Load(); n != 2 {
			t.Errorf("%d connections, want the two that are open", n)
		}
	})
}

// A blocked Write of a socket that is being connected goes on when it is.
func TestWriteWhileConnecting(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 8)
		p.c.dropping(func(int, *wire.Segment) bool { return p.a.now() == 0 })
		c := p.stream(p.a)
		c.StartConnect(netip.AddrPortFrom(rightAddr, 80))
		if n, err := c.Write([]byte("hello")); n != 5 || err != nil {
			t.Errorf("Write: %d, %v", n, err)
		}
		must(t, c.Close())
		d, err := l.Accept()
		must(t, err)
		if got := string(readAll(t, d)); got != "hello" {
			t.Errorf("the peer got %q", got)
		}
	})
}

func TestBindErrors(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		s := p.stream(p.a)
		wantErr(t, "Bind of another host's address", s.Bind(netip.MustParseAddrPort("192.0.2.1:0")), syscall.EADDRNOTAVAIL)
		must(t, s.Bind(netip.AddrPortFrom(leftAddr, 0)))
		a := s.LocalAddr()
		if a.Addr() != leftAddr || a.Port() == 0 {
			t.Errorf("bound to %v", a)
		}
		wantErr(t, "second Bind", s.Bind(a), syscall.EINVAL)
		wantErr(t, "Bind of a port in use", p.stream(p.a).Bind(a), syscall.EADDRINUSE)
		must(t, s.Close())
		must(t, p.stream(p.a).Bind(a)) // free as soon as Close returns
	})
}

// A bound socket connects from its address. The same four-tuple cannot be had twice; another peer's can.
func TestConnectBound(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		p.listen(p.b, 80, 8)
		p.listen(p.b, 81, 8)
		from := netip.MustParseAddrPort("10.9.0.1:5000")
		bound := func() *stream {
			s := p.stream(p.a)
			must(t, s.SetOpt(syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
			must(t, s.Bind(from))
			return s
		}
		c := bound()
		must(t, c.Connect(t.Context(), netip.AddrPortFrom(rightAddr, 80)))
		if c.LocalAddr() != from {
			t.Errorf("local address %v, want %v", c.LocalAddr(), from)
		}
		d := bound()
		wantErr(t, "same four-tuple", d.Connect(t.Context(), netip.AddrPortFrom(rightAddr, 80)), syscall.EADDRNOTAVAIL)
		must(t, d.Connect(t.Context(), netip.AddrPortFrom(rightAddr, 81)))
	})
}

// RFC 9293 3.5, figure 8: both ends send a SYN before they see the other's.
func TestSimultaneousOpen(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		left, right := netip.AddrPortFrom(leftAddr, 700), netip.AddrPortFrom(rightAddr, 800)
		a, b := p.stream(p.a), p.stream(p.b)
		must(t, a.Bind(left))
		must(t, b.Bind(right))
		p.c.dropping(func(int, *wire.Segment) bool { return p.a.now() == 0 }) // the first SYNs are lost; the next cross
		errs := make(chan error)
		go func() { errs <- a.Connect(t.Context(), right) }()
		go func() { errs <- b.Connect(t.Context(), left) }()
		must(t, <-errs)
		must(t, <-errs)
		echo(t, a, b)
	})
}

// echo sends something in both directions.
func echo(t *testing.T, a, b Socket) {
	t.Helper()
	for _, s := range [][2]Socket{{a, b}, {b, a}} {
		_, err := s[0].Write([]byte("hello"))
		must(t, err)
		p := make([]byte, 10)
		n, err := s[1].Read(p)
		must(t, err)
		if string(p[:n]) != "hello" {
			t.Errorf("got %q, want hello", p[:n])
		}
	}
}

// A socket that connects to its own address and port is its own peer (RFC 9293 3.5, a simultaneous open).
func TestSelfConnect(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:900", "10.9.0.1:900"} {
		inBubble(t, nil, func(t *testing.T, p *pair) {
			a := netip.MustParseAddrPort(addr)
			c := p.stream(p.a)
			must(t, c.Bind(a))
			must(t, c.Connect(t.Context(), a))
			echo(t, c, c)
			must(t, c.Close())
		})
	}
}

func TestLoopbackConnect(t *testing.T) {
	for _, dst := range []string{"127.0.0.1:80", "0.0.0.0:80", "127.9.9.9:80", "10.9.0.1:80"} {
		inBubble(t, nil, func(t *testing.T, p *pair) {
			l := p.listen(p.a, 80, 8)
			c := p.stream(p.a)
			must(t, c.Connect(t.Context(), netip.MustParseAddrPort(dst)))
			d, err := l.Accept()
			must(t, err)
			if d.RemoteAddr() != c.LocalAddr() || d.LocalAddr() != c.RemoteAddr() {
				t.Errorf("the ends disagree: %v %v, %v %v", c.LocalAddr(), c.RemoteAddr(), d.LocalAddr(), d.RemoteAddr())
			}
			echo(t, c, d)
		})
	}
}

// RFC 6191: a SYN that is newer than the connection in TIME-WAIT may open another with the same four-tuple.
func TestReopenFromTimeWait(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 8)
		from := netip.MustParseAddrPort("10.9.0.1:5000")
		for i := range 3 {
			c := p.stream(p.a)
			must(t, c.Bind(from))
			must(t, c.Connect(t.Context(), netip.AddrPortFrom(rightAddr, 80)))
			d, err := l.Accept()
			must(t, err)
			echo(t, c, d)
			must(t, d.Close()) // first: the listener's end goes to TIME-WAIT
			must(t, c.Close())
			synctest.Wait()
			if n := p.b.tcp.timeWait.len(); n != 1 {
				t.Errorf("round %d: %d in TIME-WAIT, want 1", i, n)
			}
			time.Sleep(time.Second)
		}
	})
}

// A socket bound to a port may connect to the same peer again, once its last connection has waited for a second.
func TestDialFromTimeWait(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 8)
		dial := func() error {
			c := p.stream(p.a)
			must(t, c.SetOpt(syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
			must(t, c.Bind(netip.MustParseAddrPort("10.9.0.1:5000")))
			if err := c.Connect(t.Context(), netip.AddrPortFrom(rightAddr, 80)); err != nil {
				return err
			}
			d, err := l.Accept()
			must(t, err)
			must(t, c.Close())
			must(t, d.Close())
			return nil
		}
		must(t, dial())
		// Without SO_REUSEADDR the port is held, as on Linux.
		wantErr(t, "Bind where TIME-WAIT has the port", p.stream(p.a).Bind(netip.MustParseAddrPort("10.9.0.1:5000")),
			syscall.EADDRINUSE)
		time.Sleep(time.Second)
		must(t, dial())
	})
}

// With few ports, those in TIME-WAIT are used again when no other is left.
func TestEphemeralPortsRunOut(t *testing.T) {
	few := func(c *Config) { c.EphemeralFirst, c.EphemeralLast = 40000, 40003 }
	inBubble(t, few, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 8)
		dst := netip.AddrPortFrom(rightAddr, 80)
		ports := map[uint16]bool{}
		var open []*stream
		for range 4 {
			c := p.dial(80)
			ports[c.LocalAddr().Port()] = true
			open = append(open, c)
		}
		if len(ports) != 4 {
			t.Errorf("%d different ports, want 4", len(ports))
		}
		wantErr(t, "fifth connection", p.stream(p.a).Connect(t.Context(), dst), syscall.EADDRNOTAVAIL)
		for _, c := range open {
			must(t, c.Close())
			d, err := l.Accept()
			must(t, err)
			must(t, d.Close())
		}
		wantErr(t, "at once", p.stream(p.a).Connect(t.Context(), dst), syscall.EADDRNOTAVAIL)
		time.Sleep(time.Second)
		p.dial(80)
	})
}

func TestMaxConns(t *testing.T) {
	inBubble(t, func(c *Config) { c.MaxConns = 2 }, func(t *testing.T, p *pair) {
		p.listen(p.b, 80, 8)
		p.dial(80)
		c := p.dial(80)
		wantErr(t, "third connection", p.stream(p.a).Connect(t.Context(), netip.AddrPortFrom(rightAddr, 80)), syscall.ENOBUFS)
		must(t, c.Abort())
		p.dial(80)
	})
}

// The oldest records in TIME-WAIT go when there are too many.
func TestMaxTimeWait(t *testing.T) {
	inBubble(t, func(c *Config) { c.MaxTimeWait = 3 }, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 8)
		for range 10 {
			c := p.dial(80)
			d, err := l.Accept()
			must(t, err)
			must(t, c.Close())
			must(t, d.Close())
			time.Sleep(time.Millisecond)
		}
		if n := p.a.tcp.timeWait.len(); n != 3 {
			t.Errorf("%d records, want 3", n)
		}
		if n := len(p.a.tcpPorts.list()); n != 3 {
			t.Errorf("%d ports held, want 3", n)
		}
		if n := p.a.Counters()[DropTCPTimeWait]; n != 7 {
			t.Errorf("%d counted, want 7", n)
		}
	})
}

// An ICMP error about a SYN ends the attempt, one about a segment that was not sent does nothing (RFC 5927).
func TestConnectICMP(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c := p.stream(p.a)
		c.StartConnect(netip.MustParseAddrPort("10.9.0.9:80"))
		iss := p.a.isn(c.key)
		e := icmpEvent{errno: syscall.EHOSTUNREACH, hard: true}
		p.a.tcpICMP(c.key, iss.Add(7), e)
		if c.Info().State != tcp.SynSent {
			t.Fatalf("state %v after an ICMP error about something else", c.Info().State)
		}
		p.a.tcpICMP(c.key, iss, e)
		if c.Info().State != tcp.Closed {
			t.Fatalf("state %v after an ICMP error", c.Info().State)
		}
		e2, _ := c.Opt(syscall.SOL_SOCKET, syscall.SO_ERROR)
		wantErr(t, "SO_ERROR", syscall.Errno(e2), syscall.EHOSTUNREACH)
	})
}

// RFC 1191: after a router's report segments fit, and new connections know.
func TestStreamPathMTU(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		big := 0
		p.c.dropping(func(from int, seg *wire.Segment) bool {
			if n := 20 + seg.HeaderLen() + seg.Payload.Len(); from == 0 && n > 1000 {
				big++
				k := flowKey{addrOf(leftAddr), addrOf(rightAddr), seg.SrcPort, seg.DstPort}
				quoted := seg.Seq
				time.AfterFunc(time.Millisecond, func() {
					p.a.tcpICMP(k, quoted, icmpEvent{errno: syscall.EMSGSIZE, mtu: 1000})
				})
				return true
			}
			return false
		})
		data := tcpPattern(100_000)
		go func() {
			c.Write(data)
			c.Close()
		}()
		if got := readAll(t, d); string(got) != string(data) {
			t.Errorf("got %d octets, want %d", len(got), len(data))
		}
		if big == 0 || big > 20 {
			t.Errorf("%d large packets, want only those of the first flight", big)
		}
		pa, err := p.a.route(leftAddr, rightAddr)
		must(t, err)
		if pa.mtu != 1000 {
			t.Errorf("the path's MTU is remembered as %d, want 1000", pa.mtu)
		}
	})
}

func TestDeadlinesOfOthersDontBoundConnect(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		p.listen(p.b, 80, 8)
		c := p.stream(p.a)
		must(t, c.SetWriteDeadline(time.Now().Add(-time.Second)))
		must(t, c.Connect(t.Context(), netip.AddrPortFrom(rightAddr, 80))) // it goes by its context only
		_, err := c.Write([]byte("x"))
		wantErr(t, "Write", err, os.ErrDeadlineExceeded)
	})
}

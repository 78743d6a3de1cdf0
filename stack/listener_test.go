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

func TestBacklog(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 2)
		for range 3 { // Linux's backlog n holds n+1
			p.dial(80)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := p.stream(p.a).Connect(ctx, netip.AddrPortFrom(rightAddr, 80))
		wantErr(t, "connecting to a full listener: its SYNs are dropped, not refused", err, context.DeadlineExceeded)
		if n := p.b.Counters()[DropTCPListenFull]; n < 3 {
			t.Errorf("%d SYNs were counted as dropped, of 4 in 10 s", n)
		}
		for range 3 {
			_, err := l.TryAccept()
			must(t, err)
		}
		_, err = l.TryAccept()
		wantErr(t, "Accept of an empty queue", err, syscall.EAGAIN)
		p.dial(80) // there is room again
	})
}

// A SYN that is dropped for lack of room is sent again by its peer, and gets in once there is room.
func TestFullListenerMakesConnectWait(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 0)
		p.dial(80)
		go func() {
			time.Sleep(2 * time.Second)
			_, err := l.Accept()
			must(t, err)
		}()
		start := time.Now()
		p.dial(80)
		if d := time.Since(start); d != 3*time.Second { // the second retransmission of the SYN: after 1 s and 2 s more
			t.Errorf("connected after %v, want 3 s", d)
		}
	})
}

func TestListenerCloseResets(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 8)
		c := p.dial(80) // never accepted
		p.c.dropping(func(from int, seg *wire.Segment) bool { return from == 1 && seg.Flags.Has(wire.SYN) })
		h := p.stream(p.a) // half-open for the listener
		wantErr(t, "StartConnect", h.StartConnect(netip.AddrPortFrom(rightAddr, 80)), syscall.EINPROGRESS)
		if n := l.extra.ln.half.Load(); n != 1 {
			t.Fatalf("%d half-open connections, want 1", n)
		}
		must(t, l.Close())
		_, err := c.Read(make([]byte, 1))
		wantErr(t, "Read at the peer of a connection that nobody accepted", err, syscall.ECONNRESET)
		if e, _ := h.Opt(syscall.SOL_SOCKET, syscall.SO_ERROR); syscall.Errno(e) != syscall.ECONNREFUSED {
			t.Errorf("the peer of a half-open connection got %v, want ECONNREFUSED", syscall.Errno(e))
		}
		err = p.stream(p.a).Connect(t.Context(), netip.AddrPortFrom(rightAddr, 80))
		wantErr(t, "connecting after Close", err, syscall.ECONNREFUSED)
		if list := p.b.tcpPorts.list(); len(list) != 0 {
			t.Errorf("ports held after Close: %v", list)
		}
		if n := p.b.tcp.halfOpen.len(); n != 0 {
			t.Errorf("%d half-open records after Close", n)
		}
	})
}

func TestAcceptGivesResetConnection(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 8)
		c := p.dial(80)
		must(t, c.Abort())
		d, err := l.Accept()
		must(t, err)
		if d.RemoteAddr() != c.LocalAddr() {
			t.Errorf("remote address %v, want %v", d.RemoteAddr(), c.LocalAddr())
		}
		_, err = d.Read(make([]byte, 1))
		wantErr(t, "its Read", err, syscall.ECONNRESET)
		_, err = d.Write([]byte("x"))
		wantErr(t, "its Write", err, syscall.EPIPE)
	})
}

func TestAcceptWakesAndErrors(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		_, err := p.stream(p.b).Accept()
		wantErr(t, "Accept of a socket that doesn't listen", err, syscall.EINVAL)

		l := p.listen(p.b, 80, 8)
		must(t, l.SetReadDeadline(time.Now().Add(time.Second)))
		start := time.Now()
		_, err = l.Accept()
		wantErr(t, "Accept beyond the deadline", err, os.ErrDeadlineExceeded)
		if d := time.Since(start); d != time.Second {
			t.Errorf("took %v, want 1 s", d)
		}
		p.dial(80)
		_, err = l.Accept()
		wantErr(t, "Accept with a connection ready, deadline past", err, os.ErrDeadlineExceeded)
		must(t, l.SetReadDeadline(time.Time{}))
		_, err = l.Accept()
		wantErr(t, "Accept after clearing", err, nil)

		errs := make(chan error)
		for range 3 {
			go func() {
				_, err := l.Accept()
				errs <- err
			}()
		}
		synctest.Wait()
		must(t, l.Close())
		for range 3 {
			wantErr(t, "Accept blocked at Close", <-errs, ErrClosed)
		}
		_, err = l.Accept()
		wantErr(t, "Accept after Close", err, ErrClosed)
		wantErr(t, "SetReadDeadline after Close", l.SetReadDeadline(time.Time{}), ErrClosed)
		if got := l.LocalAddr(); got.Port() != 80 {
			t.Errorf("address after Close: %v", got)
		}
	})
}

// Each of several acceptors gets one of several connections, whoever is woken first.
func TestAcceptByMany(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 8)
		got := make(chan Socket)
		for range 5 {
			go func() {
				c, err := l.Accept()
				must(t, err)
				got <- c
			}()
		}
		synctest.Wait()
		seen := map[netip.AddrPort]bool{}
		for range 5 {
			p.dial(80)
		}
		for range 5 {
			seen[(<-got).RemoteAddr()] = true
		}
		if len(seen) != 5 {
			t.Errorf("%d different connections accepted, want 5", len(seen))
		}
	})
}

func TestListenerForAddressComesFirst(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		all := p.stream(p.b)
		must(t, all.Bind(netip.AddrPortFrom(netip.IPv4Unspecified(), 80)))
		must(t, all.Listen(8))
		one := p.stream(p.b)
		must(t, one.SetOpt(syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
		wantErr(t, "Bind of an address where another socket listens on all", one.Bind(netip.AddrPortFrom(rightAddr, 80)),
			syscall.EADDRINUSE)
		must(t, all.Close())
		must(t, one.Bind(netip.AddrPortFrom(rightAddr, 80)))
		must(t, one.Listen(8))
		lo := p.stream(p.b)
		must(t, lo.Bind(netip.MustParseAddrPort("127.0.0.1:80")))
		must(t, lo.Listen(8))
		p.dial(80)
		if _, err := one.TryAccept(); err != nil {
			t.Errorf("the listener on the very address has no connection: %v", err)
		}
		if _, err := lo.TryAccept(); err != syscall.EAGAIN {
			t.Errorf("the listener on another address has a connection: %v", err)
		}
	})
}

// A new listener may have the port although connections of the old one live, or wait in TIME-WAIT.
func TestListenAgain(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect() // whose listener is closed
		l := p.listen(p.b, 80, 8)
		must(t, l.Close())
		must(t, d.Close())
		must(t, c.Close())
		if n := p.b.tcp.timeWait.len(); n != 1 {
			t.Fatalf("%d in TIME-WAIT, want 1", n)
		}
		l = p.listen(p.b, 80, 8)
		other := p.stream(p.b)
		must(t, other.SetOpt(syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
		wantErr(t, "Bind where a socket listens", other.Bind(l.LocalAddr()), syscall.EADDRINUSE)
	})
}

func TestAcceptedInherits(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 8)
		for _, o := range [][3]int{
			{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1}, {syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 7}, {syscall.SOL_SOCKET, syscall.SO_LINGER, 3},
			{syscall.IPPROTO_IP, syscall.IP_TTL, 9}, {syscall.SOL_SOCKET, syscall.SO_RCVBUF, 5000},
		} {
			must(t, l.SetOpt(o[0], o[1], o[2]))
		}
		p.dial(80)
		d, err := l.Accept()
		must(t, err)
		for _, o := range [][3]int{
			{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1}, {syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
			{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 7}, {syscall.SOL_SOCKET, syscall.SO_LINGER, 3},
			{syscall.IPPROTO_IP, syscall.IP_TTL, 9}, {syscall.SOL_SOCKET, syscall.SO_RCVBUF, 10000}, // doubled, as Linux
		} {
			if got, err := d.Opt(o[0], o[1]); got != o[2] || err != nil {
				t.Errorf("option %d of level %d is %d, %v; want %d", o[1], o[0], got, err, o[2])
			}
		}
	})
}

// A half-open connection repeats its SYN-ACK five times, as Linux does, and is forgotten.
func TestHalfOpenGivesUp(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 8)
		synacks := 0
		p.c.dropping(func(from int, seg *wire.Segment) bool {
			if from == 1 && seg.Flags.Has(wire.SYN|wire.ACK) {
				synacks++
			}
			return from == 1
		})
		c := p.stream(p.a)
		must(t, c.SetOpt(syscall.IPPROTO_TCP, syscall.TCP_SYNCNT, 1))
		err := c.Connect(t.Context(), netip.AddrPortFrom(rightAddr, 80))
		wantErr(t, "Connect whose SYNs are not answered", err, syscall.ETIMEDOUT)
		time.Sleep(2 * time.Minute)
		if n := p.b.tcp.halfOpen.len() + int(l.extra.ln.half.Load()); n != 0 {
			t.Errorf("%d half-open after two minutes", n)
		}
		if want := 1 + 5 + 1; synacks != want { // the first, the timer's five, and one for the repeated SYN
			t.Errorf("%d SYN-ACKs, want %d", synacks, want)
		}
	})
}

// A flood of SYNs from peers that never answer fills the SYN queue. A peer that does answer gets in by a cookie, with
// its options, and data comes through.
func TestSYNCookies(t *testing.T) {
	for name, ts := range map[string]bool{"timestamps": true, "none": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(c *Config) { c.TCP.NoTimestamps = !ts }, func(t *testing.T, p *pair) { cookieFlood(t, p, ts) })
		})
	}
}

func cookieFlood(t *testing.T, p *pair, ts bool) {
	l := p.listen(p.b, 80, 4)
	flood(p, 100)
	if n := l.extra.ln.half.Load(); n != 5 {
		t.Errorf("%d half-open connections in a flood, want backlog+1 = 5", n)
	}
	if n := p.b.Counters()[TCPCookieSent]; n != 95 {
		t.Errorf("%d cookies sent, want 95", n)
	}
	c := p.dial(80)
	s, err := l.Accept()
	must(t, err)
	if n := p.b.Counters()[TCPCookieGood]; n != 1 {
		t.Errorf("%d connections from cookies, want 1", n)
	}
	d := s.(*stream)
	i := d.Info()
	wantOptions := uint8(0)
	if ts { // the cookie's timestamp brings back SACK and window scale
		wantOptions = 7
	}
	if i.Options != wantOptions || ts && i.SndWScale != 7 {
		t.Errorf("options %b, window scale %d; want %b, 7", i.Options, i.SndWScale, wantOptions)
	}
	if i.PMTU != 1500 {
		t.Errorf("PMTU %d", i.PMTU)
	}
	data := tcpPattern(300_000)
	go func() {
		c.Write(data)
		c.Close()
	}()
	if got := readAll(t, d); string(got) != string(data) {
		t.Errorf("got %d octets, want %d", len(got), len(data))
	}
}

// flood sends SYNs to port 80 of stack b from peers that don't exist.
func flood(p *pair, n int) {
	for i := range n {
		k := flowKey{local: addr4{10, 9, 0, byte(100 + i)}, remote: addrOf(rightAddr), lport: 1000, rport: 80}
		p.inject(k, &wire.Segment{Seq: 1, Flags: wire.SYN, Window: 1000})
	}
}

// inject has stack b get a segment that a peer with the key k sent.
func (p *pair) inject(k flowKey, seg *wire.Segment) {
	p.b.input(p.b.net.Load().ifaces[1], frameOf(packetOf(k, seg)))
}

// packetOf is the packet with a segment of the flow k.
func packetOf(k flowKey, seg *wire.Segment) []byte {
	seg.SrcPort, seg.DstPort = k.lport, k.rport
	h := wire.IPv4Header{TTL: 64, Protocol: wire.ProtoTCP, Src: k.local.netip(), Dst: k.remote.netip()}
	b := make([]byte, 100)
	n := h.Put(b, seg.HeaderLen()+seg.Payload.Len())
	th := b[n : n+seg.PutHeader(b[n:])]
	wire.SetTransportChecksum(h.Src, h.Dst, wire.ProtoTCP, th, &seg.Payload)
	return append(b[:n+len(th)], seg.Payload.Bytes()...)
}

// An ACK that guesses a cookie, or brings one that is too old, or comes where none were sent, is answered with RST.
func TestBadCookies(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		k := flowKey{local: addrOf(rightAddr), remote: addr4{10, 9, 0, 77}, lport: 80, rport: 1000}
		ack := func(c uint32) uint64 {
			before := p.b.Counters()[TCPResetOut]
			p.inject(k.reversed(), &wire.Segment{Seq: 2, Ack: 1 + seqNum(c), Flags: wire.ACK, Window: 1000})
			return p.b.Counters()[TCPResetOut] - before
		}
		good := func() uint32 { return uint32(p.b.cookie(k, 1, 2, generation(p.b.now()))) }
		l := p.listen(p.b, 80, 2)
		if ack(good()) != 1 {
			t.Error("a cookie was accepted that had not been sent")
		}
		flood(p, 10)
		for _, wrong := range []uint32{good() + 1<<20, good() ^ 1<<31, 0} {
			if ack(wrong) != 1 {
				t.Errorf("a wrong cookie was accepted")
			}
		}
		old := good()
		time.Sleep(cookieAges * cookieAge)
		flood(p, 10)
		if ack(old) != 1 {
			t.Error("an old cookie was accepted")
		}
		recent := good()
		time.Sleep(cookieAge)
		if ack(recent) != 0 {
			t.Error("a cookie of the generation before was not accepted")
		}
		if _, err := l.TryAccept(); err != nil {
			t.Errorf("no connection from a good cookie: %v", err)
		}
	})
}

func TestCookieEncoding(t *testing.T) {
	s := New(Config{})
	defer s.Close()
	k := flowKey{addr4{1, 2, 3, 4}, addr4{5, 6, 7, 8}, 9, 10}
	for i, mss := range cookieMSS {
		for _, gen := range []uint32{0, 1, 255, 256, 1 << 20} {
			c := s.cookie(k, 12345, uint32(i), gen)
			for age := range uint32(4) {
				got, ok := s.openCookie(k, 12345, c, gen+age)
				if want := age < cookieAges; ok != want || ok && got != mss {
					t.Errorf("MSS %d, generation %d, %d later: %d, %v", mss, gen, age, got, ok)
				}
			}
		}
	}
	index := map[uint16]uint16{0: 536, 535: 536, 536: 536, 1299: 536, 1300: 1300, 1459: 1440, 9000: 1460}
	for mss, want := range index {
		if got := cookieMSS[cookieIndex(mss)]; got != want {
			t.Errorf("MSS %d is remembered as %d, want %d", mss, got, want)
		}
	}
	options := []wire.Options{{}, {HasWScale: true, WScale: 9, SACKPermitted: true}, {HasWScale: true, WScale: 200}}
	for _, o := range options {
		ts := cookieTS(1<<20+5, &o)
		if d := 1<<20 + 5 - ts; d >= 128 {
			t.Errorf("the timestamp ran away by %d", int32(d))
		}
		ack := wire.Segment{Options: wire.Options{HasTS: true, TSEcr: ts}}
		g := cookieSYN(&ack, 1, 1460).Options
		if g.SACKPermitted != o.SACKPermitted || g.HasWScale != o.HasWScale || g.WScale != min(o.WScale, 14) {
			t.Errorf("%+v came back as %+v", o, g)
		}
	}
}

func TestListenInfo(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		l := p.listen(p.b, 80, 5)
		p.dial(80)
		if i := l.Info(); i.State != tcp.Listen || i.Unacked != 1 || i.Sacked != 5 {
			t.Errorf("state %v, queue %d of %d; want LISTEN, 1 of 5", i.State, i.Unacked, i.Sacked)
		}
		if r, w := l.Ready(); !r || w {
			t.Errorf("Ready is %v, %v with a connection waiting", r, w)
		}
		must(t, l.Shutdown(syscall.SHUT_RD)) // Linux: it listens no more
		_, err := l.Accept()
		wantErr(t, "Accept after Shutdown", err, syscall.EINVAL)
	})
}

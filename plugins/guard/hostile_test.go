package guard

import (
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/gotcp/gotcp/dialer"
)

// TestFloods: a user who tries as much as he can gets no more than his quota, and what is remembered of it stays small.
func TestFloods(t *testing.T) {
	n := newLoop(t)
	serve(t, n, "127.0.0.1:80", nil)
	g := newGuard(t, n, Config{
		Rules: Rules{Allow: MustParseRules("127.0.0.1"), Listen: MustParseRules("*:0")},
		Quota: Quota{Conns: 10, Listeners: 10, Sockets: 10},
	})
	events, _ := g.Subscribe(10)
	sender := packet(t, g, "127.0.0.1:0")
	flood := func(rounds int) {
		for i := range rounds {
			g.DialContext(t.Context(), "tcp", "127.0.0.1:80")
			g.DialContext(t.Context(), "udp", "127.0.0.1:80")
			g.DialContext(t.Context(), "tcp", net.JoinHostPort(strings.Repeat("x", i%3000), "80"))
			g.Listen(t.Context(), "tcp", "127.0.0.1:0")
			g.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
			sender.WriteTo(make([]byte, 10), &net.UDPAddr{IP: net.IPv4(10, byte(i>>16), byte(i>>8), byte(i)), Port: i & 0xffff})
			sender.WriteTo(make([]byte, 10), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1 + i&0xfff})
			g.allowLookUp(strings.Repeat("y", i%3000))
		}
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // the pools' second chance
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	flood(5000)
	before := heap()
	flood(20_000)
	if after := heap(); after > before+1<<20 {
		t.Errorf("the heap grew from %d to %d octets", before, after)
	}
	if k := g.Counters(); k.Conns != 10 || k.Listeners != 10 || k.Sockets != 10 || k.Refused < 100_000 {
		t.Errorf("%+v", k)
	}
	if len(events) != 10 || len(g.Refusals()) != maxRefusals || len(g.Conns()) != 30 {
		t.Errorf("%d events, %d refusals, %d connections", len(events), len(g.Refusals()), len(g.Conns()))
	}
}

// TestUnwantedDatagrams: a flood of datagrams from somebody who wasn't written to reaches nobody and fills nothing.
func TestUnwantedDatagrams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		g := newGuard(t, a, Config{Rules: Rules{Allow: MustParseRules("udp 10.0.0.3:53")}})
		u := packet(t, g, "10.0.0.1:0")
		foe := packet(t, b, "10.0.0.2:53")
		go func() {
			for range 1000 {
				foe.WriteTo(make([]byte, 100), u.LocalAddr())
			}
		}()
		if s := got(t, u, "ReadFrom"); s != "" {
			t.Errorf("%q", s)
		}
		if k := g.Counters(); k.DatagramsIn != 0 || k.BytesIn != 0 || k.DatagramsDropped == 0 {
			t.Errorf("%+v", k)
		}
		if p := u.(*udpConn).peers; len(p.known.m) != 0 {
			t.Errorf("%d peers are remembered", len(p.known.m))
		}
	})
}

// TestQuotaTogether: connections that write at the same time get exactly the quota among them.
func TestQuotaTogether(t *testing.T) {
	n := newLoop(t)
	addr := serve(t, n, "127.0.0.1:0", func(c net.Conn) { io.Copy(io.Discard, c) })
	const limit = 3_000_001
	g := newGuard(t, n, Config{Rules: allow(t, "*"), Quota: Quota{BytesOut: limit}})
	var wg sync.WaitGroup
	var sent atomic.Int64
	var conns []net.Conn
	for range 8 { // all before one writes: afterwards none is made
		conns = append(conns, dial(t, g, "tcp", addr))
	}
	for i, c := range conns {
		wg.Go(func() {
			for {
				n, err := c.Write(make([]byte, 1000+i))
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	// What each write was granted while another cut its connection off may be lost, but never is there more.
	if got := sent.Load(); got > limit || got < limit-8*1007 || g.Counters().BytesOut != got {
		t.Errorf("%d octets sent, %d counted, of %d", got, g.Counters().BytesOut, limit)
	}
}

// TestChaos: rules, quota and kill switch change while a user does all he can. Whatever happens, nothing is left.
func TestChaos(t *testing.T) {
	n := newLoop(t)
	g := New(n, Config{Rules: allow(t, "*"), Quota: Quota{Conns: 20}})
	var users, operators sync.WaitGroup
	var stop atomic.Bool
	for i := range 4 {
		users.Go(func() {
			for range 200 {
				use(t, g, i)
			}
		})
	}
	all := allow(t, "*")
	some := Rules{Allow: MustParseRules("127.0.0.1:1-100"), Deny: MustParseRules("udp *"), Listen: MustParseRules("tcp *:0")}
	operate := func(f func()) {
		operators.Go(func() {
			for !stop.Load() {
				f()
				runtime.Gosched()
			}
		})
	}
	operate(func() { g.SetRules(some); g.SetRules(all) })
	operate(func() { g.SetQuota(Quota{Conns: 3, BytesOut: 1}); g.SetQuota(Quota{Conns: 20}) })
	operate(func() { g.Kill(); g.Revive() })
	operate(func() {
		events, cancel := g.Subscribe(3)
		g.Conns()
		g.Counters()
		g.Refusals()
		drain(events)
		cancel()
	})
	users.Wait()
	stop.Store(true)
	operators.Wait()
	g.Close()
	if k := g.Counters(); k.Conns != 0 || k.Listeners != 0 || k.Sockets != 0 || len(g.Conns()) != 0 {
		t.Errorf("%+v: something is left", k)
	}
	if err := n.Stack().Close(); err != nil {
		t.Error(err)
	}
}

// use does a little of everything, whatever comes of it.
func use(t *testing.T, g *Network, i int) {
	if pc, err := g.ListenPacket(t.Context(), "udp", "127.0.0.1:0"); err == nil {
		pc.WriteTo([]byte("hello"), pc.LocalAddr())
		pc.Close()
	}
	ln, err := g.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		return
	}
	defer ln.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		c, err := ln.Accept()
		if err == nil {
			io.Copy(io.Discard, c)
			c.Close()
		}
	})
	c, err := g.DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		ln.Close()
		return
	}
	c.Write(make([]byte, 1000))
	c.(dialer.TCPConn).CloseWrite()
	if i%2 == 0 {
		c.Close()
	}
	c.Close()
	ln.Close()
}

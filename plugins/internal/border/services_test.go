package border

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/dns"
	"github.com/gotcp/gotcp/stack/tcp"
)

// TestListenerTakesWhatIsWanted: a connection that no Accept wants stays with the network, so closing the listener
// resets it, and deadlines and Close end an Accept.
func TestListenerTakesWhatIsWanted(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		own, peer := stacks(t)
		n := serve(t, pair, own, Limits{}, Hooks{})
		ln, err := n.Listen(t.Context(), "tcp", ":0")
		if err != nil {
			t.Fatal(err)
		}
		l := ln.(*TCPListener)
		addr := netip.AddrPortFrom(netip.MustParseAddr(ownIP), l.addr.Port()).String()
		l.SetDeadline(past)
		accept := func() (int, error) { _, err := l.Accept(); return 0, err }
		step{"Accept, expired", accept, 0, os.ErrDeadlineExceeded}.check(t)
		l.SetDeadline(time.Now().Add(10 * time.Millisecond))
		step{"Accept until it expires", accept, 0, os.ErrDeadlineExceeded}.check(t) // the host has been asked for one
		l.SetDeadline(time.Time{})
		var peers []dialer.TCPConn
		for range 3 {
			c, err := peer.DialContext(t.Context(), "tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			peers = append(peers, c.(dialer.TCPConn))
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if c.RemoteAddr().String() != peers[0].LocalAddr().String() {
			t.Errorf("the first one accepted is %v; want the first one dialled, %v", c.RemoteAddr(), peers[0].LocalAddr())
		}
		done := make(chan error, 1)
		step{"Close", does(l.Close), 0, nil}.check(t)
		go func() { _, err := l.Accept(); done <- err }()
		step{"Accept of a closed listener", does(func() error { return <-done }), 0, net.ErrClosed}.check(t)
		step{"Close again", does(l.Close), 0, net.ErrClosed}.check(t)
		for _, p := range peers[1:] {
			step{"Read of a peer that nobody accepted", read(p, 1), 0, syscall.ECONNRESET}.check(t)
		}
		step{"Write of the peer that was accepted", write(peers[0], "x"), 1, nil}.check(t)
		step{"Read of the accepted one", read(c, 9), 1, nil}.check(t)
		if again, err := own.Listen(t.Context(), "tcp", l.Addr().String()); err != nil {
			t.Errorf("the port isn't free when Close has returned: %v", err)
		} else {
			again.Close()
		}
	})
}

// TestHandle: connections that the host hands over come from Handled as they are, when they are wanted.
func TestHandle(t *testing.T) {
	own, peer := stacks(t)
	n := serve(t, fdPair, own, Limits{Conns: 1}, Hooks{})
	a, b := connected(t, own, peer, true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.host.Handle(ctx, "tcp4", a); !errors.Is(err, context.Canceled) {
		t.Errorf("Handle when nothing is wanted gives %v; want the context's error", err)
	}
	handed := make(chan error, 1)
	go func() { handed <- n.host.Handle(t.Context(), "tcp4", a) }()
	c, err := n.Handled().AcceptTCP()
	if err := errors.Join(err, <-handed); err != nil {
		t.Fatal(err)
	}
	if c.RemoteAddr().String() != b.LocalAddr().String() || netapi.NetworkOf(c) != netapi.Network(n.Network) {
		t.Errorf("it is from %v, on %T; want %v, on the plugin's network", c.RemoteAddr(), netapi.NetworkOf(c), b.LocalAddr())
	}
	io.WriteString(b, "hello")
	step{"Read", read(c, 9), 5, nil}.check(t)
	var op *net.OpError
	if _, err := c.Write(nil); err != nil || c.CloseWrite() != nil {
		t.Errorf("Write of nothing gives %v", err)
	}
	if _, err := c.Write(nil); !errors.As(err, &op) || op.Net != "tcp4" {
		t.Errorf("an error of it is %v; want it to name the network that Handle was given", err)
	}
	n.Close()
	if err := n.host.Handle(t.Context(), "tcp", b); err == nil {
		t.Error("Handle for a plugin that has gone gives no error")
	}
}

// TestWords: what host and plugin say about themselves arrives; events that nobody takes are dropped without harm.
func TestWords(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		own, _ := stacks(t)
		said := make(chan string, 9)
		n := serve(t, pair, own, Limits{}, Hooks{
			Ready:    func(text string) { said <- "ready: " + text },
			Finished: func(text string) { said <- "finished: " + text },
		})
		if err := errors.Join(n.Ready("on port 80"), n.Finish(nil), n.Finish(errors.New("disk full"))); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"ready: on port 80", "finished: ", "finished: disk full"} {
			if got := <-said; got != want {
				t.Errorf("the host hears %q; want %q", got, want)
			}
		}
		n.host.Stop()
		n.host.Stop()
		<-n.Stopping()
		if n.host.Event(make([]byte, maxEvent+1)) {
			t.Error("an event that is too long was taken")
		}
		for i := range 1000 {
			n.host.Event(fmt.Append(nil, i))
		}
		if first := string(<-n.Events()); first != "0" {
			t.Errorf("the first event is %q; want the first one sent", first)
		}
		if _, err := n.ListenPacket(t.Context(), "udp", ":0"); err != nil {
			t.Errorf("after a flood of events: %v", err)
		}
	})
}

// TestNames: names are the host's, in a dial and in a look-up; the resolver's errors and limits of time are kept.
func TestNames(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		own, peer := stacks(t)
		names := &dns.Server{
			Hosts: map[string][]netip.Addr{"peer.example": {netip.MustParseAddr(peerIP)}},
			Allow: func(name string) error {
				if strings.HasPrefix(name, "secret.") {
					return errors.New("rule 7")
				}
				return nil
			},
		}
		n := serve(t, pair, own, Limits{}, Hooks{Exchange: func(ctx context.Context, q []byte, tcp bool) ([]byte, error) {
			if strings.Contains(string(q), "slow") {
				<-ctx.Done()
			}
			return names.Exchange(ctx, q, tcp)
		}})
		addrs, err := n.Resolver().LookupNetIP(t.Context(), "ip4", "peer.example")
		if err != nil || len(addrs) != 1 || addrs[0].Unmap().String() != peerIP {
			t.Errorf("peer.example is %v, %v; want %s", addrs, err, peerIP)
		}
		var de *net.DNSError
		if _, err := n.Resolver().LookupHost(t.Context(), "secret.example."); !errors.As(err, &de) {
			t.Errorf("a name that is not allowed gives %v; want a *net.DNSError", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := n.Resolver().LookupHost(ctx, "slow.example."); !errors.As(err, &de) || !de.IsTimeout {
			t.Errorf("a look-up without an answer gives %v; want a timeout", err)
		}
		ln, err := peer.Listen(t.Context(), "tcp", peerIP+":80")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		d := &net.Dialer{Resolver: names.Resolver(), Timeout: time.Minute}
		c, err := n.DialWith(t.Context(), d, "tcp", "peer.example:http")
		if err != nil {
			t.Fatalf("dialling a name of the Dialer's own resolver: %v", err)
		}
		c.Close()
	})
}

// TestStreamDNS: an answer that is too long for a datagram is asked for again, on a stream.
func TestStreamDNS(t *testing.T) {
	own, _ := stacks(t)
	var streams atomic.Int32
	many := map[string][]netip.Addr{"many.example": nil}
	for i := range byte(200) {
		many["many.example"] = append(many["many.example"], netip.AddrFrom4([4]byte{10, 0, 1, i}))
	}
	names := &dns.Server{Hosts: many}
	n := serve(t, fdPair, own, Limits{}, Hooks{Exchange: func(ctx context.Context, q []byte, tcp bool) ([]byte, error) {
		if tcp {
			streams.Add(1)
		}
		return names.Exchange(ctx, q, tcp)
	}})
	addrs, err := n.Resolver().LookupNetIP(t.Context(), "ip4", "many.example")
	if err != nil || len(addrs) != 200 || streams.Load() == 0 {
		t.Errorf("%d addresses, %v, %d of the queries on a stream; want 200", len(addrs), err, streams.Load())
	}
}

// TestNamesAreTheNetworks: without a hook the host asks as the network's own resolver does.
func TestNamesAreTheNetworks(t *testing.T) {
	var asked atomic.Bool
	resolver := &net.Resolver{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		asked.Store(true)
		return nil, errors.New("no servers here")
	}}
	own, _ := stacks(t)
	n := serve(t, fdPair, withResolver{own, resolver}, Limits{}, Hooks{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := n.Resolver().LookupHost(ctx, "host.example."); err == nil || !asked.Load() {
		t.Errorf("the network's resolver was asked: %t, error %v; want it asked", asked.Load(), err)
	}
}

type withResolver struct {
	*netapi.Stack
	r *net.Resolver
}

func (w withResolver) Resolver() *net.Resolver { return w.r }

// TestControlIsRefused: what cannot work says so, before anything is connected.
func TestControlIsRefused(t *testing.T) {
	own, _ := stacks(t)
	n := serve(t, fdPair, own, Limits{}, Hooks{})
	control := func(string, string, syscall.RawConn) error { return nil }
	_, err := n.DialWith(t.Context(), &net.Dialer{Control: control}, "tcp", peerIP+":9")
	_, err2 := n.ListenWith(t.Context(), &net.ListenConfig{Control: control}, "tcp", ":0")
	if !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err2, errors.ErrUnsupported) {
		t.Errorf("%v and %v; want errors.ErrUnsupported", err, err2)
	}
}

// TestKernelsNetwork: package net's own network crosses the border as a stack's does, options of the socket included.
func TestKernelsNetwork(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		n := serve(t, pair, netapi.Kernel{}, Limits{}, Hooks{})
		ln, err := n.Listen(t.Context(), "tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		d, err := n.DialContext(t.Context(), "tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		a, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c := d.(*TCPConn)
		if err := errors.Join(c.SetUserTimeout(1500*time.Millisecond), c.SetCongestionControl("cubic")); err != nil {
			t.Fatal(err)
		}
		const tcpUserTimeout = 18
		if v, err := c.GetsockoptInt(syscall.IPPROTO_TCP, tcpUserTimeout); v != 1500 || err != nil {
			t.Errorf("the user timeout is %d, %v; want 1500 ms", v, err)
		}
		if i := c.Info(); i.State != tcp.Established || i.SndMSS == 0 {
			t.Errorf("Info is %+v; want an established connection's", i)
		}
		a.(*TCPConn).SetLinger(0)
		a.Close()
		step{"Read after a reset", read(c, 1), 0, syscall.ECONNRESET}.check(t)
		step{"Read then", read(c, 1), 0, io.EOF}.check(t)
		c.Close()
	})
}

// TestLingerWaits: Close waits for delivery as long as SetLinger says, and no longer.
func TestLingerWaits(t *testing.T) {
	own, peer := stacks(t)
	n := serve(t, fdPair, stuck{own}, Limits{}, Hooks{})
	c, _ := connected(t, n, peer, false)
	step{"SetLinger", does(func() error { return c.SetLinger(1) }), 0, nil}.check(t)
	step{"Write", write(c, "never delivered"), 15, nil}.check(t)
	start := time.Now()
	step{"Close", does(c.Close), 0, nil}.check(t)
	if took := time.Since(start); took < time.Second {
		t.Errorf("Close took %v; want the second that SetLinger gives", took)
	}
}

// TestWriteBuffers: the pieces are consumed as far as they were written.
func TestWriteBuffers(t *testing.T) {
	own, peer := stacks(t)
	c, p := connected(t, serve(t, fdPair, own, Limits{}, Hooks{}), peer, false)
	v := net.Buffers{[]byte("one "), nil, []byte("two "), []byte("three")}
	if n, err := c.(*TCPConn).WriteBuffers(&v); n != 13 || err != nil || len(v) != 0 {
		t.Errorf("%d, %v, %d pieces left; want all 13 octets written", n, err, len(v))
	}
	buf := make([]byte, 13)
	if _, err := io.ReadFull(p, buf); err != nil || string(buf) != "one two three" {
		t.Errorf("the peer has %q, %v", buf, err)
	}
}

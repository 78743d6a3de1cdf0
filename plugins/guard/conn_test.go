package guard

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack/tcp"
)

// inners are the networks that a guard is mostly around.
func inners(t testing.TB) map[string]netapi.Tuned {
	return map[string]netapi.Tuned{"stack": newLoop(t), "kernel": netapi.Kernel{}}
}

// TestConformance is the Go project's own test of what a net.Conn must do.
func TestConformance(t *testing.T) {
	for name, n := range inners(t) {
		t.Run(name, func(t *testing.T) {
			g := newGuard(t, n, Config{
				Rules: Rules{Allow: MustParseRules("tcp 127.0.0.1"), Listen: MustParseRules("tcp 127.0.0.1:0")},
				Quota: Quota{Conns: 100, BytesIn: 1 << 40, BytesOut: 1 << 40},
			})
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				ln, err := g.Listen(background(), "tcp", "127.0.0.1:0")
				if err != nil {
					return nil, nil, nil, err
				}
				defer ln.Close()
				if c1, err = g.DialContext(background(), "tcp", ln.Addr().String()); err != nil {
					return nil, nil, nil, err
				}
				if c2, err = ln.Accept(); err != nil {
					return nil, nil, nil, err
				}
				return c1, c2, func() { c1.Close(); c2.Close() }, nil
			})
			if c := g.Counters(); c.Conns != 0 || c.Listeners != 0 || c.Dials == 0 || c.Accepts != c.Dials {
				t.Errorf("%+v: some are still counted", c)
			}
		})
	}
}

// extras are what a stack's connections have beyond package net's.
type extras interface {
	dialer.TCPConn
	Info() tcp.Info
	SetUserTimeout(time.Duration) error
	SetCongestionControl(string) error
	CongestionControl() string
	GetsockoptInt(level, opt int) (int, error)
	WriteBuffers(*net.Buffers) (int64, error)
	Network() netapi.Network
}

// TestMethods: a connection has all that the inner one has, and says so where that has not.
func TestMethods(t *testing.T) {
	for name, n := range inners(t) {
		g := newGuard(t, n, Config{Rules: allow(t, "*")})
		ln := listen(t, g, "127.0.0.1:0")
		deadline := ln.(interface{ SetDeadline(time.Time) error })
		deadline.SetDeadline(time.Unix(1, 0))
		if _, err := ln.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: a listener's deadline: %v", name, err)
		}
		deadline.SetDeadline(time.Time{})
		client, server := accepted(t, g, ln, ln.Addr().String())
		c, ok := client.(extras)
		if !ok {
			t.Fatalf("%s: a %T lacks methods", name, client)
		}
		if g != c.Network() || netapi.NetworkOf(server) != g || netapi.NetworkOf(ln) != g {
			t.Errorf("%s: a connection's network isn't the guard", name)
		}
		for what, err := range map[string]error{
			"SetNoDelay": c.SetNoDelay(false), "SetKeepAlive": c.SetKeepAlive(true), "SetLinger": c.SetLinger(3),
			"SetReadBuffer": c.SetReadBuffer(1 << 16), "SetDeadline": c.SetDeadline(time.Time{}),
		} {
			if err != nil {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
		_, isStack := n.(*netapi.Stack)
		if err := c.SetUserTimeout(time.Minute); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		const tcpUserTimeout = 18
		if ms, err := c.GetsockoptInt(syscall.IPPROTO_TCP, tcpUserTimeout); ms != 60_000 || err != nil {
			t.Errorf("%s: a user timeout of %d ms, %v", name, ms, err)
		}
		if err := c.SetUserTimeout(-1); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: a negative one: %v", name, err)
		}
		governs := c.CongestionControl()
		if err := c.SetCongestionControl(governs); err != nil || governs == "" {
			t.Errorf("%s: %q, %v", name, governs, err)
		}
		if err := c.SetCongestionControl("nosuch"); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("%s: an unknown one: %v", name, err)
		}
		v := net.Buffers{[]byte("one, "), nil, []byte("two, "), []byte("three")}
		if n, err := c.WriteBuffers(&v); n != 15 || err != nil || len(v) != 0 {
			t.Errorf("%s: WriteBuffers: %d, %v, and left %q", name, n, err, v)
		}
		if err := c.CloseWrite(); err != nil {
			t.Error(err)
		}
		var got bytes.Buffer
		if n, err := server.(io.WriterTo).WriteTo(&got); n != 15 || err != nil || got.String() != "one, two, three" {
			t.Errorf("%s: WriteTo: %d, %v: %q", name, n, err, got.String())
		}
		if n, err := server.(io.ReaderFrom).ReadFrom(strings.NewReader("back")); n != 4 || err != nil {
			t.Errorf("%s: ReadFrom: %d, %v", name, n, err)
		}
		server.Close()
		if b, err := io.ReadAll(c); string(b) != "back" || err != nil {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if s := c.Info().State.String(); isStack && s == "" || (c.Info() == tcp.Info{}) == isStack {
			t.Errorf("%s: Info: %+v", name, c.Info())
		}
		if k := g.Counters(); k.BytesIn != 19 || k.BytesOut != 19 {
			t.Errorf("%s: %+v; want the octets of both ways, sent and received", name, k)
		}
		if _, ok := client.(syscall.Conn); ok {
			t.Errorf("%s: the connection gives its descriptor away", name)
		}
	}
}

// TestErrorsPass: what the inner connection says is what the user is told, value for value.
func TestErrorsPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newLoop(t)
		g := newGuard(t, n, Config{Rules: allow(t, "*")})
		ln := listen(t, g, "127.0.0.1:80")
		// each tries the same on two connections, of which the second one has no guard
		for name, try := range map[string]func(c, peer net.Conn) error{
			"end": func(c, peer net.Conn) error { peer.Close(); _, err := c.Read(make([]byte, 1)); return err },
			"reset": func(c, peer net.Conn) error {
				peer.(dialer.TCPConn).SetLinger(0)
				peer.Close()
				synctest.Wait()
				_, err := c.Read(make([]byte, 1))
				return err
			},
			"deadline": func(c, _ net.Conn) error {
				c.SetReadDeadline(time.Unix(1, 0))
				_, err := c.Read(make([]byte, 1))
				return err
			},
			"closed":       func(c, _ net.Conn) error { c.Close(); _, err := c.Write([]byte("x")); return err },
			"closed twice": func(c, _ net.Conn) error { c.Close(); return c.Close() },
			"broken pipe": func(c, _ net.Conn) error {
				c.(dialer.TCPConn).CloseWrite()
				_, err := c.Write([]byte("x"))
				return err
			},
			"copy": func(c, _ net.Conn) error {
				c.(dialer.TCPConn).CloseWrite()
				_, err := c.(io.ReaderFrom).ReadFrom(strings.NewReader("x"))
				return err
			},
			"copy to one that fails": func(c, peer net.Conn) error {
				io.WriteString(peer, "x")
				r, w := io.Pipe()
				r.Close()
				_, err := c.(io.WriterTo).WriteTo(w)
				return err
			},
		} {
			c1, p1 := accepted(t, g, ln, "127.0.0.1:80")
			c2, p2 := accepted(t, n, ln, "127.0.0.1:80")
			err, want := try(c1, p1), try(c2, p2)
			text := func(c net.Conn, err error) string {
				return strings.ReplaceAll(err.Error(), c.LocalAddr().String(), "local")
			}
			if err == nil || text(c1, err) != text(c2, want) || (err == io.EOF) != (want == io.EOF) {
				t.Errorf("%s: %v; without a guard %v", name, err, want)
			}
			for _, is := range []error{
				io.EOF, net.ErrClosed, os.ErrDeadlineExceeded, syscall.ECONNRESET, syscall.EPIPE, io.ErrClosedPipe,
			} {
				if errors.Is(err, is) != errors.Is(want, is) {
					t.Errorf("%s: is %v or isn't", name, is)
				}
			}
		}
	})
}

// TestHTTP: package net/http, over TLS and with HTTP/2, on both sides.
func TestHTTP(t *testing.T) {
	for name, n := range inners(t) {
		g := newGuard(t, n, Config{Rules: allow(t, "tcp 127.0.0.1")})
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(w, r.Body)
		}))
		srv.Listener.Close()
		srv.Listener = listen(t, g, "127.0.0.1:0")
		srv.EnableHTTP2 = true
		srv.StartTLS()
		client := srv.Client()
		client.Transport.(*http.Transport).DialContext = g.DialContext
		body := strings.Repeat("hello ", 100_000)
		resp, err := client.Post(srv.URL, "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := io.ReadAll(resp.Body)
		if err != nil || string(got) != body || resp.ProtoMajor != 2 {
			t.Errorf("%s: %d octets, %v, %s", name, len(got), err, resp.Proto)
		}
		resp.Body.Close()
		client.CloseIdleConnections()
		srv.Close()
		client = &http.Client{Transport: dialer.HTTPTransport(g)}
		if _, err := client.Get("http://192.0.2.1/"); !errors.Is(err, os.ErrPermission) {
			t.Errorf("%s: beyond the rules: %v", name, err)
		}
	}
}

// null are connections that do nothing, and at no cost.
type (
	nullTCP struct{ dialer.TCPConn }
	nullUDP struct{ dialer.UDPConn }
)

func (nullTCP) Read(b []byte) (int, error)                                 { return len(b), nil }
func (nullTCP) Write(b []byte) (int, error)                                { return len(b), nil }
func (nullUDP) Read(b []byte) (int, error)                                 { return len(b), nil }
func (nullUDP) Write(b []byte) (int, error)                                { return len(b), nil }
func (nullUDP) WriteToUDPAddrPort(b []byte, _ netip.AddrPort) (int, error) { return len(b), nil }
func (nullUDP) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	return len(b), netip.MustParseAddrPort("10.0.0.2:53"), nil
}

// TestCost: a guard allocates nothing to read and write.
func TestCost(t *testing.T) {
	g := newGuard(t, newLoop(t), Config{Rules: allow(t, "*"), Quota: Quota{BytesIn: 1 << 40, BytesOut: 1 << 40}})
	f := &flow{n: g, op: "dial", network: "tcp", client: true}
	c, u := tcpConn{nullTCP{}, f}, udpConn{nullUDP{}, f, newPeers(f)}
	b := make([]byte, 1000)
	to := netip.MustParseAddrPort("10.0.0.2:53")
	if allocs := testing.AllocsPerRun(100, func() {
		c.Write(b)
		c.Read(b)
		u.WriteToUDPAddrPort(b, to)
		u.ReadFromUDPAddrPort(b)
	}); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
	if k := g.Counters(); k.BytesIn != k.BytesOut || k.DatagramsIn != 101 {
		t.Errorf("%+v; want all of it counted", k)
	}
}

// BenchmarkWrite is a guard's share of a write and a read.
func BenchmarkWrite(b *testing.B) {
	g := newGuard(b, newLoop(b), Config{Quota: Quota{BytesIn: 1 << 60, BytesOut: 1 << 60}})
	c := tcpConn{nullTCP{}, &flow{n: g, op: "dial", network: "tcp"}}
	p := make([]byte, 1000)
	b.ReportAllocs()
	for b.Loop() {
		c.Write(p)
		c.Read(p)
	}
}

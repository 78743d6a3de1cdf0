package guard

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/dialer"
)

// TestConnQuota: connections dialled and accepted are counted together; those that come in beyond the quota are reset,
// and what ends makes room.
func TestConnQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		serve(t, b, "10.0.0.2:80", nil)
		g := newGuard(t, a, Config{Name: "kv", Rules: allow(t, "*"), Quota: Quota{Conns: 2, Listeners: 1, Sockets: 1}})
		ln := listen(t, g, ":81")
		_, err := g.Listen(t.Context(), "tcp", ":82")
		wantRefused(t, err, "listen", syscall.EMFILE, "kv", "Listeners, 1")
		c1 := dial(t, g, "tcp", "10.0.0.2:80")
		_, s1 := accepted(t, b, ln, "10.0.0.1:81")
		_, err = g.DialContext(t.Context(), "tcp", "10.0.0.2:80")
		wantRefused(t, err, "dial", syscall.EMFILE, "kv", "Conns, 2")
		go ln.Accept() // who waits for the next connection that there is room for
		over := dial(t, b, "tcp", "10.0.0.1:81")
		synctest.Wait()
		if _, err := over.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a connection beyond the quota: %v; want a reset", err)
		}
		if k := g.Counters(); k.Conns != 2 || k.ConnsPeak != 2 || k.Accepts != 1 || k.Refused != 3 {
			t.Errorf("%+v", k)
		}
		u := packet(t, g, ":53")
		_, err = g.DialContext(t.Context(), "udp", "10.0.0.2:53")
		wantRefused(t, err, "dial", syscall.EMFILE, "Sockets, 1")
		_, err = g.ListenPacket(t.Context(), "udp", ":0")
		wantRefused(t, err, "listen", syscall.EMFILE, "Sockets, 1")
		u.Close()
		dial(t, g, "udp", "10.0.0.2:53")
		echoes(t, c1)
		c1.Close()
		s1.Close()
		dial(t, g, "tcp", "10.0.0.2:80")
		if _, err := g.DialContext(t.Context(), "tcp", "10.0.0.2:9"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%v; want room for an attempt that fails", err)
		}
		dial(t, g, "tcp", "10.0.0.2:80") // which has left its place
	})
}

// TestPendingDials: a dial that is going on has a place of the quota, so that a flood of them is bounded.
func TestPendingDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newPair(t)
		g := newGuard(t, a, Config{Rules: allow(t, "*"), Quota: Quota{Conns: 5}})
		refused := 0
		for range 50 {
			go func() {
				_, err := g.DialContext(t.Context(), "tcp", "10.0.0.77:80") // which nobody has
				if errors.Is(err, syscall.EMFILE) {
					refused++ // nobody waits meanwhile
				}
			}()
			synctest.Wait()
		}
		if refused != 45 || len(g.Conns()) != 5 || g.Counters().Conns != 5 {
			t.Errorf("%d of 50 refused, %d going on", refused, len(g.Conns()))
		}
		time.Sleep(time.Hour)
		if n := len(g.Conns()); n != 0 {
			t.Errorf("%d remain", n)
		}
	})
}

// writers are all ways to write.
var writers = map[string]func(c net.Conn, b []byte) (int64, error){
	"Write": func(c net.Conn, b []byte) (int64, error) {
		n, err := c.Write(b)
		return int64(n), err
	},
	"ReadFrom": func(c net.Conn, b []byte) (int64, error) { return c.(io.ReaderFrom).ReadFrom(bytes.NewReader(b)) },
	"WriteBuffers": func(c net.Conn, b []byte) (int64, error) {
		v := net.Buffers{b[:10], b[10:40], b[40:]}
		n, err := c.(extras).WriteBuffers(&v)
		left := 0
		for _, p := range v {
			left += len(p)
		}
		if left != len(b)-int(n) {
			return n, errors.New("v was not consumed")
		}
		return n, err
	},
}

// writeOps are what their errors name them.
var writeOps = map[string]string{"Write": "write", "ReadFrom": "readfrom", "WriteBuffers": "writev"}

// TestBytesOut: exactly as many octets leave as the quota has, by whatever way; then all connections are reset.
func TestBytesOut(t *testing.T) {
	for inner, n := range inners(t) {
		for name, write := range writers {
			for _, size := range []int64{30, 100, 200_000} {
				var got bytes.Buffer
				arrived := make(chan struct{})
				addr := serve(t, n, "127.0.0.1:0", func(c net.Conn) { io.Copy(&got, c); close(arrived) })
				other := serve(t, n, "127.0.0.1:0", nil)
				g := newGuard(t, n, Config{Name: "kv", Rules: allow(t, "*"), Quota: Quota{BytesOut: size}})
				idle := dial(t, g, "tcp", other)
				c := dial(t, g, "tcp", addr)
				b := bytes.Repeat([]byte("x"), int(size)+50)
				sent, err := write(c, b)
				wantRefused(t, err, writeOps[name], syscall.EDQUOT, "kv", "BytesOut")
				<-arrived
				if sent != size || g.Counters().BytesOut != size || int64(got.Len()) > size {
					t.Errorf("%s, %s: %d sent, %d counted, %d arrived, of %d", inner, name, sent, g.Counters().BytesOut,
						got.Len(), size)
				}
				_, err = c.Write(b)
				wantRefused(t, err, "write", syscall.EDQUOT)
				_, err = idle.Read(b)
				wantRefused(t, err, "read", syscall.EDQUOT)
				_, err = g.DialContext(t.Context(), "tcp", addr)
				wantRefused(t, err, "dial", syscall.EDQUOT, "BytesOut")
				g.SetQuota(Quota{BytesOut: size + 5})
				echoes(t, dial(t, g, "tcp", other))
				if k := g.Counters(); k.BytesOut != size+5 {
					t.Errorf("%+v", k)
				}
			}
		}
	}
}

// TestWithinQuota: a quota that is used up exactly is not exceeded.
func TestWithinQuota(t *testing.T) {
	n := newLoop(t)
	g := newGuard(t, n, Config{Rules: allow(t, "*"), Quota: Quota{BytesOut: 10, BytesIn: 10}})
	addr := serve(t, n, "127.0.0.1:0", nil)
	c := dial(t, g, "tcp", addr).(dialer.TCPConn)
	echoes(t, c)
	echoes(t, c)
	c.CloseWrite()
	if b, err := io.ReadAll(c); len(b) != 0 || err != nil {
		t.Errorf("%q, %v; want the end of the stream", b, err)
	}
	if k := g.Counters(); k.BytesOut != 10 || k.BytesIn != 10 || k.Refused != 0 {
		t.Errorf("%+v", k)
	}
}

// TestBytesIn: exactly as many octets are given as the quota has.
func TestBytesIn(t *testing.T) {
	for inner, n := range inners(t) {
		addr := serve(t, n, "127.0.0.1:0", func(c net.Conn) {
			io.WriteString(c, strings.Repeat("x", 200_000))
			io.Copy(io.Discard, c)
		})
		for name, read := range map[string]func(c net.Conn) (int64, string, error){
			"Read": func(c net.Conn) (int64, string, error) {
				n, err := io.Copy(io.Discard, struct{ io.Reader }{c})
				return n, "read", err
			},
			"WriteTo": func(c net.Conn) (int64, string, error) {
				n, err := c.(io.WriterTo).WriteTo(io.Discard)
				return n, "writeto", err
			},
		} {
			g := newGuard(t, n, Config{Rules: allow(t, "*"), Quota: Quota{BytesIn: 100_001}})
			events, _ := g.Subscribe(10)
			c := dial(t, g, "tcp", addr)
			got, op, err := read(c)
			wantRefused(t, err, op, syscall.EDQUOT, "BytesIn")
			if got != 100_001 || g.Counters().BytesIn != 100_001 {
				t.Errorf("%s, %s: %d read, %d counted", inner, name, got, g.Counters().BytesIn)
			}
			c.Close()
			all, _ := drain(events)
			if i := slices.IndexFunc(all, func(e Event) bool { return e.Kind == EventClosed }); i < 0 ||
				all[i].Conn.BytesIn != 100_001 {
				t.Errorf("%s, %s: %+v; want the octets in the connection's end", inner, name, all)
			}
		}
	}
}

// TestFailedWrites: what was not written is not counted.
func TestFailedWrites(t *testing.T) {
	n := newLoop(t)
	g := newGuard(t, n, Config{Rules: allow(t, "*"), Quota: Quota{BytesOut: 1000}})
	ln := listen(t, n, "127.0.0.1:80")
	c, _ := accepted(t, g, ln, "127.0.0.1:80")
	c.(dialer.TCPConn).CloseWrite()
	for _, write := range writers {
		if n, err := write(c, make([]byte, 600)); n != 0 || !errors.Is(err, syscall.EPIPE) {
			t.Errorf("%d, %v", n, err)
		}
	}
	u := packet(t, g, "127.0.0.1:0")
	nowhere := &net.UDPAddr{IP: net.IPv4(10, 9, 9, 9), Port: 1}
	if _, err := u.WriteTo(make([]byte, 900), nowhere); !errors.Is(err, syscall.ENETUNREACH) {
		t.Errorf("%v", err)
	}
	if k := g.Counters(); k.BytesOut != 0 || k.DatagramsOut != 0 {
		t.Errorf("%+v", k)
	}
}

// TestDatagramQuota: a datagram goes as a whole or not at all, and sockets live on.
func TestDatagramQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newLoop(t)
		g := newGuard(t, n, Config{Rules: allow(t, "*"), Quota: Quota{BytesOut: 1000, BytesIn: 500}})
		u, v := packet(t, g, "127.0.0.1:1000"), packet(t, g, "127.0.0.1:1001")
		conn := dial(t, g, "udp", "127.0.0.1:1001")
		if _, err := u.WriteTo(make([]byte, 600), v.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		_, err := u.WriteTo(make([]byte, 401), v.LocalAddr())
		wantRefused(t, err, "write", syscall.EDQUOT, "BytesOut")
		_, err = conn.Write(make([]byte, 401))
		wantRefused(t, err, "write", syscall.EDQUOT, "BytesOut")
		if _, err := u.WriteTo(make([]byte, 400), v.LocalAddr()); err != nil {
			t.Errorf("what fits: %v", err)
		}
		b := make([]byte, 2000)
		_, _, err = v.ReadFrom(b)
		wantRefused(t, err, "read", syscall.EDQUOT, "BytesIn")
		if n, _, err := v.ReadFrom(b); n != 400 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if k := g.Counters(); k.BytesOut != 1000 || k.BytesIn != 400 || k.DatagramsOut != 2 || k.DatagramsIn != 1 {
			t.Errorf("%+v", k)
		}
	})
}

// TestSetByteQuota: lowering a quota below what was used cuts off at once.
func TestSetByteQuota(t *testing.T) {
	n := newLoop(t)
	g := newGuard(t, n, Config{Rules: allow(t, "*")})
	c := dial(t, g, "tcp", serve(t, n, "127.0.0.1:0", nil))
	echoes(t, c)
	g.SetQuota(Quota{BytesIn: 5, BytesOut: 5, Conns: 7}) // just used up: not exceeded
	if g.Quota() != (Quota{BytesIn: 5, BytesOut: 5, Conns: 7}) {
		t.Errorf("%+v", g.Quota())
	}
	if len(g.Conns()) != 1 {
		t.Error("cut off too early")
	}
	g.SetQuota(Quota{BytesIn: 4})
	_, err := c.Read(make([]byte, 1))
	wantRefused(t, err, "read", syscall.EDQUOT, "BytesIn, 4")
}

// TestRates: dials are bounded per second, with a burst of one second's.
func TestRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newLoop(t)
		addr := serve(t, n, "127.0.0.1:80", nil)
		g := newGuard(t, n, Config{Name: "kv", Rules: allow(t, "*"), Quota: Quota{DialsPerSecond: 10}})
		tries := func() (ok int) {
			for range 100 {
				c, err := g.DialContext(t.Context(), "tcp", addr)
				if err == nil {
					ok++
					c.Close()
					continue
				}
				wantRefused(t, err, "dial", syscall.ENOBUFS, "DialsPerSecond", "later")
			}
			return ok
		}
		if n := tries(); n != 10 {
			t.Errorf("%d dials at first; want 10", n)
		}
		time.Sleep(time.Second / 2)
		if n := tries(); n != 5 {
			t.Errorf("%d dials after half a second; want 5", n)
		}
		time.Sleep(time.Hour)
		if n := tries(); n != 10 {
			t.Errorf("%d dials after an hour; want 10", n)
		}
		if l := g.Refusals(); len(l) != 1 || l[0].Count != 275 || l[0].Err.Quota != "DialsPerSecond" {
			t.Errorf("%+v", l)
		}
		g.SetQuota(Quota{DialsPerSecond: 20})
		time.Sleep(time.Second)
		if n := tries(); n != 20 {
			t.Errorf("%d dials; want the new quota's 20", n)
		}
	})
}

package guard

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gotcp/gotcp/dialer"
)

// isReset fails a test unless c was reset by its peer.
func isReset(t testing.TB, c net.Conn) {
	t.Helper()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer of who was cut off: %v; want a reset", err)
	}
}

// TestKill: everything ends at once, blocked calls too, nothing begins until Revive, and peers see resets.
func TestKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		far := listen(t, b, "10.0.0.2:80")
		g := newGuard(t, a, Config{Name: "kv", Rules: allow(t, "*"), Hosts: map[string][]netip.Addr{"own.example": nil}})
		near := listen(t, g, ":81")
		client, peer := accepted(t, g, far, "10.0.0.2:80")
		other, server := accepted(t, b, near, "10.0.0.1:81")
		u := packet(t, g, ":53")
		errs := map[string]error{}
		var mu sync.Mutex
		for name, f := range map[string]func() error{
			"read":     func() error { _, err := client.Read(make([]byte, 1)); return err },
			"writeto":  func() error { _, err := server.(io.WriterTo).WriteTo(io.Discard); return err },
			"accept":   func() error { _, err := near.Accept(); return err },
			"read udp": func() error { _, _, err := u.ReadFrom(make([]byte, 1)); return err },
			"dial":     func() error { _, err := g.DialContext(t.Context(), "tcp", "10.0.0.77:80"); return err },
		} {
			go func() {
				err := f()
				mu.Lock()
				defer mu.Unlock()
				errs[name] = err
			}()
		}
		synctest.Wait()
		begin := time.Now()
		g.Kill()
		synctest.Wait()
		for name, op := range map[string]string{
			"read": "read", "writeto": "writeto", "accept": "accept", "dial": "dial", "read udp": "read",
		} {
			why := wantRefused(t, errs[name], op, syscall.EACCES, "kv is switched off", "Revive")
			if !why.Killed || !errors.Is(errs[name], os.ErrPermission) {
				t.Errorf("%s: %+v", name, why)
			}
		}
		isReset(t, peer)
		isReset(t, other)
		if len(g.Conns()) != 0 || !g.Killed() || time.Since(begin) != 0 {
			t.Errorf("%d connections are left after %v", len(g.Conns()), time.Since(begin))
		}
		for name, write := range writers {
			_, err := write(client, make([]byte, 100))
			wantRefused(t, err, writeOps[name], syscall.EACCES, "kv is switched off")
		}
		_, err := u.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 53})
		wantRefused(t, err, "write", syscall.EACCES, "kv is switched off")
		if err := client.Close(); err != nil {
			t.Errorf("closing what was cut off: %v", err)
		}
		if err := client.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closing it twice: %v", err)
		}
		for op, try := range map[string]func() error{
			"dial": func() error { _, err := g.DialContext(t.Context(), "tcp", "10.0.0.2:80"); return err },
			"listen": func() error {
				_, err1 := g.Listen(t.Context(), "tcp", ":82")
				_, err2 := g.ListenPacket(t.Context(), "udp", ":82")
				wantRefused(t, err2, "listen", syscall.EACCES, "switched off")
				return err1
			},
		} {
			wantRefused(t, try(), op, syscall.EACCES, "switched off")
		}
		if rcode, _ := exchange(t, g, "own.example"); rcode != dnsmessage.RCodeRefused {
			t.Errorf("a look-up: %v", rcode)
		}
		g.Revive()
		if rcode, _ := exchange(t, g, "own.example"); rcode != 0 {
			t.Errorf("a look-up: %v", rcode)
		}
		accepted(t, g, far, "10.0.0.2:80")
		listen(t, g, ":81")
	})
}

// TestClose: as Kill, but the errors are package net's, and it is for good.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		far := listen(t, b, "10.0.0.2:80")
		g := New(a, Config{Rules: allow(t, "*")})
		client, peer := accepted(t, g, far, "10.0.0.2:80")
		var pending error
		go func() { _, pending = g.DialContext(t.Context(), "tcp", "10.0.0.77:80") }()
		synctest.Wait()
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_, err1 := client.Read(nil)
		_, err2 := g.DialContext(t.Context(), "tcp", "10.0.0.2:80")
		_, err3 := g.Listen(t.Context(), "tcp", ":81")
		for _, err := range []error{err1, err2, err3, pending, g.Close()} {
			if !errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrPermission) {
				t.Errorf("%v; want net.ErrClosed", err)
			}
		}
		isReset(t, peer)
		accepted(t, a, far, "10.0.0.2:80") // the inner network is the caller's
	})
}

// TestSetRules: new rules are for what exists, too: what they don't allow is cut off, the rest stays.
func TestSetRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		far := listen(t, b, ":80")
		g := newGuard(t, a, Config{Rules: allow(t, "*")})
		near, kept := listen(t, g, ":81"), listen(t, g, ":82")
		c1, p1 := accepted(t, g, far, "10.0.0.2:80")
		c2, p2 := accepted(t, g, far, "10.0.0.3:80")
		in1, s1 := accepted(t, b, near, "10.0.0.1:81")
		in2, s2 := accepted(t, b, kept, "10.0.0.1:82")
		u1, u2 := packet(t, g, ":53"), packet(t, g, ":0")
		v1 := dial(t, g, "udp", "10.0.0.2:53")
		g.SetRules(Rules{
			Allow: MustParseRules("*"), Deny: MustParseRules("10.0.0.2"), Listen: MustParseRules("tcp *:82", "udp *:0"),
		})
		_, err := c1.Read(make([]byte, 1))
		if why := wantRefused(t, err, "read", syscall.EACCES); why.Rule != "10.0.0.2" || why.Op != "dial" {
			t.Errorf("%+v", why)
		}
		isReset(t, p1)
		_, err = near.Accept()
		wantRefused(t, err, "accept", syscall.EACCES, `"tcp *:81"`)
		if oe, _ := errors.AsType[*net.OpError](err); fmt.Sprint(oe.Addr) != near.Addr().String() {
			t.Errorf("%v is about %v; want the listener's address", err, oe.Addr)
		}
		_, err = s1.Write([]byte("x"))
		wantRefused(t, err, "write", syscall.EACCES, `"tcp *:81"`)
		isReset(t, in1)
		_, _, err = u1.ReadFrom(make([]byte, 1))
		wantRefused(t, err, "read", syscall.EACCES, `"udp *:53"`)
		_, err = v1.Write([]byte("x"))
		wantRefused(t, err, "write", syscall.EACCES, "10.0.0.2")
		for _, pair := range [][2]net.Conn{{c2, p2}, {in2, s2}} {
			go io.WriteString(pair[0], "hello")
			if _, err := io.ReadFull(pair[1], make([]byte, 5)); err != nil {
				t.Errorf("what is allowed still: %v", err)
			}
		}
		_, err = u2.WriteTo([]byte("x"), &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 53})
		wantRefused(t, err, "write", syscall.EACCES, "10.0.0.2")
		if n := g.Counters(); n.Conns != 2 || n.Listeners != 1 || n.Sockets != 1 {
			t.Errorf("%+v", n)
		}
		r := g.Rules()
		if len(r.Deny) != 1 || r.Deny[0].String() != "10.0.0.2" {
			t.Errorf("%+v", r)
		}
		r.Deny[0] = MustParseRules("10.0.0.3")[0] // a copy: no way to change what holds
		if g.Rules().Deny[0].String() != "10.0.0.2" {
			t.Error("who asks for the rules can change them")
		}
	})
}

// TestRulesDuringDial: a dial that began under other rules is judged by those that hold when it is done.
func TestRulesDuringDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		far := listen(t, b, "10.0.0.2:80")
		g := New(nil, Config{Rules: allow(t, "*")})
		g.inner = hooked{a, func() { g.SetRules(Rules{}) }}
		dialled := func(word string) {
			t.Helper()
			_, err := g.DialContext(t.Context(), "tcp", "10.0.0.2:80")
			wantRefused(t, err, "dial", syscall.EACCES, word)
			p, err := far.Accept()
			if err != nil {
				t.Fatal(err)
			}
			isReset(t, p)
		}
		dialled(`"tcp 10.0.0.2:80"`)
		if k, l := g.Counters(), g.Refusals(); k.Refused != 1 || len(l) != 1 || l[0].Err.Address != "10.0.0.2:80" {
			t.Errorf("%+v, %+v; want that it was refused", k, l)
		}
		g.SetRules(allow(t, "*"))
		g.inner = hooked{a, g.Kill}
		dialled("switched off")
		if n := g.Counters(); n.Conns != 0 || len(g.Conns()) != 0 {
			t.Errorf("%+v", n)
		}
	})
}

// TestRulesBeforeAnswer: a dial that waits for its peer isn't judged before it is known where it leads.
func TestRulesBeforeAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		serve(t, b, "10.0.0.2:80", nil)
		g := newGuard(t, a, Config{
			Rules: Rules{Allow: MustParseRules("10.0.0.0/24")},
			Hosts: map[string][]netip.Addr{"db": {netip.MustParseAddr("10.0.0.77"), netip.MustParseAddr("10.0.0.2")}},
		})
		var c net.Conn
		var err error
		go func() { c, err = (&dialer.Dialer{Network: g, Timeout: 10 * time.Second}).Dial("tcp", "db:80") }()
		synctest.Wait() // at the first address, which nobody has
		g.SetRules(Rules{Allow: MustParseRules("10.0.0.0/24:80")})
		time.Sleep(time.Minute)
		synctest.Wait()
		if err != nil {
			t.Fatal(err)
		}
		echoes(t, c)
		c.Close()
	})
}

// TestConns: what there is, with what an operator wants to know of it.
func TestConns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		far := listen(t, b, "10.0.0.2:80")
		begin := time.Now()
		g := newGuard(t, a, Config{Rules: allow(t, "*")})
		near := listen(t, g, ":81")
		c, p := accepted(t, g, far, "10.0.0.2:80")
		accepted(t, b, near, "10.0.0.1:81")
		packet(t, g, ":53")
		dial(t, g, "udp", "10.0.0.2:53")
		io.WriteString(c, "hello")
		io.WriteString(p, "you")
		io.ReadFull(c, make([]byte, 3))
		var got []string
		for _, c := range g.Conns() {
			remote := "-"
			if c.Remote.IsValid() {
				remote = c.Remote.Addr().String()
			}
			got = append(got, c.Op+" "+c.Network+" "+remote)
			isConn := c.Op != "listen" && c.Network == "tcp"
			if c.ID == 0 || c.Local.Port() == 0 || !c.Start.Equal(begin) || (c.TCP != nil) != isConn {
				t.Errorf("%+v", c)
			}
			if c.Remote.String() == "10.0.0.2:80" && (c.BytesIn != 3 || c.BytesOut != 5 || c.TCP.BytesReceived != 3) {
				t.Errorf("%+v: wrong counts", c)
			}
		}
		want := []string{"listen tcp -", "dial tcp 10.0.0.2", "accept tcp 10.0.0.2", "listen udp -", "dial udp 10.0.0.2"}
		if !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
	})
}

package guard

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/dns"
)

// upstream is a name server that remembers what it was asked for. Its answers hold for a minute.
type upstream struct {
	mu    sync.Mutex
	asked []string
}

const upstreamTTL = time.Minute

// newUpstream runs a name server on UDP at 10.0.0.2:53 of a network.
func newUpstream(t testing.TB, n netapi.Network, hosts map[string]string) (u *upstream, at netip.AddrPort) {
	t.Helper()
	u = &upstream{}
	table := map[string][]netip.Addr{}
	for name, addrs := range hosts {
		for _, a := range strings.Fields(addrs) {
			table[name] = append(table[name], netip.MustParseAddr(a))
		}
	}
	s := &dns.Server{Hosts: table, Servers: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.2:1")}, Allow: u.ask}
	at = netip.MustParseAddrPort("10.0.0.2:53")
	go s.ServePacket(packet(t, n, at.String()))
	return u, at
}

func (u *upstream) ask(name string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !slices.Contains(u.asked, name) {
		u.asked = append(u.asked, name)
	}
	return nil
}

func (u *upstream) names() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	slices.Sort(u.asked)
	return strings.Join(u.asked, " ")
}

// exchange asks a guard as a program does that isn't linked with this module.
func exchange(t testing.TB, g *Network, name string) (dnsmessage.RCode, []dnsmessage.Resource) {
	t.Helper()
	answer, err := g.Exchange(t.Context(), query(name), false)
	if err != nil {
		t.Fatal(err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(answer); err != nil || m.ID != 7 {
		t.Fatalf("%v, %v", m, err)
	}
	return m.RCode, m.Answers
}

// query asks for a name's IPv4 addresses.
func query(name string) []byte {
	q := dnsmessage.Message{
		Header: dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{
			{Name: dnsmessage.MustNewName(name + "."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
		},
	}
	text, err := q.Pack()
	if err != nil {
		panic(err)
	}
	return text
}

// TestLookUps: own names first, then those that a rule allows, asked over the inner network; other names stay unasked.
func TestLookUps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		far, at := newUpstream(t, b, map[string]string{
			"good.example": "10.0.0.2", "db": "192.0.2.1", "x.evil.example": "10.0.0.3",
		})
		g := newGuard(t, a, Config{
			Name: "kv", Rules: Rules{Allow: MustParseRules("*.example:80", "0.0.0.0/0"), Deny: MustParseRules("*.evil.example")},
			Hosts: map[string][]netip.Addr{"DB.": {netip.MustParseAddr("10.0.0.2")}}, Servers: []netip.AddrPort{at},
		})
		find := func(name string) string {
			addrs, err := g.Resolver().LookupHost(t.Context(), name)
			if err != nil {
				return err.Error()
			}
			return strings.Join(addrs, " ")
		}
		if got := find("good.example"); got != "10.0.0.2" {
			t.Errorf("a name that is allowed: %s", got)
		}
		if got := find("db"); got != "10.0.0.2" {
			t.Errorf("a name of the network's own: %s", got)
		}
		if names, err := g.Resolver().LookupAddr(t.Context(), "10.0.0.2"); err != nil || names[0] != "db." {
			t.Errorf("its address: %v, %v", names, err)
		}
		for name, why := range map[string]string{
			"secret.elsewhere.org": `"secret.elsewhere.org"`, "x.evil.example": `"*.evil.example"`,
		} {
			if got := find(name); !strings.Contains(got, why) {
				t.Errorf("%s: %s; want it to say why not", name, got)
			}
			if rcode, records := exchange(t, g, name); rcode != dnsmessage.RCodeRefused || len(records) != 0 {
				t.Errorf("%s: %v, %v; want REFUSED", name, rcode, records)
			}
		}
		if _, err := g.Resolver().LookupAddr(t.Context(), "10.0.0.99"); err == nil {
			t.Error("the name of another address was found")
		}
		if got := far.names(); got != "good.example" {
			t.Errorf("the server was asked for %q", got)
		}
		if _, err := g.DialContext(t.Context(), "udp", at.String()); err != nil { // 0.0.0.0/0 allows it
			t.Error(err)
		}
		k := g.Counters()
		if k.LookUps < 6 || k.Refused < 5 || k.Conns != 0 || k.BytesOut == 0 || k.BytesIn == 0 {
			t.Errorf("%+v; want the look-ups counted", k)
		}
		i := slices.IndexFunc(g.Refusals(), func(r Refusal) bool { return r.Err.Address == "x.evil.example" })
		if i < 0 || g.Refusals()[i].Err.Rule != "*.evil.example" || g.Refusals()[i].Err.Op != "lookup" {
			t.Errorf("%+v", g.Refusals())
		}
	})
}

// TestDialByName: a rule with a name allows the name's dial, and for as long as the answer holds that of the address.
func TestDialByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		far, at := newUpstream(t, b, map[string]string{"good.example": "10.0.0.3 10.0.0.2", "bad.example": "10.0.0.2"})
		serve(t, b, "10.0.0.2:80", nil)
		g := newGuard(t, a, Config{Rules: Rules{Allow: MustParseRules("tcp good.example:80")}, Servers: []netip.AddrPort{at}})
		_, err := g.DialContext(t.Context(), "tcp", "10.0.0.2:80")
		wantRefused(t, err, "dial", syscall.EACCES) // before anybody asked
		_, err = g.DialContext(t.Context(), "tcp", "bad.example:80")
		wantRefused(t, err, "dial", syscall.EACCES, `"tcp bad.example:80"`)
		_, err = g.DialContext(t.Context(), "tcp", "good.example:81")
		wantRefused(t, err, "dial", syscall.EACCES, `"tcp good.example:81"`)
		if got := far.names(); got != "" {
			t.Errorf("the server was asked for %q", got)
		}
		if rcode, records := exchange(t, g, "Good.Example"); rcode != 0 || len(records) != 2 {
			t.Fatalf("%v, %v", rcode, records)
		}
		time.Sleep(upstreamTTL + nameGrace - 1)
		echoes(t, dial(t, g, "tcp", "10.0.0.2:80"))
		_, err = g.DialContext(t.Context(), "tcp", "10.0.0.2:81")
		wantRefused(t, err, "dial", syscall.EACCES)
		if c := g.Conns(); len(c) != 1 || c[0].Name != "good.example" {
			t.Errorf("%+v", c)
		}
		time.Sleep(time.Nanosecond)
		_, err = g.DialContext(t.Context(), "tcp", "10.0.0.2:80")
		wantRefused(t, err, "dial", syscall.EACCES)
		// By its name, where the first address has nobody: and then by address again.
		c := dial(t, g, "tcp", "GOOD.example.:http")
		echoes(t, c)
		dial(t, g, "tcp", "10.0.0.2:80")
		// A connection outlives the answer, and a change of rules that still has the name.
		time.Sleep(time.Hour)
		g.SetRules(Rules{Allow: MustParseRules("good.example:1-100")})
		echoes(t, c)
		g.SetRules(Rules{Allow: MustParseRules("10.0.0.0/8:1-79")})
		_, err = c.Write([]byte("x"))
		wantRefused(t, err, "write", syscall.EACCES)
		if _, err = g.DialContext(t.Context(), "tcp", "nobody.example:80"); !errors.Is(err, os.ErrPermission) {
			t.Errorf("%v", err)
		}
		g.SetRules(Rules{Allow: MustParseRules("*")})
		_, err = g.DialContext(t.Context(), "tcp", "nobody.invalid:80")
		if e, ok := errors.AsType[*net.DNSError](err); !ok || !e.IsNotFound {
			t.Errorf("a name that doesn't exist: %v", err)
		}
	})
}

// TestRebinding: a name that leads where Deny says no doesn't get there; its other addresses are tried.
func TestRebinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		_, at := newUpstream(t, b, map[string]string{"mixed.example": "10.0.0.2 192.0.2.9", "evil.example": "10.0.0.2"})
		serve(t, b, ":80", nil)
		g := newGuard(t, a, Config{
			Rules: Rules{Allow: MustParseRules("*.example"), Deny: MustParseRules("10.0.0.0/8")}, Servers: []netip.AddrPort{at},
		})
		c := dial(t, g, "tcp", "mixed.example:80")
		if c.RemoteAddr().String() != "192.0.2.9:80" {
			t.Errorf("connected to %v", c.RemoteAddr())
		}
		_, err := g.DialContext(t.Context(), "tcp", "evil.example:80")
		wantRefused(t, err, "dial", syscall.EACCES, "10.0.0.2:80", "10.0.0.0/8")
		_, err = g.DialContext(t.Context(), "tcp", "10.0.0.2:80") // which it is now known for
		wantRefused(t, err, "dial", syscall.EACCES, "10.0.0.0/8")
		u := packet(t, g, ":0")
		_, err = u.WriteTo([]byte("x"), udp("10.0.0.2:80"))
		wantRefused(t, err, "write", syscall.EACCES, "10.0.0.0/8")
	})
}

// TestOwnNames: names of Hosts need no rule to be looked up; where they lead is judged as any place is.
func TestOwnNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		serve(t, b, ":80", nil)
		g := newGuard(t, a, Config{
			Rules: Rules{Allow: MustParseRules("10.0.0.2", "web:80"), Listen: MustParseRules("tcp self:81", "tcp localhost:82")},
			Hosts: map[string][]netip.Addr{
				"db": {netip.MustParseAddr("10.0.0.2")}, "web": {netip.MustParseAddr("10.0.0.3")},
				"other": {netip.MustParseAddr("192.0.2.9")}, "self": {netip.MustParseAddr("10.0.0.1")},
			},
		})
		dial(t, g, "tcp", "db:80")
		dial(t, g, "tcp", "web:80")
		dial(t, g, "tcp", "10.0.0.3:80") // which is known for web's
		_, err := g.DialContext(t.Context(), "tcp", "other:80")
		wantRefused(t, err, "dial", syscall.EACCES, `"tcp 192.0.2.9:80"`)
		if got := listen(t, g, "self:81").Addr().String(); got != "10.0.0.1:81" {
			t.Errorf("listening on %s", got)
		}
		if got := listen(t, g, "localhost:82").Addr().String(); got != "127.0.0.1:82" {
			t.Errorf("listening on %s", got)
		}
		_, err = g.Listen(t.Context(), "tcp", "self:82")
		wantRefused(t, err, "listen", syscall.EACCES, `"tcp 10.0.0.1:82"`)
		_, err = g.Listen(t.Context(), "tcp", "secret.example:82") // would be a query
		wantRefused(t, err, "listen", syscall.EACCES)
	})
}

// TestOwnResolver: a resolver of the user's own lends no name to an address.
func TestOwnResolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		serve(t, b, "10.0.0.2:80", nil)
		g := newGuard(t, a, Config{Rules: Rules{Allow: MustParseRules("good.example")}})
		liar := &dns.Server{Hosts: map[string][]netip.Addr{"good.example": {netip.MustParseAddr("10.0.0.2")}}}
		_, err := (&dialer.Dialer{Network: g, Resolver: liar.Resolver()}).Dial("tcp", "good.example:80")
		wantRefused(t, err, "dial", syscall.EACCES, `"tcp 10.0.0.2:80"`)
		g.SetRules(Rules{Allow: MustParseRules("10.0.0.2")})
		if _, err = (&dialer.Dialer{Network: g, Resolver: liar.Resolver()}).Dial("tcp", "good.example:80"); err != nil {
			t.Error(err)
		}
	})
}

// TestNamedDatagrams: an exchange of datagrams outlives the answer that allowed it.
func TestNamedDatagrams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		_, at := newUpstream(t, b, map[string]string{"good.example": "10.0.0.2"})
		g := newGuard(t, a, Config{Rules: Rules{Allow: MustParseRules("udp good.example:443")}, Servers: []netip.AddrPort{at}})
		exchange(t, g, "good.example")
		u, late := packet(t, g, ":0"), packet(t, g, ":0")
		for range 3 {
			if _, err := u.WriteTo([]byte("x"), udp("10.0.0.2:443")); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Hour)
		}
		g.SetRules(Rules{Allow: MustParseRules("udp *.example:443")})
		if _, err := u.WriteTo([]byte("x"), udp("10.0.0.2:443")); err != nil {
			t.Errorf("after a change of rules that still has the name: %v", err)
		}
		_, err := late.WriteTo([]byte("x"), udp("10.0.0.2:443"))
		wantRefused(t, err, "write", syscall.EACCES)
	})
}

// TestLookUpRate: look-ups are bounded per second, and a dial by name says so.
func TestLookUpRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		_, at := newUpstream(t, b, map[string]string{"good.example": "10.0.0.2"})
		g := newGuard(t, a, Config{
			Rules: Rules{Allow: MustParseRules("*")}, Quota: Quota{LookupsPerSecond: 5}, Servers: []netip.AddrPort{at},
			Hosts: map[string][]netip.Addr{"own.example": {netip.MustParseAddr("10.0.0.2")}},
		})
		ok := 0
		for range 100 {
			if rcode, _ := exchange(t, g, "good.example"); rcode == 0 {
				ok++
			} else if rcode != dnsmessage.RCodeRefused {
				t.Errorf("%v", rcode)
			}
		}
		if ok != 5 {
			t.Errorf("%d look-ups in no time; want 5", ok)
		}
		_, err := g.DialContext(t.Context(), "tcp", "good.example:80")
		wantRefused(t, err, "dial", syscall.ENOBUFS, "LookupsPerSecond")
		if _, err := g.DialContext(t.Context(), "tcp", "own.example:80"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a name that needs no look-up: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := g.DialContext(t.Context(), "tcp", "good.example:80"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%v", err)
		}
	})
}

// TestSilentServer: look-ups that nobody answers are bounded in number, and Kill ends them.
func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		packet(t, b, "10.0.0.2:53") // which is never read
		g := newGuard(t, a, Config{
			Rules: Rules{Allow: MustParseRules("*")}, Servers: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.2:53")},
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := 0
		var mu sync.Mutex
		for range 500 {
			go func() {
				g.Resolver().LookupHost(ctx, "a.example")
				mu.Lock()
				ended++
				mu.Unlock()
			}()
			go g.Exchange(ctx, query("b.example"), false)
		}
		synctest.Wait()
		conns := g.Conns()
		if len(conns) != maxLookUps || conns[0].Op != "lookup" || conns[0].Network != "udp" || g.Counters().Sockets != 0 {
			t.Errorf("%d connections to the server, the first %+v", len(conns), conns[0])
		}
		var dialErr error
		go func() { _, dialErr = g.DialContext(ctx, "tcp", "c.example:80") }()
		synctest.Wait()
		begin := time.Now()
		g.Kill()
		synctest.Wait()
		if dialErr == nil || time.Since(begin) != 0 {
			t.Errorf("a dial that waits for its name: %v", dialErr)
		}
		time.Sleep(time.Minute)
		if n := len(g.Conns()); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		mu.Lock()
		defer mu.Unlock()
		if ended != 500 {
			t.Errorf("%d look-ups have ended", ended)
		}
	})
}

// TestNameBook: what is remembered of look-ups is bounded, and old answers give way.
func TestNameBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newNameBook(nil)
		a := netip.MustParseAddr("10.0.0.0")
		for i := range 3 * maxAnswers {
			b.learn("a.example", []netip.Addr{a}, time.Hour)
			if a = a.Next(); i == 0 {
				a = netip.MustParseAddr("11.0.0.0")
			}
		}
		if len(b.answers.m) != maxAnswers || b.answers.order.Len() != maxAnswers {
			t.Errorf("%d addresses are remembered", len(b.answers.m))
		}
		if b.namesOf(netip.MustParseAddr("10.0.0.0")) != nil || b.namesOf(a.Prev()) == nil {
			t.Error("the wrong ones are remembered")
		}
		a = netip.MustParseAddr("192.0.2.1")
		for i := range 10 * maxNames {
			b.learn(string(rune('a'+i)), []netip.Addr{a}, time.Hour)
		}
		if got := b.namesOf(a); len(got) != maxNames || got[maxNames-1] != string(rune('a'+10*maxNames-1)) {
			t.Errorf("%q", got)
		}
		b.learn("long.example", []netip.Addr{a.Next()}, 1<<62)
		b.learn("none.example", []netip.Addr{a.Next()}, -1)
		time.Sleep(nameGrace)
		if got := b.namesOf(a.Next()); !slices.Equal(got, []string{"long.example"}) {
			t.Errorf("%q", got)
		}
		time.Sleep(maxHold)
		if got := b.namesOf(a.Next()); got != nil {
			t.Errorf("%q after a day", got)
		}
	})
}

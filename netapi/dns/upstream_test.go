package dns_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gotcp/gotcp/netapi/dns"
)

// silent is a name server that never answers.
func silent(string, dnsmessage.Message) []dnsmessage.Message { return nil }

// knows is a name server that has an address for each name.
func knows(addr string) handler {
	return func(_ string, q dnsmessage.Message) []dnsmessage.Message {
		return response(q, a(q.Questions[0].Name.String(), addr))
	}
}

// fails is a name server that answers with an RCODE.
func fails(code dnsmessage.RCode) handler {
	return func(_ string, q dnsmessage.Message) []dnsmessage.Message {
		m := response(q)
		m[0].RCode = code
		return m
	}
}

// TestAsk: names that are not the network's own are asked for over the network; the answer passes as it is.
func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, servers := newPair(t)
		var seen []dnsmessage.Message
		odd := record("www.example.", &dnsmessage.UnknownResource{Type: 65280, Data: []byte{1, 2, 3}})
		s := &dns.Server{Dial: client.DialContext, Servers: []netip.AddrPort{
			nameServer(t, servers, "10.0.0.2:53", func(network string, q dnsmessage.Message) []dnsmessage.Message {
				seen = append(seen, q)
				m := response(q, a("www.example.", "192.0.2.80"), odd)
				m[0].Authorities = []dnsmessage.Resource{txt("example.", 1)}
				m[0].Additionals = []dnsmessage.Resource{a("ns.example.", "192.0.2.53"), opt(1400), a("late.example.", "192.0.2.9")}
				m[0].AuthenticData = true
				return m
			}),
		}}
		m := exchange(t, s, question("Www.Example.", dnsmessage.TypeA), false)
		if !slices.Equal(addrs(m), []string{"192.0.2.80"}) || len(m.Answers) != 2 || len(m.Authorities) != 1 {
			t.Errorf("the answer is %+v", m)
		}
		if u, ok := m.Answers[1].Body.(*dnsmessage.UnknownResource); !ok || string(u.Data) != "\x01\x02\x03" {
			t.Errorf("a record of a type that nobody knows came as %v", m.Answers[1].Body)
		}
		if len(m.Additionals) != 1 || m.Additionals[0].Header.Name.String() != "ns.example." {
			t.Errorf("additional records: %v; want the server's, without its OPT and what follows", m.Additionals)
		}
		if m.AuthenticData {
			t.Error("AD is set for a client that didn't ask for it (RFC 6840 5.8)")
		}
		q := seen[0]
		if q.ID == 4711 || q.Questions[0].Name.String() != "Www.Example." || !q.RecursionDesired || len(q.Additionals) != 1 {
			t.Errorf("the server was asked %+v; want the question with another ID and an OPT record", q)
		}
		ad := question("www.example.", dnsmessage.TypeA)
		ad.AuthenticData = true
		if !exchange(t, s, ad, false).AuthenticData {
			t.Error("AD isn't set for a client that asked for it")
		}
	})
}

// TestTurns: servers are asked in turn, 5 seconds each, twice; with less time there is, it is shared fairly.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, servers := newPair(t)
		dead := nameServer(t, servers, "10.0.0.2:1053", silent)
		lame := nameServer(t, servers, "10.0.0.2:2053", func(_ string, q dnsmessage.Message) []dnsmessage.Message {
			m := response(q)
			m[0].RecursionAvailable = false
			return m
		})
		broken := nameServer(t, servers, "10.0.0.2:3053", fails(dnsmessage.RCodeServerFailure))
		nobody := netip.MustParseAddrPort("10.0.0.2:4053") // ICMP port unreachable comes back
		good := nameServer(t, servers, "10.0.0.2:53", knows("192.0.2.80"))
		var late atomic.Int32
		lossy := nameServer(t, servers, "10.0.0.2:5053", func(n string, q dnsmessage.Message) []dnsmessage.Message {
			if late.Add(1) == 1 {
				return nil
			}
			return knows("192.0.2.81")(n, q)
		})
		for _, c := range []struct {
			about   string
			servers []netip.AddrPort
			limit   time.Duration
			took    time.Duration
			want    string
		}{
			{"one that answers", []netip.AddrPort{good}, 0, 0, "[192.0.2.80] RCodeSuccess"},
			{"the others fail at once", []netip.AddrPort{broken, nobody, lame, good}, 0, 0, "[192.0.2.80] RCodeSuccess"},
			{"one is silent", []netip.AddrPort{dead, good}, 0, 5 * time.Second, "[192.0.2.80] RCodeSuccess"},
			{"half the time each", []netip.AddrPort{dead, good}, 3 * time.Second, 1500 * time.Millisecond,
				"[192.0.2.80] RCodeSuccess"},
			{"the second attempt", []netip.AddrPort{lossy, dead}, 0, 10 * time.Second, "[192.0.2.81] RCodeSuccess"},
			{"all are silent", []netip.AddrPort{dead, dead}, 0, 20 * time.Second, "[] RCodeServerFailure"},
			{"all fail", []netip.AddrPort{broken, lame, nobody}, 0, 0, "[] RCodeServerFailure"},
		} {
			s := &dns.Server{Servers: c.servers, Dial: client.DialContext}
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			if c.limit != 0 {
				ctx, cancel = context.WithTimeout(ctx, c.limit)
			}
			start := time.Now()
			text, err := s.Exchange(ctx, pack(t, question("www.example.", dnsmessage.TypeA)), false)
			cancel()
			if err != nil {
				t.Errorf("%s: %v", c.about, err)
				continue
			}
			m := unpack(t, text)
			if got := fmt.Sprint(addrs(m), " ", m.RCode); got != c.want || time.Since(start) != c.took {
				t.Errorf("%s: %s after %v; want %s after %v", c.about, got, time.Since(start), c.want, c.took)
			}
		}
	})
}

// TestEnd: where the context ends there is no answer, and the look-up ends at once.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, servers := newPair(t)
		s := &dns.Server{Dial: client.DialContext, Servers: []netip.AddrPort{
			nameServer(t, servers, "10.0.0.2:53", silent),
		}}
		query := pack(t, question("www.example.", dnsmessage.TypeA))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := s.Exchange(ctx, query, false); err != context.DeadlineExceeded || time.Since(start) != time.Second {
			t.Errorf("%v after %v; want the context's error after 1 s", err, time.Since(start))
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start = time.Now()
		if _, err := s.Exchange(ctx, query, false); err != context.Canceled || time.Since(start) != time.Second {
			t.Errorf("%v after %v; want the context's error after 1 s", err, time.Since(start))
		}
	})
}

// TestNegative: that a name or a type is not there is an answer: no other server is asked, and SOA comes along.
func TestNegative(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, servers := newPair(t)
		asked := 0
		first := nameServer(t, servers, "10.0.0.2:53", func(_ string, q dnsmessage.Message) []dnsmessage.Message {
			m := response(q)
			m[0].RCode = dnsmessage.RCodeNameError
			m[0].Authorities = []dnsmessage.Resource{record("example.", &dnsmessage.SOAResource{
				NS: dnsmessage.MustNewName("ns.example."), MBox: dnsmessage.MustNewName("admin.example."), MinTTL: 60,
			})}
			return m
		})
		second := nameServer(t, servers, "10.0.0.2:1053", func(string, dnsmessage.Message) []dnsmessage.Message {
			asked++
			return nil
		})
		s := &dns.Server{Dial: client.DialContext, Servers: []netip.AddrPort{first, second}}
		m := exchange(t, s, question("no.example.", dnsmessage.TypeA), false)
		if m.RCode != dnsmessage.RCodeNameError || len(m.Authorities) != 1 || asked != 0 {
			t.Errorf("%+v, the second server was asked %d times; want NXDOMAIN with SOA from the first", m, asked)
		}
	})
}

// TestForgeries: datagrams that don't answer the query are passed over. Where many come they are guesses: the query is
// made anew.
func TestForgeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, servers := newPair(t)
		var flood int
		ids := map[uint16]bool{}
		at := nameServer(t, servers, "10.0.0.2:53", func(_ string, q dnsmessage.Message) []dnsmessage.Message {
			ids[q.ID] = true
			good := response(q, a("www.example.", "192.0.2.80"))[0]
			evil := response(q, a("www.example.", "203.0.113.66"))[0]
			var l []dnsmessage.Message
			add := func(f func(m *dnsmessage.Message)) {
				m := evil
				m.Questions = slices.Clone(m.Questions)
				f(&m)
				l = append(l, m)
			}
			add(func(m *dnsmessage.Message) { m.ID++ })
			add(func(m *dnsmessage.Message) { m.Response = false })
			add(func(m *dnsmessage.Message) { m.OpCode = 5 })
			add(func(m *dnsmessage.Message) { m.Questions = nil })
			add(func(m *dnsmessage.Message) { m.Questions[0].Name = dnsmessage.MustNewName("www.example1.") })
			add(func(m *dnsmessage.Message) { m.Questions[0].Name = dnsmessage.MustNewName("www.exampla.") })
			add(func(m *dnsmessage.Message) { m.Questions[0].Type = dnsmessage.TypeAAAA })
			add(func(m *dnsmessage.Message) { m.Questions[0].Class = dnsmessage.ClassCHAOS })
			add(func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) })
			for len(l) < flood {
				add(func(m *dnsmessage.Message) { m.ID ^= 0x5555 })
			}
			flood = 0 // the first time only
			return append(l, good)
		})
		s := &dns.Server{Servers: []netip.AddrPort{at}, Dial: client.DialContext}
		for _, flood = range []int{0, 200} {
			m := exchange(t, s, question("www.example.", dnsmessage.TypeA), false)
			if got := addrs(m); !slices.Equal(got, []string{"192.0.2.80"}) {
				t.Errorf("the answer is %v, %v; want the true one", got, m.RCode)
			}
		}
		if len(ids) != 3 { // one may be drawn twice, once in 20,000 runs
			t.Errorf("%d IDs for the two queries, one of which was made anew; want 3", len(ids))
		}
	})
}

// TestUpstreamTCP: an answer that was cut is asked for by TCP; over our UDP it is cut again, unless it fits.
func TestUpstreamTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, servers := newPair(t)
		s := &dns.Server{Dial: client.DialContext, Servers: []netip.AddrPort{
			nameServer(t, servers, "10.0.0.2:53", func(network string, q dnsmessage.Message) []dnsmessage.Message {
				m := response(q)
				if m[0].Truncated = network == "udp"; !m[0].Truncated {
					m[0].Answers = []dnsmessage.Resource{txt("www.example.", 20)} // 1000 octets
					m[0].Authorities = []dnsmessage.Resource{txt("example.", 20)}
					m[0].Additionals = []dnsmessage.Resource{txt("ns.example.", 20)}
				}
				return m
			}),
		}}
		for _, c := range []struct {
			size int // EDNS0's; 0: none
			tcp  bool
			want string
		}{
			{0, true, "1 1 1 false"},
			{4096, false, "1 1 1 false"},
			{65535, false, "1 1 1 false"},
			{2200, false, "1 1 0 false"}, // additional records may be missing without a word (RFC 2181 9)
			{1232, false, "1 0 0 false"}, // and so may authorities
			{1000, false, "0 0 0 true"},
			{0, false, "0 0 0 true"},
		} {
			q := question("www.example.", dnsmessage.TypeTXT)
			opts := 0
			if c.size != 0 {
				q.Additionals, opts = []dnsmessage.Resource{opt(c.size)}, 1
			}
			m := exchange(t, s, q, c.tcp)
			got := fmt.Sprint(len(m.Answers), len(m.Authorities), len(m.Additionals)-opts, " ", m.Truncated)
			if got != c.want {
				t.Errorf("EDNS0 size %d, tcp %v: records %s; want %s", c.size, c.tcp, got, c.want)
			}
		}
	})
}

// TestWithoutEDNS: a server that takes the OPT record for an error is asked without it (RFC 6891 7).
func TestWithoutEDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, servers := newPair(t)
		s := &dns.Server{Dial: client.DialContext, Servers: []netip.AddrPort{
			nameServer(t, servers, "10.0.0.2:53", func(n string, q dnsmessage.Message) []dnsmessage.Message {
				if len(q.Additionals) > 0 {
					return fails(dnsmessage.RCodeFormatError)(n, q)
				}
				return knows("192.0.2.80")(n, q)
			}),
		}}
		m := exchange(t, s, question("www.example.", dnsmessage.TypeA), false)
		if got := addrs(m); !slices.Equal(got, []string{"192.0.2.80"}) {
			t.Errorf("the answer is %v", got)
		}
	})
}

// TestFound: Found is told of the addresses at the end of a name's aliases, for as long as the whole chain holds, and
// of none that belong to other names.
func TestFound(t *testing.T) {
	old := func(r dnsmessage.Resource, ttl uint32) dnsmessage.Resource { r.Header.TTL = ttl; return r }
	chaos := a("chaos.example.", "192.0.2.9")
	chaos.Header.Class = dnsmessage.ClassCHAOS
	answers := map[string][]dnsmessage.Resource{
		"plain.example.": {a("Plain.example.", "192.0.2.1"), old(a("plain.example.", "192.0.2.2"), 60)},
		"alias.example.": {a("end.example.", "192.0.2.3"), cname("mid.example.", "END.example."),
			old(cname("alias.example.", "mid.example."), 7), a("other.example.", "192.0.2.66")},
		"other.example.": {a("stranger.example.", "192.0.2.66")},
		"loop.example.":  {cname("loop.example.", "pool.example."), cname("pool.example.", "loop.example.")},
		"ever.example.":  {old(a("ever.example.", "192.0.2.4"), 1<<31)}, // zero: RFC 2181 8
		"chaos.example.": {chaos},
	}
	synctest.Test(t, func(t *testing.T) {
		client, servers := newPair(t)
		var told []string
		s := &dns.Server{Dial: client.DialContext, Servers: []netip.AddrPort{
			nameServer(t, servers, "10.0.0.2:53", func(_ string, q dnsmessage.Message) []dnsmessage.Message {
				return response(q, answers[q.Questions[0].Name.String()]...)
			}),
		}, Found: func(name string, addrs []netip.Addr, ttl time.Duration) {
			told = append(told, fmt.Sprint(name, addrs, ttl))
		}}
		for name, want := range map[string]string{
			"plain.example.": "[plain.example[192.0.2.1 192.0.2.2] 1m0s]",
			"alias.example.": "[alias.example[192.0.2.3] 7s]",
			"other.example.": "[]",
			"loop.example.":  "[]",
			"ever.example.":  "[ever.example[192.0.2.4] 0s]",
			"chaos.example.": "[]",
		} {
			told = nil
			exchange(t, s, question(name, dnsmessage.TypeA), false)
			if got := fmt.Sprint(told); got != want {
				t.Errorf("%s: Found was told %s; want %s", name, got, want)
			}
		}
	})
}

// TestDefaults: without servers those of resolv.conf are asked, and failing to dial says so to who knows RFC 8914.
func TestDefaults(t *testing.T) {
	var asked []string
	s := &dns.Server{Dial: func(_ context.Context, network, address string) (net.Conn, error) {
		asked = append(asked, network+" "+address)
		return nil, errors.New("no route to any server")
	}}
	m := exchange(t, s, question("www.example.", dnsmessage.TypeA, opt(1232)), false)
	o := m.Additionals[0].Body.(*dnsmessage.OPTResource).Options
	if m.RCode != dnsmessage.RCodeServerFailure || len(o) != 1 || string(o[0].Data) != "\x00\x17no route to any server" {
		t.Errorf("%v, %v; want SERVFAIL, with a network error (23) and the reason", m.RCode, o)
	}
	if len(asked) == 0 || len(asked)%2 != 0 || !slices.Equal(asked[:len(asked)/2], asked[len(asked)/2:]) {
		t.Errorf("asked were %q; want each of the system's servers twice", asked)
	}
}

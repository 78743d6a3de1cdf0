package dns_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gotcp/gotcp/netapi/dns"
)

// liar is a connection to a name server that answers with given octets, to make them look more like an answer under the
// ID of the query.
type liar struct {
	net.Conn // nil: what isn't below isn't used
	network  string
	text     []byte
	out      []byte
}

func (l *liar) Write(p []byte) (int, error) {
	l.out = append([]byte(nil), l.text...)
	if l.network == "udp" {
		copy(l.out, p[:2])
		return len(p), nil
	}
	copy(l.out, p[2:4])
	l.out = frame(l.out)
	return len(p), nil
}

func (l *liar) Read(p []byte) (int, error) {
	if len(l.out) == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(p, l.out)
	l.out = l.out[n:]
	if l.network == "udp" {
		l.out = nil
	}
	return n, nil
}

func (l *liar) SetDeadline(time.Time) error { return nil }
func (l *liar) Close() error                { return nil }

// lying is a Dial to a server that answers with text.
func lying(text []byte) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, network, _ string) (net.Conn, error) {
		return &liar{network: network, text: text}, nil
	}
}

// checkAnswer checks what holds for each answer, whatever the two sides said.
func checkAnswer(t *testing.T, query, text []byte, limit int) {
	t.Helper()
	if len(text) > limit {
		t.Fatalf("% x: the answer has %d octets; the client takes %d", query, len(text), limit)
	}
	var p dnsmessage.Parser
	h, err := p.Start(text)
	if err != nil || !h.Response || !bytes.Equal(text[:2], query[:2]) {
		t.Fatalf("% x: % x is no response to it: %v", query, text, err)
	}
	if p.SkipAllQuestions() != nil || p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil ||
		p.SkipAllAdditionals() != nil {
		t.Fatalf("% x: % x doesn't hold together", query, text)
	}
	if h.Truncated && binary.BigEndian.Uint16(text[6:]) != 0 {
		t.Fatalf("% x: % x is cut, but has answers", query, text)
	}
}

// FuzzExchange: no query panics, and each answer is in order.
func FuzzExchange(f *testing.F) {
	for _, q := range []dnsmessage.Message{
		question("db.example.", dnsmessage.TypeA), question("db.example.", dnsmessage.TypeAAAA, opt(1232)),
		question("3.2.1.10.in-addr.arpa.", dnsmessage.TypePTR), question("localhost.", dnsmessage.TypeALL),
		question("www.example.", dnsmessage.TypeTXT, opt(4096), opt(1)), question(".", dnsmessage.TypeNS),
	} {
		text, _ := q.Pack()
		f.Add(text, false)
		f.Add(text, true)
	}
	f.Fuzz(func(t *testing.T, query []byte, tcp bool) {
		s := &dns.Server{
			Hosts:   map[string][]netip.Addr{"db.example": {netip.MustParseAddr("10.1.2.3")}},
			Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53")}, Dial: lying(query),
			Allow: func(name string) error {
				if name == "" || name != "." && strings.HasSuffix(name, ".") {
					t.Errorf("Allow is asked for %q", name)
				}
				return nil
			},
		}
		text, err := s.Exchange(t.Context(), query, tcp)
		if err != nil {
			return
		}
		limit := 0xffff
		if !tcp {
			limit = 4096
		}
		checkAnswer(t, query, text, limit)
	})
}

// FuzzUpstream: no answer of a server panics, and what is passed on is in order, fits and is to the question as it was
// asked.
func FuzzUpstream(f *testing.F) {
	q := question("www.example.", dnsmessage.TypeA)
	for _, m := range []dnsmessage.Message{
		response(q, a("www.example.", "192.0.2.1"))[0],
		response(q, cname("www.example.", "end.example."), a("end.example.", "192.0.2.1"), txt("x.", 20))[0],
		response(q, cname("www.example.", "www.example."))[0],
		response(q, a("www.example.", "192.0.2.1"), opt(512))[0],
	} {
		text, _ := m.Pack()
		f.Add(text, 0, false)
		m.Truncated = true
		m.Additionals = []dnsmessage.Resource{txt("x.", 10), opt(512)}
		text, _ = m.Pack()
		f.Add(text, 700, true)
	}
	f.Fuzz(func(t *testing.T, answer []byte, size int, tcp bool) {
		s := &dns.Server{
			Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53")}, Dial: lying(answer),
			Found: func(name string, addrs []netip.Addr, ttl time.Duration) {
				if name != "www.example" || len(addrs) == 0 || ttl < 0 {
					t.Errorf("Found is told %q %v %v", name, addrs, ttl)
				}
			},
		}
		limit, q := 512, question("WWW.example.", dnsmessage.TypeA)
		if size > 0 {
			size = min(size, 0xffff)
			q.Additionals = []dnsmessage.Resource{opt(size)}
			limit = min(max(size, limit), 4096)
		}
		if tcp {
			limit = 0xffff
		}
		query := pack(t, q)
		text, err := s.Exchange(t.Context(), query, tcp)
		if err != nil {
			t.Fatal(err)
		}
		checkAnswer(t, query, text, limit)
		if want := query[12:29]; !bytes.Equal(text[12:29], want) {
			t.Fatalf("the question is % x; want % x as it was asked", text[12:29], want)
		}
	})
}

// FuzzFiles: no hosts file and no resolv.conf panics, and names come in the form that they are looked up by.
func FuzzFiles(f *testing.F) {
	f.Add("127.0.0.1 localhost # comment\n10.0.0.1\tDB.Example. db\n\nx y\n::ffff:10.0.0.2 db\nfe80::1%eth0 me\n")
	f.Add("; comment\nnameserver 10.0.0.53\nnameserver x\nnameserver ::1 more\noptions ndots:2\n")
	f.Fuzz(func(t *testing.T, text string) {
		hosts, _ := dns.ParseHosts(strings.NewReader(text))
		for name, addrs := range hosts {
			if strings.ContainsAny(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ \t\n#") || len(addrs) == 0 {
				t.Errorf("%q: the name %q has %v", text, name, addrs)
			}
		}
		servers, _ := dns.ParseServers(strings.NewReader(text))
		for _, s := range servers {
			if !s.IsValid() || s.Port() != 53 {
				t.Errorf("%q: server %v", text, s)
			}
		}
	})
}

package dns_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gotcp/gotcp/netapi/dns"
)

// alone is a Server that must not ask anybody.
func alone(t testing.TB) *dns.Server {
	return &dns.Server{
		Hosts: map[string][]netip.Addr{
			"db.example": {netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("10.1.2.4")},
			"six":        {netip.MustParseAddr("2001:db8::7")},
			"alias":      {netip.MustParseAddr("10.1.2.3")},
			"mapped":     {netip.MustParseAddr("::ffff:10.1.2.9")},
			"localhost":  {netip.MustParseAddr("10.9.9.9")},
		},
		Servers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53")},
		Dial: func(_ context.Context, network, address string) (net.Conn, error) {
			t.Errorf("a server is asked: %s %s", network, address)
			return nil, errors.New("nobody is to be asked")
		},
	}
}

// TestHosts: own names are answered without anybody being asked, by type and whatever their case.
func TestHosts(t *testing.T) {
	s := alone(t)
	for _, c := range []struct {
		name string
		typ  dnsmessage.Type
		want string
	}{
		{"db.example.", dnsmessage.TypeA, "[10.1.2.3 10.1.2.4]"},
		{"DB.Example.", dnsmessage.TypeA, "[10.1.2.3 10.1.2.4]"}, // RFC 4343
		{"db.example.", dnsmessage.TypeAAAA, "[]"},               // the name exists, but has no such address
		{"db.example.", dnsmessage.TypeMX, "[]"},
		{"db.example.", dnsmessage.TypeALL, "[10.1.2.3 10.1.2.4]"},
		{"six.", dnsmessage.TypeAAAA, "[2001:db8::7]"},
		{"six.", dnsmessage.TypeA, "[]"},
		{"mapped.", dnsmessage.TypeA, "[10.1.2.9]"}, // an IPv4 address, however it is written
		{"mapped.", dnsmessage.TypeAAAA, "[]"},
	} {
		m := exchange(t, s, question(c.name, c.typ), false)
		if got := fmt.Sprint(addrs(m)); got != c.want || m.RCode != 0 || !m.Authoritative {
			t.Errorf("%s %v: %s, %v; want %s", c.name, c.typ, got, m.RCode, c.want)
		}
	}
}

// TestReverse: an address of the hosts table has all its names.
func TestReverse(t *testing.T) {
	s := alone(t)
	for name, want := range map[string]string{
		"3.2.1.10.in-addr.arpa.": "[alias. db.example.]",
		"7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.": "[six.]",
		"1.0.0.127.in-addr.arpa.": "[localhost.]",
	} {
		var got []string
		for _, r := range exchange(t, s, question(name, dnsmessage.TypePTR), false).Answers {
			got = append(got, r.Body.(*dnsmessage.PTRResource).PTR.String())
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s is %v; want %s", name, got, want)
		}
	}
	m := exchange(t, s, question("3.2.1.10.in-addr.arpa.", dnsmessage.TypeA), false)
	if len(m.Answers) > 0 || m.RCode != 0 {
		t.Errorf("an address's address: %v, %v; want none: there are names only", m.Answers, m.RCode)
	}
}

// TestConstantNames: names that no server may be asked for, and that no table may change.
func TestConstantNames(t *testing.T) {
	s := alone(t)
	s.Allow = func(string) error { return errors.New("it is no look-up") }
	s.Found = func(name string, _ []netip.Addr, _ time.Duration) { t.Errorf("Found is told of %s", name) }
	for _, name := range []string{"localhost.", "LocalHost.", "api.localhost."} { // RFC 6761 6.3
		v4 := addrs(exchange(t, s, question(name, dnsmessage.TypeA), false))
		v6 := addrs(exchange(t, s, question(name, dnsmessage.TypeAAAA), false))
		if !slices.Equal(v4, []string{"127.0.0.1"}) || !slices.Equal(v6, []string{"::1"}) {
			t.Errorf("%s is %v, %v; want the loopback's addresses", name, v4, v6)
		}
	}
	for _, name := range []string{"x.invalid.", "x.onion."} { // RFC 6761 6.4, RFC 7686
		if m := exchange(t, s, question(name, dnsmessage.TypeA), false); m.RCode != dnsmessage.RCodeNameError {
			t.Errorf("%s: %v; want NXDOMAIN", name, m.RCode)
		}
	}
	s.Allow, s.Found = nil, nil
	s.Hosts["notlocalhost"] = []netip.Addr{netip.MustParseAddr("10.0.0.9")}
	m := exchange(t, s, question("notlocalhost.", dnsmessage.TypeA), false)
	if got := addrs(m); !slices.Equal(got, []string{"10.0.0.9"}) {
		t.Errorf("notlocalhost is %v: it is a name as others are", got)
	}
}

// TestAllow: a name that isn't allowed is refused with the reason, and nobody is asked.
func TestAllow(t *testing.T) {
	s := alone(t)
	var asked []string
	s.Allow = func(name string) error {
		asked = append(asked, name)
		return errors.New("no rule allows this name: add one")
	}
	for _, name := range []string{"Evil.Example.", "db.example.", "3.2.1.10.in-addr.arpa.", "."} {
		m := exchange(t, s, question(name, dnsmessage.TypeA, opt(1232)), false)
		if m.RCode != dnsmessage.RCodeRefused || len(m.Answers) > 0 {
			t.Errorf("%s: %v, %v; want REFUSED", name, m.RCode, m.Answers)
		}
		o := m.Additionals[0].Body.(*dnsmessage.OPTResource).Options
		if len(o) != 1 || o[0].Code != 15 || string(o[0].Data) != "\x00\x12no rule allows this name: add one" {
			t.Errorf("%s: options %v; want RFC 8914's with code 18 (prohibited) and the reason", name, o)
		}
	}
	if want := []string{"evil.example", "db.example", "3.2.1.10.in-addr.arpa", "."}; !slices.Equal(asked, want) {
		t.Errorf("Allow was asked for %q; want %q", asked, want)
	}
	if m := exchange(t, s, question("db.example.", dnsmessage.TypeA), false); len(m.Additionals) > 0 {
		t.Error("a client without EDNS0 got an OPT record")
	}
}

// TestFoundOwn: Found is told of own names' addresses of the family that was asked for.
func TestFoundOwn(t *testing.T) {
	s := alone(t)
	var told []string
	s.Found = func(name string, addrs []netip.Addr, ttl time.Duration) {
		told = append(told, fmt.Sprint(name, addrs, ttl))
	}
	exchange(t, s, question("DB.example.", dnsmessage.TypeA), false)
	exchange(t, s, question("db.example.", dnsmessage.TypeAAAA), false)
	exchange(t, s, question("3.2.1.10.in-addr.arpa.", dnsmessage.TypePTR), false)
	if want := []string{"db.example[10.1.2.3 10.1.2.4] 1m0s"}; !slices.Equal(told, want) {
		t.Errorf("Found was told %q; want %q", told, want)
	}
}

// TestOwnSizes: what doesn't fit into a datagram is left out, and the client told to come by TCP.
func TestOwnSizes(t *testing.T) {
	s := alone(t)
	for i := range 60 {
		s.Hosts["many"] = append(s.Hosts["many"], netip.AddrFrom4([4]byte{10, 2, 0, byte(i)}))
	}
	told := 0
	s.Found = func(string, []netip.Addr, time.Duration) { told++ }
	for _, c := range []struct {
		add  []dnsmessage.Resource
		tcp  bool
		want int
	}{
		{nil, false, 0}, // 60 records of 16 octets are more than 512
		{[]dnsmessage.Resource{opt(100)}, false, 0}, // less than 512 means 512 (RFC 6891 6.2.3)
		{[]dnsmessage.Resource{opt(1232)}, false, 60},
		{nil, true, 60},
	} {
		m := exchange(t, s, question("many.", dnsmessage.TypeA, c.add...), c.tcp)
		if len(m.Answers) != c.want || m.Truncated != (c.want == 0) || m.RCode != 0 {
			t.Errorf("%v, tcp %v: %d records, cut %v; want %d", c.add, c.tcp, len(m.Answers), m.Truncated, c.want)
		}
	}
	if told != 2 {
		t.Errorf("Found was told %d times; want twice: what was cut wasn't answered", told)
	}
	for range 5000 {
		s.Hosts["many"] = append(s.Hosts["many"], netip.MustParseAddr("10.3.0.1"))
	}
	if m := exchange(t, s, question("many.", dnsmessage.TypeA), true); len(m.Answers) != 2000 || m.Truncated {
		t.Errorf("%d records of a name with 5060; want the 2000 that a message takes", len(m.Answers))
	}
}

// TestHostsOddNames: what a hosts file may have, but no message, does no harm.
func TestHostsOddNames(t *testing.T) {
	s := alone(t)
	for _, name := range []string{"a..b", strings.Repeat("x", 64), strings.Repeat("abcd.", 60) + "e", ""} {
		s.Hosts[name] = []netip.Addr{netip.MustParseAddr("10.1.2.3")}
	}
	m := exchange(t, s, question("3.2.1.10.in-addr.arpa.", dnsmessage.TypePTR), false)
	if len(m.Answers) != 2 || m.RCode != 0 {
		t.Errorf("%v, %v; want the two names that can be in a message", m.Answers, m.RCode)
	}
}

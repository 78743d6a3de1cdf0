package guard

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
)

// TestParseRule: each text has one meaning, and each meaning one text.
func TestParseRule(t *testing.T) {
	for text, want := range map[string]string{
		"*":                            "*",
		"  *:443 ":                     "*:443",
		"tcp *:*":                      "tcp *",
		"udp  *:0":                     "udp *:0",
		"*:1-65535":                    "*", // which is what no ports mean
		"*:0-65535":                    "*:0-65535",
		"192.0.2.1:443":                "192.0.2.1:443",
		"192.0.2.1/32":                 "192.0.2.1",
		"10.0.0.0/8:443,80":            "10.0.0.0/8:80,443",
		"0.0.0.0/0":                    "0.0.0.0/0",
		"0.0.0.0:80":                   "0.0.0.0:80",
		"[2001:DB8::1]:443":            "[2001:db8::1]:443",
		"[2001:db8::/32]":              "[2001:db8::/32]",
		"[::]:80":                      "[::]:80",
		"DB.Example.ORG.:5432":         "db.example.org:5432",
		"*.Example.org":                "*.example.org",
		"tcp localhost":                "tcp localhost",
		"_sip._tcp.example.org":        "_sip._tcp.example.org",
		"*:8002,8000-8001,8004,9,1-10": "*:1-10,8000-8002,8004", // overlapping and touching ones are one
		"*:65535,65534":                "*:65534-65535",
		"1.2.3.4.example:007":          "1.2.3.4.example:7",
	} {
		r, err := ParseRule(text)
		if err != nil || r.String() != want {
			t.Errorf("%q: %q, %v; want %q", text, r, err, want)
		}
		again, err := ParseRule(r.String())
		if err != nil || again.String() != r.String() {
			t.Errorf("%q again: %q, %v", r, again, err)
		}
	}
}

// TestParseRuleErrors: an operator is told what is wrong and what to write.
func TestParseRuleErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "HOST[:PORTS]",
		"tcp":                           `"tcp *"`,
		"sctp *":                        "HOST[:PORTS]",
		"tcp * 443":                     "HOST[:PORTS]",
		"TCP *":                         "HOST[:PORTS]",
		":443":                          "any host is *",
		"tcp :443":                      "any host is *",
		"2001:db8::1":                   "brackets",
		"[2001:db8::1":                  "HOST[:PORTS]",
		"[2001:db8::1]443":              "HOST[:PORTS]",
		"[192.0.2.1]:80":                "brackets",
		"[a.example]":                   "no IPv6 address",
		"[*]":                           "no IPv6 address",
		"[fe80::1%eth0]":                "zone",
		"[::ffff:10.0.0.1]":             "10.0.0.1",
		"10.0.0.1/8":                    "10.0.0.0/8",
		"10.0.0.0/33":                   "192.0.2.0/24",
		"a.example/24":                  "192.0.2.0/24",
		"10.0.0.256":                    "neither an address nor a name", // and not a name that is never found
		"127.1":                         "neither an address nor a name",
		"a.*.example":                   "first label",
		"*a.example":                    "first label",
		"*.*":                           "first label",
		"*.":                            "any host is *",
		"a..example":                    "label",
		"-a.example":                    "label",
		strings.Repeat("a", 64):         "label",
		strings.Repeat("a.", 127) + "b": "253",
		"bücher.example":                "xn--",
		"a!b":                           "'!'",
		"*:":                            "neither a port",
		"*:80,":                         "neither a port",
		"*:65536":                       "neither a port",
		"*:-1":                          "neither a port",
		"*:90-80":                       "neither a port",
		"*:https":                       "neither a port",
	} {
		r, err := ParseRule(text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "guard: rule ") {
			t.Errorf("%q: %q, %v; want an error with %q", text, r, err, want)
		}
		if r.String() != "" || r.takesName("a") || r.takesAddr(loopback4) {
			t.Errorf("%q: with the error comes %q, which names something", text, r)
		}
	}
}

// TestRuleText: rules in JSON (and YAML, which goes by the same methods) are texts.
func TestRuleText(t *testing.T) {
	var r Rules
	if err := json.Unmarshal([]byte(`{"Allow": ["tcp *.example:443"], "Listen": ["*:80"]}`), &r); err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(r); string(text) != `{"Allow":["tcp *.example:443"],"Deny":null,"Listen":["*:80"]}` {
		t.Errorf("%s, %v", text, err)
	}
	if err := json.Unmarshal([]byte(`{"Allow": ["tcp"]}`), &r); err == nil || !strings.Contains(err.Error(), `"tcp *"`) {
		t.Errorf("a mistake in a file: %v", err)
	}
}

func FuzzParseRule(f *testing.F) {
	for _, text := range []string{
		"tcp *.example.org:80,443", "udp [2001:db8::/32]:0-9", "10.0.0.0/8", "*:*", "a:1-2,3", "[::1%x]", "*.", "::",
		"x:0-0,1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRule(text)
		if err != nil {
			return
		}
		again, err := ParseRule(r.String())
		if err != nil {
			t.Fatalf("%q gives %q, which isn't read: %v", text, r, err)
		}
		if again.String() != r.String() {
			t.Fatalf("%q, then %q", r, again)
		}
		// Each rule names something: one that doesn't is an operator's mistake.
		left := r.ports.ranges()
		if len(left) == 0 || !r.ports.has(left[0].lo) || !r.ports.has(left[len(left)-1].hi) {
			t.Fatalf("%q has no port", r)
		}
		if r.prefix.IsValid() && !r.takesAddr(r.prefix.Addr()) {
			t.Fatalf("%q doesn't take its own address", r)
		}
		if name := strings.Replace(r.host, "*", "x", 1); !r.prefix.IsValid() && !r.takesName(name) {
			t.Fatalf("%q doesn't take %q", r, name)
		}
		if rest := left.without(r.ports); len(rest) != 0 {
			t.Fatalf("%q without itself leaves %v", r, rest)
		}
	})
}

// TestReach: how the rules of Allow and Deny combine, as the text of Rules says.
func TestReach(t *testing.T) {
	for _, c := range []struct {
		allow, deny string // comma-free lists by blanks would clash with tcp and udp: "; " parts them
		proto       string
		names, addr string
		port        uint16
		want        string // "ok", "default", or the rule
	}{
		{"", "", "tcp", "", "10.0.0.1", 80, "default"},
		{"*", "", "tcp", "", "10.0.0.1", 80, "ok"},
		{"*", "", "udp", "", "10.0.0.1", 80, "ok"},
		{"tcp *", "", "udp", "", "10.0.0.1", 80, "default"},
		{"*:443", "", "tcp", "", "10.0.0.1", 80, "default"},
		{"*", "*", "tcp", "", "10.0.0.1", 80, "*"},                          // Deny wins
		{"10.0.0.1", "10.0.0.0/8", "tcp", "", "10.0.0.1", 80, "10.0.0.0/8"}, // also over what is narrower
		{"10.0.0.0/8", "tcp 10.0.0.1:22", "tcp", "", "10.0.0.1", 22, "tcp 10.0.0.1:22"},
		{"10.0.0.0/8", "tcp 10.0.0.1:22", "tcp", "", "10.0.0.1", 80, "ok"},
		{"a.example", "", "tcp", "a.example", "10.0.0.1", 80, "ok"}, // whatever the address is
		{"a.example", "", "tcp", "", "10.0.0.1", 80, "default"},
		{"a.example", "10.0.0.0/8", "tcp", "a.example", "10.0.0.1", 80, "10.0.0.0/8"}, // DNS rebinding
		{"a.example", "10.0.0.0/8", "tcp", "a.example", "192.0.2.1", 80, "ok"},
		{"a.example", "", "tcp", "b.example", "10.0.0.1", 80, "default"},
		{"a.example", "", "tcp", "b.example a.example", "10.0.0.1", 80, "ok"}, // any of its names will do
		{"*", "a.example", "tcp", "b.example a.example", "10.0.0.1", 80, "a.example"},
		{"*.example", "", "tcp", "x.y.example", "10.0.0.1", 80, "ok"},
		{"*.example", "", "tcp", "example", "10.0.0.1", 80, "default"},
		{"*.example", "", "tcp", "badexample", "10.0.0.1", 80, "default"},
		{"10.0.0.0/8", "", "tcp", "a.example", "", 80, "default"}, // not before it is looked up
		{"127.0.0.1", "", "tcp", "", "0.0.0.0", 80, "ok"},
		{"*", "127.0.0.0/8", "tcp", "", "0.0.0.0", 80, "127.0.0.0/8"},
		{"*", "127.0.0.0/8", "tcp", "", "::", 80, "127.0.0.0/8"},
		{"*", "[::1]", "tcp", "", "::", 80, "[::1]"},
		{"127.0.0.1", "", "tcp", "", "::", 80, "default"}, // for [::1] may be what is reached
		{"*", "10.0.0.0/8", "tcp", "", "::ffff:10.0.0.1", 80, "10.0.0.0/8"},
		{"*", "[fe80::/10]", "tcp", "", "fe80::1%eth0", 80, "[fe80::/10]"}, // a zone is no way past a rule
		{"*", "", "udp", "", "255.255.255.255", 80, "ok"},
		{"10.0.0.0/8", "", "udp", "", "255.255.255.255", 80, "default"},
	} {
		split := func(s string) []Rule {
			if s == "" {
				return nil
			}
			return MustParseRules(strings.Split(s, "; ")...)
		}
		r := Rules{Allow: split(c.allow), Deny: split(c.deny)}
		p := place{proto: c.proto, names: strings.Fields(c.names), port: c.port}
		if c.addr != "" {
			p.addr = netip.MustParseAddr(c.addr)
		}
		ok, denied := r.reach(p)
		got := "default"
		switch {
		case ok:
			got = "ok"
		case denied != nil:
			got = denied.String()
		}
		if got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// TestMayLookUp: a name may be looked up where some place could be reached by it, and only then.
func TestMayLookUp(t *testing.T) {
	for _, c := range []struct {
		allow, deny []Rule
		name        string
		want        bool
	}{
		{nil, nil, "a.example", false},
		{MustParseRules("10.0.0.0/8", "0.0.0.0/0"), nil, "a.example", false}, // addresses don't make names known
		{MustParseRules("a.example:443"), nil, "a.example", true},
		{MustParseRules("*"), nil, "a.example", true},
		{MustParseRules("*"), MustParseRules("a.example"), "a.example", false},
		{MustParseRules("*"), MustParseRules("tcp a.example"), "a.example", true}, // by UDP
		{MustParseRules("*"), MustParseRules("tcp a.example", "udp *.example"), "a.example", false},
		{MustParseRules("tcp *"), MustParseRules("tcp a.example"), "a.example", false},
		{MustParseRules("*"), MustParseRules("a.example:1-1000", "*:2000-65535", "*:1001-1999"), "a.example", false},
		{MustParseRules("*"), MustParseRules("a.example:1-1000", "*:2000-65535", "*:1001-1998"), "a.example", true}, // 1999
		{MustParseRules("*:0-10"), MustParseRules("*:1-10"), "a.example", false},                                    // 0 is no port
		{MustParseRules("*"), MustParseRules("10.0.0.0/8"), "a.example", true},
	} {
		if ok, _ := (&Rules{Allow: c.allow, Deny: c.deny}).lookUp(c.name); ok != c.want {
			t.Errorf("%v but %v, %s: %v", c.allow, c.deny, c.name, ok)
		}
	}
}

// TestMustParseRules: a program's own rules are read in their order, and a wrong one doesn't pass as none.
func TestMustParseRules(t *testing.T) {
	if rs := MustParseRules("tcp *:80", "a.test"); len(rs) != 2 || rs[0].String() != "tcp *:80" || rs[1].String() != "a.test" {
		t.Errorf("%v", rs)
	}
	defer func() {
		if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), `"a:b:c"`) {
			t.Errorf("%v; want a panic that tells of the wrong rule", err)
		}
	}()
	MustParseRules("*", "a:b:c")
}

package plugincfg

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/stack/link"
)

// whole has everything that a file can have.
const whole = `network: private
names: {db.internal: 10.77.0.1, both: [10.77.0.3, 10.77.0.4]}
plugins:
  web:
    command: ./web --flag
    kind: gotcp
    sandbox: true
    address: 10.77.0.10
    allow: ["tcp api.example.com:443", "udp 10.77.0.1:53"]
    deny: []
    listen: "tcp *:80"
    serve: [":7000"]
    quota: {conns: 100, listeners: 4, sockets: 16, in: 1GiB, out: 500MB, dials: 50, lookups: 20}
    names: {db.internal: 10.77.0.5}
    dns: [10.77.0.1, 10.77.0.1:5353]
    impair: loss=1%,delay=20ms
    pcap: web.pcapng
    restart: never
    env: {KEY: VALUE, EMPTY: "", NUMBER: 5}
    dir: sub
    stop: 5s
  http:
    command: [terraform-provider-http, "two words"]
    cookie: terraform
    versions: [5]
    publish: [8080]
    env: [A=b=c]
`

func TestWhole(t *testing.T) {
	c, err := Parse("/etc/gotcp/gotcp.yaml", []byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddr
	terraform, _ := plugins.CookieOf("terraform")
	want := &Config{
		Network: "private",
		Names: map[string][]netip.Addr{
			"db.internal": {addr("10.77.0.1")}, "both": {addr("10.77.0.3"), addr("10.77.0.4")},
		},
		Plugins: []*Plugin{{
			Name: "web", Command: []string{"/etc/gotcp/web", "--flag"}, Kind: Own, Sandbox: true, Address: addr("10.77.0.10"),
			Rules: guard.Rules{
				Allow: guard.MustParseRules("tcp api.example.com:443", "udp 10.77.0.1:53"), Listen: guard.MustParseRules("tcp *:80"),
			},
			Serve: []string{":7000"},
			Quota: guard.Quota{Conns: 100, Listeners: 4, Sockets: 16, BytesIn: 1 << 30, BytesOut: 500e6,
				DialsPerSecond: 50, LookupsPerSecond: 20},
			Names:  map[string][]netip.Addr{"db.internal": {addr("10.77.0.5")}},
			DNS:    []netip.AddrPort{netip.MustParseAddrPort("10.77.0.1:53"), netip.MustParseAddrPort("10.77.0.1:5353")},
			Impair: link.Impairment{Loss: 0.01, Delay: 20 * time.Millisecond}, PCAP: "/etc/gotcp/web.pcapng",
			Restart: plugins.RestartNever, Env: []string{"KEY=VALUE", "EMPTY=", "NUMBER=5"}, Dir: "/etc/gotcp/sub",
			Stop: 5 * time.Second,
		}, {
			Name: "http", Command: []string{"terraform-provider-http", "two words"}, Cookie: terraform, Versions: []int{5},
			Publish: []uint16{8080}, Env: []string{"A=b=c"},
		}},
	}
	if !reflect.DeepEqual(c.Names, want.Names) || c.Network != want.Network || len(c.Plugins) != 2 {
		t.Errorf("%+v\nwant %+v", c, want)
	}
	for i, p := range c.Plugins {
		if !reflect.DeepEqual(p, want.Plugins[i]) {
			t.Errorf("%+v\nwant %+v", p, want.Plugins[i])
		}
	}
	if err := c.Check(netspec.Private); err != nil {
		t.Error(err)
	}
}

// TestForms: what may be written in several ways.
func TestForms(t *testing.T) {
	for text, want := range map[string]string{
		"command: web":                            "web",          // looked for in PATH
		"command: bin/web -x":                     "./bin/web -x", // not looked for
		"command: /bin/web":                       "/bin/web",
		"command: [bin/web, a b]":                 "./bin/web a b",
		"command: &c [web, x]\n    allow: null":   "web x",
		"command: web\n    names:":                "web",
		"command: web\n    allow: '*'":            "web",
		"command: web\n    quota: {in: 0}":        "web",
		"command: &w web\n    env: {PROGRAM: *w}": "web",
	} {
		c, err := Parse("gotcp.yaml", []byte("plugins:\n  p:\n    "+text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := strings.Join(c.Plugins[0].Command, " "); got != want {
			t.Errorf("%s: the command is %q; want %q", text, got, want)
		}
	}
}

// TestMistakes: each is told with its line, what is wrong, and what to write.
func TestMistakes(t *testing.T) {
	in := func(plugin string) string { return "plugins:\n  p:\n    command: x\n    " + plugin }
	for text, want := range map[string]string{
		"":                                 "gotcp.yaml: there are no plugins: write\nplugins:",
		"network: private":                 "gotcp.yaml:1: there are no plugins",
		"plugins: {}":                      "gotcp.yaml:1: there are no plugins",
		"plugins:\n  a: [":                 "gotcp.yaml:2: this is no YAML: did not find",
		"a: b\n---\nc: d":                  "gotcp.yaml: there are several documents",
		"[a]":                              `gotcp.yaml:1: lines of the form "name: value" are wanted`,
		"\nplugin: {}":                     `gotcp.yaml:2: nothing is called "plugin" here: there are network`,
		"network: lan":                     `gotcp.yaml:1: network: network "lan": no kind is called "lan"`,
		"names: {a: b}":                    `gotcp.yaml:1: names.a: "b" is no IPv4 address: write one such as`,
		"names: {'*': 10.0.0.1}":           `gotcp.yaml:1: names: "*" is no name of a host`,
		"plugins: {a/b: {command: x}}":     `plugins: "a/b" is no plugin's name`,
		"plugins:\n  p: {}":                "gotcp.yaml:2: plugins.p.command: it is missing: write",
		"plugins:\n  p: {<<: {}}":          "gotcp.yaml:2: plugins.p: merging (<<) is not done here",
		"plugins:\n  p: &a [*a]":           "gotcp.yaml:2: plugins.p: lines of the form",
		in("comand: x"):                    `gotcp.yaml:4: plugins.p: nothing is called "comand" here: there are address`,
		in("command: y"):                   "gotcp.yaml:4: plugins.p: command is there twice",
		in("allow: [a b c]"):               `gotcp.yaml:4: plugins.p.allow: guard: rule "a b c": it isn't [tcp`,
		in("allow:\n    - '*'\n    - []"):  "gotcp.yaml:6: plugins.p.allow: one value is wanted here",
		in("deny: {a: b}"):                 "gotcp.yaml:4: plugins.p.deny: a list is wanted here",
		in("listen: ['tcp *:99999']"):      "gotcp.yaml:4: plugins.p.listen: guard: rule",
		in("quota: {con: 1}"):              `gotcp.yaml:4: plugins.p.quota: no quota is called "con": there are conns`,
		in("quota: {conns: -1}"):           "conns=-1: write a number such as 100",
		in("quota: {in: lots}"):            "in=lots: write a number of octets such as 1GiB",
		in("kind: grpc"):                   `plugins.p.kind: "grpc" is no kind: write gotcp for`,
		in("kind:"):                        "plugins.p.kind: there is no value: write one, or leave the line out",
		in("cookie: mine"):                 `plugins.p.cookie: cookie "mine": write KEY=VALUE, or one of terraform`,
		in("versions: [five]"):             `"five" is no version of a protocol: write a number such as 5`,
		in("publish: [0]"):                 `"0" is no port`,
		in("serve: ['7000']"):              `"7000" is no address to listen at: write one such as ":7000"`,
		in("address: ::1"):                 `"::1" is no IPv4 address`,
		in("dns: [localhost]"):             `"localhost" is no name server`,
		in("impair: loss"):                 `"loss" is no impairment: write KEY=VALUE, such as loss=1%,delay=20ms`,
		in("impair: lost=1%"):              `no impairment is called "lost"`,
		in("impair: loss=2"):               "not a percentage",
		in("restart: sometimes"):           "write never, on-failure or always",
		in("env: {A: [b]}"):                "plugins.p.env.A: one value is wanted here",
		in("env: {'': b}"):                 `"" is no name of an environment variable`,
		in("env: [A]"):                     `"A" is no variable: write KEY=VALUE`,
		in("stop: 5"):                      `"5" is no time`,
		in("sandbox: maybe"):               "write true or false",
		in("address: 10.77.0.3"):           "gotcp.yaml:4: plugins.p.address: on the kernel's network",
		in("pcap: x"):                      "gotcp.yaml:4: plugins.p.pcap: on the kernel's network",
		in("kind: foreign\n    serve: :7"): "gotcp.yaml:5: plugins.p.serve: it is for plugins made with gotcp",
		in("publish: 80\n    kind: gotcp"): "gotcp.yaml:4: plugins.p.publish: it is for foreign plugins",
		"plugins: {p: {command: 'a \"b\"'}}": "plugins.p.command: \"a \\\"b\\\"\" is not given to a shell, " +
			"so there is no quoting: write a list",
		"network: private\nplugins:\n  a: {command: x, address: 10.77.0.3}\n  b: {command: x, address: 10.77.0.3}": "" +
			"gotcp.yaml:4: plugins.b.address: 10.77.0.3 is a's already",
		"plugins:\n  a: {command: x}\n  A: {command: x}": "gotcp.yaml:3: plugins.A: another one has this name",
	} {
		_, err := Parse("gotcp.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n%v\nwant %s", text, err, want)
		}
	}
}

// TestAllMistakes: they are told together, but not without end.
func TestAllMistakes(t *testing.T) {
	text := "plugins:\n"
	for i := range 50 {
		text += fmt.Sprintf("  p%d: {command: x, kind: y}\n", i)
	}
	_, err := Parse("gotcp.yaml", []byte(text))
	if n := strings.Count(fmt.Sprint(err), "is no kind"); n != maxErrors {
		t.Errorf("%d mistakes are told; want %d", n, maxErrors)
	}
	_, err = Parse("gotcp.yaml", make([]byte, maxFile+1))
	if err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("%v; want the bound of a file's size", err)
	}
}

func TestLoad(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gotcp.yaml")
	if _, err := Load(file); !os.IsNotExist(err) {
		t.Errorf("%v; want that there is none", err)
	}
	if err := os.WriteFile(file, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file)
	if err != nil || c.PluginNames() != "web, http" || c.Plugin("http") == nil || c.Plugin("ftp") != nil {
		t.Errorf("%+v, %v", c, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("plugins: &a\n  p: &b {command: x, allow: [*b, *a], env: *b}"))
	f.Add([]byte("plugins: {? [a] : b, p: {command: [], quota: {in: 1e30}}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("gotcp.yaml", text)
		if err != nil {
			return
		}
		if len(c.Plugins) == 0 {
			t.Error("a file without plugins is no mistake")
		}
		kind := netspec.Kernel
		if c.Network != "" {
			s, err := netspec.Parse(c.Network)
			if err != nil {
				t.Fatalf("the network %q: %v", c.Network, err)
			}
			kind = s.Kind
		}
		if err := c.Check(kind); err != nil {
			t.Errorf("what was read without a mistake has one: %v", err)
		}
	})
}

// TestExample: the file that the examples come with says what it looks like.
func TestExample(t *testing.T) {
	c, err := Load("../../../../examples/plugins/gotcp.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Plugins) != 3 {
		t.Errorf("%d plugins; want web, lines and watch", len(c.Plugins))
	}
}

package plugincfg

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/plugins/guard"
)

// TestQuota: each key sets its own field, and all fields have one.
func TestQuota(t *testing.T) {
	s, err := ParseQuota("conns=1,listeners=2,sockets=3,in=4KiB,out=5,dials=6,lookups=7")
	if err != nil {
		t.Fatal(err)
	}
	var q guard.Quota
	for _, s := range s {
		if err := SetQuota(&q, s.Key, s.Value); err != nil {
			t.Error(err)
		}
	}
	if want := (guard.Quota{Conns: 1, Listeners: 2, Sockets: 3, BytesIn: 4096, BytesOut: 5, DialsPerSecond: 6,
		LookupsPerSecond: 7}); q != want {
		t.Errorf("%+v; want %+v", q, want)
	}
	v := reflect.ValueOf(q)
	if v.NumField() != len(QuotaKeys) {
		t.Errorf("there are %d fields and %d keys", v.NumField(), len(QuotaKeys))
	}
	for i := range v.NumField() {
		field := v.Type().Field(i).Name
		if got := QuotaOf(&q, QuotaKey(field)); got != v.Field(i).Int() {
			t.Errorf("%s is %d; want what the field %s has", QuotaKey(field), got, field)
		}
	}
	for _, text := range []string{"", "conns", "conns=", "conns=1.5", "bytes=1", "in=-1"} {
		if s, err := ParseQuota(text); err == nil {
			t.Errorf("%q is %v", text, s)
		}
	}
}

func TestNameOf(t *testing.T) {
	for program, want := range map[string]string{
		"./web": "web", "/opt/terraform-provider-http_v1.2.0": "terraform-provider-http_v1.2.0", "my plugin": "my-plugin",
		"..": "plugin", "/": "plugin", strings.Repeat("x", 100): strings.Repeat("x", 63),
	} {
		if got := NameOf(program); got != want || CheckName(got) != nil {
			t.Errorf("%s: %q; want %q", program, got, want)
		}
	}
}

// TestAssign: who says what he wants gets it, the others what is left, in order; never what is reserved.
func TestAssign(t *testing.T) {
	addr := netip.MustParseAddr
	prefix := netip.MustParsePrefix("10.77.0.2/29")
	c := &Config{Plugins: []*Plugin{{Name: "a"}, {Name: "b", Address: addr("10.77.0.3")}, {Name: "c"}}}
	if err := c.Assign(prefix, addr("10.77.0.1")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "10.77.0.2", "b": "10.77.0.3", "c": "10.77.0.4"} {
		if got := c.Plugin(name).Address; got != addr(want) {
			t.Errorf("%s is %v; want %s", name, got, want)
		}
	}
	c.Names = map[string][]netip.Addr{"db": {addr("10.0.0.1")}, "a": {addr("10.0.0.2")}}
	c.Plugins[0].Names = map[string][]netip.Addr{"db": {addr("10.0.0.3")}}
	hosts := c.Hosts(c.Plugins[0], addr("127.0.0.1"))
	if want := map[string][]netip.Addr{"db": {addr("10.0.0.3")}, "a": {addr("10.77.0.2")}, "b": {addr("10.77.0.3")},
		"c": {addr("10.77.0.4")}}; !reflect.DeepEqual(hosts, want) {
		t.Errorf("%v; want %v", hosts, want)
	}
	for text, plugs := range map[string][]*Plugin{
		"the address 10.77.0.1 is not one of": {{Name: "a", Address: addr("10.77.0.1")}}, // reserved
		"the address 10.77.0.7 is not one of": {{Name: "a", Address: addr("10.77.0.7")}}, // broadcast
		"the address 10.77.0.0 is not one of": {{Name: "a", Address: addr("10.77.0.0")}}, // the network's
		"the address 10.77.0.3 is a's":        {{Name: "a", Address: addr("10.77.0.3")}, {Address: addr("10.77.0.3")}},
		"no address of 10.77.0.2/29 is left":  {{}, {}, {}, {}, {}, {}},
	} {
		err := (&Config{Plugins: plugs}).Assign(prefix, addr("10.77.0.1"))
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v; want %s", err, text)
		}
	}
}

// TestDetect: the kind is what the program has in it.
func TestDetect(t *testing.T) {
	dir := t.TempDir()
	program := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	own, err := os.Executable() // which is made with package plugins
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		command string
		given   Plugin
		kind    Kind
		err     string
	}{
		{own, Plugin{}, Own, ""},
		{program("foreign", "TF_PLUGIN_MAGIC_COOKIE"), Plugin{}, Foreign, ""},
		{program("script", "#!/bin/sh"), Plugin{}, "", "say --kind gotcp (kind: gotcp)"},
		{program("script", "#!/bin/sh"), Plugin{Kind: Own}, Own, ""},
		{own, Plugin{Cookie: cookie(t, "A=b")}, Foreign, ""}, // who says so knows better
		{program("script", "#!/bin/sh"), Plugin{Cookie: cookie(t, "A=b")}, Foreign, ""},
		{program("foreign", "VAULT_BACKEND_PLUGIN"), Plugin{Serve: []string{":7"}}, "", "it is for plugins made with gotcp"},
		{own, Plugin{Publish: []uint16{7}}, "", "it is for foreign plugins"},
		{filepath.Join(dir, "none"), Plugin{}, "", "no such file or directory"},
	} {
		c.given.Name, c.given.Command = "p", []string{c.command}
		err := c.given.Detect()
		switch {
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %v; want %s", c.command, err, c.err)
		case c.err == "" && (err != nil || c.given.Kind != c.kind || (c.kind == Foreign) != (c.given.Cookie.Key != "")):
			t.Errorf("%s: %+v, %v; want %s", c.command, c.given, err, c.kind)
		}
	}
}

func cookie(t testing.TB, text string) plugins.Cookie {
	t.Helper()
	c, err := plugins.CookieOf(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

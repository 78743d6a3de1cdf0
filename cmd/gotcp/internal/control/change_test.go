package control

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/plugincfg"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/plugins/guard"
)

// TestChangeRules: what is added is there once, what is removed is gone, and what was there is left alone.
func TestChangeRules(t *testing.T) {
	have := guard.Rules{Allow: guard.MustParseRules("a:1", "b:2"), Deny: guard.MustParseRules("b:2"), Listen: guard.MustParseRules("tcp *:80")}
	for _, c := range []struct {
		change Change
		want   string // the rules after it, or what is wrong
	}{
		{Change{}, `"a:1", "b:2", "b:2", "tcp *:80"`},
		{Change{Allow: guard.MustParseRules("A:1", "c")}, `"a:1", "b:2", "c", "b:2", "tcp *:80"`}, // A:1 is a:1
		{Change{Deny: guard.MustParseRules("*"), Listen: guard.MustParseRules("*:0")}, `"a:1", "b:2", "b:2", "*", "tcp *:80", "*:0"`},
		{Change{Remove: guard.MustParseRules("b:2")}, `"a:1", "tcp *:80"`}, // from both lists
		{Change{Remove: guard.MustParseRules("a:1"), Allow: guard.MustParseRules("a:1")}, `"b:2", "a:1", "b:2", "tcp *:80"`},
		{Change{Remove: guard.MustParseRules("d")}, `there is no rule "d" to remove: there are "a:1", "b:2", "b:2", "tcp *:80"`},
		{Change{Allow: []guard.Rule{{}}}, "a rule is empty"},
		{Change{Allow: many(t, maxRules)}, "more than 1000 rules in one list"},
	} {
		got, err := c.change.rules(have)
		text := texts(got)
		if err != nil {
			text = err.Error()
		}
		if !strings.Contains(text, c.want) || err == nil && text != c.want {
			t.Errorf("%+v: %s; want %s", c.change, text, c.want)
		}
		if now := texts(have); now != `"a:1", "b:2", "b:2", "tcp *:80"` {
			t.Fatalf("%+v changes what was there to %s", c.change, now)
		}
	}
}

func many(t *testing.T, n int) (all []guard.Rule) {
	for i := range n {
		all = append(all, guard.MustParseRules(fmt.Sprintf("h%d", i))...)
	}
	return all
}

// TestRemedy: what is said to allow something is a command that does.
func TestRemedy(t *testing.T) {
	for want, e := range map[string]guard.RefusedError{
		"--allow 'tcp 192.0.2.1:443'":   {Op: "dial", Network: "tcp", Address: "192.0.2.1:443"},
		"--allow 'tcp example.org:443'": {Op: "dial", Network: "tcp", Address: "Example.org.:443"},
		"--allow 'udp 192.0.2.1:53'":    {Op: "write", Network: "udp", Address: "192.0.2.1:53"},
		"--allow example.org":           {Op: "lookup", Network: "dns", Address: "example.org"},
		"--listen 'tcp *:80'":           {Op: "listen", Network: "tcp", Address: "*:80"},
		"--remove 'tcp *:25'":           {Op: "dial", Network: "tcp", Address: "192.0.2.1:25", Rule: "tcp *:25"},
		"--quota conns=20":              {Op: "dial", Network: "tcp", Address: "192.0.2.1:443", Quota: "Conns", Limit: 10},
		"--quota in=2048":               {Op: "read", Network: "tcp", Address: "192.0.2.1:44", Quota: "BytesIn", Limit: 1024},
		"--revive":                      {Op: "dial", Network: "tcp", Address: "192.0.2.1:443", Rule: "*", Killed: true},
	} {
		if got := remedy("web", &e); got != "gotcp plugin net web "+want {
			t.Errorf("%+v: %s; want %s", e, got, want)
		}
	}
	for _, e := range []guard.RefusedError{
		{Op: "dial", Network: "dns", Quota: "look-ups at once"}, {Op: "dial", Network: "tcp", Address: "no port"},
	} {
		if got := remedy("web", &e); got != "" {
			t.Errorf("%+v: %s; want nothing", e, got)
		}
	}
	if got := quote(`it's`); got != `'it'\''s'` {
		t.Errorf("%s is no shell's argument", got)
	}
}

// TestChangeQuota: what isn't named stays; a mistake is the asker's.
func TestChangeQuota(t *testing.T) {
	c := Change{Quota: []plugincfg.Setting{{Key: "conns", Value: "5"}, {Key: "in", Value: "1KiB"}}}
	q, err := c.quota(guard.Quota{Conns: 1, Sockets: 3})
	if want := (guard.Quota{Conns: 5, Sockets: 3, BytesIn: 1024}); q != want || err != nil {
		t.Errorf("%+v, %v; want %+v", q, err, want)
	}
	c.Quota[0].Key = "c"
	_, err = c.quota(q)
	if _, ok := err.(mistake); !ok {
		t.Errorf("%v; want a mistake", err)
	}
}

// TestBounds: what a network is bounded by is told, and can be impaired where it has a stack.
func TestBounds(t *testing.T) {
	f, err := plugins.NewFabric(netip.MustParsePrefix("10.77.0.0/24"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cfg := plugins.NetConfig{Guard: guard.Config{Name: "web", Rules: guard.Rules{Allow: guard.MustParseRules("a:1")},
		Quota: guard.Quota{Conns: 2}}}
	n, err := f.Net(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := impair(n, "loss=1%"); err != nil {
		t.Error(err)
	}
	n.Kill()
	want := &Net{Rules{guard.MustParseRules("a:1"), []guard.Rule{}, []guard.Rule{}}, Quota{Conns: 2}, "loss=1%", true}
	if got := bounds(n); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v; want %+v", got, want)
	}
	if err := impair(n, "none"); err != nil || bounds(n).Impair != "" {
		t.Errorf("%+v, %v; want no impairment", bounds(n), err)
	}
	k, err := plugins.KernelFabric().Net(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if err := impair(k, "loss=1%"); err == nil || !strings.Contains(err.Error(), "use one with a stack") {
		t.Errorf("%v; want that the kernel's network can't be impaired", err)
	}
}

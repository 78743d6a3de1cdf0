package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/control"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/stack/link/netns"
	"github.com/gotcp/gotcp/stack/tcp"
)

// TestPluginHelp: the help of each verb teaches it by examples.
func TestPluginHelp(t *testing.T) {
	for verb, text := range map[string]string{
		"":        "gotcp plugin net web --allow 'tcp db.internal:5432' --quota conns=50",
		"run":     "gotcp plugin run --allow 'tcp api.example.com:443' -- ./terraform-provider-http",
		"list":    "gotcp plugin list --json | jq",
		"inspect": "gotcp plugin inspect web --watch",
		"stop":    "gotcp plugin stop web --kill",
		"logs":    "gotcp plugin logs web -f",
		"net":     "gotcp plugin net web --quota conns=5,in=1GiB",
	} {
		args := append([]string{"plugin"}, strings.Fields(verb)...)
		out := want(t, gotcp(t, append(args, "--help")...), 0, text)
		if verb == "run" && !strings.Contains(out, "--net NETWORK") {
			t.Errorf("the help of run doesn't tell of --net:\n%s", out)
		}
	}
}

// TestPluginWrongUsage: each mistake gives status 2 and says what would be right.
func TestPluginWrongUsage(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x.yaml")
	if err := os.WriteFile(file, []byte("plugins: {a: {command: x, allow: [': :']}}"), 0o644); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(dir, "good.yaml")
	if err := os.WriteFile(good, []byte("plugins: {a: {command: x}, b: {command: y}}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for line, text := range map[string]string{
		"":                                   "say what to do: run, list, inspect, stop, logs or net",
		"start":                              `nothing is called "start": there are run, list`,
		"run":                                "there is nothing to run: open gotcp.yaml: no such file or directory: write",
		"run web":                            `is "web" a plugin of a file? Then say which by --file. To run it: gotcp`,
		"run -f /no/such":                    "/no/such: no such file",
		"run -f " + file:                     file + ":1: plugins.a.allow: guard: rule",
		"run -f " + file + " -- x":           "leave one out",
		"run -f " + good + " c":              "is called \"c\": there are a, b",
		"run --allow *:80":                   "--allow is about the plugin whose command follows \"--\"",
		"run --alow *:80 -- x":               `no flag is called --alow. Did you mean "--allow"?`,
		"run --allow a:b:c -- x":             `guard: rule "a:b:c"`,
		"run --quota conns -- x":             "write KEY=VALUE, such as conns=100,in=1GiB",
		"run --restart often -- x":           "write never, on-failure or always",
		"run --name a/b -- x":                `"a/b" is no plugin's name`,
		"run --net lan -- x":                 `no kind is called "lan"`,
		"run --net loopback,mtu=900 -- x":    "the plugins are on a switch in memory, which has neither mtu nor pcap",
		"run --net kernel --pcap x -- x":     "plugin x: pcap: on the kernel's network a plugin has none of its own",
		"run --net kernel x -- x":            `"x" is no flag: the plugin's own arguments follow "--"`,
		"run --kind gotcp --cookie A=B -- x": "plugin x: cookie: it is for foreign plugins",
		"list web":                           "for one plugin there is gotcp plugin inspect web",
		"list -- x":                          "it runs no command",
		"inspect":                            "the name of one plugin is wanted, but you gave 0: gotcp plugin list has them",
		"inspect a --watch":                  "--watch draws on a terminal: use --events --json",
		"inspect a --watch --json":           "--watch draws for people",
		"inspect a --sample -1s":             "--sample is not negative",
		"stop a b":                           "the name of one plugin is wanted, but you gave 2",
		"net a --allow 1.2.3.4/33":           "guard: rule",
		"net a --kill --revive":              "--kill and --revive at once are too much",
		"net a --impair lost=1%":             `--impair: no impairment is called "lost"`,
		"net a --quota c=1":                  `no quota is called "c"`,
	} {
		cmd := gotcp(t, append([]string{"plugin"}, strings.Fields(line)...)...)
		cmd.Dir = dir
		want(t, cmd, 2, "gotcp: ", text)
	}
	cmd := gotcp(t, "plugin", "run", "-f", good)
	cmd.Env = append(cmd.Env, "PLUGIN_PROTOCOL_VERSIONS=1")
	want(t, cmd, 2, "a go-plugin host has started this, for one plugin, but there are 2: a, b: name one")
	cmd = gotcp(t, "plugin", "run", "--kind", "gotcp", "--", "x")
	cmd.Env = append(cmd.Env, "PLUGIN_PROTOCOL_VERSIONS=1")
	want(t, cmd, 2, "start gotcp plugin run by hand")
}

// buildKV builds one of go-plugin's own examples, unchanged.
func buildKV(t *testing.T, pkg string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kv")
	pkg = "github.com/hashicorp/go-plugin/examples/grpc" + pkg
	if out, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// TestPluginForeign: an unmodified plugin is offered to its own host, and confined where an unmodified host starts
// gotcp in its place.
func TestPluginForeign(t *testing.T) {
	netns.Require(t)
	kv := buildKV(t, "/plugin-go-grpc")
	r, told := startPlugins(t, "--net", "loopback", "--name", "kv", "--", kv)
	if len(told.Plugins) != 1 || told.Plugins[0].Reattach == nil {
		t.Fatalf("%+v", told)
	}
	if p := told.Plugins[0]; p.Reattach.Protocol != "grpc" || p.Reattach.Addr.Network != "unix" ||
		p.Reattach.Pid != p.PID || !p.Reattach.Test || p.Reattach.ProtocolVersion != 1 {
		t.Errorf("%+v, %+v", p, p.Reattach)
	}
	want(t, r.gotcp(t, "inspect", "kv"), 0, "proto.KV", "kind      grpc plugin")
	r.end(t, 130)

	host := buildKV(t, "")
	runtime := runtimeDir(t)
	for _, network := range []string{"loopback", "private"} {
		plugin := strings.Join([]string{os.Args[0], "plugin", "run", "--net", network, "--", kv}, " ")
		for _, c := range []struct {
			args []string
			text string
		}{{[]string{"put", "colour", "blue " + network}, ""}, {[]string{"get", "colour"}, "blue " + network}} {
			cmd := gotcp(t) // for its environment
			cmd.Path, cmd.Args = host, append([]string{host}, c.args...)
			cmd.Env = append(cmd.Env, "KV_PROTO=grpc", "KV_PLUGIN="+plugin, control.EnvDir+"="+runtime)
			cmd.Dir = filepath.Dir(kv) // where the plugin keeps its values
			want(t, cmd, 0, c.text)
		}
	}
}

// TestTerraformEnv: what is to be set for Terraform has the provider's name and is read by a shell as it is meant.
func TestTerraformEnv(t *testing.T) {
	terraform, err := plugins.CookieOf("terraform")
	if err != nil {
		t.Fatal(err)
	}
	r := &control.Reattach{Protocol: "grpc", ProtocolVersion: 5, Pid: 7, Test: true, Addr: control.ReattachAddr{
		Network: "unix", String: "/tmp/it's"}}
	for program, name := range map[string]string{
		"/x/terraform-provider-http": "http", "terraform-provider-google-beta_v1.2.3_x5": "google-beta", "./other": "mine",
	} {
		spec := plugins.Spec{Name: "mine", Command: []string{program}, Foreign: &plugins.Foreign{Cookie: terraform}}
		out, err := exec.Command("sh", "-c", terraformEnv(spec, r)+`; printf %s "$TF_REATTACH_PROVIDERS"`).Output()
		want := `{"registry.terraform.io/hashicorp/` + name +
			`":{"Protocol":"grpc","ProtocolVersion":5,"Pid":7,"Test":true,"Addr":{"Network":"unix","String":"/tmp/it's"}}}`
		if string(out) != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", program, out, err, want)
		}
	}
	spec := plugins.Spec{Command: []string{"kv"}, Foreign: &plugins.Foreign{}}
	if got := terraformEnv(spec, r); got != "" {
		t.Errorf("what isn't Terraform's has %s", got)
	}
}

// TestLogHandler: a line says when, how bad and whose it is, and cannot harm the terminal.
func TestLogHandler(t *testing.T) {
	var out bytes.Buffer
	log := logTo(&out, false, slog.LevelInfo)
	log.With("plugin", "web").Info("a\x1b[2Jb", "k", "v")
	log.With("plugin", "web", "x", 1).Error("bad", "error", io.ErrUnexpectedEOF)
	log.Warn("of the host")
	log.Debug("not shown")
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.TrimSpace(line[len("15:04:05.000"):]))
	}
	wanted := []string{"INFO  web | a?[2Jb k=v", `ERROR web | bad x=1 error="unexpected EOF"`, "WARN  gotcp | of the host"}
	if strings.Join(got, "\n") != strings.Join(wanted, "\n") {
		t.Errorf("%q; want %q", got, wanted)
	}
}

// TestEventText: an event is a line.
func TestEventText(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	local, remote := netip.MustParseAddrPort("10.77.0.2:80"), netip.MustParseAddrPort("10.77.0.1:5000")
	for want, e := range map[string]plugins.Event{
		"03:04:05.006 opened  #3 tcp 10.77.0.2:80 <- 10.77.0.1:5000": {
			Kind: plugins.EventOpened, Conn: 3, Network: "tcp", Local: local, Remote: remote, Inbound: true},
		"03:04:05.006 closed  #3 tcp 10.77.0.2:80 -> 10.77.0.1:5000 (a.test) in 1 KiB, out 5 B closed by peer (2 events " +
			"before this one not told)": {
			Kind: plugins.EventClosed, Conn: 3, Network: "tcp", Local: local, Remote: remote, Name: "a.test", In: 1024, Out: 5,
			Reason: "closed by peer", Dropped: 2},
		"03:04:05.006 listen  #1 tcp 10.77.0.2:80": {Kind: plugins.EventListen, Conn: 1, Network: "tcp", Local: local},
		"03:04:05.006 refused refused: why":        {Kind: plugins.EventRefused, Network: "tcp", Reason: "refused: why"},
		"03:04:05.006 sample  #3 tcp -> 10.77.0.1:5000 in 0 B, out 0 B rtt 1.5ms, cwnd 10, retransmitted 2": {
			Kind: plugins.EventSample, Conn: 3, Network: "tcp", Remote: remote,
			Info: &tcp.Info{RTT: 1500, SndCwnd: 10, TotalRetrans: 2}},
	} {
		e.Time = at
		if got := eventText(&e); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

// TestPlot: each connection has a line, drawn from what was seen of it; what has ended has none.
func TestPlot(t *testing.T) {
	at := time.Now()
	addr := netip.MustParseAddrPort
	d := &control.Detail{Plugin: control.Plugin{Name: "web", State: plugins.Running}}
	p := &plot{}
	for i := range 40 {
		d.Conns = []control.Conn{
			{ID: 1, Op: "dial", Local: addr("10.77.0.2:1000"), Remote: addr("10.77.0.1:1"), BytesIn: int64(i) * 125000,
				TCP: &tcp.Info{RTT: uint32(1000 * i), SndCwnd: 10}},
			{ID: 2, Op: "accept", Local: addr("10.77.0.2:80"), Remote: addr("10.77.0.1:2")}, // the kernel's
			{ID: 3, Op: "listen", Local: addr("0.0.0.0:80")},
		}
		if i < 20 {
			d.Conns = append(d.Conns, control.Conn{ID: 4, Remote: addr("10.77.0.1:4")})
		}
		p.add(d, at.Add(time.Duration(i)*time.Second))
	}
	lines := p.lines()
	if len(lines) != 5 || !strings.HasPrefix(lines[0], "web is running: 2 connections,") {
		t.Fatalf("%q", lines)
	}
	if !strings.HasPrefix(lines[3], "10.77.0.2:1000 -> 10.77.0.1:1  ▂") || !strings.Contains(lines[3], "█  39ms") ||
		!strings.Contains(lines[3], strings.Repeat("█", plotWidth)+"  10 ") || !strings.Contains(lines[3], "1.0 Mbit/s") {
		t.Errorf("the first connection is drawn as %q", lines[3])
	}
	if !strings.HasPrefix(lines[4], "10.77.0.2:80 <- 10.77.0.1:2") ||
		!strings.Contains(lines[4], strings.Repeat("▁", plotWidth)) {
		t.Errorf("the idle connection is drawn as %q", lines[4])
	}
	var out bytes.Buffer
	if err := p.draw(&out); err != nil || !strings.HasPrefix(out.String(), "\x1b[H") {
		t.Errorf("%q, %v", out.String(), err)
	}
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimSuffix(strings.TrimPrefix(line, "\x1b[H\x1b[2J"), "\n"))); n > 80 {
			t.Errorf("a line of %d characters on a terminal of 80: %q", n, line)
		}
	}
}

// TestDetailText: what has to be told of a plugin in trouble.
func TestDetailText(t *testing.T) {
	now := time.Now()
	d := &control.Detail{
		Plugin: control.Plugin{Name: "web", State: plugins.Waiting, Since: now.Add(-3 * 24 * time.Hour), Restarts: 2,
			Error: "it died", Off: true, Net: control.Counters{BytesIn: 512}},
		Bounds: control.Net{Rules: control.Rules{Deny: guard.MustParseRules("tcp *:25")}, Off: true,
			Quota: control.Quota{BytesIn: 1024, DialsPerSecond: 5}},
		Refusals: []control.Refusal{
			{Op: "dial", Network: "tcp", Address: "a:25", Rule: "tcp *:25", Count: 3, Last: now.Add(-time.Minute), Remedy: "r1"},
			{Op: "dial", Network: "tcp", Address: "a:80", Quota: "Conns", Count: 1, Last: now, Remedy: "r2"},
			{Op: "dial", Network: "tcp", Address: "a:80", Count: 1, Last: now, Remedy: "gotcp plugin net web --revive"},
		},
	}
	var out bytes.Buffer
	if err := writeDetail(&out, d, now); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"web is waiting, network off since", "(3 days), was started again 2 times\nlast time: it died\n",
		"the network is off: --revive switches it on", "deny    tcp *:25", "quota  in     512 B of 1 KiB  50%",
		"quota  dials  5 a second", `deny "tcp *:25"`, "1m0s ago", "quota Conns", "the switched-off network",
	} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("it doesn't say %q:\n%s", text, out.String())
		}
	}
}

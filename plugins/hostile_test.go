package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// assault is what a hostile plugin does, and what comes of it.
type assault struct {
	name string
	spec func(s *Spec) // what is special; nil: nothing
	// said is what is found in the plugin's log when it is under way, "" where nothing is.
	said string
	// ends is what the error is when it ends by itself, or by the host's hand; "" where it goes on.
	ends  string
	check func(b *battle)
}

// quota is what attackers may have.
var quota = guard.Quota{Conns: 8, Listeners: 8, Sockets: 8, LookupsPerSecond: 20}

// heapBound is how much memory an assault may cost its host, octets. Eight connections may have 4 MiB to send and as much
// received, each 1 MiB at the other end, which is the test's.
const heapBound = 64 << 20

// refusedBy checks that a quota was what the attacker met, and that there is no more than it allows.
func refusedBy(name string) func(b *battle) {
	return func(b *battle) {
		t, n := b.t, b.spec.Net
		k := n.Counters()
		if k.ConnsPeak > quota.Conns || k.Listeners > quota.Listeners || k.Sockets > quota.Sockets {
			t.Errorf("%+v; want no more than %+v", k, quota)
		}
		await(t, "refusals that tell of "+name, func() bool {
			return slices.ContainsFunc(n.Refusals(), func(r guard.Refusal) bool { return r.Err.Quota == name })
		})
	}
}

func raw(name string) func(s *Spec) {
	return func(s *Spec) { s.Env = append(s.Env, envTestPlugin+"=", envTestRaw+"="+name) }
}

func rawStream(name string) func(s *Spec) {
	return func(s *Spec) {
		raw(name)(s)
		s.Streams = true
	}
}

var assaults = []assault{
	{name: "dials", said: "quota", check: refusedBy("Conns")},
	{name: "listens", said: "quota", check: refusedBy("Listeners")},
	{name: "sockets", said: "quota", check: refusedBy("Sockets")},
	{name: "names", check: refusedBy("LookupsPerSecond")},
	{name: "hoards", said: "quota", check: refusedBy("Conns")},
	{name: "greed", said: "quota", check: refusedBy("Conns")},
	{name: "accepts", said: "<nil>", check: crowd},
	{name: "blind", said: "look", check: crowd},
	{name: "stderr", said: "xxx"},
	{name: "lines", said: "left out"},
	{name: "stdout", said: "left out"},
	{name: "stdio", said: "zzz"},
	{name: "deaf"},
	{name: "frozen"},
	{name: "babble", spec: raw("babble"), ends: "Unrecognized remote plugin message: xxx"},
	{name: "early", spec: raw("early"), ends: "Unrecognized remote plugin message: I am coming"},
	{name: "mute", spec: raw("mute"), ends: "greeting"},
	{name: "unknown", spec: raw("unknown"), ends: "unknown kind"},
	{name: "cut", spec: raw("cut"), ends: "too early"},
	{name: "long", spec: raw("long"), ends: "too early"},
	{name: "big", spec: raw("big"), ends: "too long"},
	{name: "title", spec: raw("title"), ends: `it says that it is a "\x1b[2J"`},
	{name: "order", spec: raw("order"), ends: "only the host"},
	{name: "files", spec: raw("files"), ends: "descriptors"},
	{name: "unread", spec: raw("unread"), ends: "not read"},
	{name: "half-open", spec: raw("half-open")},
	{name: "frames", spec: rawStream("frames"), ends: "hung up"},
	{name: "pings", spec: rawStream("pings"), ends: "a ping"},
	{name: "syns", spec: rawStream("syns"), ends: "a stream of the plugin's making"},
	{name: "stdio-large", spec: raw("stdio-large")},
	{name: "stdio-odd", spec: raw("stdio-odd"), said: "left out"},
	{name: "broker", spec: raw("broker")},
	{name: "no-shutdown", spec: raw("no-shutdown")},
	{name: "no-health", spec: raw("no-health"), ends: "doesn't answer"},
}

// crowd comes to the attacker's port, and makes events. Nobody waits for what the attacker doesn't do.
func crowd(b *battle) {
	all := 0
	for range 300 {
		ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Millisecond)
		c, err := b.net.DialContext(ctx, "tcp", b.spec.Net.Address.String()+":7")
		cancel()
		if err == nil {
			all++
			defer c.Close()
		}
	}
	b.t.Logf("%d have come", all)
}

// TestHostile: whatever a plugin does, its host's memory stays bounded, its quotas hold, another plugin goes on to
// answer, and it can be stopped; then nothing of it is left.
func TestHostile(t *testing.T) {
	for _, a := range assaults {
		t.Run(a.name, func(t *testing.T) { newBattle(t, a).fight() })
	}
}

// TestHostileSandboxed: the same of a plugin that floods the kernel of its sandbox.
func TestHostileSandboxed(t *testing.T) {
	netns.Require(t)
	newBattle(t, assault{name: "packets", spec: func(s *Spec) { s.Sandbox = true }, said: "refused"}).fight()
}

// TestHostileForeign: the same of plugins that speak net/rpc, which are never this package's own.
func TestHostileForeign(t *testing.T) {
	netns.Require(t)
	for name, ends := range map[string]string{"gob": "too long", "rpc-pings": "a ping too many"} {
		t.Run(name, func(t *testing.T) {
			newBattle(t, assault{name: name, ends: ends, spec: func(s *Spec) {
				raw(name)(s)
				s.Foreign = &Foreign{Cookie: Cookie{Key: "OLD", Value: "yes"}}
			}}).fight()
		})
	}
}

// battle is an attacker, and a plugin beside it.
type battle struct {
	*chaos
	assault
	spec Spec
	peer *talk
	over chan struct{} // closed when the attacker was stopped
}

func newBattle(t testing.TB, a assault) *battle {
	b := &battle{chaos: newChaos(t), assault: a, over: make(chan struct{})}
	b.Host = NewHost(HostConfig{Logger: slog.New(slog.DiscardHandler), Dir: b.dir})
	b.health = health{every: 50 * time.Millisecond, within: 5 * time.Second, tries: 2}
	if a.name == "no-health" {
		b.health.within = 50 * time.Millisecond
	}
	for port, serve := range map[string]func(c net.Conn){
		":10": func(c net.Conn) { io.Copy(c, zeros{}) }, ":11": func(net.Conn) { <-b.over },
	} {
		ln, err := b.net.Listen(t.Context(), "tcp", port)
		if err != nil {
			t.Fatal(err)
		}
		go serveAll(ln, serve)
	}
	b.spec = b.hosting.spec(t, "attack-"+a.name)
	b.spec.Restart = RestartNever
	b.spec.Stop = 100 * time.Millisecond
	b.spec.Net.SetQuota(quota)
	if a.spec != nil {
		a.spec(&b.spec)
	}
	neighbour := b.victim("neighbour", "chaos")
	neighbour.p = b.start(t, neighbour.spec)
	b.peer = b.talk(neighbour)
	b.talks = append(b.talks, b.peer)
	return b
}

// serveAll serves whoever comes.
func serveAll(ln net.Listener, serve func(c net.Conn)) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			serve(c)
		}()
	}
}

// footprint is how much memory is in use, octets.
func footprint() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // the pools' second chance
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// fight has the attacker do its worst.
func (b *battle) fight() {
	before, memory := held(b.dir), footprint()
	p, err := b.Start(b.t.Context(), b.spec)
	if b.ends != "" {
		b.wasCut(p, err)
	} else if err != nil {
		b.t.Fatal(err)
	} else {
		b.goesOn(p, memory)
	}
	close(b.over)
	if err := b.peer.end(); err != nil {
		b.t.Errorf("the other plugin, to its client: %v", err)
	}
	b.talks = nil
	var now holdings
	if !comes(func() bool { now = held(b.dir); return now.within(before) }) {
		b.t.Errorf("held at last: %+v; before: %+v; goroutines\n%s", now, before, stacks())
	}
	if !comes(func() bool { return footprint()-memory < heapBound/4 }) {
		b.t.Errorf("of the assault %d KiB of memory are left", (footprint()-memory)>>10)
	}
}

// wasCut waits until an attacker has been cut off.
func (b *battle) wasCut(p *Plugin, err error) {
	if p != nil {
		select {
		case <-p.Done():
			err = p.Status().Err
		case <-time.After(patience):
			b.t.Errorf("it goes on")
		}
		defer b.stopAttacker(p)
	}
	if err == nil || !strings.Contains(err.Error(), b.ends) {
		b.t.Errorf("%.500v; want an error with %q", err, b.ends)
	}
	if err != nil && len(err.Error()) > 5000 {
		b.t.Errorf("the error has %d octets", len(err.Error()))
	}
}

// goesOn watches an attacker at its work.
func (b *battle) goesOn(p *Plugin, memory int64) {
	await(b.t, fmt.Sprintf("%q in its log", b.said), func() bool {
		return slices.ContainsFunc(p.Logs(), func(r LogRecord) bool { return strings.Contains(r.Text, b.said) })
	})
	if b.check != nil {
		b.check(b)
	}
	most := int64(0)
	for range 5 {
		sofar := b.peer.octets.Load()
		await(b.t, "the other plugin answers", func() bool { return b.peer.octets.Load() > sofar+320<<10 || b.peer.over.Load() })
		most = max(most, footprint()-memory)
	}
	if most > heapBound {
		b.t.Errorf("the assault costs %d MiB of memory; want at most %d", most>>20, int64(heapBound)>>20)
	}
	b.t.Logf("%d KiB of memory, %d refusals", most>>10, b.spec.Net.Counters().Refused)
	b.stopAttacker(p)
}

// stopAttacker stops it, which needs nothing that it would have to do.
func (b *battle) stopAttacker(p *Plugin) {
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	if err := p.Stop(ctx); err != nil || ctx.Err() != nil {
		b.t.Errorf("it can't be stopped: %v", errors.Join(err, ctx.Err()))
	}
	if k := b.spec.Net.Counters(); k.Conns != 0 || k.Listeners != 0 || k.Sockets != 0 {
		b.t.Errorf("it was stopped, and has %+v", b.spec.Net.Conns())
	}
}

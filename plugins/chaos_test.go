package plugins

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/link/netns"
)

var (
	chaosSeed  = flag.Uint64("chaos.seed", 0, "what the moments of the tests of kill -9 are drawn with; 0: another one each time")
	chaosKills = flag.Int("chaos.kills", 100, "at how many moments plugins are killed")
)

// TestKill kills plugins with SIGKILL at random moments of their lives, while others work. Of a plugin that was killed
// nothing is left, and it serves again; the others notice nothing.
func TestKill(t *testing.T) {
	c := newChaos(t)
	child := c.victim("descriptors", "chaos")
	streams := c.victim("streams", "chaos")
	streams.spec.Streams = true
	handler := c.victim("handler", "chaoshandler")
	handler.spec.Listen = []string{":7"}
	c.run(*chaosKills*3/4, child, streams, handler)
}

// TestKillSandboxed is TestKill with plugins in namespaces of their own.
func TestKillSandboxed(t *testing.T) {
	netns.Require(t)
	c := newChaos(t)
	boxed := c.victim("boxed", "chaos")
	boxed.spec.Sandbox = true
	boxedStreams := c.victim("boxed-streams", "chaos")
	boxedStreams.spec.Sandbox, boxedStreams.spec.Streams = true, true
	c.run(*chaosKills/4, boxed, boxedStreams)
}

// chaos is a host whose plugins are killed.
type chaos struct {
	*hosting
	t       testing.TB
	rng     *rand.Rand
	sink    net.Listener // where victims dial to
	victims []*victim
	talks   []*talk

	reached atomic.Int64 // connections that the sink has, and clients
	idle    holdings     // with all plugins at rest
	stacks  string       // of the goroutines then
	conns   int          // of the test's own network then
}

// victim is a plugin that is killed.
type victim struct {
	spec   Spec
	p      *Plugin
	launch int // how often one can look at the processes while it is launched
}

func newChaos(t testing.TB) *chaos {
	f, err := NewFabric(netip.MustParsePrefix("10.77.0.0/24"), nil, netip.MustParseAddr("10.77.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("the moments are those of -chaos.seed=%d", seed)
	c := &chaos{hosting: newHostingOn(t, f), t: t, rng: rand.New(rand.NewPCG(seed, 0))}
	if c.sink, err = c.net.Listen(t.Context(), "tcp", ":9"); err != nil {
		t.Fatal(err)
	}
	go c.swallow()
	return c
}

// swallow takes what victims send, of which a part may be missing.
func (c *chaos) swallow() {
	for {
		conn, err := c.sink.Accept()
		if err != nil {
			return
		}
		c.client(func() {
			defer conn.Close()
			text, _ := io.ReadAll(conn)
			if !bytes.HasPrefix([]byte("hello\n"), text) {
				c.t.Errorf("a victim has sent %q; want a part of %q", text, "hello\n")
			}
		})
	}
}

// client runs what has to do with a victim's connection, which has to end when the victim does.
func (c *chaos) client(f func()) {
	c.reached.Add(1)
	go func() {
		defer c.reached.Add(-1)
		f()
	}()
}

// victim describes a plugin that is to be killed.
func (c *chaos) victim(name, kind string) *victim {
	s := c.spec(c.t, kind)
	s.Net.Close()
	s.Name, s.Net = name, newNet(c.t, c.fabric, name, anything(c.t))
	s.Env = append(s.Env, mark(name))
	v := &victim{spec: s}
	c.victims = append(c.victims, v)
	return v
}

// mark is the variable by which a victim's processes are known to be this test's.
func mark(name string) string { return fmt.Sprintf("GOTCP_CHAOS=%d-%s", os.Getpid(), name) }

// run kills so many times, one of the victims each time.
func (c *chaos) run(kills int, victims ...*victim) {
	for _, v := range victims {
		c.begin(v)
	}
	for _, way := range []string{"descriptors", "streams"} {
		calm := c.victim("calm-"+way, "chaos")
		ways[way](&calm.spec)
		calm.p = c.start(c.t, calm.spec)
		c.talks = append(c.talks, c.talk(calm))
	}
	for _, v := range victims {
		c.serves(v)
	}
	c.rest()
	c.idle, c.conns, c.stacks = held(c.dir), len(c.net.Conns()), stacks()
	before := make([]int64, len(c.talks))
	for i := range kills {
		v := victims[c.rng.IntN(len(victims))]
		m := moments[c.rng.IntN(len(moments))]
		for i, talk := range c.talks {
			before[i] = talk.octets.Load()
		}
		m.kill(c, v)
		c.recovers(v, fmt.Sprintf("kill %d, of %s at %s", i, v.spec.Name, m.name))
		for i, talk := range c.talks { // it goes on
			await(c.t, "the others talk on", func() bool { return talk.octets.Load() > before[i] || talk.over.Load() })
		}
	}
	for _, talk := range c.talks {
		if err := talk.end(); err != nil {
			c.t.Errorf("a plugin that was not killed, to its client: %v", err)
		}
	}
	c.close()
}

// begin starts a victim, and finds out how long that takes.
func (c *chaos) begin(v *victim) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		v.p, _ = c.Start(context.WithoutCancel(c.t.Context()), v.spec)
	}()
	for v.launch = 0; ; v.launch++ {
		c.look(v, 1)
		select {
		case <-done:
			if v.p == nil {
				c.t.Fatalf("%s doesn't start", v.spec.Name)
			}
			return
		default:
		}
	}
}

// look looks for a victim's process so many times, which takes its time; 0 is none.
func (c *chaos) look(v *victim, times int) (pid int) {
	for range times {
		found := procs(func(p proc) bool { return p.pid == p.group && p.hasEnv(mark(v.spec.Name)) })
		if len(found) > 0 {
			pid = found[0].pid
		}
	}
	return pid
}

// ask dials a victim and asks it to do something.
func (c *chaos) ask(v *victim, what string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	conn, err := c.net.DialContext(ctx, "tcp", netip.AddrPortFrom(v.spec.Net.Address, 7).String())
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintln(conn, what); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// serves waits until a victim serves.
func (c *chaos) serves(v *victim) {
	c.t.Helper()
	await(c.t, v.spec.Name+" serves", func() bool {
		conn, err := c.ask(v, "echo")
		if err != nil {
			return false
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		fmt.Fprintln(conn, "are you there?")
		line, err := bufio.NewReader(conn).ReadString('\n')
		return err == nil && line == "are you there?\n"
	})
}

// rest waits until no connection of a victim is left.
func (c *chaos) rest() {
	c.t.Helper()
	await(c.t, "the victims' clients see an end", func() bool { return c.reached.Load() == 0 })
	for _, v := range c.victims {
		calm := 0
		for _, talk := range c.talks {
			if talk.with == v {
				calm++
			}
		}
		await(c.t, v.spec.Name+"'s connections end", func() bool {
			open := 0
			for _, conn := range v.spec.Net.Conns() {
				if conn.Op != "listen" {
					open++
				}
			}
			return open <= calm
		})
	}
}

// recovers waits until a victim that was killed serves again, and nothing is left of what it had.
func (c *chaos) recovers(v *victim, what string) {
	c.t.Helper()
	defer func() {
		if c.t.Failed() {
			c.t.Log("it was", what)
		}
	}()
	c.serves(v)
	c.rest()
	var now holdings
	if !comes(func() bool { now = held(c.dir); return now.within(c.idle) && len(c.net.Conns()) <= c.conns }) {
		c.t.Errorf("held at last: %+v and %d connections; before: %+v and %d; goroutines\n%s\nbefore:\n%s",
			now, len(c.net.Conns()), c.idle, c.conns, stacks(), c.stacks)
	}
	// It may serve before that is noted.
	await(c.t, v.spec.Name+" runs", func() bool { return v.p.Status().State == Running })
	if v.p.Status().Restarts >= 3 { // the next one would have to wait longer
		c.stop(v)
		v.p = c.start(c.t, v.spec)
		c.serves(v)
	}
	if c.t.Failed() {
		c.t.FailNow()
	}
}

// stop stops a victim, after which nothing of it is left.
func (c *chaos) stop(v *victim) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	if err := v.p.Stop(ctx); err != nil {
		c.t.Error(err)
	}
	if k := v.spec.Net.Counters(); k.Conns != 0 || k.Listeners != 0 || k.Sockets != 0 {
		c.t.Errorf("%s has ended, and its network has %+v", v.spec.Name, v.spec.Net.Conns())
	}
	if left := c.look(v, 1); left != 0 {
		c.t.Errorf("%s has ended, and its process %d hasn't", v.spec.Name, left)
	}
}

// close stops all plugins. Their ports are free.
func (c *chaos) close() {
	for _, v := range c.victims {
		c.stop(v)
		ln, err := v.spec.Net.Listen(c.t.Context(), "tcp", ":7")
		if err != nil {
			c.t.Errorf("%s has ended: %v", v.spec.Name, err)
			continue
		}
		ln.Close()
	}
	if left := procs(func(p proc) bool {
		for _, v := range c.victims {
			if p.hasEnv(mark(v.spec.Name)) {
				return true
			}
		}
		return false
	}); len(left) > 0 {
		c.t.Errorf("processes are left: %+v", left)
	}
}

// talk is a conversation with a plugin that is left alone: octets come back as they were sent.
type talk struct {
	with   *victim
	octets atomic.Int64
	over   atomic.Bool
	end    func() error
}

// talk begins one.
func (c *chaos) talk(with *victim) *talk {
	k := &talk{with: with}
	var conn net.Conn
	await(c.t, with.spec.Name+" serves", func() (ok bool) {
		var err error
		conn, err = c.ask(with, "echo")
		return err == nil
	})
	stop, result := make(chan struct{}), make(chan error, 1)
	go func() {
		defer k.over.Store(true)
		defer conn.Close()
		pace := time.NewTicker(time.Millisecond) // the others need the processors, too
		defer pace.Stop()
		random := rand.NewChaCha8([32]byte{1})
		sent, back := make([]byte, 16<<10), make([]byte, 16<<10)
		for {
			select {
			case <-stop:
				result <- nil
				return
			case <-pace.C:
			}
			random.Read(sent)
			if _, err := conn.Write(sent); err != nil {
				result <- err
				return
			}
			if _, err := io.ReadFull(conn, back); err != nil {
				result <- err
				return
			}
			if !bytes.Equal(sent, back) {
				result <- errors.New("what came back is not what was sent")
				return
			}
			k.octets.Add(int64(len(back)))
		}
	}()
	k.end = func() error {
		close(stop)
		return <-result
	}
	await(c.t, with.spec.Name+" answers", func() bool { return k.octets.Load() > 0 || k.over.Load() })
	return k
}

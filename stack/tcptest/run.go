package tcptest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/tcptest/script"
)

// Run runs the script at path on a host of the target's and fails the test where the host does other than the script
// says. See package script for the notation and the README of testdata for what a head may say.
func Run(t *testing.T, path string, target Target) {
	t.Helper()
	s, err := script.ParseFile(path)
	if err == nil {
		err = Execute(t, s, target)
	}
	if err != nil {
		t.Fatalf("on %s: %v", target.Name(), err)
	}
}

// Execute runs a script on a host of the target's. What the host does other than the script says is a *[Failure].
func Execute(t *testing.T, s *script.Script, target Target) error {
	cfg, err := NewConfig(s)
	if err != nil {
		return err
	}
	r := &runner{script: s, cfg: cfg, flows: map[ports]*flow{}, fds: map[int64]*fd{}}
	r.main = r.flow(ports{scriptPort, hostPort})
	return target.Run(t, cfg, r.receive, func(h Host) error {
		r.setHost(h)
		return r.run()
	})
}

// ports tells flows apart.
type ports struct{ remote, local uint16 }

// runner runs one script.
type runner struct {
	script *script.Script
	cfg    *Config
	host   Host
	start  time.Time
	prev   time.Time     // of the event before, as the script has it
	drift  time.Duration // how late the script is; 0 but in real time

	flows   map[ports]*flow
	main    *flow // that of packets without ports
	fds     map[int64]*fd
	current *fd // the connection that assertions are about
	pending []*running
	trace   []string

	mu   sync.Mutex
	sent []Sent // and not looked at yet
	wake func() // of host
}

func (r *runner) setHost(h Host) {
	r.host = h
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wake = h.Wake
}

// receive is given the packets that the host sends.
func (r *runner) receive(s Sent) {
	r.mu.Lock()
	r.sent = append(r.sent, s)
	wake := r.wake
	r.mu.Unlock()
	if wake != nil {
		wake()
	}
}

func (r *runner) waiting() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sent) > 0
}

// pop takes the next packet that the host sent; nil where there is none.
func (r *runner) pop() *Sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sent) == 0 {
		return nil
	}
	s := r.sent[0]
	r.sent = r.sent[1:]
	return &s
}

func (r *runner) peek() *Sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sent) == 0 {
		return nil
	}
	return &r.sent[0]
}

func (r *runner) run() error {
	r.start = r.host.Now()
	r.prev = r.start
	for i := range r.script.Events {
		if err := r.step(&r.script.Events[i]); err != nil {
			return err
		}
	}
	end := script.Event{Pos: script.Pos{Line: r.script.Lines()}}
	for len(r.pending) > 0 {
		if err := r.reap(r.pending[0].until); err != nil {
			return err
		}
	}
	return r.quiet(&end, r.prev)
}

// step carries out one event.
func (r *runner) step(e *script.Event) error {
	base := r.start
	if e.Time.Relative || e.Time.Kind == script.AnyTime {
		base = r.prev
	}
	from := base.Add(e.Time.From)
	if e.Packet != nil && !e.Packet.In {
		if err := r.reap(from.Add(-1)); err != nil {
			return err
		}
		return r.expect(e, from, base.Add(e.Time.To))
	}
	if err := r.quiet(e, from); err != nil {
		return err
	}
	r.prev = from
	r.late(from, r.host.Now())
	switch {
	case e.Packet != nil:
		return r.inject(e)
	case e.Call != nil:
		return r.call(e, base.Add(e.Time.To))
	case e.Assert != nil:
		return r.assert(e)
	}
	for _, set := range e.Shell {
		if err := r.host.Sysctl(set.Name, set.Value); err != nil {
			return r.fail(e, err.Error())
		}
	}
	return nil
}

// late notes that what the script has at one time happened at another. In virtual time the two are the same.
func (r *runner) late(due, at time.Time) {
	if r.cfg.Coarse != 0 {
		r.drift = max(0, at.Sub(due))
	}
}

// quiet passes time until an event's, and fails where the host sends a packet that no line expects, or where a call
// that was to have ended has not.
func (r *runner) quiet(e *script.Event, until time.Time) error {
	by := until
	if e.Packet != nil {
		by = by.Add(-1) // the packet may be what ends a call at this very time
	}
	if err := r.reap(by); err != nil {
		return err
	}
	r.host.Wait(until.Add(r.drift), r.waiting)
	s := r.pop()
	if s == nil {
		return nil
	}
	f := r.fail(e, "the host has sent a packet that the script doesn't expect before this")
	p, err := decode(s.Packet)
	if err != nil {
		f.Actual = r.clock(s.At) + " " + err.Error()
		return f
	}
	_, got := r.translate(p)
	f.Actual = r.clock(s.At) + " " + mask(&brief, got).String()
	return f
}

// assert checks a code block on the connection that was accepted or connected last.
func (r *runner) assert(e *script.Event) error {
	if r.current == nil {
		return r.fail(e, "an assertion needs a connection: nothing was accepted or connected before")
	}
	info, err := r.host.Info(r.current.host)
	if err != nil {
		return r.fail(e, fmt.Sprintf("no tcp_info: %v", err))
	}
	for _, c := range e.Assert.Checks {
		vars := func(name string) int64 { return info[name] }
		for _, n := range script.Names(c.Cond) {
			if _, ok := info[n]; !ok {
				return r.fail(e, "this host has no "+n)
			}
		}
		if c.Cond.Eval(vars) == 0 {
			f := r.fail(e, "the assertion is false")
			f.Line, f.Expected, f.Actual = c.Line, "assert "+c.Text, c.Values(vars)
			return f
		}
	}
	return nil
}

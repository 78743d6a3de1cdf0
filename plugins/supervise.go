package plugins

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// State is how a plugin is.
type State string

// The states of a plugin.
const (
	Starting State = "starting"
	Running  State = "running"
	Waiting  State = "waiting"  // to be started again
	Stopping State = "stopping" // it was asked to end
	Ended    State = "ended"    // it has done its work, or was stopped
	Failed   State = "failed"   // it has ended, and isn't started again
)

// Status is how a plugin is at a moment.
type Status struct {
	State    State
	PID      int       // of its process, 0 where there is none
	Kinds    []string  // what it is: service, handler, observer; or its protocol where it is foreign
	Since    time.Time // of this state
	Restarts int
	Err      error // how it ended last
}

// Plugin is a plugin that a [Host] looks after.
type Plugin struct {
	host *Host
	spec Spec
	log  *slog.Logger
	ring *logRing

	limit *logLimit
	its   *slog.Logger // log for what the plugin says, or can have others say: as often as limit allows

	ctx    context.Context // ends when it is to be stopped
	cancel context.CancelFunc
	kill   context.Context // ends when it is not to be waited for any more
	killed context.CancelFunc
	first  chan struct{} // closed when it has been ready once
	done   chan struct{} // closed when it has ended for good

	lingering sync.WaitGroup // what its earlier processes had written, on its way

	mu     sync.Mutex
	status Status
	inst   *instance // nil while there is no process
}

func newPlugin(h *Host, spec Spec) *Plugin {
	p := &Plugin{host: h, spec: spec, ring: newLogRing(), first: make(chan struct{}), done: make(chan struct{})}
	p.log = slog.New(slog.NewMultiHandler(h.log.With("plugin", spec.Name).Handler(), p.ring))
	p.limit = newLogLimit(p.log.Handler())
	p.its = slog.New(limited{p.log.Handler(), p.limit})
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.kill, p.killed = context.WithCancel(context.Background())
	p.status = Status{State: Starting, Since: time.Now()}
	return p
}

// lines takes what the plugin writes, and passes it on by lines.
func (p *Plugin) lines(stream string) *lineWriter {
	return &lineWriter{
		line: func(text []byte) {
			if p.limit.line() {
				logLine(p.log, stream, text)
			}
		},
		wait: p.limit.read,
	}
}

// The times of restarting and of asking for health.
const (
	firstDelay = 100 * time.Millisecond
	maxDelay   = 30 * time.Second
	longEnough = time.Minute // after which a failure counts as the first one
	startTime  = time.Minute // the longest that a plugin takes until it is ready
)

// health says how plugins are asked whether they are well.
type health struct {
	every  time.Duration
	within time.Duration // an answer is due
	tries  int           // unanswered in a row, after which the plugin is dead
}

var defaultHealth = health{every: 10 * time.Second, within: 10 * time.Second, tries: 3}

// errDone says that a plugin has done its work.
var errDone = errors.New("it has done its work")

// supervise starts the plugin again and again until it is done.
func (p *Plugin) supervise() {
	defer close(p.done)
	defer p.limit.tell()
	defer p.lingering.Wait()
	var delay time.Duration
	for {
		began := time.Now()
		err := p.runOnce()
		switch {
		case p.ctx.Err() != nil:
			p.enter(Ended, nil)
			return
		case errors.Is(err, errDone) && p.spec.Restart != RestartAlways:
			p.log.Info("the plugin has done its work")
			p.enter(Ended, nil)
			return
		case p.spec.Restart == RestartNever || !p.wasReady():
			p.log.Error("the plugin has failed", "error", err)
			p.enter(Failed, err)
			return
		}
		if time.Since(began) > longEnough {
			delay = 0
		}
		p.log.Warn("the plugin has ended and is started again", "error", err, "after", delay)
		p.enter(Waiting, err)
		if !p.pause(delay) {
			p.enter(Ended, nil)
			return
		}
		delay = min(max(2*delay, firstDelay), maxDelay)
		p.mu.Lock()
		p.status.Restarts++
		p.mu.Unlock()
		p.enter(Starting, err)
	}
}

// pause waits for about d, and reports whether the plugin is still wanted then. Plugins that ended together don't start
// together.
func (p *Plugin) pause(d time.Duration) bool {
	if d > 0 {
		d += rand.N(d/4 + 1)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return p.ctx.Err() == nil
	case <-p.ctx.Done():
		return false
	}
}

func (p *Plugin) wasReady() bool {
	select {
	case <-p.first:
		return true
	default:
		return false
	}
}

// enter notes a state, and how the plugin ended last.
func (p *Plugin) enter(s State, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status.State, p.status.Since, p.status.Err = s, time.Now(), err
	if s == Waiting || s == Ended || s == Failed {
		p.status.PID = 0
	}
}

// runOnce starts the plugin and returns how it ended.
func (p *Plugin) runOnce() error {
	ctx, cancel := context.WithTimeout(p.ctx, startTime)
	inst, err := p.launch(ctx)
	cancel()
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.inst = inst
	p.status.PID, p.status.Kinds = inst.pid(), inst.kinds
	p.status.State, p.status.Since = Running, time.Now()
	p.mu.Unlock()
	p.log.Info("the plugin runs", "pid", inst.pid(), "kinds", list(inst.kinds))
	if !p.wasReady() {
		close(p.first)
	}
	err = p.watch(inst)
	p.mu.Lock()
	p.inst = nil
	p.mu.Unlock()
	inst.close()
	return err
}

// watch returns when the process has ended, has said that it is done, is not well, or is to be stopped.
func (p *Plugin) watch(inst *instance) error {
	health := time.NewTicker(p.host.health.every)
	defer health.Stop()
	missed := 0
	for {
		select {
		case <-inst.ended():
			return inst.why()
		case err := <-inst.finished:
			if err == nil {
				err = errDone
			}
			return err
		case <-p.ctx.Done():
			p.enter(Stopping, nil)
			inst.stop(p.kill, p.spec.Stop)
			return nil
		case <-health.C:
			if err := inst.ping(p.host.health.within); err == nil {
				missed = 0
			} else if missed++; missed == p.host.health.tries {
				inst.proc.Kill(context.Background()) // it wouldn't answer, were it asked to end
				return fmt.Errorf("it doesn't answer: %w", err)
			}
		}
	}
}

// Name is the plugin's name.
func (p *Plugin) Name() string { return p.spec.Name }

// Spec is what the plugin was started with, what was left out filled in.
func (p *Plugin) Spec() Spec { return p.spec }

// Status is how the plugin is now.
func (p *Plugin) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

// Done is closed when the plugin has ended and isn't started again.
func (p *Plugin) Done() <-chan struct{} { return p.done }

// Stop asks the plugin to end, waits as long as Spec.Stop says, or until ctx ends, kills what is left, and has the host
// forget it. Nothing of the plugin is left when it returns: no process, socket, port or connection.
func (p *Plugin) Stop(ctx context.Context) error {
	p.cancel()
	defer context.AfterFunc(ctx, p.killed)()
	<-p.done
	p.host.remove(p)
	return nil
}

// Kill kills the process, as if it had crashed. It is started again by the rules of Spec.Restart.
func (p *Plugin) Kill() error {
	p.mu.Lock()
	inst := p.inst
	p.mu.Unlock()
	if inst == nil {
		return fmt.Errorf("plugin %s: there is no process", p.spec.Name)
	}
	return inst.proc.Kill(context.Background())
}

// Logs are the last lines of the plugin's log, what its host says of it included.
func (p *Plugin) Logs() []LogRecord { return p.ring.last() }

// FollowLogs is Logs, and a channel of what comes until stop is called. Who reads too slowly misses some.
func (p *Plugin) FollowLogs() (kept []LogRecord, more <-chan LogRecord, stop func()) {
	return p.ring.follow()
}

// Reattach is what a go-plugin client needs to talk to the plugin besides its host: for the program whose plugin it is.
// The error says that the plugin doesn't run, or speaks to its own host only.
func (p *Plugin) Reattach() (*Reattach, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.spec.Foreign == nil:
		return nil, fmt.Errorf("plugin %s: it is gotcp's own, and talks to this host only", p.spec.Name)
	case p.inst == nil:
		return nil, fmt.Errorf("plugin %s: it is %s", p.spec.Name, p.status.State)
	}
	attach := p.inst.client.ReattachConfig()
	attach.Pid, attach.ProtocolVersion = p.inst.pid(), p.inst.client.NegotiatedVersion() // which go-plugin leaves out
	return attach, nil
}

package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gotcp/gotcp/plugins"
)

// Host is what a supervisor shows of its plugins, and what can be done to them by others.
type Host interface {
	Plugins() []Plugin
	Inspect(ctx context.Context, name string) (*Detail, error)
	Change(name string, c Change) (*Net, error)
	Stop(ctx context.Context, name string) error // the end of ctx kills what has not ended
	Logs(name string) (*Log, error)
	Events(name string, o plugins.EventOptions) (events <-chan plugins.Event, cancel func(), err error)
}

// Log is a plugin's log: what is kept of it, and what comes.
type Log struct {
	Kept []plugins.LogRecord
	More <-chan plugins.LogRecord
	Done <-chan struct{} // closed when nothing more comes
	Stop func()
}

// ErrNotFound says that a supervisor has no plugin of a name.
var ErrNotFound = errors.New("no plugin has this name")

// NewHost shows a plugins.Host.
func NewHost(h *plugins.Host) Host { return &host{h: h} }

// host is a plugins.Host.
type host struct {
	h  *plugins.Host
	mu sync.Mutex // serializes changes
}

func (s *host) plugin(name string) (*plugins.Plugin, error) {
	p := s.h.Plugin(name)
	if p == nil {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, name)
	}
	return p, nil
}

// Plugins implements Host.
func (s *host) Plugins() []Plugin {
	all := []Plugin{}
	for _, p := range s.h.Plugins() {
		all = append(all, summary(p))
	}
	return all
}

func summary(p *plugins.Plugin) Plugin {
	st, n := p.Status(), p.Spec().Net
	to := Plugin{
		Name: p.Name(), Kinds: st.Kinds, PID: st.PID, State: st.State, Since: st.Since, Restarts: st.Restarts,
		Address: n.Address, Supervisor: os.Getpid(), Net: Counters(n.Counters()), Off: n.Killed(),
	}
	if st.Err != nil {
		to.Error = st.Err.Error()
	}
	if n.Stack == nil {
		to.Address = netip.Addr{} // it has none of its own
	}
	return to
}

// servicesTime is how long a plugin may take to tell its services.
const servicesTime = 2 * time.Second

// Inspect implements Host.
func (s *host) Inspect(ctx context.Context, name string) (*Detail, error) {
	p, err := s.plugin(name)
	if err != nil {
		return nil, err
	}
	spec := p.Spec()
	d := &Detail{
		Plugin: summary(p), Command: spec.Command, Foreign: spec.Foreign != nil, Restart: spec.Restart,
		Bounds: *bounds(spec.Net), Conns: []Conn{}, Refusals: []Refusal{},
	}
	for _, c := range spec.Net.Conns() {
		d.Conns = append(d.Conns, Conn(c))
	}
	for _, r := range slices.Backward(spec.Net.Refusals()) {
		d.Refusals = append(d.Refusals, refusalOf(name, r))
	}
	if d.Foreign {
		d.Reattach = ReattachOf(p)
		ctx, cancel := context.WithTimeout(ctx, servicesTime)
		defer cancel()
		d.Services, _ = p.Services(ctx) // which not all plugins tell
	}
	return d, nil
}

// ReattachOf is how a client reattaches to a foreign plugin, nil where it can't.
func ReattachOf(p *plugins.Plugin) *Reattach {
	r, err := p.Reattach()
	if err != nil || r == nil || r.Addr == nil {
		return nil
	}
	return &Reattach{
		Protocol: string(r.Protocol), ProtocolVersion: r.ProtocolVersion, Pid: r.Pid, Test: true,
		Addr: ReattachAddr{r.Addr.Network(), r.Addr.String()},
	}
}

// Stop implements Host. The plugin's network ends with it.
func (s *host) Stop(ctx context.Context, name string) error {
	p, err := s.plugin(name)
	if err != nil {
		return err
	}
	err = p.Stop(ctx)
	if closed := p.Spec().Net.Close(); !errors.Is(closed, net.ErrClosed) {
		err = errors.Join(err, closed)
	}
	return err
}

// Logs implements Host.
func (s *host) Logs(name string) (*Log, error) {
	p, err := s.plugin(name)
	if err != nil {
		return nil, err
	}
	kept, more, stop := p.FollowLogs()
	return &Log{kept, more, p.Done(), stop}, nil
}

// Events implements Host: those of one plugin.
func (s *host) Events(name string, o plugins.EventOptions) (<-chan plugins.Event, func(), error) {
	if _, err := s.plugin(name); err != nil {
		return nil, nil, err
	}
	all, cancel := s.h.Events(o)
	one := make(chan plugins.Event)
	done := make(chan struct{})
	go func() {
		defer close(one)
		var dropped uint64
		for e := range all {
			e.Dropped += dropped
			dropped = e.Dropped
			if e.Plugin != name {
				continue
			}
			select {
			case one <- e:
				dropped = 0
			case <-done:
			}
		}
	}()
	return one, sync.OnceFunc(func() {
		close(done)
		cancel()
	}), nil
}

// quote is an argument for a shell.
func quote(text string) string {
	if strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/=,+@%") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

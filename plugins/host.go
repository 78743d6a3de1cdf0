package plugins

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"
)

// HostConfig says how a [Host] is. The zero HostConfig will do.
type HostConfig struct {
	Logger *slog.Logger // gets the plugins' logs, too, each with the attribute plugin; nil is slog.Default()
	Dir    string       // where the plugins' sockets are made, in directories of their own; "" is os.TempDir()
	Hide   []string     // directories that are empty for plugins in a sandbox, such as that of a socket to control the host by
}

// Host launches plugins and looks after them.
type Host struct {
	log  *slog.Logger
	dir  string
	hide []string
	feed feed

	health health

	mu      sync.Mutex
	plugins map[string]*Plugin
	closed  bool
}

// NewHost makes a host without plugins.
func NewHost(cfg HostConfig) *Host {
	h := &Host{log: cfg.Logger, dir: cfg.Dir, hide: cfg.Hide, health: defaultHealth, plugins: map[string]*Plugin{}}
	if h.log == nil {
		h.log = slog.Default()
	}
	return h
}

// Restart says when a plugin that has ended is started again.
type Restart string

// When a plugin is started again. The first time at once, then after 100 ms, twice as long each time up to 30 s, until
// it has run for a minute.
const (
	RestartNever     Restart = "never"
	RestartOnFailure Restart = "on-failure" // unless it has done its work, and said so
	RestartAlways    Restart = "always"
)

// Spec says what plugin to start, and how.
type Spec struct {
	Name    string   // by which it is known: letters, digits, '-', '_' and '.', at most 63
	Command []string // the program and its arguments
	Env     []string // KEY=VALUE, besides the host's environment
	Dir     string   // where it runs; "" is where the host does

	// Net is the plugin's network, which is the caller's to close.
	Net *Net

	// Foreign says that the program is a go-plugin binary that wasn't made with this package: it runs in a network
	// namespace of its own, whose only way out leads to Net. Nil for plugins that call [Serve].
	Foreign *Foreign
	// Sandbox has a plugin that calls [Serve] run in such a namespace, too, so that whatever it does without package
	// dialer meets the same rules. The host must call [Init] first of all.
	Sandbox bool

	// Listen are the addresses at which the host listens, on Net, for a plugin that is a [Handler]. The network's
	// Rules.Listen then has them.
	Listen []string
	// Events bounds what an [Observer] is told. Sample is 1 s unless it is given; negative is never.
	Events EventOptions

	Restart Restart       // "" is RestartOnFailure
	Stop    time.Duration // how long the plugin may take to end when it is asked to; 0 is 5 s

	// Streams has the plugin's data go over gRPC, as it does where the command is a program that starts the plugin and
	// passes no descriptors on. It is slow.
	Streams bool
}

// Defaults of a [Spec].
const (
	defaultStop   = 5 * time.Second
	defaultSample = time.Second
)

// fill checks the description and fills in what was left out.
func (s *Spec) fill() error {
	ok := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r)
	}
	switch {
	case s.Name == "" || len(s.Name) > 63 || strings.Trim(s.Name, ".") == "" ||
		strings.IndexFunc(s.Name, func(r rune) bool { return !ok(r) }) >= 0:
		return fmt.Errorf("plugin %q: a name has 1 to 63 letters, digits, '-', '_' or '.'", s.Name)
	case len(s.Command) == 0 || s.Command[0] == "":
		return fmt.Errorf("plugin %s: there is no command", s.Name)
	case s.Net == nil:
		return fmt.Errorf("plugin %s: there is no network", s.Name)
	case s.Foreign != nil && (s.Sandbox || len(s.Listen) > 0 || s.Streams):
		return fmt.Errorf("plugin %s: Listen, Sandbox and Streams are for plugins that call plugins.Serve: "+
			"another one is always in a sandbox, and its ports are in Foreign.Publish", s.Name)
	}
	if s.Foreign != nil {
		f := *s.Foreign // the caller's stays as it is
		if err := f.fill(s.Command[0]); err != nil {
			return fmt.Errorf("plugin %s: %w", s.Name, err)
		}
		s.Foreign = &f
	}
	switch s.Restart {
	case "":
		s.Restart = RestartOnFailure
	case RestartNever, RestartOnFailure, RestartAlways:
	default:
		return fmt.Errorf("plugin %s: restart is %q: write never, on-failure or always", s.Name, s.Restart)
	}
	if s.Stop <= 0 {
		s.Stop = defaultStop
	}
	if s.Events.Sample == 0 {
		s.Events.Sample = defaultSample
	}
	return nil
}

// ErrHostClosed says that a host starts no plugins any more.
var ErrHostClosed = errors.New("plugins: the host is closed")

// Start starts a plugin and waits until it is ready, or has failed for the first time: then it isn't kept, whatever
// Restart says. ctx bounds the wait and nothing else.
func (h *Host) Start(ctx context.Context, spec Spec) (*Plugin, error) {
	if err := spec.fill(); err != nil {
		return nil, err
	}
	rules, err := spec.listenRules()
	if err != nil {
		return nil, fmt.Errorf("plugin %s: %w", spec.Name, err)
	}
	p := newPlugin(h, spec)
	if err := h.add(p); err != nil {
		return nil, err
	}
	if len(rules) > 0 {
		announce(spec.Net, rules)
	}
	go h.feed.follow(spec.Net, p.done)
	go p.supervise()
	select {
	case <-p.first:
	case <-p.done:
	case <-ctx.Done():
		p.Stop(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("plugin %s: it wasn't ready in time: %w", spec.Name, ctx.Err())
	}
	if s := p.Status(); s.State == Failed {
		p.Stop(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("plugin %s: %w", spec.Name, s.Err)
	}
	return p, nil
}

// add takes a plugin in.
func (h *Host) add(p *Plugin) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return ErrHostClosed
	case h.plugins[p.spec.Name] != nil:
		return fmt.Errorf("plugin %s: there is one of this name already", p.spec.Name)
	}
	h.plugins[p.spec.Name] = p
	return nil
}

// remove forgets a plugin that is done.
func (h *Host) remove(p *Plugin) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.plugins[p.spec.Name] == p {
		delete(h.plugins, p.spec.Name)
	}
}

// Plugin is the plugin of a name, nil where there is none.
func (h *Host) Plugin(name string) *Plugin {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.plugins[name]
}

// Plugins are the plugins there are, by name. One that has failed or ended is among them until [Plugin.Stop].
func (h *Host) Plugins() []*Plugin {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*Plugin
	for _, p := range h.plugins {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *Plugin) int { return strings.Compare(a.spec.Name, b.spec.Name) })
	return all
}

// nets are the networks of the plugins.
func (h *Host) nets() []*Net {
	var nets []*Net
	for _, p := range h.Plugins() {
		nets = append(nets, p.spec.Net)
	}
	return nets
}

// Events tells what happens on the networks of all plugins, from now on until cancel is called, at a bounded rate: what
// exceeds it, or finds nobody reading, is dropped and counted in the next event.
func (h *Host) Events(o EventOptions) (events <-chan Event, cancel func()) {
	s := h.feed.subscribe(o)
	done := make(chan struct{})
	if o.Sample > 0 {
		go h.feed.sample(s, o.Sample, h.nets, done)
	}
	var once sync.Once
	return s.ch, func() {
		once.Do(func() {
			close(done)
			h.feed.unsubscribe(s)
		})
	}
}

// Close stops all plugins, all at a time. When ctx ends they are killed.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	var wg sync.WaitGroup
	all := h.Plugins()
	errs := make([]error, len(all))
	for i, p := range all {
		wg.Go(func() { errs[i] = p.Stop(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// maxSocketPath is how long a Unix socket's path may be, in octets, and socketName about what go-plugin calls one.
const (
	maxSocketPath = 107
	socketName    = "/plugin1234567890"
)

// tempDir makes a directory for a plugin's sockets. Its name is short, to leave room in their paths.
func (h *Host) tempDir() (string, error) {
	dir, err := os.MkdirTemp(h.dir, "gotcp-")
	if err != nil {
		return "", err
	}
	dir, err = filepath.Abs(dir)
	if err == nil && len(dir)+len(socketName) > maxSocketPath {
		err = fmt.Errorf("%s: a socket's path may have %d octets: give HostConfig.Dir a shorter one", dir, maxSocketPath)
		os.Remove(dir)
	}
	return dir, err
}

// Reattach is how another program's go-plugin client takes over a plugin that a host of ours has started.
type Reattach = plugin.ReattachConfig

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/control"
	"github.com/gotcp/gotcp/cmd/gotcp/internal/plugincfg"
	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/plugins/guard"
)

// hosting is a host of plugins and all that it is made of.
type hosting struct {
	fabric *plugins.Fabric
	about  string // the network, for people
	nets   map[string]*plugins.Net
	host   *plugins.Host
	server *control.Server
}

// loopbackPrefix has the addresses of plugins on a network that leads nowhere.
var loopbackPrefix = netip.MustParsePrefix("10.77.0.0/24")

// begin makes the plugins' networks and their host. dir is where it is found by other runs; "" has it not be found.
func (s *supervisor) begin(ctx context.Context, dir string, log *slog.Logger) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.end(ctx))
		}
	}()
	if err := s.openFabric(); err != nil {
		return err
	}
	if err := s.openNets(); err != nil {
		return err
	}
	s.host = plugins.NewHost(plugins.HostConfig{Logger: log, Hide: hidden(dir)})
	if dir != "" {
		s.server, err = control.Serve(dir, control.NewHost(s.host), log)
	}
	return err
}

// hidden are the directories that plugins in sandboxes don't see: from there they could change their own rules.
func hidden(dir string) []string {
	if dir == "" {
		return nil
	}
	return []string{dir}
}

// openFabric opens the network that the plugins' are cut from, and gives these their addresses.
func (s *supervisor) openFabric() (err error) {
	switch s.spec.Kind {
	case netspec.Kernel:
		s.fabric, s.about = plugins.KernelFabric(), "the kernel's own network"
		return nil
	case netspec.Loopback:
		s.about = "a switch in memory, on which the plugins reach each other only"
		if s.fabric, err = plugins.NewFabric(loopbackPrefix, nil); err != nil {
			return err
		}
		return s.cfg.Assign(loopbackPrefix)
	}
	d, err := netspec.OpenDevice(s.spec)
	if err != nil {
		return err
	}
	s.about = d.Describe()
	if s.fabric, err = plugins.NewFabric(d.Addr, d.Device, d.Peer); err != nil {
		return err
	}
	return s.cfg.Assign(d.Addr, d.Peer)
}

// openNets makes the plugins' networks.
func (s *supervisor) openNets() error {
	own, err := s.spec.Names()
	if err != nil {
		return err
	}
	s.nets = map[string]*plugins.Net{}
	for _, p := range s.cfg.Plugins {
		if s.nets[p.Name], err = s.fabric.Net(s.netConfig(p, own)); err != nil {
			delete(s.nets, p.Name)
			return err
		}
	}
	return nil
}

// netConfig describes a plugin's network. own are the names of the whole.
func (s *supervisor) netConfig(p *plugincfg.Plugin, own netapi.Names) plugins.NetConfig {
	hosts := map[string][]netip.Addr{}
	maps.Copy(hosts, own.Hosts)
	maps.Copy(hosts, s.cfg.Hosts(p, netip.AddrFrom4([4]byte{127, 0, 0, 1})))
	servers := p.DNS
	if len(servers) == 0 {
		servers = own.Servers
	}
	impair := p.Impair
	if s.spec.Kind == netspec.Loopback && impair.IsZero() { // there is no link that all share
		impair = s.spec.Impair
	}
	return plugins.NetConfig{
		Guard:   guard.Config{Name: p.Name, Rules: p.Rules, Quota: p.Quota, Hosts: hosts, Servers: servers},
		Address: p.Address, Impair: impair, PCAP: p.PCAP,
	}
}

// pluginSpec says how to start a plugin.
func (s *supervisor) pluginSpec(p *plugincfg.Plugin) plugins.Spec {
	spec := plugins.Spec{
		Name: p.Name, Command: p.Command, Dir: p.Dir, Net: s.nets[p.Name], Sandbox: p.Sandbox, Listen: p.Serve,
		Restart: p.Restart, Stop: p.Stop,
		// Programs that it starts don't make networks of their own, whatever is said to this one.
		Env: append([]string{dialer.EnvNet + "=" + string(netspec.Kernel)}, p.Env...),
	}
	if p.Kind == plugincfg.Foreign {
		spec.Foreign = &plugins.Foreign{Cookie: p.Cookie, Versions: p.Versions, Publish: p.Publish}
	}
	return spec
}

// startAll starts the plugins, all at a time.
func (s *supervisor) startAll(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, len(s.cfg.Plugins))
	for i, p := range s.cfg.Plugins {
		wg.Go(func() {
			if _, err := s.host.Start(ctx, s.pluginSpec(p)); err != nil {
				errs[i] = startHint(p, err)
			}
		})
	}
	wg.Wait()
	return cmp.Or(ctx.Err(), errors.Join(errs...))
}

// wait waits until no plugin is left, or ctx ends. The error says that one has failed.
func (s *supervisor) wait(ctx context.Context) error {
	var failed []error
	for _, p := range s.host.Plugins() {
		select {
		case <-p.Done():
		case <-ctx.Done():
			return ctx.Err()
		}
		if st := p.Status(); st.State == plugins.Failed {
			failed = append(failed, fmt.Errorf("plugin %s has failed: %w", p.Name(), st.Err))
		}
	}
	return errors.Join(failed...)
}

// end ends all of it. The end of kill kills plugins that have not ended by then.
func (h *hosting) end(kill context.Context) error {
	var errs []error
	if h.host != nil {
		errs = append(errs, h.host.Close(kill))
	}
	if h.server != nil {
		errs = append(errs, h.server.Close())
	}
	for _, name := range slices.Sorted(maps.Keys(h.nets)) {
		if err := h.nets[name].Close(); !errors.Is(err, net.ErrClosed) { // where it was stopped by itself
			errs = append(errs, err)
		}
	}
	if h.fabric != nil {
		errs = append(errs, h.fabric.Close())
	}
	return errors.Join(errs...)
}

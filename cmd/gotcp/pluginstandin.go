package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/plugincfg"
)

// standIn runs the one plugin for a go-plugin host that has started this program in its place. Nothing is written to
// standard output, which is the plugin's; the exit status is the plugin's, too.
func (s *supervisor) standIn(ctx context.Context, dir string) error {
	p := s.cfg.Plugins[0]
	if p.Kind == plugincfg.Own || len(p.Serve) > 0 || p.Sandbox {
		return usagef("plugin run: a go-plugin host has started this, and the plugin %s is made with gotcp: "+
			"gotcp runs such a plugin itself, so start gotcp plugin run by hand, without PLUGIN_PROTOCOL_VERSIONS", p.Name)
	}
	p.Kind = plugincfg.Foreign
	log := logTo(s.errs, false, slog.LevelWarn) // the host has it in its own log
	err := s.begin(ctx, dir, log)
	if err != nil {
		return err
	}
	running, kill := context.WithCancel(context.WithoutCancel(ctx)) // signals are for the plugin
	defer kill()
	defer s.passSignals(p.Name, kill)()
	status, err := s.host.StandIn(running, s.pluginSpec(p))
	if ended := s.end(running); ended != nil {
		log.Warn("the end of the plugin's network", "error", ended)
	}
	if err != nil {
		return fmt.Errorf("plugin %s: %w", p.Name, err)
	}
	return exitStatus(status)
}

// passSignals passes this program's signals on to the plugin: go-plugin's ignore SIGINT, which a terminal sends to all
// of a host's processes. Before there is a plugin, a signal calls kill. stop ends it.
func (s *supervisor) passSignals(plugin string, kill func()) (stop func()) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case sig := <-signals:
				pid := 0
				if p := s.host.Plugin(plugin); p != nil {
					pid = p.Status().PID
				}
				if pid == 0 {
					kill()
				} else {
					syscall.Kill(pid, sig.(syscall.Signal))
				}
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/control"
	"github.com/gotcp/gotcp/cmd/gotcp/internal/plugincfg"
	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/dialer/netspec"
)

func pluginRunCommand() *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "run plugins and look after them, until interrupted",
		UsageText: "gotcp plugin run [-f FILE] [NAME ...] [--net NETWORK]\n" +
			"gotcp plugin run [--allow RULE] [--listen RULE] ... [--net NETWORK] -- ./PLUGIN [ARGUMENT ...]",
		Description: `The plugins are those of gotcp.yaml (of which NAME chooses some), or the one behind "--":

   network: private
   plugins:
     web:
       command: ./web --verbose
       allow: ["tcp api.example.com:443"]
       listen: ["tcp *:80"]
       quota: {conns: 100, in: 1GiB}

All that the flags below say of one plugin can be written there by the same names (but names: {NAME: ADDRESS} for
--host), with plurals as lists. When the plugins run they are listed, and for one that isn't made with gotcp how the
program that it is for reattaches to it. Then their logs are shown. Ctrl-C stops all; once more, and they are killed.

   gotcp plugin run --listen 'tcp *:8080' -- ./web                  a program made with gotcp's package plugins
   gotcp plugin run --serve :7000 --net private,delay=20ms -- ./lines
   gotcp plugin run --allow 'tcp api.example.com:443' -- ./terraform-provider-http

In the plugin's place. Where a program for go-plugin starts its plugin, it can start gotcp instead, which passes on
all between the two, and confines the plugin:

   KV_PLUGIN="gotcp plugin run --allow '*.example.com' -- ./kv-go-grpc" ./kv get hello`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Value: plugincfg.FileName, Usage: "the plugins of `FILE`"},
			&cli.StringFlag{Name: "net", Usage: "the `NETWORK` that theirs are made of: " + netspec.Usage +
				"; else that of the file, of " + dialer.EnvNet + ", or kernel"},
			jsonFlag(),
		}, pluginFlags()...),
		Action: pluginRun,
	}
}

func pluginRun(c *cli.Context) error {
	cfg, err := runConfig(c)
	if err != nil {
		return err
	}
	s, err := runSpec(c, cfg)
	if err != nil {
		return err
	}
	if err := cfg.Check(s.Kind); err != nil {
		return usageError{err}
	}
	asPlugin := os.Getenv("PLUGIN_PROTOCOL_VERSIONS") != "" // a host of go-plugin has started this program
	if asPlugin && len(cfg.Plugins) != 1 {
		return usagef("plugin run: a go-plugin host has started this, for one plugin, but there are %d: %s: name one",
			len(cfg.Plugins), cfg.PluginNames())
	}
	dir, dirErr := control.Dir()
	if dirErr == nil && s.Kind == netspec.Private {
		os.Setenv(control.EnvDir, dir) // in its namespace the program, as another user, would look elsewhere
	}
	if err := enter(s); err != nil {
		return err
	}
	sup := &supervisor{cfg: cfg, spec: s, out: c.App.Writer, errs: c.App.ErrWriter, json: c.Bool("json")}
	if asPlugin {
		return sup.standIn(c.Context, dir)
	}
	if dirErr != nil {
		fmt.Fprintf(c.App.ErrWriter, "gotcp: gotcp plugin list, inspect and so on won't find these plugins: %v\n", dirErr)
	}
	return sup.run(c.Context, dir)
}

// runSpec is the network that the plugins' are made of.
func runSpec(c *cli.Context, cfg *plugincfg.Config) (netspec.Spec, error) {
	text := cmp.Or(c.String("net"), cfg.Network, os.Getenv(dialer.EnvNet), string(netspec.Kernel))
	s, err := netspec.Parse(text)
	if err == nil && s.Kind == netspec.Loopback && (s.MTU != 0 || s.PCAP != "") {
		err = fmt.Errorf("network %q: the plugins are on a switch in memory, which has neither mtu nor pcap: leave them "+
			"out; a plugin's packets are written by its own pcap", text)
	}
	if err != nil {
		return s, usageError{err}
	}
	return s, nil
}

// oneSignal is how long after a signal another one is the same: who signals a process may signal its group, too.
const oneSignal = 300 * time.Millisecond

// secondSignal returns a context that ends with the second signal that interrupts the program. The first one ends the
// program's own context.
func secondSignal() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		var first time.Time
		for {
			select {
			case <-signals:
			case <-ctx.Done():
				return
			}
			if first.IsZero() {
				first = time.Now()
			} else if time.Since(first) > oneSignal {
				cancel()
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel()
	}
}

// supervisor runs plugins.
type supervisor struct {
	cfg  *plugincfg.Config
	spec netspec.Spec
	out  io.Writer // for what is asked for
	errs io.Writer // for logs and hints
	json bool

	hosting // once it has begun
}

// run runs the plugins until they have ended, or ctx ends.
func (s *supervisor) run(ctx context.Context, dir string) (err error) {
	killed, stop := secondSignal()
	defer stop()
	for _, p := range s.cfg.Plugins {
		if err := p.Detect(); err != nil {
			return err
		}
	}
	if err := s.begin(ctx, dir, logTo(s.errs, s.json, slog.LevelInfo)); err != nil {
		return err
	}
	defer func() {
		if ctx.Err() != nil && killed.Err() == nil && len(s.host.Plugins()) > 0 {
			fmt.Fprintln(s.errs, "stopping the plugins; Ctrl-C again kills them")
		}
		err = errors.Join(err, s.end(killed))
	}()
	if err := s.startAll(ctx); err != nil {
		return err
	}
	if err := s.tell(); err != nil {
		return err
	}
	return s.wait(ctx)
}

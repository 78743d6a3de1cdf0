package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/control"
)

func pluginCommand() *cli.Command {
	return &cli.Command{
		Name:  "plugin",
		Usage: "run go-plugin plugins, each with a network and rules of its own",
		UsageText: "gotcp plugin run [-f FILE] [NAME ...]\n" +
			"gotcp plugin run [--allow RULE] [--listen RULE] ... -- ./PLUGIN [ARGUMENT ...]\n" +
			"gotcp plugin list\n" +
			"gotcp plugin inspect|stop|logs|net NAME",
		Description: `A plugin is a program for hashicorp/go-plugin: one made with gotcp's package plugins, or any other one,
unmodified. It reaches and announces nothing but what rules allow. "run" looks after plugins until it is interrupted;
the other verbs, in another terminal, look at what any "run" of the same user has, and change it.

   gotcp plugin run --allow 'tcp api.example.com:443' -- ./terraform-provider-http
   gotcp plugin run --net private                          what gotcp.yaml says
   gotcp plugin list
   gotcp plugin inspect web
   gotcp plugin net web --allow 'tcp db.internal:5432' --quota conns=50

A rule is [tcp|udp ]HOST[:PORTS], where HOST is an address, a network such as 10.0.0.0/8, a name, *.example.org, or *,
and PORTS are such as 443 or 80,8000-8100.`,
		Subcommands: []*cli.Command{
			pluginRunCommand(), pluginListCommand(), pluginInspectCommand(), pluginStopCommand(), pluginLogsCommand(),
			pluginNetCommand(),
		},
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usagef("plugin: say what to do: run, list, inspect, stop, logs or net\nSee gotcp plugin --help")
			}
			return usagef("plugin: nothing is called %q: there are run, list, inspect, stop, logs and net\n"+
				"See gotcp plugin --help", c.Args().First())
		},
	}
}

// supervisorFlag tells supervisors apart whose plugins have the same name.
func supervisorFlag() cli.Flag {
	return &cli.IntFlag{Name: "supervisor", Usage: "the plugin of the gotcp plugin run whose process is `PID`"}
}

func jsonFlag() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "print JSON, for programs"} }

// supervised is the plugins of one supervisor.
type supervised struct {
	client  *control.Client
	plugins []control.Plugin
}

// supervisors asks all of this user's for their plugins. Those that don't answer are told of, and left out.
func supervisors(c *cli.Context) ([]supervised, error) {
	dir, err := control.Dir()
	if err != nil {
		return nil, err
	}
	clients, err := control.Find(dir)
	if err != nil {
		return nil, err
	}
	var all []supervised
	for _, client := range clients {
		list, err := client.Plugins(c.Context)
		switch {
		case c.Context.Err() != nil:
			return nil, c.Context.Err()
		case err != nil:
			fmt.Fprintf(c.App.ErrWriter, "gotcp: %v\n", err)
		default:
			all = append(all, supervised{client, list})
		}
	}
	return all, nil
}

// named finds the plugin that the command line names. It is all that the verb has arguments for.
func named(c *cli.Context) (*control.Client, string, error) {
	if err := noCommand(c); err != nil {
		return nil, "", err
	}
	verb := c.Command.Name
	if c.NArg() != 1 {
		return nil, "", usagef("plugin %s: the name of one plugin is wanted, but you gave %d: gotcp plugin list has them",
			verb, c.NArg())
	}
	name := c.Args().First()
	all, err := supervisors(c)
	if err != nil {
		return nil, "", err
	}
	var found []supervised
	var pids, names []string
	for _, s := range all {
		for _, p := range s.plugins {
			if pid := c.Int("supervisor"); pid != 0 && pid != p.Supervisor {
				continue
			}
			names = append(names, p.Name)
			if p.Name == name {
				found = append(found, s)
				pids = append(pids, fmt.Sprint(p.Supervisor))
			}
		}
	}
	switch {
	case len(found) == 1:
		return found[0].client, name, nil
	case len(found) > 1:
		return nil, "", usagef("plugin %s: %d plugins are called %s: say whose by --supervisor PID: %s",
			verb, len(found), name, strings.Join(pids, " or "))
	case len(names) == 0 && c.Int("supervisor") != 0:
		return nil, "", fmt.Errorf("no gotcp plugin run has the process number %d: see gotcp plugin list",
			c.Int("supervisor"))
	case len(names) == 0:
		return nil, "", errors.New("no plugin runs: start one by gotcp plugin run")
	}
	err = fmt.Errorf("no plugin is called %q (running: %s)", name, strings.Join(names, ", "))
	return nil, "", err
}

// noCommand says that a verb takes no "--".
func noCommand(c *cli.Context) error {
	if len(command(c.Context)) > 0 {
		return usagef("plugin %s: it runs no command: leave away what follows \"--\"", c.Command.Name)
	}
	return nil
}

// ended is the error of an answer that went on until ctx ended, or its supervisor did.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

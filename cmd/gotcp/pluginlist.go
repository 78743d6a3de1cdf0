package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/control"
)

func pluginListCommand() *cli.Command {
	return &cli.Command{
		Name:      "list",
		Aliases:   []string{"ls"},
		Usage:     "list the plugins that run",
		UsageText: "gotcp plugin list [--json]",
		Description: `All plugins are listed that some "gotcp plugin run" of this user looks after.

   gotcp plugin list
   gotcp plugin list --json | jq -r '.[] | select(.state == "failed").name'`,
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("plugin list: it takes no arguments: for one plugin there is gotcp plugin inspect %s",
					c.Args().First())
			}
			if err := noCommand(c); err != nil {
				return err
			}
			return pluginList(c)
		},
	}
}

func pluginList(c *cli.Context) error {
	supervisors, err := supervisors(c)
	if err != nil {
		return err
	}
	all := []control.Plugin{}
	for _, s := range supervisors {
		all = append(all, s.plugins...)
	}
	switch {
	case c.Bool("json"):
		return printJSON(c.App.Writer, all)
	case len(all) == 0:
		fmt.Fprintln(c.App.ErrWriter, "no plugin runs: start one by gotcp plugin run")
		return nil
	}
	return writePlugins(c.App.Writer, all)
}

func writePlugins(w io.Writer, all []control.Plugin) error {
	t := columns(w)
	fmt.Fprintln(t, "PLUGIN\tSTATE\tKIND\tADDRESS\tPID\tRESTARTS\tCONNS\tIN\tOUT\tREFUSED\tSUPERVISOR")
	for _, p := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%d\t%d\n", p.Name, stateOf(&p), kindsOf(p.Kinds), valid(p.Address),
			pidOf(p.PID), p.Restarts, p.Net.Conns, formatSize(p.Net.BytesIn), formatSize(p.Net.BytesOut), p.Net.Refused,
			p.Supervisor)
	}
	return t.Flush()
}

func stateOf(p *control.Plugin) string {
	if p.Off {
		return string(p.State) + ", network off"
	}
	return string(p.State)
}

func pidOf(pid int) string {
	if pid == 0 {
		return "-"
	}
	return fmt.Sprint(pid)
}

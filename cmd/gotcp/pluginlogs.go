package main

import (
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/control"
)

func pluginLogsCommand() *cli.Command {
	return &cli.Command{
		Name:      "logs",
		Usage:     "show what a plugin has logged and printed of late",
		UsageText: "gotcp plugin logs NAME [-f] [--debug] [--json]",
		Description: `Its host keeps the last 500 lines: of the plugin's log, its standard output and standard error, and
of what its host has to say of it.

   gotcp plugin logs web
   gotcp plugin logs web -f
   gotcp plugin logs web --json | jq -r 'select(.level == "ERROR").text'`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what comes, until the plugin ends"},
			&cli.BoolFlag{Name: "debug", Usage: "show also what only who debugs wants to know"},
			jsonFlag(), supervisorFlag(),
		},
		Action: func(c *cli.Context) error {
			client, name, err := named(c)
			if err != nil {
				return err
			}
			err = client.Logs(c.Context, name, c.Bool("follow"), func(l control.LogLine) error {
				if l.Level < slog.LevelInfo && !c.Bool("debug") {
					return nil
				}
				if c.Bool("json") {
					return json.NewEncoder(c.App.Writer).Encode(l)
				}
				_, err := fmt.Fprintln(c.App.Writer, printable(l.String()))
				return err
			})
			return ended(c.Context, err)
		},
	}
}

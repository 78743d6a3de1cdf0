package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

func pluginStopCommand() *cli.Command {
	return &cli.Command{
		Name:      "stop",
		Usage:     "stop a plugin, and its network with it",
		UsageText: "gotcp plugin stop NAME [--kill]",
		Description: `The plugin is asked to end, and killed where it doesn't within the time that its supervisor gives it.
It isn't started again. A "gotcp plugin run" that has no plugin left ends, too.

   gotcp plugin stop web
   gotcp plugin stop web --kill       at once`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "kill", Usage: "don't wait for the plugin to end: kill it"},
			supervisorFlag(),
		},
		Action: func(c *cli.Context) error {
			client, name, err := named(c)
			if err != nil {
				return err
			}
			if err := client.Stop(c.Context, name, c.Bool("kill")); err != nil {
				return ended(c.Context, err)
			}
			fmt.Fprintf(c.App.Writer, "%s is stopped\n", name)
			return nil
		},
	}
}

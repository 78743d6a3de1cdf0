package main

import (
	"context"
	"fmt"
	"io"
	"path"

	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/parity"
)

const parityHelp = `Package net has two networks under it in turn, the kernel's and the stack's, and is asked the same of both: what
each call returns, which errors and of which types, what is said after a reset, a close or a deadline, when a peer falls
silent or a router says that it cannot be reached. There are four ways for the packets:

   loopback  each talks to itself
   tun       each talks to the other, over a TUN device
   link      each talks to a stack at the far end of a link that loses packets, and answers them by ICMP, as the
             question wants it
   plugin    each talks to itself, the stack's program being across the border of a plugin's process

What is printed are sums for each area, and the answers that differ. A few do so on purpose: netapi/DEVIATIONS.md has
the reasons, and the last column the number there. Where there is another one the exit status is 1. It takes about fifteen
seconds, and needs a TUN device, but nobody has to be root: it makes a network namespace of its own.

   gotcp parity                            all questions
   gotcp parity --only dial                those of an area
   gotcp parity --only 'options.*.expiry*' --strict
   gotcp parity --only accept.backlog --answers
   gotcp parity --list                     what there is to ask
   gotcp parity --json | jq '.differences[] | select(.deviation == null)'

A question whose answers differ is asked up to three times, as a busy machine may not leave it the moment that it needs.
With --strict it is asked once, which shows what differs now and then.`

func parityCommand() *cli.Command {
	return &cli.Command{
		Name:        "parity",
		Usage:       "ask the stack and the kernel the same, and show where they differ",
		UsageText:   "gotcp parity [--only PATTERN] [--strict] [--answers] [--list] [--json]",
		Description: parityHelp,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "only", Usage: "ask those that match `PATTERN`: an area, a name, or a name with * in it"},
			&cli.BoolFlag{Name: "strict", Usage: "ask each question once, also where answers differ"},
			&cli.BoolFlag{Name: "list", Usage: "list the questions instead of asking them"},
			&cli.BoolFlag{Name: "answers", Usage: "print all answers of the kernel's, too"},
			&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
		},
		Action: askParity,
	}
}

func askParity(c *cli.Context) (err error) {
	if c.NArg() > 0 || len(command(c.Context)) > 0 {
		return usagef("parity: it runs by itself and takes no arguments")
	}
	match, err := parityMatch(c.String("only"))
	if err != nil {
		return err
	}
	list := parity.List(match)
	switch {
	case len(list) == 0:
		return usagef("parity: no question matches %q: see gotcp parity --list", c.String("only"))
	case c.Bool("list") && c.Bool("json"):
		return printJSON(c.App.Writer, list)
	case c.Bool("list"):
		return parity.WriteList(c.App.Writer, list)
	}
	return withPairs(c.Context, func(pairs []parity.Pair) error {
		return reportParity(c.Context, c, pairs, parity.Options{
			Match: match, Strict: c.Bool("strict"), Answers: c.Bool("answers"), Progress: progressTo(c.App.ErrWriter),
		})
	})
}

// parityMatch makes a matcher of a pattern; nil, which matches all, where there is none.
func parityMatch(pattern string) (func(name, area string) bool, error) {
	if pattern == "" {
		return nil, nil
	}
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, usagef("parity: --only %s: a pattern is a name in which * stands for anything", pattern)
	}
	return func(name, area string) bool {
		ok, _ := path.Match(pattern, name) // whose syntax is checked
		return ok || pattern == area
	}, nil
}

// progressTo says now and then how far it is.
func progressTo(w io.Writer) func(asked, of int) {
	const lines = 5
	said := 0
	return func(asked, of int) {
		if n := asked * lines / of; n > said && asked < of {
			said = n
			fmt.Fprintf(w, "%d of %d questions asked\n", asked, of)
		}
	}
}

func reportParity(ctx context.Context, c *cli.Context, pairs []parity.Pair, o parity.Options) error {
	r, err := parity.Run(ctx, pairs, o)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = printJSON(c.App.Writer, r)
	} else {
		err = parity.WriteTable(c.App.Writer, r)
	}
	if n := r.Undocumented(); err == nil && n > 0 {
		err = fmt.Errorf("parity: %d answers differ without being documented", n)
	}
	return err
}

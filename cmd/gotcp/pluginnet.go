package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/control"
	"github.com/gotcp/gotcp/cmd/gotcp/internal/plugincfg"
	"github.com/gotcp/gotcp/plugins/guard"
)

func pluginNetCommand() *cli.Command {
	return &cli.Command{
		Name:  "net",
		Usage: "show and change what bounds a plugin's network, while it runs",
		UsageText: "gotcp plugin net NAME [--allow RULE] [--deny RULE] [--listen RULE] [--remove RULE] ...\n" +
			"                      [--quota KEY=N] [--impair KEY=VALUE] [--kill | --revive] [--json]",
		Description: `Without flags it shows the rules, the quota and the impairment; with them it changes these first. What
exists and would not be allowed any more is cut off. The plugin's supervisor doesn't write the change down: for the next
time it belongs into gotcp.yaml.

   gotcp plugin net web
   gotcp plugin net web --allow 'tcp *.example.com:443' --allow 'udp 10.77.0.1:53'
   gotcp plugin net web --remove 'tcp *.example.com:443'
   gotcp plugin net web --quota conns=5,in=1GiB          0 takes a bound away
   gotcp plugin net web --impair loss=5%,delay=50ms      none takes it away
   gotcp plugin net web --kill                           switch it off; --revive switches it on

Quotas are ` + quotaHelp,
		Flags: []cli.Flag{
			parsedFlag("allow", "let it reach what `RULE` says, which may be given several times", guard.ParseRule),
			parsedFlag("deny", "keep it from what `RULE` says, whatever else allows that", guard.ParseRule),
			parsedFlag("listen", "let it announce what `RULE` says", guard.ParseRule),
			parsedFlag("remove", "take away `RULE`, of whatever sort", guard.ParseRule),
			parsedFlag("quota", "set the quota `KEY=N`, or several", plugincfg.ParseQuota),
			&cli.StringFlag{Name: "impair", Usage: "have the plugin's link be bad: `KEY=VALUE`, or several, or none"},
			&cli.BoolFlag{Name: "kill", Usage: "switch the network off: connections are reset, and nothing is allowed"},
			&cli.BoolFlag{Name: "revive", Usage: "switch it on again"},
			jsonFlag(), supervisorFlag(),
		},
		Action: pluginNet,
	}
}

// quotaHelp says what quotas there are.
const quotaHelp = "conns, listeners and sockets (at once), in and out (octets, altogether), " +
	"dials and lookups (per second)."

func pluginNet(c *cli.Context) error {
	change, err := changeOf(c)
	if err != nil {
		return err
	}
	client, name, err := named(c)
	if err != nil {
		return err
	}
	n := &control.Net{}
	if change.IsZero() {
		var d *control.Detail
		if d, err = client.Inspect(c.Context, name); err == nil {
			n = &d.Bounds
		}
	} else {
		n, err = client.Change(c.Context, name, change)
	}
	if err != nil {
		return ended(c.Context, err)
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, n)
	}
	return writeNet(c.App.Writer, n)
}

// changeOf is what the command line changes.
func changeOf(c *cli.Context) (control.Change, error) {
	change := control.Change{
		Allow: valuesOf[guard.Rule](c, "allow"), Deny: valuesOf[guard.Rule](c, "deny"),
		Listen: valuesOf[guard.Rule](c, "listen"), Remove: valuesOf[guard.Rule](c, "remove"),
		Quota: quotaSettings(c), Kill: c.Bool("kill"), Revive: c.Bool("revive"),
	}
	if change.Kill && change.Revive {
		return change, usagef("plugin net: --kill and --revive at once are too much: leave one out")
	}
	if c.IsSet("impair") {
		text := c.String("impair")
		if _, err := plugincfg.ParseImpair(text); err != nil {
			return change, usagef("--impair: %w", err)
		}
		change.Impair = &text
	}
	return change, nil
}

// quotaSettings are those of all --quota.
func quotaSettings(c *cli.Context) (all []plugincfg.Setting) {
	for _, some := range valuesOf[[]plugincfg.Setting](c, "quota") {
		all = append(all, some...)
	}
	return all
}

// writeNet shows what bounds a network.
func writeNet(w io.Writer, n *control.Net) error {
	if n.Off {
		fmt.Fprintln(w, "the network is off: --revive switches it on")
	}
	t := columns(w)
	for _, list := range []struct {
		name, none string
		rules      []guard.Rule
	}{
		{"allow", "nothing can be reached", n.Rules.Allow}, {"deny", "", n.Rules.Deny},
		{"listen", "nothing can be announced", n.Rules.Listen},
	} {
		for _, r := range list.rules {
			fmt.Fprintf(t, "%s\t%v\n", list.name, r)
		}
		if len(list.rules) == 0 && list.none != "" {
			fmt.Fprintf(t, "%s\tnone: %s\n", list.name, list.none)
		}
	}
	q := guard.Quota(n.Quota)
	for _, key := range plugincfg.QuotaKeys {
		if limit := plugincfg.QuotaOf(&q, key); limit > 0 {
			fmt.Fprintf(t, "quota\t%s=%s\n", key, quotaText(key, limit))
		}
	}
	if n.Impair != "" {
		fmt.Fprintf(t, "impair\t%s\n", n.Impair)
	}
	return t.Flush()
}

// quotaText is the value of a quota for people.
func quotaText(key string, n int64) string {
	switch key {
	case "in", "out":
		return formatSize(n)
	case "dials", "lookups":
		return fmt.Sprintf("%d a second", n)
	}
	return fmt.Sprint(n)
}

package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/control"
	"github.com/gotcp/gotcp/cmd/gotcp/internal/plugincfg"
	"github.com/gotcp/gotcp/plugins/guard"
)

func pluginInspectCommand() *cli.Command {
	return &cli.Command{
		Name:  "inspect",
		Usage: "show how a plugin is, its connections, and what it was refused",
		UsageText: "gotcp plugin inspect NAME [--json]\n" +
			"gotcp plugin inspect NAME --watch [--interval D]\n" +
			"gotcp plugin inspect NAME --events [--sample D] [--json]",
		Description: `It shows the plugin's rules, its quota and what of it is used, its connections with round-trip time,
congestion window and retransmissions (of a network with a stack), and what was refused, by which rule, and what to
write to allow it.

   gotcp plugin inspect web
   gotcp plugin inspect web --json | jq -r '.refusals[].remedy'
   gotcp plugin inspect web --watch                  draws each connection, until interrupted
   gotcp plugin inspect web --events                 tells what happens, until interrupted
   gotcp plugin inspect web --events --json | ./observer`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "watch", Aliases: []string{"w"}, Usage: "draw how its connections fare, on a terminal"},
			&cli.DurationFlag{Name: "interval", Aliases: []string{"i"}, Value: time.Second, Usage: "draw every `D`"},
			&cli.BoolFlag{Name: "events", Aliases: []string{"e"}, Usage: "tell of what happens, an event a line"},
			&cli.DurationFlag{Name: "sample", Value: time.Second,
				Usage: "with --events, tell of each connection every `D`; 0: never"},
			jsonFlag(), supervisorFlag(),
		},
		Action: pluginInspect,
	}
}

func pluginInspect(c *cli.Context) error {
	watch, events := c.Bool("watch"), c.Bool("events")
	switch {
	case watch && (events || c.Bool("json")):
		return usagef("plugin inspect: --watch draws for people: leave it out, or --events and --json")
	case c.Duration("sample") < 0 || c.Duration("interval") <= 0:
		return usagef("plugin inspect: --sample is not negative, and --interval is more than 0")
	case watch && !isTerminal(c.App.Writer):
		return usagef("plugin inspect: --watch draws on a terminal: use --events --json for programs")
	}
	client, name, err := named(c)
	if err != nil {
		return err
	}
	switch {
	case watch:
		return pluginWatch(c, client, name)
	case events:
		return pluginEvents(c, client, name)
	}
	d, err := client.Inspect(c.Context, name)
	if err != nil {
		return ended(c.Context, err)
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, d)
	}
	return writeDetail(c.App.Writer, d, time.Now())
}

// writeDetail shows all of a plugin.
func writeDetail(w io.Writer, d *control.Detail, now time.Time) error {
	for _, part := range []func(io.Writer, *control.Detail, time.Time) error{
		writeState, writeBounds, writeCounters, writeConns, writeRefusals,
	} {
		if err := part(w, d, now); err != nil {
			return err
		}
	}
	return nil
}

func writeState(w io.Writer, d *control.Detail, now time.Time) error {
	fmt.Fprintf(w, "%s is %s since %s (%s)", d.Name, stateOf(&d.Plugin), d.Since.Format(time.DateTime), age(d.Since, now))
	if d.Restarts > 0 {
		fmt.Fprintf(w, ", was started again %s", times(d.Restarts))
	}
	fmt.Fprintln(w)
	if d.Error != "" {
		fmt.Fprintf(w, "last time: %s\n", printable(d.Error))
	}
	t := columns(w)
	fmt.Fprintf(t, "\ncommand\t%s\n", strings.Join(d.Command, " "))
	fmt.Fprintf(t, "kind\t%s\n", kindsOf(d.Kinds))
	if d.Address.IsValid() {
		fmt.Fprintf(t, "address\t%v\n", d.Address)
	}
	fmt.Fprintf(t, "process\t%s, of supervisor %d\n", pidOf(d.PID), d.Supervisor)
	fmt.Fprintf(t, "restart\t%s\n", d.Restart)
	if len(d.Services) > 0 {
		fmt.Fprintf(t, "services\t%s\n", printable(strings.Join(d.Services, ", ")))
	}
	return t.Flush()
}

// writeBounds shows the rules, and how much of each quota is used.
func writeBounds(w io.Writer, d *control.Detail, _ time.Time) error {
	bounds := d.Bounds
	quota := guard.Quota(bounds.Quota)
	bounds.Quota = control.Quota{} // these are shown with their use
	fmt.Fprintln(w)
	if err := writeNet(w, &bounds); err != nil {
		return err
	}
	used := map[string]int64{
		"conns": int64(d.Net.Conns), "listeners": int64(d.Net.Listeners), "sockets": int64(d.Net.Sockets),
		"in": d.Net.BytesIn, "out": d.Net.BytesOut,
	}
	t := columns(w)
	for _, key := range plugincfg.QuotaKeys {
		limit := plugincfg.QuotaOf(&quota, key)
		switch _, counted := used[key]; {
		case limit == 0:
		case counted:
			fmt.Fprintf(t, "quota\t%s\t%s of %s\t%d%%\n", key, quotaText(key, used[key]), quotaText(key, limit),
				int64(100*float64(used[key])/float64(limit))) // without an overflow
		default:
			fmt.Fprintf(t, "quota\t%s\t%s\n", key, quotaText(key, limit))
		}
	}
	return t.Flush()
}

func writeCounters(w io.Writer, d *control.Detail, _ time.Time) error {
	n := &d.Net
	_, err := fmt.Fprintf(w, "\ndials %d, accepted %d, announced %d, look-ups %d, refused %d\n"+
		"connections %d, at most %d; listeners %d, UDP sockets %d\n"+
		"in %s, out %s; datagrams in %d, out %d, dropped %d\n",
		n.Dials, n.Accepts, n.Listens, n.LookUps, n.Refused, n.Conns, n.ConnsPeak, n.Listeners, n.Sockets,
		formatSize(n.BytesIn), formatSize(n.BytesOut), n.DatagramsIn, n.DatagramsOut, n.DatagramsDropped)
	return err
}

// writeConns shows connections, listeners and sockets.
func writeConns(w io.Writer, d *control.Detail, now time.Time) error {
	if len(d.Conns) == 0 {
		return nil
	}
	t := columns(w)
	fmt.Fprintln(t, "\nID\tHOW\tNET\tLOCAL\tREMOTE\tNAME\tAGE\tIN\tOUT\tSTATE\tRTT\tCWND\tRETRANS")
	for _, c := range d.Conns {
		state, rtt, cwnd, retrans := "-", "-", "-", "-"
		if i := c.TCP; i != nil {
			state, rtt = fmt.Sprint(i.State), fmt.Sprint(time.Duration(i.RTT)*time.Microsecond)
			cwnd, retrans = fmt.Sprint(i.SndCwnd), fmt.Sprint(i.TotalRetrans)
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.ID, c.Op, c.Network,
			valid(c.Local), valid(c.Remote), dash(printable(c.Name)), age(c.Start, now), formatSize(c.BytesIn),
			formatSize(c.BytesOut), state, rtt, cwnd, retrans)
	}
	return t.Flush()
}

// writeRefusals shows what was refused, and what would allow it.
func writeRefusals(w io.Writer, d *control.Detail, now time.Time) error {
	if len(d.Refusals) == 0 {
		return nil
	}
	t := columns(w)
	fmt.Fprintln(t, "\nREFUSED\tTIMES\tLAST\tBY\tTO ALLOW IT")
	for _, r := range d.Refusals {
		fmt.Fprintf(t, "%s %s %s\t%d\t%s ago\t%s\t%s\n", r.Op, r.Network, printable(r.Address), r.Count, age(r.Last, now),
			refusedBy(&r, d.Off), dash(printable(r.Remedy)))
	}
	return t.Flush()
}

// refusedBy is what refused something.
func refusedBy(r *control.Refusal, off bool) string {
	switch {
	case r.Rule != "":
		return fmt.Sprintf("deny %q", r.Rule)
	case r.Quota != "":
		return "quota " + r.Quota
	case strings.HasSuffix(r.Remedy, " --revive"):
		return "the switched-off network"
	}
	return "default: no rule allows it"
}

// age is the time from one moment to another, for people.
func age(from, to time.Time) string {
	d := max(to.Sub(from), 0)
	switch {
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < 48*time.Hour:
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

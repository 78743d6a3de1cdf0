package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/control"
	"github.com/gotcp/gotcp/plugins"
)

// pluginEvents tells of a plugin's events as they come.
func pluginEvents(c *cli.Context, client *control.Client, name string) error {
	err := client.Events(c.Context, name, c.Duration("sample"), func(e plugins.Event) error {
		if c.Bool("json") {
			return json.NewEncoder(c.App.Writer).Encode(e)
		}
		_, err := fmt.Fprintln(c.App.Writer, printable(eventText(&e)))
		return err
	})
	return ended(c.Context, err)
}

// eventText is an event for people, on one line.
func eventText(e *plugins.Event) string {
	words := []string{e.Time.Format("15:04:05.000"), fmt.Sprintf("%-7s", e.Kind)}
	if e.Conn != 0 {
		words = append(words, fmt.Sprintf("#%d", e.Conn))
	}
	if e.Kind != plugins.EventRefused { // whose reason has it all
		words = append(words, e.Network, ends(e))
		if e.Name != "" {
			words = append(words, "("+e.Name+")")
		}
	}
	if e.Kind == plugins.EventClosed || e.Kind == plugins.EventSample {
		words = append(words, fmt.Sprintf("in %s, out %s", formatSize(int64(e.In)), formatSize(int64(e.Out))))
	}
	if i := e.Info; i != nil && e.Kind == plugins.EventSample {
		words = append(words, fmt.Sprintf("rtt %v, cwnd %d, retransmitted %d", time.Duration(i.RTT)*time.Microsecond,
			i.SndCwnd, i.TotalRetrans))
	}
	if e.Reason != "" {
		words = append(words, e.Reason)
	}
	if e.Dropped > 0 {
		words = append(words, fmt.Sprintf("(%s before this one not told)", plural(int(e.Dropped), "event")))
	}
	return strings.Join(words, " ")
}

// ends are two addresses, and who dialled whom.
func ends(e *plugins.Event) string {
	local, remote := e.Local.String(), e.Remote.String()
	switch {
	case !e.Remote.IsValid():
		return local
	case !e.Local.IsValid():
		return "-> " + remote
	case e.Inbound:
		return local + " <- " + remote
	}
	return local + " -> " + remote
}

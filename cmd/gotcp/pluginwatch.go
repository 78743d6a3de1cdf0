package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/control"
)

// pluginWatch draws a plugin's connections again and again, until ctx or the plugin ends.
func pluginWatch(c *cli.Context, client *control.Client, name string) error {
	t := time.NewTicker(c.Duration("interval"))
	defer t.Stop()
	p := &plot{}
	for {
		d, err := client.Inspect(c.Context, name)
		if err != nil {
			return ended(c.Context, err)
		}
		p.add(d, time.Now())
		if err := p.draw(c.App.Writer); err != nil {
			return err
		}
		select {
		case <-t.C:
		case <-c.Context.Done():
			return c.Context.Err()
		}
	}
}

// plotWidth is how many samples are drawn of each connection.
const plotWidth = 30

// plot is what was seen of a plugin's connections so far.
type plot struct {
	last  *control.Detail
	at    time.Time
	conns map[uint64]*track
}

// track is what was seen of a connection.
type track struct {
	conn           control.Conn
	rtt, cwnd, bps []float64 // microseconds, segments, bits per second; the latest at the end
}

// add takes in how the plugin is.
func (p *plot) add(d *control.Detail, now time.Time) {
	was := p.conns
	p.conns = map[uint64]*track{} // without those that have ended
	for _, c := range d.Conns {
		if !c.Remote.IsValid() {
			continue
		}
		t := was[c.ID]
		if t == nil {
			t = &track{}
		} else {
			octets := float64(c.BytesIn + c.BytesOut - t.conn.BytesIn - t.conn.BytesOut)
			t.bps = keep(t.bps, 8*octets/max(now.Sub(p.at).Seconds(), 1e-6))
		}
		t.conn = c
		if c.TCP != nil {
			t.rtt, t.cwnd = keep(t.rtt, float64(c.TCP.RTT)), keep(t.cwnd, float64(c.TCP.SndCwnd))
		}
		p.conns[c.ID] = t
	}
	p.last, p.at = d, now
}

// keep adds a value to the last ones.
func keep(values []float64, v float64) []float64 {
	values = append(values, v)
	return values[max(0, len(values)-plotWidth):]
}

// draw draws the plot over the last one, as much of it as the terminal has room for.
func (p *plot) draw(w io.Writer) error {
	rows, cols := 24, 80
	if f, ok := w.(*os.File); ok {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 && height > 0 {
			rows, cols = height, width
		}
	}
	var frame bytes.Buffer
	frame.WriteString("\x1b[H\x1b[2J")
	for i, line := range p.lines() {
		if i == rows-1 {
			break
		}
		frame.WriteString(cut(line, cols) + "\n")
	}
	_, err := w.Write(frame.Bytes())
	return err
}

// cut leaves what fits into a line.
func cut(line string, cols int) string {
	if utf8.RuneCountInString(line) <= cols {
		return line
	}
	return string([]rune(line)[:cols])
}

// lines is the plot; the connections with the most traffic come first.
func (p *plot) lines() []string {
	d := p.last
	tracks := make([]*track, 0, len(p.conns))
	for _, t := range p.conns {
		tracks = append(tracks, t)
	}
	slices.SortFunc(tracks, func(a, b *track) int {
		return cmp.Or(cmp.Compare(latest(b.bps), latest(a.bps)), cmp.Compare(a.conn.ID, b.conn.ID))
	})
	lines := []string{
		fmt.Sprintf("%s is %s: %s, %s in, %s out, %d refused; Ctrl-C ends", d.Name, stateOf(&d.Plugin),
			plural(len(tracks), "connection"), formatSize(d.Net.BytesIn), formatSize(d.Net.BytesOut), d.Net.Refused), "",
	}
	var text strings.Builder
	t := columns(&text)
	fmt.Fprintln(t, "CONNECTION\tRTT\t\tCWND\t\tTHROUGHPUT\t")
	for _, c := range tracks {
		arrow := "->"
		if c.conn.Op == "accept" {
			arrow = "<-"
		}
		rtt, cwnd := "", ""
		if len(c.rtt) > 0 {
			rtt, cwnd = fmt.Sprint(time.Duration(latest(c.rtt))*time.Microsecond), fmt.Sprint(latest(c.cwnd))
		}
		fmt.Fprintf(t, "%v %s %v\t%s\t%s\t%s\t%s\t%s\t%s\n", c.conn.Local, arrow, c.conn.Remote, spark(c.rtt), rtt,
			spark(c.cwnd), cwnd, spark(c.bps), formatRate(int64(latest(c.bps)/8), time.Second))
	}
	t.Flush()
	return append(lines, strings.Split(strings.TrimRight(text.String(), "\n"), "\n")...)
}

func latest(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	return values[len(values)-1]
}

// spark draws values in one line, from 0 to the largest.
func spark(values []float64) string {
	const bars = "▁▂▃▄▅▆▇█"
	if len(values) == 0 {
		return ""
	}
	levels := []rune(bars)
	top := slices.Max(values)
	var b strings.Builder
	for _, v := range values {
		i := 0
		if top > 0 {
			i = int(max(v, 0) / top * float64(len(levels)-1))
		}
		b.WriteRune(levels[i])
	}
	return b.String()
}

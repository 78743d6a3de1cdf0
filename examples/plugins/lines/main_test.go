package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/examples/internal/plugintest"
	"github.com/gotcp/gotcp/plugins"
)

func TestMain(m *testing.M) { plugintest.Main(m) }

var example = plugintest.Example{Kind: plugins.Handler(Handle), Port: 7000}

// TestLines: the same source talks to its clients in all places.
func TestLines(t *testing.T) {
	example.Run(t, []plugintest.Check{
		{Name: "reversed", Test: reversed},
		{Name: "time", Test: tellsTime},
		{Name: "quit", Test: quit},
		{Name: "half-close", Test: halfClose},
		{Name: "several", Test: several},
		{Name: "stop", Test: stop},
	})
}

func reversed(t *testing.T, p *plugintest.Place) {
	c := dial(t, p)
	for line, want := range map[string]string{"hello": "olleh", "": "", "grüße 你好": "好你 eßürg"} {
		if got := c.ask(line); got != want {
			t.Errorf("%q is answered %q; want %q", line, got, want)
		}
	}
}

func tellsTime(t *testing.T, p *plugintest.Place) {
	c := dial(t, p)
	before := time.Now().Truncate(time.Second) // the answer has no fractions
	text := c.ask("time")
	if at, err := time.Parse(time.RFC3339, text); err != nil || at.Before(before) || at.After(time.Now()) {
		t.Errorf("%q, %v; want the time", text, err)
	}
}

func quit(t *testing.T, p *plugintest.Place) {
	c := dial(t, p)
	if got := c.ask("quit"); got != "bye" {
		t.Errorf("%q; want a farewell", got)
	}
	c.wantEOF()
}

// halfClose: who says no more still gets his answers.
func halfClose(t *testing.T, p *plugintest.Place) {
	c := dial(t, p)
	io.WriteString(c, "one\ntwo\nthree") // the last line has no end
	if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(c.answers); string(text) != "eno\nowt\neerht\n" || err != nil {
		t.Errorf("%q, %v; want an answer to each line, then the end", text, err)
	}
}

// several: clients don't wait for each other.
func several(t *testing.T, p *plugintest.Place) {
	var clients []*client
	for range 5 {
		clients = append(clients, dial(t, p))
	}
	for i, c := range clients {
		if got, want := c.ask(fmt.Sprintf("%d is me", i)), fmt.Sprintf("em si %d", i); got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
}

// stop: who is being served is let go, and nobody comes in any more.
func stop(t *testing.T, p *plugintest.Place) {
	c := dial(t, p)
	c.ask("hello") // so that he is being served
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	c.wantEOF()
	if c, err := p.Network.DialContext(t.Context(), "tcp", p.Address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the end: %v, %v; want ECONNREFUSED", c, err)
	}
}

// TestIdle: who says nothing is let go after a minute, which starts anew with each line. In a bubble that is exact.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t, example.InMemory(t))
		for range 3 {
			time.Sleep(idle - time.Second)
			if got := c.ask("still here"); got != "ereh llits" {
				t.Fatalf("%q; want that there was time left", got)
			}
		}
		began := time.Now()
		c.wantEOF()
		if after := time.Since(began); after != idle {
			t.Errorf("let go after %v; want %v", after, idle)
		}
	})
}

// client talks to the plugin.
type client struct {
	net.Conn
	t       *testing.T
	answers *bufio.Reader
}

func dial(t *testing.T, p *plugintest.Place) *client {
	t.Helper()
	c, err := p.Network.DialContext(t.Context(), "tcp", p.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &client{c, t, bufio.NewReader(c)}
}

// ask sends a line, and returns the line that comes back.
func (c *client) ask(line string) string {
	c.t.Helper()
	if _, err := fmt.Fprintln(c, line); err != nil {
		c.t.Fatal(err)
	}
	text, err := c.answers.ReadString('\n')
	if err != nil {
		c.t.Fatalf("%q is answered %q, %v", line, text, err)
	}
	return strings.TrimSuffix(text, "\n")
}

// wantEOF checks that the plugin has ended the conversation, and orderly.
func (c *client) wantEOF() {
	c.t.Helper()
	if text, err := c.answers.ReadString('\n'); text != "" || err != io.EOF {
		c.t.Errorf("%q, %v; want the end", text, err)
	}
}

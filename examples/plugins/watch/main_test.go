package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gotcp/gotcp/examples/internal/plugintest"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/stack/tcp"
)

func TestMain(m *testing.M) { plugintest.Main(m) }

// event is one that a connection of a plugin called web gives.
func event(kind plugins.EventKind) plugins.Event {
	return plugins.Event{
		Kind: kind, Plugin: "web", Inbound: true,
		Local: netip.MustParseAddrPort("10.77.0.3:8080"), Remote: netip.MustParseAddrPort("10.77.0.1:51022"),
	}
}

// sample is an event with a round-trip time and a congestion window.
func sample(rtt time.Duration, cwnd uint32) plugins.Event {
	e := event(plugins.EventSample)
	e.Info = &tcp.Info{RTT: uint32(rtt.Microseconds()), SndCwnd: cwnd}
	return e
}

// story are events and what is to be seen of them.
func story() (events []plugins.Event, lines []string) {
	refused := event(plugins.EventRefused)
	refused.Local, refused.Remote, refused.Reason = netip.AddrPort{}, netip.AddrPort{}, "dial tcp 192.0.2.1:80: refused"
	closed, listener, out := event(plugins.EventClosed), event(plugins.EventClosed), sample(time.Second, 2)
	closed.Reason, listener.Remote, out.Inbound = "closed by peer", netip.AddrPort{}, false
	const in = "web 10.77.0.3:8080 <- 10.77.0.1:51022   "
	return []plugins.Event{
			event(plugins.EventOpened), sample(200*time.Microsecond, 10), sample(900*time.Microsecond, 45),
			sample(214*time.Microsecond, 81), out, refused, listener, closed, sample(time.Millisecond, 1),
		}, []string{
			in + "rtt ▁  200µs   cwnd ▁  10 segments",
			in + "rtt ▁█  900µs   cwnd ▁█  45 segments", // between the least and the greatest so far
			in + "rtt ▁█▁  214µs   cwnd ▁▄█  81 segments",
			"web 10.77.0.3:8080 -> 10.77.0.1:51022   rtt ▁  1s   cwnd ▁  2 segments", // the other way is another one
			"web   dial tcp 192.0.2.1:80: refused",
			in + "closed: closed by peer",
			in + "rtt ▁  1ms   cwnd ▁  1 segments", // what was before is forgotten
		}
}

// TestDraw: what is seen of a connection's life.
func TestDraw(t *testing.T) {
	var w watcher
	events, want := story()
	var got []string
	for _, e := range events {
		if line := w.draw(e); line != "" {
			got = append(got, line)
		}
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("drawn:\n%s\nwant:\n%s", g, w)
	}
}

// TestBounded: neither a connection that lives long nor many connections take more and more room.
func TestBounded(t *testing.T) {
	var w watcher
	var line string
	for i := range 5 * width {
		line = w.draw(sample(time.Millisecond, uint32(i)))
	}
	if !strings.Contains(line, "rtt "+strings.Repeat("▁", width)+"  ") || !strings.HasSuffix(line, "▇█  119 segments") {
		t.Errorf("%q; want the last %d samples", line, width)
	}
	for i := range 5000 {
		e := sample(time.Millisecond, 1)
		e.Remote = netip.AddrPortFrom(e.Remote.Addr(), uint16(i+1))
		w.draw(e)
	}
	if len(w.conns) > 1001 {
		t.Errorf("%d connections are remembered", len(w.conns))
	}
}

// TestAlone: by hand it reads events from its standard input, and ends with them.
func TestAlone(t *testing.T) {
	events, want := story()
	var in strings.Builder
	for _, e := range events {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&in, "%s\nno event\n", text) // a line that makes no sense is passed over
	}
	cmd := exec.Command(plugintest.Build(t, "."))
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if g, w := string(out), strings.Join(want, "\n")+"\n"; g != w || err != nil {
		t.Errorf("%v, drawn:\n%s\nwant:\n%s", err, g, w)
	}
}

// TestPlugin: as a plugin it is told what happens on the networks of others, and what it draws is in its host's log.
func TestPlugin(t *testing.T) {
	h := plugintest.NewHost(t)
	watch := h.Launch(t, plugins.Spec{
		Name: "watch", Command: []string{plugintest.Build(t, ".")},
		Events: plugins.EventOptions{Sample: 100 * time.Millisecond},
	}, "1")
	web := h.Launch(t, plugins.Spec{Name: "web", Command: []string{plugintest.Build(t, "../web")}}, "8080")
	plugintest.AwaitLog(t, web, "serving ")
	address := netip.AddrPortFrom(web.Spec().Net.Address, 8080).String()
	c, err := netapi.Kernel{}.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conn := fmt.Sprintf("web %s <- %v   ", address, c.LocalAddr())
	plugintest.AwaitLog(t, watch, conn+"rtt ▁", " cwnd ", " segments")
	fmt.Fprintf(c, "GET /fetch?url=http://192.0.2.1/ HTTP/1.0\r\n\r\n") // which its rules don't allow
	plugintest.AwaitLog(t, watch, "web   ", "192.0.2.1:80", "refused: no rule of web allows")
	c.Close()
	plugintest.AwaitLog(t, watch, conn+"closed: ")
}

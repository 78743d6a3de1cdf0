package guard

import (
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/dialer"
)

// drain gives the events there are, in short.
func drain(events <-chan Event) (all []Event, text []string) {
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return all, append(text, "end")
			}
			all = append(all, e)
			text = append(text, string(e.Kind)+" "+e.Conn.Op+" "+e.Reason)
		default:
			return all, text
		}
	}
}

// TestEvents: what happens is told, with how connections end.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		far := listen(t, b, "10.0.0.2:80")
		g := newGuard(t, a, Config{
			Name: "kv", Rules: Rules{Allow: MustParseRules("10.0.0.2"), Listen: MustParseRules("*:81", "udp *:53")},
		})
		events, _ := g.Subscribe(100)
		want := func(what string, texts ...string) []Event {
			t.Helper()
			synctest.Wait()
			all, got := drain(events)
			if !slices.Equal(got, texts) {
				t.Errorf("%s: %q; want %q", what, got, texts)
			}
			return all
		}
		ln := listen(t, g, ":81")
		want("listen", "listening listen ")
		packet(t, g, ":53").Close()
		want("socket", "listening listen ", "closed listen closed")
		packet(t, g, ":0").Close()
		want("a client's socket", "opened listen ", "closed listen closed")
		c, p := accepted(t, g, far, "10.0.0.2:80")
		if e := want("dial", "opened dial "); len(e) != 1 || e[0].Conn.Remote.String() != "10.0.0.2:80" ||
			!e[0].Time.Equal(time.Now()) || e[0].Conn.ID == 0 || e[0].Conn.TCP == nil {
			t.Errorf("%+v", e)
		}
		io.WriteString(c, "hello")
		c.Close()
		if e := want("close", "closed dial closed"); len(e) != 1 || e[0].Conn.BytesOut != 5 || e[0].Conn.TCP.BytesSent != 5 {
			t.Errorf("%+v; want how it was at last", e)
		}
		p.Close()
		_, s := accepted(t, b, ln, "10.0.0.1:81")
		want("accept", "opened accept ")
		s.Close()
		want("accept", "closed accept closed")
		for reason, end := range map[string]func(c net.Conn){
			"closed by peer":           func(p net.Conn) { p.Close() },
			"connection reset by peer": func(p net.Conn) { p.(dialer.TCPConn).SetLinger(0); p.Close() },
		} {
			c, p := accepted(t, g, far, "10.0.0.2:80")
			end(p)
			synctest.Wait()
			c.Read(make([]byte, 1))
			c.Read(make([]byte, 1)) // which says EOF after a reset, too
			c.Close()
			want(reason, "opened dial ", "closed dial "+reason)
		}
		c, _ = accepted(t, g, far, "10.0.0.2:80")
		c.SetReadDeadline(time.Now().Add(-1))
		c.Read(make([]byte, 1)) // a deadline is no end
		c.Close()
		want("deadline", "opened dial ", "closed dial closed")
		_, err := g.DialContext(t.Context(), "tcp", "10.0.0.3:80")
		why, _ := errors.AsType[*RefusedError](err)
		if e := want("refused", "refused dial "+why.Error()); len(e) != 1 || *e[0].Refused != *why {
			t.Errorf("%+v", e)
		}
	})
}

// TestLastEvents: what ends by Kill is told, and how subscriptions end.
func TestLastEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		far := listen(t, b, "10.0.0.2:80")
		g := newGuard(t, a, Config{Name: "kv", Rules: allow(t, "*")})
		listen(t, g, ":81")
		accepted(t, g, far, "10.0.0.2:80")
		events, cancel := g.Subscribe(100)
		g.Kill()
		off := (&RefusedError{Name: "kv", Killed: true}).Error()
		_, got := drain(events)
		slices.Sort(got)
		if !slices.Equal(got, []string{"closed dial " + off, "closed listen " + off}) {
			t.Errorf("kill: %q", got)
		}
		cancel()
		cancel()
		if _, got := drain(events); !slices.Equal(got, []string{"end"}) {
			t.Errorf("cancel: %q", got)
		}
		again, _ := g.Subscribe(0)
		g.Close()
		if _, got := drain(again); !slices.Equal(got, []string{"end"}) {
			t.Errorf("close: %q", got)
		}
		late, cancel := g.Subscribe(1)
		cancel()
		if _, got := drain(late); !slices.Equal(got, []string{"end"}) {
			t.Errorf("after close: %q", got)
		}
	})
}

// TestSlowSubscriber: who doesn't read loses events and learns how many; the network and others don't wait.
func TestSlowSubscriber(t *testing.T) {
	g := newGuard(t, newLoop(t), Config{})
	slow, _ := g.Subscribe(2)
	fast, _ := g.Subscribe(1000)
	for range 100 {
		g.DialContext(t.Context(), "tcp", "127.0.0.1:1")
	}
	if all, _ := drain(fast); len(all) != 100 || all[99].Lost != 0 {
		t.Errorf("%d events", len(all))
	}
	drain(slow)
	g.DialContext(t.Context(), "tcp", "127.0.0.1:1")
	if all, _ := drain(slow); len(all) != 1 || all[0].Lost != 98 {
		t.Errorf("%+v; want one that tells of 98 lost", all)
	}
	if k := g.Counters(); k.EventsLost != 98 {
		t.Errorf("%+v", k)
	}
}

// TestRefusals: equal ones are one, with a count; the last different ones are kept.
func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, newLoop(t), Config{})
		begin := time.Now()
		try := func(address string) { g.DialContext(t.Context(), "tcp", address) }
		try("127.0.0.1:1")
		try("127.0.0.1:2")
		time.Sleep(time.Second)
		try("127.0.0.1:1")
		l := g.Refusals()
		if len(l) != 2 || l[1].Err.Address != "127.0.0.1:1" || l[1].Count != 2 || !l[1].First.Equal(begin) ||
			!l[1].Last.Equal(begin.Add(time.Second)) || l[0].Count != 1 {
			t.Errorf("%+v", l)
		}
		for range 3 {
			for port := range 300 {
				try("127.0.0.2:" + strings.Repeat("0", 1000) + "7")
				try(net.JoinHostPort(strconv.Itoa(port)+strings.Repeat("a", 1<<16), "80"))
			}
		}
		if l = g.Refusals(); len(l) != maxRefusals {
			t.Errorf("%d are kept", len(l))
		}
		for _, r := range l {
			if len(r.Err.Address) > maxAddress || len(r.Err.Network) > 3 {
				t.Errorf("%d octets of an address are kept", len(r.Err.Address))
			}
		}
		if k := g.Counters(); k.Refused != 3+1800 {
			t.Errorf("%+v", k)
		}
	})
}

// TestErrnos: each refusal is an errno that says how to take it.
func TestErrnos(t *testing.T) {
	for quota, want := range map[string]syscall.Errno{
		"": syscall.EACCES, "Conns": syscall.EMFILE, "Listeners": syscall.EMFILE, "Sockets": syscall.EMFILE,
		"BytesIn": syscall.EDQUOT, "BytesOut": syscall.EDQUOT, "DialsPerSecond": syscall.ENOBUFS,
		"LookupsPerSecond": syscall.ENOBUFS, quotaLookUps: syscall.ENOBUFS,
	} {
		e := &RefusedError{Name: "kv", Op: "dial", Network: "tcp", Address: "a.example:1", Quota: quota, Limit: 7}
		if !errors.Is(e, want) || quota != "" && !strings.Contains(e.Error(), "7") {
			t.Errorf("%v; want it to be %v", e, want)
		}
	}
}

package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/plugins/guard"
)

// anything are rules that forbid nothing.
func anything(t testing.TB) guard.Rules {
	t.Helper()
	all := guard.MustParseRules("*", "*:0")
	return guard.Rules{Allow: all, Listen: all}
}

// ways are those by which a plugin's data can go.
var ways = map[string]func(*Spec){
	"descriptors": func(*Spec) {},
	"streams":     func(s *Spec) { s.Streams = true },
	"descriptors that a wrapper closes": func(s *Spec) {
		s.Command = append([]string{"/bin/sh", "-c", `exec "$0" "$@" 3>&-`}, s.Command...)
	},
}

// TestService: a server that is a plugin answers on the network it was given, to the true address of its client, and
// what it logs and prints arrives at its host.
func TestService(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			h := newHosting(t)
			s := h.spec(t, "web")
			way(&s)
			p := h.start(t, s)
			h.log.await(t, "serving")
			text, err := h.get(t, p, "/")
			st := p.Status()
			if want := fmt.Sprintf("pid %d, you are %v:", st.PID, h.net.Address); err != nil || !strings.HasPrefix(text, want) {
				t.Errorf("%q, %v; want %q", text, err, want)
			}
			if text, err := h.get(t, p, "/octets?n=5000000"); len(text) != 5000000 || err != nil {
				t.Errorf("%d octets, %v; want 5000000", len(text), err)
			}
			if st.State != Running || !slices.Equal(st.Kinds, []string{"service"}) {
				t.Errorf("status %+v", st)
			}
			h.log.await(t, "a line on standard output")
			if !slices.ContainsFunc(p.Logs(), func(r LogRecord) bool { return strings.HasPrefix(r.Text, "serving address=") }) {
				t.Errorf("the plugin's own log lacks its line: %v", p.Logs())
			}
		})
	}
}

// TestRules: what a plugin's rules don't allow is refused with an error that says so on its side of the border, too.
func TestRules(t *testing.T) {
	h := newHosting(t)
	s := h.spec(t, "web")
	s.Net.SetRules(guard.Rules{Allow: guard.MustParseRules("tcp 10.77.0.2:7"), Listen: guard.MustParseRules("tcp *:80")})
	p := h.start(t, s)
	h.log.await(t, "serving")
	text, err := h.get(t, p, "/dial?to=10.77.0.2:8")
	if err != nil || !strings.Contains(text, "refused: no rule of web allows") {
		t.Errorf("what no rule allows: %q, %v", text, err)
	}
	if text, err = h.get(t, p, "/dial?to=10.77.0.2:7"); err != nil || !strings.Contains(text, "connection refused") {
		t.Errorf("what is allowed, where nobody listens: %q, %v", text, err)
	}
	if r := s.Net.Refusals(); len(r) != 1 {
		t.Errorf("refusals: %+v", r)
	}
	s.Net.SetRules(guard.Rules{Listen: guard.MustParseRules("tcp *:80")}) // at run time
	if text, err = h.get(t, p, "/dial?to=10.77.0.2:7"); err != nil || !strings.Contains(text, "refused: no rule of web allows") {
		t.Errorf("after the change: %q, %v", text, err)
	}
	s.Net.Kill()
	if _, err := h.get(t, p, "/"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the kill switch: %v; want ECONNREFUSED", err)
	}
}

// TestHandler: the host listens, the plugin talks to who comes.
func TestHandler(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			h := newHosting(t)
			s := h.spec(t, "echo")
			s.Listen = []string{":7"}
			s.Net.SetRules(guard.Rules{})
			way(&s)
			p := h.start(t, s)
			for range 3 {
				c, err := h.net.DialContext(t.Context(), "tcp", p.Spec().Net.Address.String()+":7")
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintln(c, "hello")
				c.(interface{ CloseWrite() error }).CloseWrite()
				text, err := io.ReadAll(c)
				if want := fmt.Sprintf("hello from %v\n", c.LocalAddr()); string(text) != want || err != nil {
					t.Errorf("%q, %v; want %q", text, err, want)
				}
				c.Close()
			}
		})
	}
}

// TestObserver: an observer is told of what other plugins do and are refused, and how their connections are.
func TestObserver(t *testing.T) {
	h := newHosting(t)
	o := h.spec(t, "watch")
	o.Events.Sample = 100 * time.Millisecond
	h.start(t, o)
	web := h.start(t, h.spec(t, "web"))
	h.log.await(t, "serving")
	c, err := h.net.DialContext(t.Context(), "tcp", web.Spec().Net.Address.String()+":80")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`\"kind\":\"listen\"`, `\"kind\":\"opened\"`, `\"kind\":\"sample\"`} {
		h.log.await(t, want)
	}
	c.Close()
	h.log.await(t, `\"kind\":\"closed\"`)
	web.Spec().Net.SetRules(guard.Rules{Listen: guard.MustParseRules("tcp *:80")})
	if _, err := h.get(t, web, "/dial?to=10.77.0.2:8"); err != nil {
		t.Fatal(err)
	}
	h.log.await(t, `\"kind\":\"refused\"`)
}

// TestRestart: a plugin that was killed runs again, on the same address, and says so.
func TestRestart(t *testing.T) {
	h := newHosting(t)
	p := h.start(t, h.spec(t, "web"))
	h.log.await(t, "serving")
	first := p.Status().PID
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	for {
		text, err := h.get(t, p, "/")
		if err == nil && !strings.HasPrefix(text, fmt.Sprintf("pid %d,", first)) {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
	if st := p.Status(); st.Restarts != 1 || st.PID == first || st.State != Running {
		t.Errorf("%+v", st)
	}
}

// TestEnds: what a plugin's end means is for Restart to say, and its reason is told.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		kind    string
		restart Restart
		state   State
		err     string
	}{
		{"done", RestartOnFailure, Ended, ""},
		{"failing", RestartNever, Failed, "no fuel"},
		{"dying", RestartNever, Failed, "exit status 3"},
	} {
		t.Run(c.kind, func(t *testing.T) {
			h := newHosting(t)
			s := h.spec(t, c.kind)
			s.Restart = c.restart
			p, err := h.Start(t.Context(), s)
			if err != nil { // it was faster than its being ready
				if c.err == "" || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v; want %q", err, c.err)
				}
				return
			}
			<-p.Done()
			st := p.Status()
			if st.State != c.state || c.err != "" && (st.Err == nil || !strings.Contains(st.Err.Error(), c.err)) {
				t.Errorf("%+v; want %s, %q", st, c.state, c.err)
			}
		})
	}
}

// TestStop: a plugin that listens to its context ends orderly, one that doesn't is killed when its time is over.
func TestStop(t *testing.T) {
	h := newHosting(t)
	web := h.start(t, h.spec(t, "web"))
	deaf := h.spec(t, "deaf")
	deaf.Stop = time.Millisecond
	killed := h.start(t, deaf)
	for _, p := range []*Plugin{web, killed} {
		pid := p.Status().PID
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
			t.Errorf("%s: process %d is still there: %v", p.Name(), pid, err)
		}
		if st := p.Status(); st.State != Ended || h.Plugin(p.Name()) != nil {
			t.Errorf("%s: %+v", p.Name(), st)
		}
	}
	if strings.Contains(h.log.String(), "plugin=web msg=\"the plugin doesn't end") {
		t.Error("web was killed")
	}
}

// TestStartFails: the error says what was wrong, and nothing is left.
func TestStartFails(t *testing.T) {
	h := newHosting(t)
	run := func(command ...string) func(*Spec) { return func(s *Spec) { s.Command, s.Env = command, nil } }
	for want, change := range map[string]func(*Spec){
		"a name has":                                  func(s *Spec) { s.Name = "a/b" },
		"there is no command":                         func(s *Spec) { s.Command = nil },
		"no such file":                                run("/nonexistent/plugin"),
		"there is no network":                         func(s *Spec) { s.Net = nil },
		"write never, on-failure or always":           func(s *Spec) { s.Restart = "sometimes" },
		"missing port":                                func(s *Spec) { s.Listen = []string{"7"} },
		"Unrecognized remote plugin message: hello":   run("/bin/sh", "-c", "echo hello; exec sleep 100"),
		"it ended before it was ready: exit status 0": run("/bin/true"),
		"it ended before it was ready: exit status 1": run("/bin/false"),
		"in time": run("/bin/sleep", "100"),
	} {
		s := h.spec(t, "web")
		change(&s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if want == "in time" {
			cancel() // rather than to wait for nothing
		}
		_, err := h.Start(ctx, s)
		cancel()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
		if n := len(h.Plugins()); n != 0 {
			t.Errorf("%q: %d plugins are left", want, n)
		}
		if s.Net != nil {
			s.Net.Close()
		}
	}
}

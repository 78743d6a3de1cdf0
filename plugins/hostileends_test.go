package plugins

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// TestHandshakeAddress: a plugin cannot have its host connect to whom it likes by saying that it is there.
func TestHandshakeAddress(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	unix, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close()
	h := newHosting(t)
	for kind, c := range map[string]struct {
		ln   net.Listener
		want string
	}{"tcp": {tcp, "a plugin here has a Unix socket"}, "path": {unix, "as it was told"}} {
		s := h.spec(t, "raw-"+kind)
		raw(kind)(&s)
		s.Env = append(s.Env, "GOTCP_TEST_AT="+c.ln.Addr().String())
		if _, err := h.Start(t.Context(), s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", kind, err, c.want)
		}
		if who := firstToCome(t, c.ln); who != "the test" {
			t.Errorf("%s: the host has connected to %v", kind, c.ln.Addr())
		}
	}
}

// firstToCome says who was the first to connect to a listener: the test itself, which connects now, where nobody was.
func firstToCome(t *testing.T, ln net.Listener) string {
	t.Helper()
	own, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	own.Write([]byte("the test"))
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	text := make([]byte, 8)
	n, _ := c.Read(text)
	return string(text[:n])
}

// TestForeignSocket: the socket of a plugin that makes it where it likes, as those of old go-plugins do, is removed.
func TestForeignSocket(t *testing.T) {
	netns.Require(t)
	h := newHosting(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(t.TempDir(), "s")
	s := h.foreign(t, "old", guard.Rules{}, exe)
	s.Env = []string{envTestRaw + "=elsewhere", "GOTCP_TEST_AT=" + at}
	s.Foreign.Cookie = Cookie{Key: "OLD", Value: "yes"}
	s.Restart = RestartNever
	if p, err := h.Start(t.Context(), s); err == nil { // until it is called
		<-p.Done()
	}
	if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its socket: %v; want none", err)
	}
}

// TestRunawayChild: a plugin's child that has left its process group, and has open what the plugin had, keeps neither the
// plugin from being started again nor its host from stopping it. (In a sandbox it couldn't even live on.)
func TestRunawayChild(t *testing.T) {
	h := newHosting(t)
	before := held(h.dir)
	s := h.spec(t, "attack-children")
	s.Env = append(s.Env, mark("children"))
	p := h.start(t, s)
	var children []proc
	defer func() {
		for _, c := range children {
			syscall.Kill(c.pid, syscall.SIGKILL)
		}
	}()
	for n := range 2 {
		await(t, "a child", func() bool {
			pid := p.Status().PID
			children = procs(func(p proc) bool { return p.hasEnv(mark("children")) && pid != 0 && p.pid != pid })
			return len(children) == n+1 && !slices.ContainsFunc(children, func(c proc) bool { return c.group == pid })
		})
		if n == 0 {
			if err := p.Kill(); err != nil {
				t.Fatal(err)
			}
			await(t, "another run", func() bool { st := p.Status(); return st.Restarts == 1 && st.State == Running })
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.Stop(ctx); err != nil || ctx.Err() != nil {
		t.Errorf("it can't be stopped: %v", errors.Join(err, ctx.Err()))
	}
	var now holdings
	if !comes(func() bool { now = held(h.dir); return now.within(before) }) {
		t.Errorf("held at last: %+v; before: %+v; goroutines\n%s", now, before, stacks())
	}
}

// TestLongNames: neither a long name nor a long directory keeps a plugin from having its socket; one that is too long is
// told of.
func TestLongNames(t *testing.T) {
	h := newHosting(t)
	s := h.spec(t, "web")
	s.Name = strings.Repeat("n", 63)
	h.start(t, s)
	long := filepath.Join(t.TempDir(), strings.Repeat("d", 100))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	other := NewHost(HostConfig{Dir: long})
	if _, err := other.Start(t.Context(), h.spec(t, "echo")); err == nil || !strings.Contains(err.Error(), "a shorter one") {
		t.Errorf("with a directory of %d octets: %v", len(long), err)
	}
}

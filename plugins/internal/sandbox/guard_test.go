package sandbox_test

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/dns"
	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/plugins/internal/sandbox"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// serveNames runs a name server on far.
func (w *world) serveNames(t testing.TB, names map[string][]netip.Addr) netip.AddrPort {
	t.Helper()
	at := netip.AddrPortFrom(host, 53)
	pc, err := w.far.ListenPacket(t.Context(), "udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	l, err := w.far.Listen(t.Context(), "tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{Hosts: names, Servers: []netip.AddrPort{netip.AddrPortFrom(host, 1)}, Dial: w.far.DialContext}
	go s.ServePacket(pc)
	go s.Serve(l)
	t.Cleanup(func() { pc.Close(); l.Close() })
	return at
}

// guarded is a guard around the program's end of a world.
func (w *world) guarded(t testing.TB, cfg guard.Config, allow ...string) *guard.Network {
	t.Helper()
	cfg.Rules.Allow = append(cfg.Rules.Allow, guard.MustParseRules(allow...)...)
	n := guard.New(w.near, cfg)
	t.Cleanup(func() { n.Close() })
	return n
}

// The program finds names by DNS, is let through to what they are where a rule has the name, and refused elsewhere;
// the guard knows of all.
func TestGuard(t *testing.T) {
	netns.Require(t)
	w := newWorld(t)
	w.serve(t, "198.51.100.7:80", echo)
	server := w.serveNames(t, map[string][]netip.Addr{"good.example": {host}, "bad.example": {host}})
	n := w.guarded(t, guard.Config{Name: "p", Servers: []netip.AddrPort{server}}, "tcp good.example:80")
	b := start(t, sandbox.Config{Network: n}, "lookup", "good.example", "bad.example")
	if got := b.all(); !strings.HasPrefix(got, "good.example [198.51.100.7] ok\nbad.example [] ") ||
		!strings.Contains(got, "server misbehaving") { // which is how Go says REFUSED
		t.Errorf("the program says %q", got)
	}
	b = start(t, sandbox.Config{Network: n}, "dial", "good.example:80", "198.51.100.7:80", "good.example:81")
	want(t, "dials", b.all(), "good.example:80 ok\n"+
		"198.51.100.7:80 ok\n"+ // an answer to its own look-up
		"good.example:81 no route to host\n")
	var refused []string
	for _, r := range n.Refusals() {
		refused = append(refused, r.Err.Op+" "+r.Err.Network)
	}
	if got := strings.Join(refused, ", "); got != "lookup dns, dial tcp" {
		t.Errorf("the guard tells of %s: want the look-up of bad.example and the dial to port 81", got)
	}
	if c := n.Counters(); c.Dials != 2 || c.Conns != 0 {
		t.Errorf("the guard counts %d dials, and has %d connections; want 2 and 0", c.Dials, c.Conns)
	}
	n.Kill()
	b = start(t, sandbox.Config{Network: n}, "dial", "198.51.100.7:80")
	want(t, "a dial after Kill", b.all(), "198.51.100.7:80 no route to host\n")
}

// A connection that is open when the rules change is cut off, and the program sees a reset.
func TestGuardCutsOff(t *testing.T) {
	netns.Require(t)
	w := newWorld(t)
	w.serve(t, "198.51.100.7:80", func(c *netapi.TCPConn) {
		c.Write([]byte("welcome\n"))
		echo(c)
	})
	n := w.guarded(t, guard.Config{}, "198.51.100.7")
	b := start(t, sandbox.Config{Network: n}, "talk", "198.51.100.7:80")
	b.line()
	b.in.Write([]byte("x\n"))
	eventually(t, "the connection is open", func() bool { return n.Counters().BytesOut > 0 })
	n.SetRules(guard.Rules{})
	b.in.Close()
	if got := b.all(); !strings.Contains(got, "reset by peer") {
		t.Errorf("the program says %q, want a reset", got)
	}
}

// Programs of C's library find names by the same DNS, whatever nsswitch.conf says outside.
func TestForeignProgram(t *testing.T) {
	netns.Require(t)
	netns.RequireProgram(t, "getent") // the C library's look-up as a program
	w := newWorld(t)
	server := w.serveNames(t, map[string][]netip.Addr{"good.example": {host}})
	n := w.guarded(t, guard.Config{Servers: []netip.AddrPort{server}, Hosts: map[string][]netip.Addr{"db": {client}}}, "*")
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for what, addr := range map[string]string{
		"good.example": "198.51.100.7", // asked of the server
		"db":           "203.0.113.9",  // the guard's own
		"extra":        "192.0.2.9",    // the sandbox's hosts file
		name:           "10.78.0.2",    // the machine is the program's own address there
	} {
		s, err := sandbox.New(sandbox.Config{Network: n, Address: address, Hosts: "192.0.2.9 extra\n"})
		if err != nil {
			t.Fatal(err)
		}
		cmd, err := s.Command("getent", "ahostsv4", what)
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.Output()
		cmd.ExtraFiles[0].Close()
		if err != nil || !strings.HasPrefix(string(out), addr+" ") {
			t.Errorf("getent of %s: %q, %v, %v; want %s", what, out, err, s.Err(), addr)
		}
		s.Close()
	}
}

// Without a rule of Listen nothing is published.
func TestPublishRefused(t *testing.T) {
	netns.Require(t)
	n := newWorld(t).guarded(t, guard.Config{})
	s, err := sandbox.New(sandbox.Config{Network: n, Address: address, Publish: []sandbox.Port{{"tcp", 80}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var refused *guard.RefusedError
	if _, err := s.Command("/proc/self/exe"); !errors.As(err, &refused) || !errors.Is(err, syscall.EACCES) ||
		!strings.Contains(err.Error(), "publish tcp port 80") {
		t.Errorf("Command gives %v, want the guard's refusal", err)
	}
}

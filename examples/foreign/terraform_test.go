package foreign

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/plugins/guard"
)

// site is an HTTP server of the kernel's that greets.
type site struct {
	port    int
	clients chan netip.Addr // as it sees them
}

func (w world) site(t testing.TB) *site {
	t.Helper()
	ln := w.listen(t)
	s := &site{ln.Addr().(*net.TCPAddr).Port, make(chan netip.Addr, 16)}
	srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
			s.clients <- from.Addr()
		}
		rw.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(rw, "hello from %s", r.URL.Path)
	})}
	go srv.Serve(ln)
	t.Cleanup(func() { srv.Close() })
	return s
}

// provide starts the provider with rules, and connects to it.
func (w world) provide(t testing.TB, binary string, cfg guard.Config) (*terraform, *plugins.Net) {
	t.Helper()
	n := w.Net(t, cfg)
	p := w.start(t, n, binary)
	r, err := p.Reattach()
	if err != nil {
		t.Fatal(err)
	}
	if pid := p.Status().PID; r.ProtocolVersion != 5 || r.Pid != pid {
		t.Errorf("%+v; want version 5 of the protocol, which is the provider's, and its process, %d", *r, pid)
	}
	tf := attach(t, r)
	tf.configure()
	return tf, n
}

// TestTerraformProvider: a Terraform provider, unmodified and without a word about its cookie or protocol, reads a web
// page over its own network, at an address or by name, and nothing that its rules don't allow.
func TestTerraformProvider(t *testing.T) {
	binary := provider.build(t)
	t.Run("by address", func(t *testing.T) {
		w := newWorld(t)
		s := w.site(t)
		at := fmt.Sprintf("%v:%d", w.Kernel, s.port)
		tf, n := w.provide(t, binary, guard.Config{Name: "http", Rules: guard.Rules{Allow: guard.MustParseRules("tcp " + at)}})
		body, complaints := tf.read("http://" + at + "/by/address")
		if body != "hello from /by/address" || len(complaints) > 0 {
			t.Errorf("%q, %+v; want what the server says", body, complaints)
		}
		w.checkServed(t, s, n)
	})
	t.Run("by name", func(t *testing.T) {
		w := newWorld(t)
		s := w.site(t)
		tf, n := w.provide(t, binary, guard.Config{
			Name: "http", Hosts: map[string][]netip.Addr{"www.example.org": {w.Kernel}},
			Rules: guard.Rules{Allow: guard.MustParseRules(fmt.Sprintf("tcp www.example.org:%d", s.port))},
		})
		body, complaints := tf.read(fmt.Sprintf("http://www.example.org:%d/by/name", s.port))
		if body != "hello from /by/name" || len(complaints) > 0 {
			t.Errorf("%q, %+v; want what the server says", body, complaints)
		}
		w.checkServed(t, s, n)
		if c := n.Counters(); c.LookUps == 0 {
			t.Errorf("%+v; want the name's look-up among them", c)
		}
	})
	t.Run("outside the rules", func(t *testing.T) {
		w := newWorld(t)
		s := w.site(t)
		tf, n := w.provide(t, binary, guard.Config{Name: "http", Rules: guard.Rules{Allow: guard.MustParseRules("tcp *:443")}})
		at := fmt.Sprintf("%v:%d", w.Kernel, s.port)
		body, complaints := tf.read("http://" + at + "/")
		if body != "" || len(complaints) != 1 || complaints[0].Severity != "ERROR" ||
			!strings.Contains(complaints[0].Summary, "dial tcp "+at+": connect: no route to host") {
			t.Errorf("%q, %+v; want that there is no route to the host", body, complaints)
		}
		checkRefused(t, n, "dial", at, "tcp "+at)
		if len(s.clients) != 0 {
			t.Error("the server was reached")
		}
	})
	t.Run("a name outside the rules", func(t *testing.T) {
		w := newWorld(t)
		tf, n := w.provide(t, binary, guard.Config{Name: "http", Rules: guard.Rules{Allow: guard.MustParseRules("tcp 10.77.0.1")}})
		_, complaints := tf.read("http://secret.example.org/")
		if len(complaints) != 1 || !strings.Contains(complaints[0].Summary, "lookup secret.example.org") {
			t.Errorf("%+v; want an error of the name's look-up", complaints)
		}
		checkRefused(t, n, "lookup", "secret.example.org", "secret.example.org")
	})
}

// checkServed checks that one request has reached the server, from the plugin's address, and was counted.
func (w world) checkServed(t testing.TB, s *site, n *plugins.Net) {
	t.Helper()
	if len(s.clients) != 1 {
		t.Fatalf("the server has had %d requests; want 1", len(s.clients))
	}
	if from := <-s.clients; from != n.Address || from == w.Kernel {
		t.Errorf("the client is %v; want the plugin's own address, %v", from, n.Address)
	}
	c := n.Counters()
	if c.Dials != 1 || c.ConnsPeak != 1 || c.BytesIn == 0 || c.BytesOut == 0 || c.Refused != 0 {
		t.Errorf("%+v; want one dial, octets both ways, and nothing refused", c)
	}
	if r := n.Refusals(); len(r) > 0 {
		t.Errorf("refusals: %+v", r)
	}
}

// checkRefused checks that one thing was refused and counted, for want of a rule that the error says.
func checkRefused(t testing.TB, n *plugins.Net, op, address, rule string) {
	t.Helper()
	refusals := n.Refusals()
	if len(refusals) == 0 || n.Counters().Refused == 0 {
		t.Fatalf("%d refusals, %+v; want some", len(refusals), n.Counters())
	}
	for _, r := range refusals {
		if e := r.Err; e.Op != op || strings.TrimSuffix(e.Address, ".") != address || !strings.Contains(e.Error(), rule) {
			t.Errorf("refused: %+v, %q; want %s %s and the rule %q", *e, e, op, address, rule)
		}
	}
}

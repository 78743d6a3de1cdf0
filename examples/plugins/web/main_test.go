package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/examples/internal/plugintest"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/stack/link/netns"
)

func TestMain(m *testing.M) { plugintest.Main(m) }

var example = plugintest.Example{Kind: plugins.Service(Run), Port: 8080}

// TestWeb: the same source is the same server in all places.
func TestWeb(t *testing.T) {
	example.Run(t, []plugintest.Check{
		{Name: "greets", Test: greets},
		{Name: "octets", Test: octets},
		{Name: "count", Test: count},
		{Name: "fetch", Test: fetch},
		{Name: "fetch fails", Test: fetchFails},
		{Name: "stop", Test: stop},
	})
}

// greets: the server sees its client's true address.
func greets(t *testing.T, p *plugintest.Place) {
	if text, want := get(t, p, "/"), fmt.Sprintf("hello, %v:", p.User); !strings.HasPrefix(text, want) {
		t.Errorf("%q; want %q and a port", text, want)
	}
}

// octets: more than any buffer holds arrives whole.
func octets(t *testing.T, p *plugintest.Place) {
	if text := get(t, p, "/octets?n=20000000"); text != string(make([]byte, 20000000)) {
		t.Errorf("%d octets, or not all of them zero; want 20000000 that are", len(text))
	}
}

func count(t *testing.T, p *plugintest.Place) {
	resp, err := p.Client(t).Post("http://"+p.Address+"/count", "text/plain", bytes.NewReader(make([]byte, 20000000)))
	if text := body(t, resp, err); text != "20000000 <nil>\n" {
		t.Errorf("%q; want all that was sent, without an error", text)
	}
}

// fetch: the server is a client, too, on the network that it has.
func fetch(t *testing.T, p *plugintest.Place) {
	ln := listen(t, p)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "page %s for %s", r.URL.Path, r.RemoteAddr)
	})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	defer func() {
		srv.Close()
		<-served
	}()
	host, _, err := net.SplitHostPort(p.Address)
	if err != nil {
		t.Fatal(err)
	}
	text := get(t, p, fmt.Sprintf("/fetch?url=http://%v/one", ln.Addr()))
	if want := "page /one for " + host + ":"; !strings.HasPrefix(text, want) {
		t.Errorf("%q; want %q, the plugin's own address, and a port", text, want)
	}
}

// fetchFails: what the network says is what the plugin's user gets to see.
func fetchFails(t *testing.T, p *plugintest.Place) {
	ln := listen(t, p)
	ln.Close()
	resp, err := p.Client(t).Get(fmt.Sprintf("http://%s/fetch?url=http://%v/", p.Address, ln.Addr()))
	text := body(t, resp, err)
	want := fmt.Sprintf("dial tcp %v: connect: connection refused\n", ln.Addr())
	if resp.StatusCode != http.StatusBadGateway || !strings.HasSuffix(text, want) {
		t.Errorf("%s, %q; want a bad gateway, and %q", resp.Status, text, want)
	}
}

// stop: a request that is under way is finished, and no other one is begun.
func stop(t *testing.T, p *plugintest.Place) {
	const n = 16 << 20 // more than the buffers on the way hold, so that the server isn't done when it is stopped
	resp, err := p.Client(t).Get(fmt.Sprintf("http://%s/octets?n=%d", p.Address, n))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- p.Stop() }()
	if got, err := io.Copy(io.Discard, resp.Body); got != n-1 || err != nil {
		t.Errorf("%d octets, %v; want the remaining %d", got, err, n-1)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	c, err := p.Network.DialContext(t.Context(), "tcp", p.Address)
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the end: %v, %v; want ECONNREFUSED", c, err)
	}
}

// TestRules: as a plugin it reaches what its rules allow, and the rest not.
func TestRules(t *testing.T) {
	p := example.Plugin(t)
	const elsewhere = "192.0.2.1:80"
	resp, err := p.Client(t).Get("http://" + p.Address + "/fetch?url=http://" + elsewhere + "/")
	text := body(t, resp, err)
	if resp.StatusCode != http.StatusBadGateway || !strings.Contains(text, "refused: no rule of example allows") {
		t.Errorf("%s, %q; want a bad gateway, and that no rule allows it", resp.Status, text)
	}
	if r := p.Net.Refusals(); len(r) != 1 || r[0].Err.Address != elsewhere {
		t.Errorf("refusals: %+v; want the one", r)
	}
}

// TestCurl: a client that has nothing to do with Go.
func TestCurl(t *testing.T) {
	curl := netns.RequireProgram(t, "curl")
	p := example.Plugin(t)
	out, err := exec.Command(curl, "-sS", "--noproxy", "*", "http://"+p.Address+"/").CombinedOutput()
	if want := fmt.Sprintf("hello, %v:", p.User); err != nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("%q, %v; want %q and a port", out, err, want)
	}
}

// get fetches a page.
func get(t *testing.T, p *plugintest.Place, path string) string {
	t.Helper()
	resp, err := p.Client(t).Get("http://" + p.Address + path)
	return body(t, resp, err)
}

// body is what a response says.
func body(t *testing.T, resp *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// listen announces an address at which the plugin reaches its user.
func listen(t *testing.T, p *plugintest.Place) net.Listener {
	t.Helper()
	ln, err := p.Network.Listen(t.Context(), "tcp", netip.AddrPortFrom(p.User, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

package main

import (
	"bytes"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/examples/httpserver/site"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// TestMain runs the tests in a network namespace of their own.
func TestMain(m *testing.M) { netns.Main(m) }

// TestPrivate: the stack fetches from a server on the kernel.
func TestPrivate(t *testing.T) {
	netns.Require(t)
	n, err := netspec.Start(t.Context(), "private")
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	ln, err := net.Listen("tcp", "10.77.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fetchFrom(t, n, ln, "Hello 10.77.0.2:")
}

// TestSameSource: the same client on a stack in memory and on the kernel.
func TestSameSource(t *testing.T) {
	for _, network := range []string{"loopback", "kernel"} {
		n, err := netspec.Start(t.Context(), network)
		if err != nil {
			t.Fatal(err)
		}
		ln, err := n.Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		fetchFrom(t, n, ln, "Hello 127.0.0.1:")
		n.Close()
	}
}

// fetchFrom runs the example against the site on ln.
func fetchFrom(t *testing.T, n *netspec.Net, ln net.Listener, want string) {
	t.Helper()
	srv := &http.Server{Handler: site.Handler()}
	go srv.Serve(ln)
	defer srv.Close()
	var out bytes.Buffer
	url := "http://" + ln.Addr().String()
	if err := run(t.Context(), n, url+"/", nil, &out); err != nil || !strings.HasPrefix(out.String(), want) {
		t.Errorf("%q, %v; want %s...", out.String(), err, want)
	}
	if err := run(t.Context(), n, url+"/nothing", nil, &out); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a page that isn't there: %v", err)
	}
}

// TestNobodyThere: a URL where nobody listens is an error, also where a command that was to listen doesn't.
func TestNobodyThere(t *testing.T) {
	n, err := netspec.Start(t.Context(), "loopback")
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if err := run(t.Context(), n, "http://127.0.0.1:80/", nil, nil); err == nil {
		t.Error("no error")
	}
	if err := run(t.Context(), n, "http://127.0.0.1:80/", []string{"/no/such/command"}, nil); err == nil {
		t.Error("no error")
	}
}

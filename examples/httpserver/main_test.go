package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// TestMain runs the tests in a network namespace of their own.
func TestMain(m *testing.M) { netns.Main(m) }

// TestPrivate: the server runs on the stack, and a command fetches from it with the kernel's TCP.
func TestPrivate(t *testing.T) {
	netns.Require(t)
	netns.RequireProgram(t, "curl")
	n, err := netspec.Start(t.Context(), "private")
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	var out bytes.Buffer
	if err := run(t.Context(), n, ":80", []string{"curl", "-sS", "http://10.77.0.2/"}, &out); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if !strings.HasPrefix(got, "Hello 10.77.0.1:") || !strings.HasSuffix(got, "this is 10.77.0.2:80.\n") {
		t.Errorf("curl got %q", got)
	}
}

// TestSameSource: the same server on a stack in memory and on the kernel.
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
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- serve(ctx, ln, nil, io.Discard) }()
		if got := fetch(t, n, "http://"+ln.Addr().String()+"/"); !strings.Contains(got, "this is "+ln.Addr().String()) {
			t.Errorf("%s: %q", network, got)
		}
		stop()
		if err := <-served; err != nil {
			t.Errorf("%s: %v", network, err)
		}
		n.Close()
	}
}

func fetch(t *testing.T, n netapi.Network, url string) string {
	tr := &http.Transport{DialContext: n.DialContext}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

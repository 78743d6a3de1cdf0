package main

import (
	"strings"
	"testing"

	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// TestMain runs the tests in a network namespace of their own.
func TestMain(m *testing.M) { netns.Main(m) }

// TestSameSource: the same program on every network.
func TestSameSource(t *testing.T) {
	for _, network := range []string{"loopback", "loopback,loss=5%,seed=1", "kernel", "private"} {
		t.Run(network, func(t *testing.T) {
			if network == "private" {
				netns.Require(t)
			}
			n, err := netspec.Start(t.Context(), network)
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			var out strings.Builder
			if err := run(t.Context(), n, "hello there", &out); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); !strings.HasPrefix(got, "127.0.0.1:") || !strings.HasSuffix(got, " answers: hello there\n") {
				t.Errorf("%q", got)
			}
		})
	}
}

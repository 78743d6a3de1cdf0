package sandbox_test

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/plugins/internal/sandbox"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// Datagrams of all sizes go both ways, in fragments where they must.
func TestUDP(t *testing.T) {
	netns.Require(t)
	w := newWorld(t)
	w.serveUDP(t, "198.51.100.7:5000")
	b := start(t, sandbox.Config{Network: w.near}, "udp", "198.51.100.7:5000", "0", "5", "1400", "9000", "65000")
	want(t, "answers", b.all(), "4\n9\n1404\n9004\n65004\n") // with "re: " before each
}

// What the network says of a flow, at its beginning or later, is what the program's socket says.
func TestUDPErrors(t *testing.T) {
	netns.Require(t)
	w := newWorld(t)
	n := failing{Tuned: w.near, errs: map[string]error{
		"192.0.2.1:53": syscall.EACCES, "192.0.2.3:53": syscall.ECONNREFUSED,
	}}
	// (Of soft errors, such as "network unreachable", Linux tells only UDP sockets that ask for them.)
	for _, c := range []struct{ to, want string }{
		{"198.51.100.7:99", "connection refused\n"}, // by an ICMP error to a datagram that had left already
		{"192.0.2.1:53", "no route to host\n"},      // ICMP "administratively prohibited"
		{"192.0.2.3:53", "connection refused\n"},
	} {
		b := start(t, sandbox.Config{Network: n}, "udp", c.to, "3", "3")
		want(t, c.to, b.all(), c.want+c.want)
	}
}

// A flow ends when it has been idle, and a later datagram begins another one.
func TestUDPIdle(t *testing.T) {
	netns.Require(t)
	w := newWorld(t)
	w.serveUDP(t, "198.51.100.7:5000")
	cfg := sandbox.Config{Network: w.near, Limits: sandbox.Limits{Idle: 20 * time.Millisecond}}
	b := start(t, cfg, "udpslowly", "198.51.100.7:5000")
	for range 3 {
		b.in.Write([]byte("\n"))
		want(t, "an answer", b.line(), "5")
		eventually(t, "the flow's socket is closed", func() bool { return w.near.Stack().Open() == 0 })
	}
}

// eventually waits for what is to come about soon.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for late := time.Now().Add(patience); !ok(); runtime.Gosched() {
		if time.Now().After(late) {
			t.Fatalf("never: %s", what)
		}
	}
}

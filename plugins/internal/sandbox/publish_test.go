package sandbox_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/plugins/internal/sandbox"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// publishing is a guard that lets ports be announced.
func (w *world) publishing(t testing.TB) *guard.Network {
	t.Helper()
	return w.guarded(t, guard.Config{Rules: guard.Rules{Listen: guard.MustParseRules("*")}})
}

// A published port is reached from the network, and the program sees who that is.
func TestPublishTCP(t *testing.T) {
	netns.Require(t)
	w := newWorld(t)
	n := w.publishing(t)
	cfg := sandbox.Config{Network: n, Publish: []sandbox.Port{{"tcp", 80}, {"tcp", 81}}}
	b := start(t, cfg, "listen", ":80") // a port below 1024, without a privilege
	want(t, "start", b.line(), "ready")
	for _, from := range []string{"203.0.113.9", "198.51.100.7"} {
		c, err := w.dialFrom(t.Context(), netipAddr(t, from), "tcp", "10.78.0.2:80")
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(patience))
		if got := readLine(t, c); got != c.LocalAddr().String()+"\n" {
			t.Errorf("the program sees %q, want the client's true address, %v", got, c.LocalAddr())
		}
		io.WriteString(c, "to be echoed")
		c.(*netapi.TCPConn).CloseWrite()
		if got, err := io.ReadAll(c); string(got) != "to be echoed" || err != nil {
			t.Errorf("the echo is %q, %v", got, err)
		}
		c.Close()
	}
	// Nobody listens on the other one: that is known when the client has been accepted.
	c, err := w.dialFrom(t.Context(), client, "tcp", "10.78.0.2:81")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a port that the program doesn't listen on gives %v, want ECONNRESET", err)
	}
	if a := n.Counters().Accepts; a != 3 {
		t.Errorf("the guard counts %d accepted connections, want 3", a)
	}
}

func TestPublishUDP(t *testing.T) {
	netns.Require(t)
	w := newWorld(t)
	b := start(t, sandbox.Config{Network: w.publishing(t), Publish: []sandbox.Port{{"udp", 53}}}, "listenudp", ":53")
	want(t, "start", b.line(), "ready")
	for range 2 {
		c, err := w.dialFrom(t.Context(), client, "udp", "10.78.0.2:53")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for range 3 {
			c.SetDeadline(time.Now().Add(patience))
			buf := make([]byte, 100)
			c.Write([]byte("who am I?"))
			n, err := c.Read(buf)
			if err != nil || string(buf[:n]) != c.LocalAddr().String() {
				t.Errorf("the program sees %q (%v), want the client's true address, %v", buf[:n], err, c.LocalAddr())
			}
		}
	}
}

// On the kernel's network a client on the loopback has an address that no packet from outside may have: the gateway
// stands for it.
func TestPublishOnKernel(t *testing.T) {
	netns.Require(t)
	const port = 18080
	b := start(t, sandbox.Config{Network: netapi.Kernel{}, Publish: []sandbox.Port{{"tcp", port}}}, "listen", ":18080")
	want(t, "start", b.line(), "ready")
	c, err := net.Dial("tcp", "127.0.0.1:18080")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := readLine(t, c); !strings.HasPrefix(got, sandbox.Gateway.String()+":") {
		t.Errorf("the program sees %q, want the gateway", got)
	}
	if _, err := net.Listen("tcp", "0.0.0.0:18080"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("the port is announced on the network, yet listening there gives %v", err)
	}
	b.end()
	l, err := net.Listen("tcp", "0.0.0.0:18080")
	if err != nil {
		t.Fatalf("after the sandbox's end the port is still taken: %v", err)
	}
	l.Close()
}

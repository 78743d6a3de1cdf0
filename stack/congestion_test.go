package stack

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/stack/tcp"
)

// wantCongestion asserts the controller's name, and that tcp_info tells the same of a connection.
func wantCongestion(t *testing.T, what string, c Socket, want string) {
	t.Helper()
	if got := c.Congestion(); got != want {
		t.Errorf("%s: congestion control is %q, want %q", what, got, want)
	}
	if got := c.Info().CongestionControl; got != "" && got != want {
		t.Errorf("%s: tcp_info has congestion control %q, want %q", what, got, want)
	}
}

// The name may be set before the connection, on it, and, for connections to come, on a listener.
func TestCongestion(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		ln := p.listen(p.b, 80, 5)
		wantCongestion(t, "a listener", ln, "reno")
		must(t, ln.SetCongestion("cubic"))
		wantCongestion(t, "a listener that was told so", ln, "cubic")

		c := p.stream(p.a)
		wantCongestion(t, "a fresh socket", c, "reno")
		must(t, c.SetCongestion("cubic"))
		must(t, c.Connect(t.Context(), netip.AddrPortFrom(rightAddr, 80)))
		wantCongestion(t, "a connection whose socket was told so", c, "cubic")
		d, err := ln.Accept()
		must(t, err)
		wantCongestion(t, "what the listener accepted", d, "cubic")
		must(t, ln.SetCongestion("reno"))
		wantCongestion(t, "what it had accepted before it was told otherwise", d, "cubic")

		cwnd := c.Info().SndCwnd
		for _, name := range []string{"reno", "reno", "cubic"} {
			must(t, c.SetCongestion(name))
			wantCongestion(t, "a connection in the middle", c, name)
		}
		if got := c.Info().SndCwnd; got != cwnd {
			t.Errorf("cwnd is %d after the change, want %d still: as with Linux, the new one goes on with it", got, cwnd)
		}
		_, err = c.Write(tcpPattern(500_000))
		must(t, err)
		must(t, c.Shutdown(syscall.SHUT_WR))
		if got := len(readAll(t, d)); got != 500_000 {
			t.Errorf("%d octets came, want 500000", got)
		}
		must(t, c.Close())
		wantCongestion(t, "a closed socket", c, "cubic")
		wantErr(t, "SetCongestion of a closed socket", c.SetCongestion("reno"), ErrClosed)
	})
}

// A socket whose attempt to connect failed is as good as new, but for its options.
func TestCongestionSurvivesRefusal(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c := p.stream(p.a)
		must(t, c.SetCongestion("cubic"))
		wantErr(t, "Connect", c.Connect(t.Context(), netip.AddrPortFrom(rightAddr, 81)), syscall.ECONNREFUSED)
		wantCongestion(t, "after a refusal", c, "cubic")
	})
}

// What Linux says to names that it doesn't know.
func TestCongestionErrors(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c := p.stream(p.a)
		for _, name := range []string{"bbr", "Reno", "reno ", "cubic2", "a name of more than 15 octets"} {
			wantErr(t, name, c.SetCongestion(name), syscall.ENOENT)
		}
		wantErr(t, "the empty name", c.SetCongestion(""), syscall.EINVAL)
		wantCongestion(t, "after names that don't exist", c, "reno")
		d, err := p.a.Socket(syscall.SOCK_DGRAM)
		must(t, err)
		wantErr(t, "a datagram socket", d.SetCongestion("reno"), syscall.ENOPROTOOPT)
		if got := d.Congestion(); got != "" {
			t.Errorf("a datagram socket has congestion control %q", got)
		}
		must(t, d.Close())
		wantErr(t, "a closed datagram socket", d.SetCongestion("reno"), ErrClosed)
	})
}

// ownController is one that only the stack's Config knows.
type ownController struct{ tcp.Controller }

func (ownController) Name() string { return "own" }

func (ownController) Ack(tcp.Time, *tcp.Window, tcp.Ack) {}

func (ownController) Resume(tcp.Time) {}

// The stack's default is the Config's, and can be gone back to by its name.
func TestCongestionOfConfig(t *testing.T) {
	own := func(c *Config) { c.TCP.Congestion = func() tcp.Controller { return ownController{} } }
	inBubble(t, own, func(t *testing.T, p *pair) {
		c, d := p.connect()
		wantCongestion(t, "the default", c, "own")
		must(t, c.SetCongestion("cubic"))
		wantCongestion(t, "told otherwise", c, "cubic")
		must(t, c.SetCongestion("own"))
		wantCongestion(t, "told to go back", c, "own")
		wantCongestion(t, "its peer", d, "own")
	})
}

// TestCongestionByName: a stack whose Config has the default by name.
func TestCongestionByName(t *testing.T) {
	cubic := func(c *Config) { c.TCP.Congestion, _ = tcp.Congestion("cubic") }
	inBubble(t, cubic, func(t *testing.T, p *pair) {
		c, _ := p.connect()
		wantCongestion(t, "the default", c, "cubic")
		must(t, c.SetCongestion("reno"))
		wantCongestion(t, "told otherwise", c, "reno")
	})
}

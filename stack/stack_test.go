package stack

import (
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/stack/link"
)

// Close is the ancestor's disconnect: it leaves no goroutine, no timer, no packet and no open link.
func TestStackClose(t *testing.T) {
	r := newRig(t, Config{}, nil)
	waiting := r.datagram(ours(2000))
	waiting.SetReadDeadline(r.clock.Now().Add(time.Hour))
	waiting.SetWriteDeadline(r.clock.Now().Add(time.Hour))
	r.dev.inject(udpPacket(theirs(1), ours(2000), []byte("unread")))
	r.dev.inject(fragments(t, udpPacket(theirs(1), ours(2000), pattern(3000)), 1, 1000)[0])
	if r.clock.pending() != 3 {
		t.Fatalf("%d timers", r.clock.pending())
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if n := r.clock.pending(); n != 0 {
		t.Errorf("%d timers left", n)
	}
	if r.frag.bytes != 0 || len(r.frag.m) != 0 || waiting.queue.bytes != 0 || len(r.udp.open) != 0 {
		t.Error("something is kept")
	}
	if !r.dev.closed {
		t.Error("the device was not closed")
	}
	if err := r.Close(); err != ErrClosed {
		t.Errorf("second close: %v", err)
	}
	for name, err := range map[string]error{
		"Socket":    second(r.Socket(syscall.SOCK_DGRAM)),
		"AddDevice": second(r.AddDevice(&fakeDevice{mtu: 1500})),
		"AddRoute":  r.AddRoute(netip.MustParsePrefix("10.9.0.0/16"), r.net.Load().ifaces[1]),
		"a socket":  second(waiting.Read(make([]byte, 1))),
	} {
		if err != ErrClosed {
			t.Errorf("%s after close: %v", name, err)
		}
	}
	r.dev.inject(udpPacket(theirs(1), ours(2000), nil)) // a device that is late
	r.counted(DropClosed, 1)
}

// A stack that does nothing has no goroutine: its users may forget it, in a bubble too.
func TestStackIsPassive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails where a goroutine is left
		s := New(Config{})
		d, _ := s.Socket(syscall.SOCK_DGRAM)
		d.Bind(local(53))
		d.SendTo(pattern(60_000), local(53))
		d.SetReadDeadline(time.Now().Add(time.Hour))
	})
}

// failingClose is a device that has trouble with closing.
type failingClose struct{ fakeDevice }

func (*failingClose) Close() error { return syscall.EIO }

func TestStackCloseReports(t *testing.T) {
	s := New(Config{})
	s.AddDevice(&failingClose{fakeDevice{mtu: 1500}})
	if err := s.Close(); !errors.Is(err, syscall.EIO) {
		t.Errorf("%v", err)
	}
}

func TestSocketTypes(t *testing.T) {
	s := New(Config{})
	defer s.Close()
	if _, err := s.Socket(syscall.SOCK_RAW); err != syscall.ESOCKTNOSUPPORT {
		t.Errorf("%v", err)
	}
}

// A link given as the loopback is used as one: so the loopback can be impaired.
func TestConfigLoopback(t *testing.T) {
	lost := 0
	s := New(Config{Loopback: &lossyLoopback{newLoopback(), &lost}})
	defer s.Close()
	d, _ := s.Socket(syscall.SOCK_DGRAM)
	d.Bind(local(53))
	d.SendTo([]byte("x"), local(53))
	d.SendTo([]byte("y"), local(53))
	if got, _ := received(t, d); string(got) != "y" || lost != 1 {
		t.Errorf("got %q, %d lost", got, lost)
	}
}

// A stack without a loopback could not reach itself: where the one given doesn't work, it takes its own, and says so.
func TestConfigLoopbackBroken(t *testing.T) {
	var text strings.Builder
	s := New(Config{
		Loopback: &brokenDevice{fakeDevice{mtu: 1500}},
		Logger:   slog.New(slog.NewTextHandler(&text, nil)),
	})
	defer s.Close()
	if _, err := s.Ping(t.Context(), loopbackAddr, PingOptions{}); err != nil {
		t.Error(err)
	}
	if !strings.Contains(text.String(), "fake0") {
		t.Errorf("the operator is told %q", text.String())
	}
}

// lossyLoopback loses the first packet.
type lossyLoopback struct {
	*loopback
	lost *int
}

func (l *lossyLoopback) Write(f *link.Frame) error {
	if *l.lost == 0 {
		*l.lost++
		return nil
	}
	return l.loopback.Write(f)
}

// Every counter has a name of its own, and the table shows those that aren't zero.
func TestCounterNames(t *testing.T) {
	seen := map[string]bool{}
	for c := range numCounters {
		name := c.String()
		if name == "" || name == "unknown" || seen[name] {
			t.Errorf("counter %d is called %q", c, name)
		}
		seen[name] = true
	}
	if Counter(255).String() != "unknown" {
		t.Error("a number that is no counter has a name")
	}
	var c Counters
	c[DropIPMartian] = 42
	if f := strings.Fields(c.String()); len(f) != 2 || f[0] != "drop-ip-martian" || f[1] != "42" {
		t.Errorf("%q", f)
	}
}

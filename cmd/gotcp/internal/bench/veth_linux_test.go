package bench

import (
	"context"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gotcp/gotcp/stack/link/netns"
)

// In a namespace of its own the test may make devices.
func TestMain(m *testing.M) { netns.Main(m) }

// names are the devices of the caller's namespace.
func names(t *testing.T) []string {
	t.Helper()
	ifaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range ifaces {
		names = append(names, i.Name)
	}
	return names
}

func TestVeth(t *testing.T) {
	netns.Require(t)
	const mtu = 1400
	v, err := NewVeth(mtu)
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t); !slices.Contains(got, vethDialDevice) || slices.Contains(got, vethListenDevice) {
		t.Errorf("devices here: %v, want one end of the pair and not the other: it is in another namespace", got)
	}
	if i, err := net.InterfaceByName(vethDialDevice); err != nil || i.MTU != mtu {
		t.Errorf("%s: %+v, %v, want an MTU of %d", vethDialDevice, i, err, mtu)
	}
	checkConnection(t, v.Side(Kernel{Congestion: "reno"}))
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if got := names(t); slices.Contains(got, vethDialDevice) {
		t.Errorf("devices here after Close: %v, want the pair gone", got)
	}
	again, err := NewVeth(mtu)
	if err != nil {
		t.Fatalf("a second pair after the first is gone: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// checkConnection looks that a connection goes from one end of the pair to the other, as the congestion control that
// was asked for has it.
func checkConnection(t *testing.T, s Side) {
	t.Helper()
	p, err := s.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	for _, c := range []struct {
		end  net.Conn
		from string
	}{{p.client, vethDial}, {p.server, vethListen}} {
		if host, _, _ := net.SplitHostPort(c.end.LocalAddr().String()); host != c.from {
			t.Errorf("an end is at %v, want %s: the way is over the pair", c.end.LocalAddr(), c.from)
		}
		if got := congestionOf(t, c.end); got != "reno" {
			t.Errorf("the end at %v has congestion control %s, want reno: what is accepted has the listener's", c.from, got)
		}
	}
	if _, err := p.client.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	var b [1]byte
	if _, err := io.ReadFull(p.server, b[:]); err != nil || b[0] != 'x' {
		t.Errorf("read %q, %v, want the x that was written", b, err)
	}
}

// An operator who presses Ctrl-C while a connection is being made over the pair waits for nothing.
func TestVethListenAfterCancel(t *testing.T) {
	netns.Require(t)
	v, err := NewVeth(1500)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Side(Kernel{}).connect(ctx); err == nil {
		t.Error("a connection was made after the end")
	}
}

func TestPickCongestion(t *testing.T) {
	own, err := PickCongestion("")
	if err != nil || own == "" {
		t.Fatalf("without a wish: %q, %v, want the namespace's", own, err)
	}
	if got, err := PickCongestion("reno"); err != nil || got != "reno" {
		t.Errorf("reno, which every kernel has: %q, %v", got, err)
	}
	got, err := PickCongestion("none-such")
	if got != own || err == nil || !strings.Contains(err.Error(), "none-such") {
		t.Errorf("one that doesn't exist: %q, %v, want the namespace's own %s, and to be told", got, err, own)
	}
}

// onOwnThread must leave the process in the namespace where it was: a program's other goroutines run on that thread
// later.
func TestThreadsComeHome(t *testing.T) {
	netns.Require(t)
	before, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVeth(1500)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	var there string
	if err := v.inside(func() (err error) {
		there, err = os.Readlink("/proc/thread-self/ns/net")
		return err
	}); err != nil || there == before {
		t.Errorf("inside: namespace %s, %v, want another than %s", there, err, before)
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		if at, err := os.Readlink("/proc/self/task/" + task.Name() + "/ns/net"); err == nil && at != before {
			t.Errorf("thread %s stayed in %s, want %s", task.Name(), at, before)
		}
	}
}

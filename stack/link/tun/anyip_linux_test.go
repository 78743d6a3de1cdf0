package tun_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
	"github.com/gotcp/gotcp/stack/link/netns"
	"github.com/gotcp/gotcp/stack/link/tun"
)

// world is the network beyond the kernel's default route, for all of which a stack stands in.
var world = netip.MustParseAddr("198.51.100.7")

// byPort is a forwarder: what it says depends on the port that the kernel has dialled.
type byPort struct{ t *testing.T }

var refusals = map[uint16]syscall.Errno{
	1: syscall.ECONNREFUSED, 2: syscall.EACCES, 3: syscall.ENETUNREACH, 4: syscall.EHOSTUNREACH,
}

func (b byPort) ForwardTCP(f *stack.ForwardTCP) {
	if errno := refusals[f.Local.Port()]; errno != 0 {
		f.Reject(errno)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	c, err := f.Accept(ctx)
	if err != nil {
		b.t.Errorf("Accept of %v: %v", f.Local, err)
		return
	}
	io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
	c.Close()
}

func (b byPort) ForwardUDP(f *stack.ForwardUDP) {
	if errno := refusals[f.Local.Port()]; errno != 0 {
		f.Reject(errno)
		return
	}
	d, err := f.Accept()
	if err != nil {
		b.t.Errorf("Accept of %v: %v", f.Local, err)
		return
	}
	defer d.Close()
	buf := make([]byte, 2000)
	n, err := d.Read(buf)
	if err == nil {
		_, err = d.Write(buf[:n])
	}
	if err != nil {
		b.t.Errorf("echo of a datagram to %v: %v", f.Local, err)
	}
}

// standIn makes a stack that stands in for all that the kernel reaches by its default route.
func standIn(t *testing.T) *stack.Stack {
	t.Helper()
	netns.Require(t)
	d, err := tun.Open(tun.Config{MTU: 1500})
	if err != nil {
		t.Fatal(err)
	}
	s := stack.New(stack.Config{})
	ifc, err := s.AddDevice(d) // without an address: it is everybody
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	err = errors.Join(s.AnyIP(ifc, byPort{t}), tun.Configure(d.Name(), kernel, 1500),
		tun.AddRoute(netip.MustParsePrefix("198.51.100.0/24"), d.Name(), netip.Addr{}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The kernel's programs dial whom they like, and reach the forwarder.
func TestAnyIPForTheKernel(t *testing.T) {
	standIn(t)
	c, err := net.DialTimeout("tcp4", netip.AddrPortFrom(world, 80).String(), guard)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(guard))
	data := craft.Data(3 << 20)
	go func() {
		c.Write(data)
		c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil {
		t.Error(err)
	}
	wantBytes(t, "the echo of what was sent to "+world.String(), got, data)

	u, err := net.Dial("udp4", netip.AddrPortFrom(world, 53).String())
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	u.SetDeadline(time.Now().Add(guard))
	u.Write([]byte("question"))
	buf := make([]byte, 100)
	n, err := u.Read(buf)
	if err != nil || string(buf[:n]) != "question" {
		t.Errorf("the datagram's echo: %q, %v", buf[:n], err)
	}
}

// What a forwarder rejects fails at the kernel as if the destination, or a router, had said so.
func TestAnyIPRejectsTheKernel(t *testing.T) {
	standIn(t)
	want := map[uint16]syscall.Errno{
		1: syscall.ECONNREFUSED, 3: syscall.ENETUNREACH, 4: syscall.EHOSTUNREACH,
		2: syscall.EHOSTUNREACH, // Linux's reading of "administratively prohibited"
	}
	for port := range refusals {
		_, err := net.DialTimeout("tcp4", netip.AddrPortFrom(world, port).String(), guard)
		if !errors.Is(err, want[port]) {
			t.Errorf("rejected with %v: the kernel's connect gives %v, want %v", refusals[port], err, want[port])
		}
	}
	u, err := net.Dial("udp4", netip.AddrPortFrom(world, 1).String())
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	u.SetDeadline(time.Now().Add(guard))
	u.Write([]byte("anybody?"))
	if _, err := u.Read(make([]byte, 100)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a datagram that is refused: %v, want ECONNREFUSED", err)
	}
}

// A server of the kernel's sees the client in whose name the stack connects, and answers it.
func TestTransparentToTheKernel(t *testing.T) {
	s := standIn(t)
	l := listen(t)
	c, err := s.Socket(syscall.SOCK_STREAM)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	client := netip.AddrPortFrom(world, 5555)
	const transparent = 19
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	err = errors.Join(c.SetOpt(syscall.IPPROTO_IP, transparent, 1), c.Bind(client),
		c.Connect(ctx, l.Addr().(*net.TCPAddr).AddrPort()))
	if err != nil {
		t.Fatal(err)
	}
	k := accept(t, l)
	if a := k.RemoteAddr().(*net.TCPAddr).AddrPort(); a != client {
		t.Errorf("the kernel's server sees %v, want %v", a, client)
	}
	k.Write([]byte("welcome"))
	k.Close()
	if b, err := io.ReadAll(struct{ io.Reader }{c}); err != nil || string(b) != "welcome" {
		t.Errorf("the client has read %q, %v", b, err)
	}
}

package tun_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
	"github.com/gotcp/gotcp/stack/link/netns"
	"github.com/gotcp/gotcp/stack/link/tun"
	"github.com/gotcp/gotcp/stack/wire"
)

// A descriptor drives the interface after the device that it came from is closed, with the same offloads, and takes it
// away in the end.
func TestAdopt(t *testing.T) {
	netns.Require(t)
	for _, p := range []tun.Path{tun.Fast, tun.Portable} {
		t.Run(p.String(), func(t *testing.T) {
			d, err := tun.Open(tun.Config{Path: p})
			if err != nil {
				t.Fatal(err)
			}
			if err := tun.Configure(d.Name(), kernel, 1400); err != nil {
				t.Fatal(err)
			}
			file, err := d.File()
			if err != nil {
				t.Fatal(err)
			}
			off := d.Offload()
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := tun.Adopt(file, 1400)
			if err != nil {
				t.Fatal(err)
			}
			defer got.Close()
			if got.Name() != d.Name() || got.Path() != p || got.Offload() != off || got.MTU() != 1400 {
				t.Errorf("adopted: %s, %v path, %+v, MTU %d; want %s, %v, %+v, 1400",
					got.Name(), got.Path(), got.Offload(), got.MTU(), d.Name(), p, off)
			}
			f := &far{got, t, make(chan link.Frame, 1000)}
			if err := got.Attach(f.recv); err != nil {
				t.Fatal(err)
			}
			echoOnce(t, f)
			if err := got.Close(); err != nil || exists(d.Name()) {
				t.Errorf("Close: %v; the interface is still there: %v", err, exists(d.Name()))
			}
		})
	}
}

// echoOnce has the kernel answer a datagram and take the largest train of segments that the device lets pass.
func echoOnce(t *testing.T, f *far) {
	t.Helper()
	c, flow := listenUDP(t)
	f.write(&link.Frame{Head: flow.UDP([]byte("to the kernel"))})
	buf := make([]byte, 100)
	n, from, err := c.ReadFromUDPAddrPort(buf)
	if err == nil {
		_, err = c.WriteToUDPAddrPort(buf[:n], from)
	}
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, "the echo", f.want(wire.ProtoUDP).Head[28:], []byte("to the kernel"))

	// A stream shows that offloads are still on: without them the kernel would never send more than the MTU.
	l := listen(t)
	conn := f.dial(l)
	k := accept(t, l)
	if _, err := k.Write(craft.Data(5000)); err != nil {
		t.Fatal(err)
	}
	fr := f.want(wire.ProtoTCP)
	conn.segment(fr)
	if super := len(fr.Head) > 1400; super != f.Offload().TSO {
		t.Errorf("the kernel sent a frame of %d octets, and the device's offload is %+v", len(fr.Head), f.Offload())
	}
}

// What isn't a TUN interface isn't adopted, and is closed.
func TestAdoptSomethingElse(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	_, err = tun.Adopt(r, 1500)
	if err == nil || !errors.Is(err, syscall.ENOTTY) || !strings.Contains(err.Error(), "not that of a TUN interface") {
		t.Errorf("a pipe gives %v, want ENOTTY and what is wrong", err)
	}
	if _, err := r.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file that was refused is left open: %v", err)
	}
}

// The MTU is the one given: an interface of the same name here is another one.
func TestAdoptKnowsNoNames(t *testing.T) {
	netns.Require(t)
	d, err := tun.Open(tun.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	file, err := d.File()
	if err != nil {
		t.Fatal(err)
	}
	got, err := tun.Adopt(file, 9000)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	if ifi, err := net.InterfaceByName(d.Name()); err != nil || ifi.MTU != 1500 {
		t.Fatalf("the interface is %+v, %v: want MTU 1500", ifi, err)
	}
	if err := got.Attach(func(*link.Frame) {}); err != nil || got.MTU() != 9000 {
		t.Errorf("after Attach the MTU is %d, %v; want the 9000 that were told", got.MTU(), err)
	}
	q, err := tun.Open(tun.Config{Queues: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if _, err := q.File(); err == nil {
		t.Error("a device with two queues gives one file")
	}
}

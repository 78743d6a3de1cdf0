package tun_test

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/link/tun"
)

func TestRoutes(t *testing.T) {
	f := openDevice(t, tun.Config{})
	for range 2 { // the second time it is there, which is fine
		if err := tun.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), f.Name(), netip.Addr{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tun.AddRoute(netip.MustParsePrefix("198.51.100.0/24"), f.Name(), ours); err != nil {
		t.Fatal(err)
	}
	c, _ := listenUDP(t)
	for _, to := range []string{"192.0.2.1:9", "198.51.100.1:9", "10.77.0.9:9"} {
		if _, err := c.WriteToUDPAddrPort([]byte("x"), netip.MustParseAddrPort(to)); err != nil {
			t.Errorf("the kernel has no route to %s: %v", to, err)
		}
	}
	if err := tun.AddRoute(netip.MustParsePrefix("::/0"), f.Name(), netip.Addr{}); err == nil {
		t.Error("an IPv6 route passes")
	}
	if err := tun.AddRoute(kernel, "nosuch", netip.Addr{}); err == nil {
		t.Error("a route by an interface that isn't there passes")
	}
	if err := tun.AddRoute(netip.MustParsePrefix("192.0.2.9/32"), f.Name(), netip.Addr{}); err != nil {
		t.Errorf("a route to one host: %v", err)
	}
}

func TestConfigure(t *testing.T) {
	f := openDevice(t, tun.Config{})
	ifc, err := net.InterfaceByName(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := ifc.Addrs()
	if err != nil || len(addrs) == 0 || addrs[0].String() != kernel.String() {
		t.Errorf("addresses are %v, %v; want %v", addrs, err, kernel)
	}
	if ifc.Flags&net.FlagUp == 0 || ifc.MTU != 1500 || f.MTU() != 1500 {
		t.Errorf("flags are %v, the MTU %d, the device's %d: want it to be up, and 1500", ifc.Flags, ifc.MTU, f.MTU())
	}
	if n := queueLen(t, f.Name()); n != tun.DefaultTxQueueLen {
		t.Errorf("the queue length is %d, want %d", n, tun.DefaultTxQueueLen)
	}
	if err := tun.SetPeer(f.Name(), netip.MustParseAddr("10.99.0.1")); err != nil {
		t.Error(err)
	}
	c, _ := listenUDP(t)
	if _, err := c.WriteToUDPAddrPort(nil, netip.MustParseAddrPort("10.99.0.1:9")); err != nil {
		t.Errorf("the kernel has no route to the peer: %v", err)
	}
	for _, bad := range []error{
		tun.Configure("nosuch", kernel, 1500), tun.Configure(f.Name(), kernel, 5),
		tun.Configure(f.Name(), netip.MustParsePrefix("fd00::1/64"), 1500), tun.Configure(f.Name(), netip.Prefix{}, 1500),
		tun.Configure("a name that is too long", kernel, 1500), tun.SetPeer(f.Name(), netip.IPv6Loopback()),
	} {
		if bad == nil {
			t.Error("a wrong configuration is no error")
		}
	}
}

// queueLen is an interface's txqueuelen.
func queueLen(t *testing.T, name string) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	ifr, _ := unix.NewIfreq(name)
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFTXQLEN, ifr); err != nil {
		t.Fatal(err)
	}
	return int(ifr.Uint32())
}

func TestOpenSetsMTUAndQueue(t *testing.T) {
	f := openDevice(t, tun.Config{Name: "other0"})
	d, err := tun.Open(tun.Config{Name: "big%d", MTU: 9000, TxQueueLen: 77})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if d.Name() != "big0" || d.MTU() != 9000 || queueLen(t, "big0") != 77 || f.Name() != "other0" {
		t.Errorf("%s has MTU %d and queue length %d: want big0, 9000, 77", d.Name(), d.MTU(), queueLen(t, "big0"))
	}
}

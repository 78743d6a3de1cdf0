package stack

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/stack/link"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// A rig with a second device: 10.1.0.2/16 and 10.1.2.2/24 on it, and a route to 198.51.100.0/24.
func newTwoLinkRig(t *testing.T) (r *rig, second *Iface) {
	r = newRig(t, Config{}, nil)
	own := []netip.Prefix{netip.MustParsePrefix("10.1.0.2/16"), netip.MustParsePrefix("10.1.2.2/24")}
	ifc, err := r.AddDevice(&fakeDevice{mtu: 1280}, own...)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.AddRoute(netip.MustParsePrefix("198.51.100.77/24"), ifc); err != nil {
		t.Fatal(err)
	}
	return r, ifc
}

func TestRoute(t *testing.T) {
	r, _ := newTwoLinkRig(t)
	for _, c := range []struct {
		src, dst string
		ifc      int // index; 1 is the loopback
		from     string
		err      error
	}{
		{"", "10.0.0.1", 2, "10.0.0.2", nil},
		{"", "192.0.2.1", 2, "10.0.0.2", nil},                  // the default route
		{"", "198.51.100.1", 3, "10.1.0.2", nil},               // a longer prefix; the link's first address
		{"", "10.1.2.9", 3, "10.1.2.2", nil},                   // the address in the destination's network
		{"10.0.0.2", "198.51.100.1", 3, "10.0.0.2", nil},       // the user's choice stays (RFC 1122's weak model)
		{"0.0.0.0", "10.0.0.1", 2, "10.0.0.2", nil},            // no choice
		{"", "127.0.0.5", 1, "127.0.0.1", nil},                 // as Linux chooses
		{"", "10.1.0.2", 1, "10.1.0.2", nil},                   // own addresses are inside
		{"10.0.0.2", "127.0.0.1", 1, "10.0.0.2", nil},          //
		{"", "::ffff:10.0.0.1", 2, "10.0.0.2", nil},            // IPv4 in IPv6's clothes
		{"", "10.0.0.255", 2, "10.0.0.2", nil},                 // directed broadcast
		{"", "255.255.255.255", 2, "10.0.0.2", nil},            // limited broadcast by the default route
		{"10.1.0.2", "255.255.255.255", 3, "10.1.0.2", nil},    // or by the source's link
		{"10.1.0.2", "224.0.0.1", 3, "10.1.0.2", nil},          //
		{"127.0.0.1", "10.0.0.1", 0, "", syscall.EINVAL},       // loopback addresses never leave
		{"10.9.9.9", "10.0.0.1", 0, "", syscall.EADDRNOTAVAIL}, // not ours
		{"", "0.1.2.3", 0, "", syscall.ENETUNREACH},
		{"", "240.0.0.1", 0, "", syscall.ENETUNREACH},
		{"", "2001:db8::1", 0, "", syscall.EAFNOSUPPORT},
		{"2001:db8::1", "10.0.0.1", 0, "", syscall.EAFNOSUPPORT},
	} {
		var src netip.Addr
		if c.src != "" {
			src = addr(c.src)
		}
		p, err := r.route(src, addr(c.dst))
		if !errors.Is(err, c.err) {
			t.Errorf("%v -> %v: error %v, want %v", c.src, c.dst, err, c.err)
		}
		if err == nil && (p.ifc.index != c.ifc || p.src != addr(c.from) || p.mtu != p.ifc.mtu) {
			t.Errorf("%v -> %v: link %d from %v, want %d from %v", c.src, c.dst, p.ifc.index, p.src, c.ifc, c.from)
		}
	}
	if _, err := r.route(netip.Addr{}, netip.Addr{}); err != syscall.EAFNOSUPPORT {
		t.Errorf("to no address: %v", err)
	}
}

func TestRouteWithoutLinks(t *testing.T) {
	s := New(Config{})
	defer s.Close()
	if _, err := s.route(netip.Addr{}, theirIP); err != syscall.ENETUNREACH {
		t.Errorf("no link: %v, want ENETUNREACH", err)
	}
	ifc, err := s.AddDevice(&fakeDevice{mtu: 1500})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), ifc); err != nil {
		t.Fatal(err)
	}
	if _, err := s.route(netip.Addr{}, theirIP); err != syscall.EADDRNOTAVAIL {
		t.Errorf("a link without an address: %v, want EADDRNOTAVAIL", err)
	}
}

func TestAddDeviceRefuses(t *testing.T) {
	r := newRig(t, Config{}, nil)
	for p, want := range map[string]error{
		"10.0.0.2/24":      syscall.EADDRINUSE, // ours already
		"127.0.0.2/8":      syscall.EINVAL,
		"0.0.0.0/0":        syscall.EINVAL,
		"224.0.0.1/24":     syscall.EINVAL,
		"240.0.0.1/24":     syscall.EINVAL,
		"10.2.0.255/24":    syscall.EINVAL, // the network's broadcast address
		"2001:db8::1/64":   syscall.EAFNOSUPPORT,
		"192.168.7.255/16": nil, // just a host in this one
		"192.0.2.1/31":     nil, // RFC 3021: two hosts, no broadcast
		"192.0.2.9/32":     nil,
	} {
		if _, err := r.AddDevice(&fakeDevice{mtu: 1500}, netip.MustParsePrefix(p)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", p, err, want)
		}
	}
	if _, err := r.AddDevice(&fakeDevice{mtu: 1500}, netip.PrefixFrom(theirIP, 40)); err != syscall.EINVAL {
		t.Errorf("a prefix of 40 bits: %v", err)
	}
	other := New(Config{})
	defer other.Close()
	ifc, _ := other.AddDevice(&fakeDevice{mtu: 1500}, netip.PrefixFrom(theirIP, 24))
	if err := r.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), ifc); err != syscall.ENODEV {
		t.Errorf("a route over another stack's link: %v", err)
	}
	if err := r.AddRoute(netip.MustParsePrefix("::/0"), ifc); err != syscall.EAFNOSUPPORT {
		t.Errorf("an IPv6 route: %v", err)
	}
}

// brokenDevice cannot be attached.
type brokenDevice struct{ fakeDevice }

func (*brokenDevice) Attach(func(*link.Frame)) error { return syscall.ENODEV }

// A device that cannot be attached leaves neither its addresses nor its routes.
func TestAddDeviceUndoes(t *testing.T) {
	r := newRig(t, Config{}, nil)
	p := netip.MustParsePrefix("10.7.0.2/16")
	if _, err := r.AddDevice(&brokenDevice{fakeDevice{mtu: 1500}}, p); err != syscall.ENODEV {
		t.Fatal(err)
	}
	if len(r.Interfaces()) != 2 || len(r.Addrs()) != 1 {
		t.Errorf("left: %v, %v", r.Interfaces(), r.Addrs())
	}
	if got := r.mtuTo(addr("10.7.0.9")); got.ifc.name != "fake0" || got.src != ourIP {
		t.Errorf("its network is still routed: %+v", got)
	}
	if _, err := r.AddDevice(&fakeDevice{mtu: 1500}, p); err != nil {
		t.Errorf("and its address cannot be used: %v", err)
	}
}

func TestInterfaces(t *testing.T) {
	r, second := newTwoLinkRig(t)
	l := r.Interfaces()
	if len(l) != 3 {
		t.Fatalf("%d interfaces", len(l))
	}
	lo := l[0]
	if lo.Index != 1 || lo.Name != "lo" || lo.Flags != FlagUp|FlagRunning|FlagLoopback {
		t.Errorf("%+v", lo)
	}
	if lo.Prefixes[0].String() != "127.0.0.1/8" {
		t.Errorf("%+v", lo)
	}
	if l[2].Index != 3 || l[2].MTU != 1280 || len(l[2].Prefixes) != 2 || l[2].Flags&FlagPointToPoint == 0 {
		t.Errorf("%+v", l[2])
	}
	second.Info().Prefixes[0] = netip.Prefix{} // a caller's mistake must not change the stack
	if a := r.Addrs(); len(a) != 3 || a[0] != ourIP || a[1] != addr("10.1.0.2") {
		t.Errorf("%v", a)
	}
}

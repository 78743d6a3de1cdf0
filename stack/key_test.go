package stack

import (
	"net/netip"
	"testing"
	"unsafe"
)

func TestFlowKey(t *testing.T) {
	l, r := netip.MustParseAddrPort("10.0.0.2:80"), netip.MustParseAddrPort("[::ffff:192.0.2.7]:51234")
	k := keyOf(l, r)
	if k.localAddr() != l || k.remoteAddr() != netip.MustParseAddrPort("192.0.2.7:51234") {
		t.Errorf("%v, %v", k.localAddr(), k.remoteAddr())
	}
	if n := unsafe.Sizeof(k); n != 12 {
		t.Errorf("a key has %d bytes, want 12: there is one per connection and per lookup", n)
	}
	want := [12]byte{10, 0, 0, 2, 192, 0, 2, 7, 0, 80, 0xc8, 0x22}
	if k.bytes() != want {
		t.Errorf("% x, want % x", k.bytes(), want)
	}
	if k.reversed().reversed() != k || k.reversed().localAddr() != k.remoteAddr() {
		t.Error("reversed doesn't swap the ends")
	}
	if addrOf(netip.MustParseAddr("2001:db8::1")) != (addr4{}) {
		t.Error("an IPv6 address has become an IPv4 one")
	}
}

package stack

import (
	"context"
	"net/netip"
	"syscall"
	"testing"
)

func TestUDPConnect(t *testing.T) {
	r := newRig(t, Config{}, nil)
	d, _ := r.Socket(syscall.SOCK_DGRAM)
	everyone := netip.MustParseAddrPort("10.0.0.255:7")
	for _, c := range []struct {
		to        netip.AddrPort
		want      error
		from, now netip.Addr // local address and peer afterwards
	}{
		{netip.AddrPort{}, nil, netip.Addr{}, netip.Addr{}}, // nothing to disconnect
		{everyone, syscall.EACCES, netip.Addr{}, netip.Addr{}},
		{netip.MustParseAddrPort("240.0.0.1:7"), syscall.ENETUNREACH, netip.Addr{}, netip.Addr{}},
		{theirs(7), nil, ourIP, theirIP},
		{local(7), nil, loopbackAddr, loopbackAddr}, // the wildcard becomes another address
		{anyPort(7), nil, loopbackAddr, loopbackAddr},
		{theirs(7), nil, ourIP, theirIP},
		{everyone, syscall.EACCES, ourIP, theirIP}, // what fails changes nothing
		{netip.AddrPort{}, nil, netip.IPv4Unspecified(), netip.Addr{}},
	} {
		if err := d.Connect(t.Context(), c.to); err != c.want {
			t.Errorf("to %v: %v, want %v", c.to, err, c.want)
		}
		if d.LocalAddr().Addr() != c.from || d.RemoteAddr().Addr() != c.now {
			t.Errorf("to %v: now %v - %v", c.to, d.LocalAddr(), d.RemoteAddr())
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Connect(ended, theirs(7)); err != context.Canceled {
		t.Errorf("with a context that has ended: %v", err)
	}
	d.SetOpt(syscall.SOL_SOCKET, syscall.SO_BROADCAST, 1)
	if err := d.Connect(t.Context(), everyone); err != nil {
		t.Errorf("with SO_BROADCAST: %v", err)
	}

	fixed := r.datagram(ours(2000)) // whose address is the user's choice and stays
	if err := fixed.StartConnect(theirs(7)); err != nil {
		t.Fatal(err)
	}
	fixed.StartConnect(netip.AddrPort{})
	if fixed.LocalAddr() != ours(2000) {
		t.Errorf("%v", fixed.LocalAddr())
	}
	r.dev.inject(udpPacket(theirs(9), ours(2000), []byte("x")))
	received(t, fixed)
	if err := r.datagram(local(2000)).StartConnect(theirs(7)); err != syscall.EINVAL {
		t.Errorf("from the loopback's address: %v", err)
	}
}

// A datagram socket that found no port is as it was, and says why.
func TestUDPNoPortLeft(t *testing.T) {
	r := newRig(t, Config{EphemeralFirst: 40000, EphemeralLast: 40000}, nil)
	taken := r.datagram(anyPort(0))
	d, _ := r.Socket(syscall.SOCK_DGRAM)
	if _, err := d.SendTo(nil, theirs(7)); err != syscall.EADDRINUSE {
		t.Errorf("send: %v", err)
	}
	if err := d.StartConnect(theirs(7)); err != syscall.EADDRINUSE {
		t.Errorf("connect: %v", err)
	}
	if d.LocalAddr().IsValid() || d.RemoteAddr().IsValid() {
		t.Errorf("%v - %v", d.LocalAddr(), d.RemoteAddr())
	}
	taken.Close()
	if _, err := d.SendTo(nil, theirs(7)); err != nil {
		t.Errorf("once there is one: %v", err)
	}
}

// A datagram that was looked up for a socket which has meanwhile been connected to somebody else is not for it.
func TestUDPConnectRace(t *testing.T) {
	r := newRig(t, Config{}, nil)
	d := r.datagram(ours(2000))
	d.StartConnect(theirs(7))
	d.enqueue(keyOf(ours(2000), theirs(8)), []byte("stranger"))
	if ready, _ := d.Ready(); ready {
		t.Error("it was taken in")
	}
	r.counted(DropUDPNoPort, 1)
}

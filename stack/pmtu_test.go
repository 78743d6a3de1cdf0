package stack

import (
	"net/netip"
	"testing"
	"time"
)

func (r *rig) mtuTo(dst netip.Addr) path {
	r.t.Helper()
	p, err := r.route(netip.Addr{}, dst)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func TestPathMTU(t *testing.T) {
	r := newRig(t, Config{}, nil)
	far := addrOf(farIP)
	learn := func(mtu int) { r.pmtu.learn(far, mtu, r.now()) }
	learn(1400)
	if p := r.mtuTo(farIP); p.mtu != 1400 || p.nodf {
		t.Fatalf("%+v", p)
	}
	if p := r.mtuTo(theirIP); p.mtu != 1500 {
		t.Errorf("another destination's MTU has become %d", p.mtu)
	}
	learn(1450)
	if p := r.mtuTo(farIP); p.mtu != 1400 {
		t.Errorf("a report has raised the estimate to %d: RFC 1191 section 6.3 forbids it", p.mtu)
	}
	r.clock.advance(9 * time.Minute)
	learn(1300)
	r.clock.advance(9 * time.Minute) // 18 after the first, 9 after the last
	if p := r.mtuTo(farIP); p.mtu != 1300 {
		t.Errorf("MTU %d 9 minutes after the last decrease, want 1300", p.mtu)
	}
	r.clock.advance(time.Minute)
	if p := r.mtuTo(farIP); p.mtu != 1500 {
		t.Errorf("MTU %d after 10 minutes, want the device's again", p.mtu)
	}
	learn(300) // less than we follow: DF goes off instead
	if p := r.mtuTo(farIP); p.mtu != pmtuFloor || !p.nodf {
		t.Errorf("%+v, want the floor and DF off", p)
	}
	learn(9000) // more than the device
	if p := r.mtuTo(theirIP); p.mtu != 1500 {
		t.Errorf("%+v", p)
	}
}

// Whoever can make a stack send to many places and answers with reports must not fill its memory.
func TestPathMTUBounded(t *testing.T) {
	r := newRig(t, Config{}, nil)
	for i := range 3 * pmtuEntries {
		r.pmtu.learn(addr4{8, byte(i >> 16), byte(i >> 8), byte(i)}, 1400, r.now())
	}
	if n := len(r.pmtu.m); n > pmtuEntries {
		t.Errorf("%d entries, want at most %d", n, pmtuEntries)
	}
	r.clock.advance(pmtuAge)
	r.pmtu.learn(addrOf(farIP), 1400, r.now())
	if n := len(r.pmtu.m); n != 1 {
		t.Errorf("%d entries after all others have expired", n)
	}
}

func TestReportedMTU(t *testing.T) {
	for _, c := range []struct{ mtu, sent, want int }{
		{1400, 1500, 1400},
		{1500, 1500, 0}, // what was sent did fit, then
		{1501, 1500, 0},
		{68, 1500, 68},
		{67, 1500, 0}, // below what every link carries
		{0, 1500, 1492},
		{0, 1492, 1006},
		{0, 65535, 32000},
		{0, 69, 68},
		{0, 68, 0},
	} {
		if got := reportedMTU(c.mtu, c.sent); got != c.want {
			t.Errorf("a report of %d about a packet of %d means %d, want %d", c.mtu, c.sent, got, c.want)
		}
	}
}

package stack

import (
	"errors"
	"slices"
	"syscall"
	"testing"
)

func testPorts(t *testing.T, first, last uint16) *portTable {
	s := New(Config{Rand: seededRand(1), EphemeralFirst: first, EphemeralLast: last})
	t.Cleanup(func() { s.Close() })
	return &s.tcpPorts
}

var (
	anyAddr = addr4{}
	addrA   = addr4{10, 0, 0, 1}
	addrB   = addr4{10, 0, 0, 2}
)

// Linux's rules of who may share a port (inet_csk_bind_conflict), one by one.
func TestPortSharing(t *testing.T) {
	type use struct {
		addr  addr4
		reuse bool
	}
	for name, c := range map[string]struct {
		first  use
		listen bool
		second use
		want   error
	}{
		"same address":                    {use{addrA, false}, false, use{addrA, false}, syscall.EADDRINUSE},
		"other address":                   {use{addrA, false}, true, use{addrB, false}, nil},
		"all after one":                   {use{addrA, false}, false, use{anyAddr, false}, syscall.EADDRINUSE},
		"one after all":                   {use{anyAddr, false}, false, use{addrA, false}, syscall.EADDRINUSE},
		"both reuse":                      {use{addrA, true}, false, use{addrA, true}, nil},
		"only the first reuses":           {use{addrA, true}, false, use{addrA, false}, syscall.EADDRINUSE},
		"only the second reuses":          {use{addrA, false}, false, use{addrA, true}, syscall.EADDRINUSE},
		"both reuse but one listens":      {use{addrA, true}, true, use{addrA, true}, syscall.EADDRINUSE},
		"all listens, one wants to reuse": {use{anyAddr, true}, true, use{addrA, true}, syscall.EADDRINUSE},
	} {
		t.Run(name, func(t *testing.T) {
			p := testPorts(t, 0, 0)
			b, err := p.bind(c.first.addr, 80, c.first.reuse)
			if err != nil {
				t.Fatal(err)
			}
			if c.listen {
				if err := p.listen(b); err != nil {
					t.Fatal(err)
				}
			}
			b2, err := p.bind(c.second.addr, 80, c.second.reuse)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			p.release(b)
			if err == nil {
				p.release(b2)
			}
			if _, err := p.bind(anyAddr, 80, false); err != nil {
				t.Errorf("after all have gone: %v", err)
			}
		})
	}
}

// Two sockets may be bound to one address with SO_REUSEADDR, but only one of them can listen.
func TestPortListenTwice(t *testing.T) {
	p := testPorts(t, 0, 0)
	a, _ := p.bind(anyAddr, 80, true)
	b, err := p.bind(anyAddr, 80, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.listen(a); err != nil {
		t.Fatal(err)
	}
	if err := p.listen(a); err != nil {
		t.Errorf("listen(2) again only changes the backlog: %v", err)
	}
	if err := p.listen(b); err != syscall.EADDRINUSE {
		t.Errorf("the second listener gets %v", err)
	}
	p.release(a)
	if err := p.listen(b); err != nil {
		t.Errorf("once the first has gone: %v", err)
	}
}

// A server is started again while connections of its predecessor live: that is what SO_REUSEADDR is for.
func TestPortOfAccepted(t *testing.T) {
	p := testPorts(t, 0, 0)
	l, _ := p.bind(anyAddr, 80, true)
	if err := p.listen(l); err != nil {
		t.Fatal(err)
	}
	c1, c2 := p.accepted(l, addrA), p.accepted(l, addrA)
	if c1 != c2 {
		t.Error("each connection has a hold of its own: with a hundred thousand that is memory")
	}
	p.release(l)
	if _, err := p.bind(anyAddr, 80, false); err != syscall.EADDRINUSE {
		t.Errorf("without SO_REUSEADDR: %v, want EADDRINUSE", err)
	}
	l2, err := p.bind(anyAddr, 80, true)
	if err != nil {
		t.Fatalf("with it: %v", err)
	}
	if err := p.listen(l2); err != nil {
		t.Errorf("the restarted server cannot listen: %v", err)
	}
	p.release(l2)
	p.release(c1)
	if _, err := p.bind(anyAddr, 80, false); err != syscall.EADDRINUSE {
		t.Errorf("one connection is left: %v", err)
	}
	p.release(c2)
	if len(p.list()) != 0 {
		t.Errorf("left: %v", p.list())
	}
}

// dial asks claim about ports in the range until one is free, and never about ports that sockets are bound to.
func TestPortDial(t *testing.T) {
	p := testPorts(t, 40000, 40003)
	if _, err := p.bind(anyAddr, 40002, true); err != nil {
		t.Fatal(err)
	}
	k := flowKey{local: addrA, remote: addrB, rport: 80}
	taken := map[uint16]bool{}
	claim := func(port uint16) bool {
		if taken[port] {
			return false
		}
		taken[port] = true
		return true
	}
	for range 3 {
		if _, err := p.dial(k, false, claim); err != nil {
			t.Fatal(err)
		}
	}
	if len(taken) != 3 || taken[40002] {
		t.Errorf("claimed %v", taken)
	}
	if _, err := p.dial(k, false, claim); err != syscall.EADDRNOTAVAIL {
		t.Errorf("all four-tuples are taken: %v, want EADDRNOTAVAIL", err)
	}
	other := flowKey{local: addrA, remote: addrB, rport: 81}
	b, err := p.dial(other, false, func(uint16) bool { return true })
	if err != nil {
		t.Fatalf("a port may serve connections to two peers: %v", err)
	}
	if b.refs != 2 {
		t.Errorf("%d holders on the shared port, want 2", b.refs)
	}
	if _, err := p.bind(addrA, b.port, false); err != syscall.EADDRINUSE {
		t.Errorf("binding a dialled port: %v", err)
	}
}

// RFC 6056 section 3.3.4: ports to one destination rise one by one (so none comes again soon), and start elsewhere for
// another destination.
func TestPortDialOrder(t *testing.T) {
	p := testPorts(t, 0, 0)
	dial := func(rport uint16) uint16 {
		b, err := p.dial(flowKey{local: addrA, remote: addrB, rport: rport}, false, func(uint16) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		if b.port < 32768 || b.port > 60999 {
			t.Fatalf("port %d is outside the range", b.port)
		}
		p.release(b)
		return b.port
	}
	a := dial(80)
	if b := dial(80); b != a+1 && b != 32768 {
		t.Errorf("after %d comes %d", a, b)
	}
	var starts []uint16
	for rport := range uint16(20) {
		starts = append(starts, dial(1000+rport))
	}
	slices.Sort(starts)
	if n := len(slices.Compact(starts)); n < 19 {
		t.Errorf("20 destinations start at %d places", n)
	}
}

// Port 0 chooses a free port at random, and says so when there is none.
func TestPortChoose(t *testing.T) {
	p := testPorts(t, 50000, 50099)
	var order []uint16
	for range 100 {
		b, err := p.bind(anyAddr, 0, true) // although it would share, a chosen port is one's own
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, b.port)
	}
	if slices.IsSorted(order) {
		t.Error("the ports came in order")
	}
	slices.Sort(order)
	if order[0] != 50000 || order[99] != 50099 || len(slices.Compact(order)) != 100 {
		t.Errorf("not each port once: %v", order)
	}
	if _, err := p.bind(addrA, 0, true); err != syscall.EADDRINUSE {
		t.Errorf("when all are taken: %v", err)
	}
	if l := p.list(); len(l) != 100 || l[0].port != 50000 || l[99].port != 50099 {
		t.Errorf("the listing has %d entries", len(l))
	}
}

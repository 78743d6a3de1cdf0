package stack

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/stack/link"
)

// readDatagram reads one that must come within a second.
func readDatagram(t *testing.T, d Socket) (string, netip.AddrPort) {
	t.Helper()
	must(t, d.SetReadDeadline(time.Now().Add(time.Second)))
	buf := make([]byte, 2000)
	n, _, from, err := d.RecvFrom(buf)
	must(t, err)
	return string(buf[:n]), from
}

func sendTo(t *testing.T, d Socket, what string, to netip.AddrPort) {
	t.Helper()
	_, err := d.SendTo([]byte(what), to)
	must(t, err)
}

// Two peers talk to one foreign address: each flow has a socket of its own, which answers from that address.
func TestForwardUDPAccept(t *testing.T) {
	var flows chan Socket
	accept := forwardFuncs{udp: func(f *ForwardUDP) {
		time.Sleep(time.Second) // meanwhile more comes
		d, err := f.Accept()
		if err != nil {
			t.Errorf("Accept: %v", err)
			return
		}
		if _, err := f.Accept(); err != syscall.EINVAL {
			t.Errorf("a second Accept: %v, want EINVAL", err)
		}
		if d.LocalAddr() != f.Local || d.RemoteAddr() != f.Remote {
			t.Errorf("the socket is %v to %v, want %v to %v", d.LocalAddr(), d.RemoteAddr(), f.Local, f.Remote)
		}
		flows <- d
	}}
	inForeign(t, nil, accept, func(t *testing.T, p *pair) {
		flows = make(chan Socket, 2)
		to := at(foreignAddr, 53)
		peers := map[netip.AddrPort]Socket{}
		for _, port := range []uint16{4001, 4002} {
			c := p.socket(p.a, syscall.SOCK_DGRAM)
			must(t, c.Bind(at(leftAddr, port)))
			peers[c.LocalAddr()] = c
			sendTo(t, c, fmt.Sprint("first from ", port), to)
			sendTo(t, c, fmt.Sprint("second from ", port), to)
		}
		for range 2 {
			d := <-flows
			from := d.RemoteAddr()
			for _, which := range []string{"first", "second"} { // both came before there was a socket, in order
				if s, a := readDatagram(t, d); s != fmt.Sprint(which, " from ", from.Port()) || a != from {
					t.Errorf("%v read %q from %v", from, s, a)
				}
			}
			sendTo(t, peers[from], "third", to)
			if s, _ := readDatagram(t, d); s != "third" {
				t.Errorf("after Accept %q came", s)
			}
			_, err := d.Write([]byte("answer"))
			must(t, err)
			if s, a := readDatagram(t, peers[from]); s != "answer" || a != to {
				t.Errorf("the peer has %q from %v, want the answer from %v", s, a, to)
			}
			must(t, d.Close())
		}
		sendTo(t, peers[at(leftAddr, 4001)], "anew", to) // the flow was closed: another begins
		if s, _ := readDatagram(t, <-flows); s != "anew" {
			t.Errorf("a new flow begins with %q", s)
		}
		_, octets := waiting(p.b)
		if n := p.b.Counters(); n[UDPForwarded] != 3 || n[UDPIn] != 7 || octets != 0 {
			t.Errorf("counters %v, %d octets wait; want 3 flows, 7 datagrams, nothing", n, octets)
		}
	})
}

func TestForwardUDPReject(t *testing.T) {
	for _, c := range []struct{ err, want error }{
		{syscall.ECONNREFUSED, syscall.ECONNREFUSED},
		{nil, syscall.ECONNREFUSED},
		{syscall.EACCES, syscall.EHOSTUNREACH},
		{syscall.ENETUNREACH, os.ErrDeadlineExceeded}, // soft: a socket isn't told, as on Linux
		{syscall.EHOSTUNREACH, os.ErrDeadlineExceeded},
		{syscall.ETIMEDOUT, os.ErrDeadlineExceeded},
	} {
		reject := forwardFuncs{udp: func(f *ForwardUDP) {
			f.Reject(c.err)
			if _, err := f.Accept(); err != syscall.EINVAL {
				t.Errorf("Accept after Reject: %v, want EINVAL", err)
			}
		}}
		inForeign(t, nil, reject, func(t *testing.T, p *pair) {
			d := p.socket(p.a, syscall.SOCK_DGRAM)
			must(t, d.Connect(t.Context(), at(foreignAddr, 53)))
			_, err := d.Write([]byte("hello"))
			must(t, err)
			must(t, d.SetReadDeadline(time.Now().Add(time.Second)))
			_, err = d.Read(make([]byte, 10))
			wantErr(t, fmt.Sprintf("read, rejected with %v", c.err), err, c.want)
			icmp := uint64(1)
			if c.err == syscall.ETIMEDOUT {
				icmp = 0
			}
			if n := p.a.Counters(); n[ICMPErrorIn] != icmp {
				t.Errorf("rejected with %v: %d ICMP errors, want %d", c.err, n[ICMPErrorIn], icmp)
			}
			if flows, octets := waiting(p.b); flows+octets != 0 {
				t.Errorf("rejected with %v: something still waits", c.err)
			}
		})
	}
}

// A train of datagrams that a device leaves in one piece is so many datagrams for a forwarder, too.
func TestForwardUDPTrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flows := make(chan Socket, 1)
		s := New(Config{})
		dev := &fakeDevice{mtu: 1500}
		ifc, err := s.AddDevice(dev, netip.PrefixFrom(ourIP, 24))
		must(t, err)
		must(t, s.AnyIP(ifc, forwardFuncs{udp: func(f *ForwardUDP) {
			d, err := f.Accept()
			if err != nil {
				t.Error(err)
			}
			flows <- d
		}}))
		dev.recv(&link.Frame{Head: udpPacket(theirs(9), at(foreignAddr, 53), pattern(250)), GSOSize: 100})
		d := <-flows
		for _, want := range []int{100, 100, 50} {
			if b, _ := received(t, d); len(b) != want {
				t.Errorf("a datagram of %d octets, want %d", len(b), want)
			}
		}
		must(t, s.Close())
	})
}

// What undecided flows hold is bounded: their number, each one's datagrams, and all together.
func TestForwardUDPFlood(t *testing.T) {
	leave := make(chan struct{})
	defer close(leave)
	never := forwardFuncs{udp: func(*ForwardUDP) { <-leave }}
	r := newRig(t, Config{MaxForwards: 100}, nil)
	must(t, r.AnyIP(r.net.Load().ifaces[1], never))
	for i := range 300 {
		r.dev.inject(udpPacket(theirs(uint16(1000+i)), at(foreignAddr, 53), pattern(10)))
	}
	r.counted(UDPForwarded, 100)
	r.counted(DropForwardFull, 200)
	for range 1000 {
		r.dev.inject(udpPacket(theirs(1000), at(foreignAddr, 53), pattern(1400)))
	}
	if n := r.forward.udp[keyOf(at(foreignAddr, 53), theirs(1000))].queue.bytes; n > forwardFlowMemory {
		t.Errorf("a flow holds %d octets, want at most %d", n, forwardFlowMemory)
	}
	for i := range 100 {
		for range 100 {
			r.dev.inject(udpPacket(theirs(uint16(1000+i)), at(foreignAddr, 53), pattern(1400)))
		}
	}
	if n := r.forward.bytes; n > forwardMemory || n < forwardMemory/2 {
		t.Errorf("all flows hold %d octets, want nearly %d", n, forwardMemory)
	}
	r.sentNone()
}

// Accept and datagrams at the same time: none is lost, none starts a flow of its own.
func TestForwardUDPRace(t *testing.T) {
	const n = 500
	flows := make(chan Socket, n)
	accept := forwardFuncs{udp: func(f *ForwardUDP) {
		d, err := f.Accept()
		if err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		flows <- d
	}}
	s := New(Config{})
	dev := &fakeDevice{mtu: 1500}
	ifc, err := s.AddDevice(dev, netip.PrefixFrom(ourIP, 24))
	must(t, err)
	must(t, s.AnyIP(ifc, accept))
	for i := range n {
		for range 3 {
			dev.recv(frameOf(udpPacket(theirs(uint16(1000+i)), at(foreignAddr, 53), pattern(10))))
		}
	}
	for range n {
		d := <-flows
		for range 3 {
			received(t, d)
		}
	}
	if c := s.Counters(); c[UDPForwarded] != n || c[UDPIn] != 3*n {
		t.Errorf("counters %v, want %d flows of 3 datagrams", c, n)
	}
	must(t, s.Close())
}

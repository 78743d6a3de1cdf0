package stack

import (
	"bytes"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// echoRequest makes a ping from their host.
func echoRequest(dst netip.Addr, tos uint8, data []byte) []byte {
	b := make([]byte, wire.ICMPHeaderLen+len(data))
	wire.PutEcho(b, wire.ICMPEcho, 77, 3, data)
	return packet(wire.IPv4Header{TOS: tos, Protocol: wire.ProtoICMP, Src: theirIP, Dst: dst}, b)
}

// RFC 1122 3.2.2.6: every host answers echoes, with the data that came, from the address that was asked.
func TestEchoAnswered(t *testing.T) {
	for _, n := range []int{0, 56, 5000, 65507} {
		r := newRig(t, Config{}, nil)
		data := pattern(n)
		for _, p := range fragments(t, echoRequest(ourIP, 0x20, data), 3, 1480) {
			r.dev.inject(p)
		}
		peer := newRig(t, Config{}, nil) // which puts our fragments together
		sent := r.dev.take()
		if n <= 56 && len(sent) != 1 || n > 1472 && len(sent) != (n+8+1479)/1480 {
			t.Fatalf("%d octets: %d packets", n, len(sent))
		}
		whole := mustIPv4(t, sent[0].packet)
		if len(sent) > 1 {
			var done *partial
			for _, f := range sent {
				ip := mustIPv4(t, f.packet)
				done = peer.frag.add(&inPacket{ip: ip, src: ip.Src(), dst: ip.Dst(), payload: ip.Payload()})
			}
			whole, _ = done.assemble(make([]byte, 1<<16))
		}
		m, err := wire.ParseICMP(whole.Payload())
		if err != nil || m.Type() != wire.ICMPEchoReply || m.EchoID() != 77 || m.EchoSeq() != 3 {
			t.Errorf("%d octets: %v, answer %s", n, err, wire.DescribePacket(whole))
		}
		if !bytes.Equal(m.Body(), data) {
			t.Errorf("%d octets: other data came back", n)
		}
		if whole.Src() != ourIP || whole.Dst() != theirIP || whole.TOS() != 0x20 {
			t.Errorf("%d octets: %s", n, wire.DescribePacket(whole))
		}
		r.counted(ICMPEchoOut, 1)
	}
}

// Echoes to a broadcast address are how a host is made to join a flood.
func TestEchoNotAnswered(t *testing.T) {
	r := newRig(t, Config{ICMPRate: 10, ICMPBurst: 2}, nil)
	r.dev.inject(echoRequest(addr("10.0.0.255"), 0, nil))
	bad := echoRequest(ourIP, 0, nil)
	bad[len(bad)-1] ^= 1
	r.dev.inject(bad)
	timestamp := []byte{13, 0, 0xf2, 0xff, 0, 0, 0, 0}
	r.dev.inject(packet(header(wire.ProtoICMP), timestamp))
	r.sentNone()
	r.counted(DropICMPIgnored, 2)
	r.counted(DropICMPMalformed, 1)
	for range 5 {
		r.dev.inject(echoRequest(ourIP, 0, nil))
	}
	if n := len(r.dev.take()); n != 2 {
		t.Errorf("%d answers at once, want the burst of 2", n)
	}
	r.counted(ICMPRateLimited, 3)
	r.clock.advance(100 * time.Millisecond)
	r.dev.inject(echoRequest(ourIP, 0, nil))
	r.sentOne()
}

// RFC 1122 3.2.2: when an error may be sent, and when it must not.
func TestICMPErrorsSent(t *testing.T) {
	closed := udpPacket(theirs(1000), ours(9), pattern(1000))
	r := newRig(t, Config{}, nil)
	r.dev.inject(closed)
	ip := r.sentOne()
	m, err := wire.ParseICMP(ip.Payload())
	if err != nil || m.Type() != wire.ICMPUnreachable || m.Code() != wire.CodePortUnreachable {
		t.Fatalf("%v, %s", err, wire.DescribePacket(ip))
	}
	if len(ip) != 576 || !bytes.Equal(m.Body(), closed[:548]) {
		t.Errorf("%d octets, want 576 with as much of the packet as fits (RFC 1812 4.3.2.3)", len(ip))
	}
	if ip.TOS() != 0xc0 {
		t.Errorf("TOS %#x, want internetwork control (RFC 1812 4.3.2.5)", ip.TOS())
	}
	r.counted(ICMPErrorOut, 1)
	r.counted(DropUDPNoPort, 1)

	h := wire.IPv4Header{Protocol: 132, Src: theirIP, Dst: ourIP, FragmentOffset: 8}
	for name, p := range map[string][]byte{
		"about an error":         icmpErrorPacket(theirIP, wire.Unreachable(1), closed),
		"about a broadcast":      udpPacket(theirs(1000), netip.AddrPortFrom(addr("10.0.0.255"), 9), nil),
		"about an echo reply":    packet(header(wire.ProtoICMP), []byte{0, 0, 0xff, 0xff, 0, 0, 0, 0}),
		"about a later fragment": packet(h, pattern(16)),
	} {
		r.dev.inject(p)
		for _, f := range r.dev.take() {
			t.Errorf("%s: sent %s", name, wire.DescribePacket(f.packet))
		}
	}
	// An error about a malformed option in an ICMP error must not be sent either.
	e := wire.Unreachable(1)
	b := make([]byte, e.Len(closed))
	e.Put(b, closed)
	r.dev.inject(packet(header(wire.ProtoICMP, 7, 9, 4, 0), b))
	r.sentNone()
}

func TestICMPErrorsRateLimited(t *testing.T) {
	r := newRig(t, Config{ICMPRate: 100, ICMPBurst: 3}, nil)
	sent := 0
	for range 1000 { // in a second
		r.dev.inject(udpPacket(theirs(1000), ours(9), nil))
		sent += len(r.dev.take())
		r.clock.advance(time.Millisecond)
	}
	if sent < 100 || sent > 104 {
		t.Errorf("%d errors in a second, want 100 and a burst", sent)
	}
}

// Our own sockets get all the errors that they caused, as with Linux.
func TestICMPErrorsOverLoopback(t *testing.T) {
	r := newRig(t, Config{ICMPRate: 1, ICMPBurst: 1}, nil)
	d, _ := r.Socket(syscall.SOCK_DGRAM)
	d.StartConnect(local(9))
	for i := range 10 {
		d.Write(nil)
		if _, err := d.Write(nil); err != syscall.ECONNREFUSED {
			t.Fatalf("write %d: %v", i, err)
		}
	}
}

// Linux's table of errnos (icmp_err_convert and udp_err), as a connected datagram socket shows it. Hard errors are
// given once; soft ones only say that the network has trouble, and are not for a datagram socket.
func TestICMPErrorsRead(t *testing.T) {
	un := func(code uint8) wire.ICMPError { return wire.Unreachable(code) }
	for _, c := range []struct {
		e    wire.ICMPError
		want syscall.Errno // 0: not told
	}{
		{un(0), 0}, {un(1), 0}, {un(2), syscall.ENOPROTOOPT}, {un(3), syscall.ECONNREFUSED}, {un(5), 0},
		{un(6), syscall.ENETUNREACH}, {un(7), syscall.EHOSTDOWN}, {un(8), syscall.ENONET}, {un(9), syscall.ENETUNREACH},
		{un(10), syscall.EHOSTUNREACH}, {un(11), 0}, {un(12), 0}, {un(13), syscall.EHOSTUNREACH},
		{un(14), syscall.EHOSTUNREACH}, {un(15), syscall.EHOSTUNREACH}, {un(16), 0},
		{wire.FragmentationNeeded(1000), syscall.EMSGSIZE},
		{wire.TimeExceeded(0), 0},
		{wire.ParameterProblem(20), syscall.EPROTO},
		{wire.ICMPError{Type: wire.ICMPSourceQuench}, 0}, // RFC 6633
		{wire.Redirect(1, farIP), 0},
	} {
		r := newRig(t, Config{}, nil)
		d := r.datagram(ours(2000))
		if err := d.StartConnect(theirs(1000)); err != nil {
			t.Fatal(err)
		}
		d.Write(pattern(1100))
		r.dev.inject(icmpErrorPacket(farIP, c.e, r.sentOne()))
		got, _ := d.Opt(syscall.SOL_SOCKET, syscall.SO_ERROR)
		if syscall.Errno(got) != c.want {
			t.Errorf("%v code %d: %v, want %v", c.e.Type, c.e.Code, syscall.Errno(got), c.want)
		}
	}
}

// RFC 5927: an error is believed only where it quotes something that we can have sent. What can't, is counted.
func TestICMPErrorsForged(t *testing.T) {
	r := newRig(t, Config{}, nil)
	d := r.datagram(ours(2000))
	d.StartConnect(theirs(1000))
	d.Write(pattern(1100))
	sent := r.sentOne()
	change := func(f func(p []byte)) []byte {
		p := bytes.Clone(sent)
		f(p)
		return resum(p)
	}
	for name, p := range map[string][]byte{
		"another source":      change(func(p []byte) { p[15]++ }),
		"another destination": change(func(p []byte) { p[19]++ }),
		"another port":        change(func(p []byte) { p[21]++ }),
		"another peer's port": change(func(p []byte) { p[23]++ }),
		"another protocol":    change(func(p []byte) { p[9] = 132 }),
		"a later fragment":    change(func(p []byte) { p[6], p[7] = 0, 1 }),
		"an echo":             change(func(p []byte) { p[9] = 1; p[20] = 8 }),
	} {
		for _, e := range []wire.ICMPError{wire.Unreachable(3), wire.FragmentationNeeded(1000)} {
			r.dev.inject(icmpErrorPacket(theirIP, e, p))
		}
		if n := r.counts[DropICMPUnmatched].Swap(0); n != 2 {
			t.Errorf("%s: %d unmatched, want 2", name, n)
		}
	}
	r.dev.inject(icmpErrorPacket(theirIP, wire.Unreachable(3), sent[:24])) // too little to tell whose
	r.counted(DropICMPMalformed, 1)
	r.dev.inject(icmpErrorPacket(theirIP, wire.FragmentationNeeded(1200), sent)) // it would have fitted
	r.dev.inject(icmpErrorPacket(theirIP, wire.FragmentationNeeded(60), sent))   // no link is like that
	r.counted(DropICMPIgnored, 2)
	if e, _ := d.Opt(syscall.SOL_SOCKET, syscall.SO_ERROR); e != 0 {
		t.Errorf("the socket was told %v", syscall.Errno(e))
	}
	if p := r.mtuTo(theirIP); p.mtu != 1500 {
		t.Errorf("the path's MTU has become %d", p.mtu)
	}
}

// RFC 1191 with datagrams: what was too big with DF goes in fragments that fit, or is refused where the user wants DF.
func TestDatagramPathMTU(t *testing.T) {
	r := newRig(t, Config{}, nil)
	d := r.datagram(ours(2000))
	d.StartConnect(theirs(1000))
	d.Write(pattern(1400))
	sent := r.sentOne()
	if !sent.DontFragment() {
		t.Fatal("sent without DF: the path would never be found out")
	}
	r.dev.inject(icmpErrorPacket(farIP, wire.FragmentationNeeded(1000), sent))
	r.counted(ICMPPathMTU, 1)
	if mtu, err := d.Opt(syscall.IPPROTO_IP, syscall.IP_MTU); mtu != 1000 || err != nil {
		t.Errorf("IP_MTU %d, %v", mtu, err)
	}
	if _, err := d.Write(pattern(1400)); err != syscall.EMSGSIZE {
		t.Errorf("the next call after the loss: %v, want EMSGSIZE as Linux says, once", err)
	}
	if _, err := d.Write(pattern(1400)); err != nil {
		t.Error(err)
	}
	frames := r.dev.take()
	if len(frames) != 2 || len(frames[0].packet) > 1000 {
		t.Errorf("%d packets, the first of %d octets", len(frames), len(frames[0].packet))
	}
	for policy, want := range []error{0: nil, 1: nil, 2: syscall.EMSGSIZE, 3: nil} {
		if err := d.SetOpt(syscall.IPPROTO_IP, syscall.IP_MTU_DISCOVER, policy); err != nil {
			t.Fatal(err)
		}
		_, err := d.Write(pattern(1400))
		frames := r.dev.take()
		if err != want {
			t.Errorf("policy %d: %v, want %v", policy, err, want)
		}
		if policy == 3 && (len(frames) != 1 || !mustIPv4(t, frames[0].packet).DontFragment()) {
			t.Error("IP_PMTUDISC_PROBE must send with DF up to the device's MTU")
		}
	}
	// A report below our floor makes DF go off, so that routers cut what we don't.
	d.SetOpt(syscall.IPPROTO_IP, syscall.IP_MTU_DISCOVER, 0) // who doesn't use DF doesn't listen either
	r.dev.inject(icmpErrorPacket(farIP, wire.FragmentationNeeded(296), sent))
	r.counted(ICMPPathMTU, 0)
	d.SetOpt(syscall.IPPROTO_IP, syscall.IP_MTU_DISCOVER, 1)
	r.dev.inject(icmpErrorPacket(farIP, wire.FragmentationNeeded(296), sent))
	d.Opt(syscall.SOL_SOCKET, syscall.SO_ERROR)
	d.Write(pattern(400))
	if ip := r.sentOne(); ip.DontFragment() {
		t.Error("DF on a path narrower than the floor")
	}
}

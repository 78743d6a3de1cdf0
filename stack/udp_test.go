package stack

import (
	"bytes"
	"net/netip"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/stack/link"
)

func anyPort(port uint16) netip.AddrPort { return netip.AddrPortFrom(netip.IPv4Unspecified(), port) }

// Which socket a datagram is for: the one connected to its sender, else the one bound to its address, else the one
// bound to all; of several equal ones the latest.
func TestUDPDemux(t *testing.T) {
	r, _ := newTwoLinkRig(t)
	reuse := func(at netip.AddrPort, peer netip.AddrPort) *udpSocket {
		s, _ := r.Socket(syscall.SOCK_DGRAM)
		s.SetOpt(syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
		if err := s.Bind(at); err != nil {
			t.Fatal(err)
		}
		if peer.IsValid() {
			if err := s.StartConnect(peer); err != nil {
				t.Fatal(err)
			}
		}
		return s.(*udpSocket)
	}
	all := reuse(anyPort(53), netip.AddrPort{})
	early := reuse(ours(53), netip.AddrPort{})
	one := reuse(ours(53), netip.AddrPort{})
	peer := reuse(anyPort(53), theirs(1000))
	second := netip.AddrPortFrom(addr("10.1.0.2"), 53)
	for _, c := range []struct {
		from, to netip.AddrPort
		want     *udpSocket
	}{
		{theirs(1000), ours(53), peer},
		{theirs(1001), ours(53), one},
		{netip.AddrPortFrom(farIP, 1000), ours(53), one},
		{theirs(1000), second, all},
		{theirs(1000), ours(54), nil},
	} {
		r.dev.inject(udpPacket(c.from, c.to, []byte("x")))
		for _, d := range []*udpSocket{all, early, one, peer} {
			ready, _ := d.Ready()
			if ready != (d == c.want) {
				t.Errorf("%v -> %v: socket at %v with %v: %v", c.from, c.to, d.LocalAddr(), d.RemoteAddr(), ready)
			}
			if ready {
				received(t, d)
			}
		}
	}
	if all.LocalAddr() != anyPort(53) || peer.LocalAddr() != ours(53) {
		t.Errorf("local addresses %v, %v", all.LocalAddr(), peer.LocalAddr())
	}
	// A broadcast is for all that are bound to all addresses, and not for connected ones.
	r.dev.inject(udpPacket(theirs(1000), netip.AddrPortFrom(addr("10.0.0.255"), 53), []byte("b")))
	for d, want := range map[*udpSocket]bool{all: true, one: false, peer: false} {
		if ready, _ := d.Ready(); ready != want {
			t.Errorf("broadcast: socket at %v ready: %v", d.LocalAddr(), ready)
		}
	}
	received(t, all)
	one.Close()
	r.dev.inject(udpPacket(theirs(1001), ours(53), []byte("x")))
	received(t, early)
	peer.StartConnect(netip.AddrPort{}) // takes the peer away
	if peer.LocalAddr() != anyPort(53) || peer.RemoteAddr().IsValid() {
		t.Errorf("disconnected: %v, %v", peer.LocalAddr(), peer.RemoteAddr())
	}
	r.dev.inject(udpPacket(theirs(7), second, []byte("x")))
	received(t, peer) // the latest to be bound to all
}

func TestUDPBind(t *testing.T) {
	r := newRig(t, Config{}, nil)
	r.datagram(ours(53))
	for _, c := range []struct {
		at   netip.AddrPort
		want error
	}{
		{ours(53), syscall.EADDRINUSE},
		{anyPort(53), syscall.EADDRINUSE},
		{local(53), nil},
		{theirs(53), syscall.EADDRNOTAVAIL},
		{netip.MustParseAddrPort("[::1]:53"), syscall.EAFNOSUPPORT},
		{netip.MustParseAddrPort("10.0.0.255:67"), nil},
		{netip.MustParseAddrPort("224.0.0.251:5353"), nil},
		{netip.AddrPort{}, nil},
	} {
		d, _ := r.Socket(syscall.SOCK_DGRAM)
		if err := d.Bind(c.at); err != c.want {
			t.Errorf("%v: %v, want %v", c.at, err, c.want)
		}
		if c.want == nil {
			if err := d.Bind(anyPort(0)); err != syscall.EINVAL {
				t.Errorf("bound twice: %v", err)
			}
			if c.at.Port() == 0 && d.LocalAddr().Port() < 32768 {
				t.Errorf("port %v was chosen", d.LocalAddr())
			}
		}
		d.Close()
		if err := d.Bind(anyPort(0)); err != ErrClosed {
			t.Errorf("bound after close: %v", err)
		}
	}
	if err := r.datagram(local(53)).Close(); err != nil { // whose port is free again
		t.Error(err)
	}
}

// What Linux says about datagrams that cannot be sent.
func TestUDPSendErrors(t *testing.T) {
	r := newRig(t, Config{}, nil)
	d, _ := r.Socket(syscall.SOCK_DGRAM)
	to := func(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
	for _, c := range []struct {
		to   netip.AddrPort
		n    int
		want error
	}{
		{netip.AddrPort{}, 1, syscall.EDESTADDRREQ},
		{netip.AddrPortFrom(netip.Addr{}, 7), 1, syscall.EAFNOSUPPORT},
		{theirs(0), 1, syscall.EINVAL},
		{theirs(7), maxUDP + 1, syscall.EMSGSIZE},
		{theirs(7), maxUDP, nil},
		{theirs(7), 0, nil},
		{to("[2001:db8::1]:7"), 1, syscall.EAFNOSUPPORT},
		{to("240.0.0.1:7"), 1, syscall.ENETUNREACH},
		{to("10.0.0.255:7"), 1, syscall.EACCES},
		{to("255.255.255.255:7"), 1, syscall.EACCES},
		{to("224.0.0.251:7"), 1, nil},
		{to("[::ffff:10.0.0.1]:7"), 1, nil},
	} {
		n, err := d.SendTo(pattern(c.n), c.to)
		if err != c.want || err == nil && n != c.n {
			t.Errorf("%d octets to %v: %d, %v, want %v", c.n, c.to, n, err, c.want)
		}
	}
	if p := d.LocalAddr(); p.Addr() != netip.IPv4Unspecified() || p.Port() < 32768 {
		t.Errorf("sending has bound it to %v", p)
	}
	r.dev.take()
	d.SetOpt(syscall.SOL_SOCKET, syscall.SO_BROADCAST, 1)
	if _, err := d.SendTo([]byte("x"), to("255.255.255.255:7")); err != nil {
		t.Errorf("with SO_BROADCAST: %v", err)
	}
	if ip := r.sentOne(); ip.Src() != ourIP {
		t.Errorf("from %v", ip.Src())
	}
	d.SendTo([]byte("x"), to("224.0.0.251:7"))
	if ip := r.sentOne(); ip.TTL() != 1 {
		t.Errorf("a multicast left with TTL %d: RFC 1112 wants 1", ip.TTL())
	}
	if err := d.Shutdown(syscall.SHUT_WR); err != syscall.ENOTCONN { // and yet it has
		t.Error(err)
	}
	if _, err := d.SendTo([]byte("x"), theirs(7)); err != syscall.EPIPE {
		t.Errorf("after shutdown: %v", err)
	}
	r.sentNone()
}

// Through the loopback, by every name of this host, and what becomes of a closed port.
func TestUDPLoopback(t *testing.T) {
	r := newRig(t, Config{}, nil)
	server := r.datagram(anyPort(53))
	client, _ := r.Socket(syscall.SOCK_DGRAM)
	for _, c := range []struct{ to, from netip.Addr }{
		{loopbackAddr, loopbackAddr}, {addr("127.9.9.9"), loopbackAddr}, {ourIP, ourIP},
		{netip.IPv4Unspecified(), loopbackAddr},
	} {
		data := pattern(maxUDP)
		if _, err := client.SendTo(data, netip.AddrPortFrom(c.to, 53)); err != nil {
			t.Fatal(err)
		}
		got, from := received(t, server)
		if !bytes.Equal(got, data) || from.Addr() != c.from {
			t.Errorf("to %v: %d octets from %v", c.to, len(got), from)
		}
		if _, err := server.SendTo([]byte("answer"), from); err != nil {
			t.Fatal(err)
		}
		if got, _ := received(t, client); string(got) != "answer" {
			t.Errorf("%q", got)
		}
	}
	r.sentNone() // nothing of it on the link

	if err := client.StartConnect(local(9)); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("x")); err != nil {
		t.Errorf("the first write: %v", err)
	}
	if _, err := client.Write([]byte("x")); err != syscall.ECONNREFUSED {
		t.Errorf("the second: %v, want what ICMP said about the first", err)
	}
	if _, err := client.Write(nil); err != nil {
		t.Errorf("the third: %v, an error is told once", err)
	}
	if _, err := client.Read(make([]byte, 10)); err != syscall.ECONNREFUSED {
		t.Errorf("a read after that: %v", err)
	}
	if _, _, _, err := client.TryRecvFrom(nil, false); err != syscall.EAGAIN {
		t.Errorf("and another: %v", err)
	}
	r.counted(ICMPErrorOut, 2)
}

func TestUDPReceive(t *testing.T) {
	r := newRig(t, Config{}, nil)
	d := r.datagram(ours(2000))
	for _, s := range []string{"first", "", "third"} {
		r.dev.inject(udpPacket(theirs(1000), ours(2000), []byte(s)))
	}
	p := make([]byte, 3)
	if n, err := d.Read(nil); n != 0 || err != nil {
		t.Errorf("an empty read: %d, %v", n, err)
	}
	for range 2 {
		if n, full, from, err := d.TryRecvFrom(p, true); n != 3 || full != 5 || from != theirs(1000) || err != nil {
			t.Errorf("peek: %d of %d from %v, %v", n, full, from, err)
		}
	}
	if n, full, _, err := d.RecvFrom(p); n != 3 || full != 5 || err != nil || string(p) != "fir" {
		t.Errorf("%d of %d, %v", n, full, err)
	}
	if n, full, from, err := d.RecvFrom(p); n != 0 || full != 0 || from != theirs(1000) || err != nil {
		t.Errorf("an empty datagram: %d of %d from %v, %v", n, full, from, err)
	}
	if n, err := d.TryRead(p, false); n != 3 || err != nil || string(p) != "thi" {
		t.Errorf("%d, %v, the rest of a datagram is lost", n, err)
	}
	if _, err := d.TryRead(p, false); err != syscall.EAGAIN {
		t.Errorf("with nothing there: %v", err)
	}
	if err := d.WaitReadable(false); err != nil {
		t.Errorf("WaitReadable(false) only tells of what is final: %v", err)
	}
}

// Shutdown of the reading half: what is there is still given, then 0 octets; nothing new is taken in.
func TestUDPShutdownRead(t *testing.T) {
	r := newRig(t, Config{}, nil)
	d := r.datagram(ours(2000))
	d.StartConnect(theirs(1000))
	r.dev.inject(udpPacket(theirs(1000), ours(2000), []byte("x")))
	if err := d.Shutdown(syscall.SHUT_RD); err != nil {
		t.Error(err)
	}
	r.dev.inject(udpPacket(theirs(1000), ours(2000), []byte("y")))
	r.counted(DropUDPShutdown, 1)
	if got, _ := received(t, d); string(got) != "x" {
		t.Errorf("%q", got)
	}
	if n, _, from, err := d.RecvFrom(make([]byte, 1)); n != 0 || from.IsValid() || err != nil {
		t.Errorf("%d from %v, %v", n, from, err)
	}
	if _, err := d.Write([]byte("still")); err != nil {
		t.Error(err)
	}
	if err := d.Shutdown(9); err != syscall.EINVAL {
		t.Error(err)
	}
}

// The queue is bounded in octets, but one datagram always finds a place; who sets SO_RCVBUF reads back twice of it.
func TestUDPReceiveBuffer(t *testing.T) {
	r := newRig(t, Config{}, nil)
	d := r.datagram(ours(2000))
	fill := func(size int) (taken int) {
		for range 1000 {
			r.dev.inject(udpPacket(theirs(1000), ours(2000), pattern(size)))
		}
		for ready, _ := d.Ready(); ready; ready, _ = d.Ready() {
			received(t, d)
			taken++
		}
		return taken
	}
	if n := fill(100); n < 200 || n > 400 {
		t.Errorf("the default holds %d small datagrams; Linux's holds 277", n)
	}
	if n := fill(1400); n < 80 || n > 150 {
		t.Errorf("the default holds %d large ones", n)
	}
	dropped := r.Counters()[DropUDPFull]
	if dropped == 0 {
		t.Error("not counted")
	}
	d.SetOpt(syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1)
	if n := fill(1400); n != 1 {
		t.Errorf("the smallest buffer holds %d", n)
	}
	if v, _ := d.Opt(syscall.SOL_SOCKET, syscall.SO_RCVBUF); v != 2304 {
		t.Errorf("SO_RCVBUF is %d, want Linux's minimum", v)
	}
	d.SetOpt(syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1<<20)
	if v, _ := d.Opt(syscall.SOL_SOCKET, syscall.SO_RCVBUF); v != 2<<20 {
		t.Errorf("SO_RCVBUF is %d, want twice what was set", v)
	}
	if n := fill(1400); n < 900 {
		t.Errorf("2 MiB hold %d", n)
	}
}

// A train of datagrams that the kernel left in one piece (USO) is so many datagrams.
func TestUDPTrain(t *testing.T) {
	r := newRig(t, Config{}, nil)
	d := r.datagram(ours(2000))
	data := pattern(2500)
	r.dev.recv(&link.Frame{Head: udpPacket(theirs(1000), ours(2000), data), Csum: link.CsumPartial, GSOSize: 1000})
	for _, want := range [][]byte{data[:1000], data[1000:2000], data[2000:]} {
		if got, from := received(t, d); !bytes.Equal(got, want) || from != theirs(1000) {
			t.Errorf("%d octets from %v, want %d", len(got), from, len(want))
		}
	}
}

func TestUDPOptions(t *testing.T) {
	r := newRig(t, Config{}, nil)
	d := r.datagram(ours(2000))
	const sol, ip = syscall.SOL_SOCKET, syscall.IPPROTO_IP
	for _, c := range []struct {
		level, name, set, get int
		err                   error
	}{
		{sol, syscall.SO_REUSEADDR, 5, 1, nil},
		{sol, syscall.SO_BROADCAST, 1, 1, nil},
		{sol, syscall.SO_BROADCAST, 0, 0, nil},
		{sol, syscall.SO_KEEPALIVE, 1, 1, nil},
		{sol, syscall.SO_SNDBUF, 100_000, 200_000, nil},
		{ip, syscall.IP_TTL, 7, 7, nil},
		{ip, syscall.IP_TTL, 0, 7, syscall.EINVAL},
		{ip, syscall.IP_TTL, 256, 7, syscall.EINVAL},
		{ip, syscall.IP_TTL, -1, 64, nil},
		{ip, syscall.IP_MULTICAST_TTL, 4, 4, nil},
		{ip, syscall.IP_TOS, 0x28, 0x28, nil},
		{ip, syscall.IP_MTU_DISCOVER, 4, 1, syscall.EINVAL},
	} {
		if err := d.SetOpt(c.level, c.name, c.set); err != c.err {
			t.Errorf("set (%d, %d) to %d: %v, want %v", c.level, c.name, c.set, err, c.err)
		}
		if v, err := d.Opt(c.level, c.name); v != c.get || err != nil {
			t.Errorf("(%d, %d) set to %d is %d, %v", c.level, c.name, c.set, v, err)
		}
	}
	for name, want := range map[int]int{
		syscall.SO_TYPE: syscall.SOCK_DGRAM, syscall.SO_ERROR: 0, soProtocol: syscall.IPPROTO_UDP,
		soDomain: syscall.AF_INET, syscall.SO_ACCEPTCONN: 0,
	} {
		if v, err := d.Opt(sol, name); v != want || err != nil {
			t.Errorf("option %d is %d, %v", name, v, err)
		}
	}
	for _, o := range [][2]int{{sol, 9999}, {ip, 9999}, {syscall.IPPROTO_TCP, 1}} {
		if err := d.SetOpt(o[0], o[1], 1); err != syscall.ENOPROTOOPT {
			t.Errorf("set %v: %v", o, err)
		}
		if _, err := d.Opt(o[0], o[1]); err != syscall.ENOPROTOOPT {
			t.Errorf("get %v: %v", o, err)
		}
	}
	if _, err := d.Opt(ip, syscall.IP_MTU); err != syscall.ENOTCONN {
		t.Errorf("IP_MTU without a peer: %v", err)
	}
	d.SendTo([]byte("x"), theirs(7))
	if p := r.sentOne(); p.TOS() != 0x28 || p.TTL() != 64 {
		t.Errorf("TOS %#x, TTL %d", p.TOS(), p.TTL())
	}
	if _, err := d.TryAccept(); err != syscall.EOPNOTSUPP {
		t.Errorf("accept without blocking: %v", err)
	}
	if _, err := d.Accept(); err != syscall.EOPNOTSUPP {
		t.Errorf("accept: %v", err)
	}
	if err := d.Listen(1); err != syscall.EOPNOTSUPP {
		t.Errorf("listen: %v", err)
	}
	if d.Info().State != 0 {
		t.Error("a datagram socket has no tcp_info")
	}
}

func TestUDPWritev(t *testing.T) {
	r := newRig(t, Config{}, nil)
	d := r.datagram(ours(2000))
	d.StartConnect(theirs(1000))
	for _, bufs := range [][][]byte{{[]byte("one")}, {[]byte("on"), nil, []byte("e")}} {
		if n, err := d.Writev(bufs); n != 3 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if ip := r.sentOne(); string(ip.Payload()[8:]) != "one" {
			t.Errorf("%q", ip.Payload()[8:])
		}
	}
	if _, err := d.Writev([][]byte{pattern(maxUDP), {1}}); err != syscall.EMSGSIZE {
		t.Errorf("%v", err)
	}
}

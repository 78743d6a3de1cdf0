package stack

import (
	"context"
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

func TestAnyIPTakesUnicastOnly(t *testing.T) {
	r := newRig(t, Config{}, nil)
	ifc := r.net.Load().ifaces[1]
	r.dev.inject(udpPacket(theirs(1), at(foreignAddr, 9), nil))
	r.counted(DropNotOurs, 1)
	must(t, r.AnyIP(ifc, nil))
	r.dev.inject(udpPacket(theirs(1), at(foreignAddr, 9), nil))
	r.counted(DropUDPNoPort, 1) // it is ours now, and nobody reads it
	if ip := r.sentOne(); ip.Src() != foreignAddr {
		t.Errorf("refused in the name of %v, want that of the address asked", ip.Src())
	}
	for _, c := range []struct {
		dst  string
		drop Counter
	}{
		{"224.0.0.251", DropMulticast},
		{"240.0.0.1", DropIPMartian},
		{"0.1.2.3", DropIPMartian},
		{"127.0.0.2", DropIPMartian},
	} {
		r.dev.inject(udpPacket(theirs(1), at(addr(c.dst), 9), nil))
		r.counted(c.drop, 1)
	}
	r.dev.inject(udpPacket(at(ourIP, 1), at(foreignAddr, 9), nil)) // still nobody else has our address
	r.counted(DropIPMartian, 1)
	r.sentNone()
}

// Only a forwarder knows who is there: a foreign address answers no echo, and knows no protocol that we don't.
func TestAnyIPSaysNothingForOthers(t *testing.T) {
	r := newRig(t, Config{}, nil)
	must(t, r.AnyIP(r.net.Load().ifaces[1], nil))
	r.dev.inject(echoRequest(foreignAddr, 0, pattern(20)))
	r.counted(DropICMPIgnored, 1)
	r.dev.inject(packet(wire.IPv4Header{Protocol: 132, Src: theirIP, Dst: foreignAddr}, pattern(20)))
	r.counted(DropProtocol, 1)
	r.sentNone()
	r.dev.inject(echoRequest(ourIP, 0, pattern(20)))
	r.sentOne() // the own one does
}

func TestAnyIPErrors(t *testing.T) {
	r := newRig(t, Config{}, nil)
	ifaces := r.net.Load().ifaces
	wantErr(t, "on the loopback", r.AnyIP(ifaces[0], nil), syscall.ENODEV)
	wantErr(t, "nowhere", r.AnyIP(nil, nil), syscall.ENODEV)
	wantErr(t, "on another stack's interface", r.AnyIP(&Iface{}, nil), syscall.ENODEV)
	r.Close()
	wantErr(t, "on a closed stack", r.AnyIP(ifaces[1], nil), ErrClosed)
}

func TestTransparentErrors(t *testing.T) {
	for _, typ := range []int{syscall.SOCK_STREAM, syscall.SOCK_DGRAM} {
		r := newRig(t, Config{}, nil)
		c, err := r.Socket(typ)
		must(t, err)
		wantErr(t, "IP_TRANSPARENT where nothing is foreign", c.SetOpt(syscall.IPPROTO_IP, ipTransparent, 1),
			syscall.EPERM)
		must(t, r.AnyIP(r.net.Load().ifaces[1], nil))
		wantErr(t, "a foreign address without it", c.Bind(at(foreignAddr, 80)), syscall.EADDRNOTAVAIL)
		must(t, c.SetOpt(syscall.IPPROTO_IP, ipTransparent, 1))
		if v, err := c.Opt(syscall.IPPROTO_IP, ipTransparent); v != 1 || err != nil {
			t.Errorf("IP_TRANSPARENT reads %d, %v; want 1", v, err)
		}
		must(t, c.Bind(at(foreignAddr, 80)))
		wantErr(t, "from a foreign address to an own one, whose answer would get lost",
			c.Connect(t.Context(), at(ourIP, 80)), syscall.EINVAL)
	}
}

// Stack b, as a proxy, connects to a in the name of a client somewhere: a sees the client's address, and its answers
// come back to b.
func TestTransparentConnect(t *testing.T) {
	client := at(foreignAddr, 5555)
	inForeign(t, nil, nil, func(t *testing.T, p *pair) {
		l := p.listen(p.a, 80, 8)
		c := p.stream(p.b)
		must(t, c.SetOpt(syscall.IPPROTO_IP, ipTransparent, 1))
		must(t, c.Bind(client))
		must(t, c.Connect(t.Context(), at(leftAddr, 80)))
		d, err := l.Accept()
		must(t, err)
		if d.RemoteAddr() != client || c.LocalAddr() != client {
			t.Errorf("connected from %v, accepted from %v; want %v", c.LocalAddr(), d.RemoteAddr(), client)
		}
		echo(t, c, d.(*stream))
		wantErr(t, "refused", connectFrom(t, p.b, at(foreignAddr, 0), at(leftAddr, 81)), syscall.ECONNREFUSED)

		u := p.socket(p.b, syscall.SOCK_DGRAM)
		must(t, u.SetOpt(syscall.IPPROTO_IP, ipTransparent, 1))
		must(t, u.Bind(client))
		v := p.socket(p.a, syscall.SOCK_DGRAM)
		must(t, v.Bind(at(leftAddr, 53)))
		sendTo(t, u, "question", v.LocalAddr()) // not connected
		if s, from := readDatagram(t, v); s != "question" || from != client {
			t.Errorf("%q came from %v, want the question from %v", s, from, client)
		}
		sendTo(t, v, "answer", client)
		if s, _ := readDatagram(t, u); s != "answer" {
			t.Errorf("%q came back", s)
		}
		// A hard error about what was sent in another's name is the sender's.
		must(t, u.Connect(t.Context(), at(leftAddr, 54)))
		sendTo(t, u, "nobody", netip.AddrPort{})
		synctest.Wait()
		_, err = u.Write(nil)
		wantErr(t, "after port unreachable", err, syscall.ECONNREFUSED)
	})
}

func connectFrom(t *testing.T, s *Stack, from, to netip.AddrPort) error {
	t.Helper()
	c, err := s.Socket(syscall.SOCK_STREAM)
	must(t, err)
	defer c.Close()
	must(t, c.SetOpt(syscall.IPPROTO_IP, ipTransparent, 1))
	must(t, c.Bind(from))
	return c.Connect(t.Context(), to)
}

// Answers from foreign addresses leave where packets to them come in, whatever the routes say.
func TestAnyIPAnswersGoBack(t *testing.T) {
	r := newRig(t, Config{}, nil) // its default route leads to r.dev
	other := &fakeDevice{mtu: 1500}
	ifc, err := r.AddDevice(other)
	must(t, err)
	must(t, r.AnyIP(ifc, nil))
	other.inject(udpPacket(at(farIP, 1), at(foreignAddr, 9), nil))
	if n := len(other.take()); n != 1 {
		t.Errorf("%d answers on the link of the question, want 1", n)
	}
	r.sentNone()
}

// A flood of SYNs costs so many questions and no more, and no half-open connections; a listener goes on meanwhile. The
// forwarder can accept what he was asked about, also where the half-open ones are too many: cookies are not for these.
func TestForwardTCPFlood(t *testing.T) { synctest.Test(t, forwardTCPFlood) }

func forwardTCPFlood(t *testing.T) {
	leave := make(chan struct{})
	late := forwardFuncs{tcp: func(f *ForwardTCP) {
		<-leave
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		f.Accept(ctx)
	}}
	r := newRig(t, Config{MaxForwards: 50, MaxHalfOpen: 10}, nil)
	must(t, r.AnyIP(r.net.Load().ifaces[1], late))
	ln, _ := r.Socket(syscall.SOCK_STREAM)
	must(t, ln.Bind(ours(80)))
	must(t, ln.Listen(100))
	syn := func(from, to netip.AddrPort) {
		seg := wire.Segment{SrcPort: from.Port(), DstPort: to.Port(), Seq: 7, Flags: wire.SYN, Window: 1000}
		b := make([]byte, seg.HeaderLen())
		seg.PutHeader(b)
		wire.SetTransportChecksum(from.Addr(), to.Addr(), wire.ProtoTCP, b, nil)
		r.dev.inject(packet(wire.IPv4Header{Protocol: wire.ProtoTCP, Src: from.Addr(), Dst: to.Addr()}, b))
	}
	for i := range 500 {
		syn(theirs(uint16(1000+i)), at(foreignAddr, 80))
	}
	r.counted(TCPForwarded, 50)
	r.counted(DropForwardFull, 450)
	if n := r.tcp.halfOpen.len(); n != 0 {
		t.Errorf("%d half-open connections, want none before the forwarder has decided", n)
	}
	r.sentNone()
	syn(theirs(1), ours(80))
	if ip := r.sentOne(); ip.Src() != ourIP {
		t.Errorf("the listener's SYN-ACK is from %v", ip.Src())
	}
	close(leave)
	synctest.Wait()
	r.counted(TCPOut, 1+50+50) // the listener's, and for each flow a SYN-ACK and, as ctx has ended, an RST
	r.counted(TCPCookieSent, 0)
}

// A port of the peer's that comes back while our end is in TIME-WAIT is asked about, as a listener would take it.
func TestForwardReopensFromTimeWait(t *testing.T) {
	closeFirst := forwardFuncs{tcp: func(f *ForwardTCP) {
		c, err := f.Accept(context.Background())
		if err != nil {
			t.Error(err)
			return
		}
		c.Close()
	}}
	inForeign(t, nil, closeFirst, func(t *testing.T, p *pair) {
		for i := range 3 {
			c := p.stream(p.a)
			must(t, c.Bind(at(leftAddr, 4000)))
			must(t, c.Connect(t.Context(), at(foreignAddr, 80)))
			readAll(t, c)
			must(t, c.Close())
			synctest.Wait()
			if n := p.b.tcp.timeWait.len(); n != 1 {
				t.Errorf("round %d: %d in TIME-WAIT, want 1", i, n)
			}
			time.Sleep(time.Second)
		}
		if n := p.b.Counters()[TCPForwarded]; n != 3 {
			t.Errorf("%d questions, want 3", n)
		}
	})
}

// FuzzAnyIP throws packets at a stack that stands in for everybody and accepts or rejects by the port: nothing makes it
// panic, hold more than was agreed, or answer with what is malformed.
func FuzzAnyIP(f *testing.F) {
	f.Add(udpPacket(theirs(1000), at(foreignAddr, 53), pattern(30)), uint8(0), uint16(0))
	f.Add(udpPacket(theirs(1000), at(foreignAddr, 54), pattern(3000)), uint8(1), uint16(100))
	f.Add(echoRequest(foreignAddr, 0, nil), uint8(0), uint16(0))
	for _, flags := range []wire.Flags{wire.SYN, wire.SYN | wire.FIN, wire.ACK, wire.RST} {
		seg := wire.Segment{SrcPort: 4000, DstPort: 80, Seq: 0xffffffff, Ack: 5, Flags: flags, Window: 100}
		b := make([]byte, seg.HeaderLen(), 100)
		seg.PutHeader(b)
		b = append(b, "text"...)
		wire.SetTransportChecksum(theirIP, foreignAddr, wire.ProtoTCP, b, nil)
		p := packet(wire.IPv4Header{Protocol: wire.ProtoTCP, Src: theirIP, Dst: foreignAddr}, b)
		f.Add(p, uint8(0), uint16(0))
		f.Add(p, uint8(1), uint16(2))
	}
	f.Fuzz(func(t *testing.T, p []byte, how uint8, gso uint16) {
		synctest.Test(t, func(t *testing.T) {
			dev := &fakeDevice{mtu: 1500}
			s := New(Config{MaxForwards: 2})
			ifc, err := s.AddDevice(dev, netip.PrefixFrom(ourIP, 24))
			must(t, err)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			must(t, s.AnyIP(ifc, forwardFuncs{
				tcp: func(f *ForwardTCP) {
					if how%2 == 0 {
						f.Accept(ctx)
					} else {
						f.Reject(syscall.EACCES)
					}
				},
				udp: func(f *ForwardUDP) {
					if d, err := f.Accept(); how%2 == 0 && err == nil {
						d.Close()
					}
				},
			}))
			for range 3 {
				dev.recv(&link.Frame{Head: append([]byte(nil), p...), Csum: link.Csum(how / 2 % 3), GSOSize: int(gso)})
				synctest.Wait()
			}
			for _, f := range dev.take() {
				ip := mustIPv4(t, f.packet)
				if !wire.VerifyTransport(ip.Src(), ip.Dst(), ip.Protocol(), ip.Payload()) {
					t.Errorf("answered with %s", wire.DescribePacket(ip))
				}
			}
			must(t, s.Close())
		})
	})
}

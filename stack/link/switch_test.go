package link_test

import (
	"bytes"
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
	"github.com/gotcp/gotcp/stack/wire"
)

// Hosts on the switches of the tests: 10.0.0.1 and 10.0.0.2 are flow's ends, the third is neither, and the last one is
// outside.
var (
	host1   = netip.MustParseAddr("10.0.0.1")
	host2   = netip.MustParseAddr("10.0.0.2")
	host3   = netip.MustParseAddr("10.0.0.3")
	outside = netip.MustParseAddr("198.51.100.7")
)

func port(t testing.TB, w *link.Switch, mtu int, addrs ...netip.Addr) *link.Port {
	t.Helper()
	p, err := w.Port("port-"+addrs[0].String(), mtu, addrs...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// between is a flow from one host to another one.
func between(from, to netip.Addr) craft.Flow {
	return craft.Flow{Src: netip.AddrPortFrom(from, 1000), Dst: netip.AddrPortFrom(to, 2000)}
}

// counted checks what a port says of itself, without the octets.
func counted(t *testing.T, name string, got, want link.PortStats) {
	t.Helper()
	got.SentBytes, got.ReceivedBytes = 0, 0
	if got != want {
		t.Errorf("%s counts %+v, want %+v", name, got, want)
	}
}

func TestSwitchGoesByDestination(t *testing.T) {
	w := link.NewSwitch()
	a, b, c := port(t, w, 0, host1), port(t, w, 0, host2), port(t, w, 0, host3, netip.MustParseAddr("::ffff:10.0.0.33"))
	atA, atB, atC := attach(t, a), attach(t, b), attach(t, c)
	packet := between(host1, host2).UDP([]byte("for two"))
	write(t, a, frameOf(packet))
	write(t, a, frameOf(between(host1, host3).UDP([]byte("for three"))))
	write(t, b, frameOf(between(host2, netip.MustParseAddr("10.0.0.33")).UDP([]byte("by its other address"))))
	if atB.len() != 1 || !bytes.Equal(atB.frames[0].Head, packet) {
		t.Errorf("the second port received %d frames, want the one for it as it was sent", atB.len())
	}
	if atA.len() != 0 || atC.len() != 2 {
		t.Errorf("the others received %d and %d frames, want none and two", atA.len(), atC.len())
	}
	write(t, a, frameOf(between(host1, outside).UDP(nil)))
	write(t, a, frameOf(between(host1, netip.MustParseAddr("224.0.0.251")).UDP(nil)))
	write(t, a, frameOf(between(host1, netip.MustParseAddr("255.255.255.255")).UDP(nil)))
	counted(t, "the first port", a.Stats(), link.PortStats{Sent: 5, NoPort: 1, Group: 2})
	counted(t, "the third port", c.Stats(), link.PortStats{Received: 2})
	other := between(host2, netip.MustParseAddr("10.0.0.33")).UDP([]byte("by its other address"))
	if s := b.Stats(); s.ReceivedBytes != uint64(len(packet)) || s.SentBytes != uint64(len(other)) {
		t.Errorf("%d octets received, %d sent; want the packets' lengths, %d and %d", s.ReceivedBytes, s.SentBytes,
			len(packet), len(other))
	}
}

func TestSwitchPassesSuperSegments(t *testing.T) {
	w := link.NewSwitch()
	a, b := port(t, w, 1500, host1), port(t, w, 1500, host2)
	atB := attach(t, b)
	f := flow.SuperTCP(wire.Segment{Flags: wire.ACK, Payload: craft.Payload(craft.Data(45 * 1448))}, 1448)
	write(t, a, f)
	if atB.len() != 1 || atB.frames[0].GSOSize != 1448 || atB.frames[0].Csum != link.CsumPartial ||
		!bytes.Equal(atB.frames[0].Head, craft.Bytes(f)) {
		t.Errorf("a super-segment between two ports has changed, though no wire needs it cut")
	}
	if err := a.Write(frameOf(flow.UDP(make([]byte, 1473)))); !errors.Is(err, link.ErrTooLong) {
		t.Errorf("a packet beyond the port's MTU: %v, want ErrTooLong", err)
	}
}

// Whoever has a port sends in his own name only, inside and towards outside; and nobody outside in one of theirs.
func TestSwitchRefusesSpoofing(t *testing.T) {
	w := link.NewSwitch()
	a, b := port(t, w, 0, host1), port(t, w, 0, host2)
	atA, atB := attach(t, a), attach(t, b)
	near, far := link.Pipe(0)
	atFar := attach(t, far)
	if err := w.Uplink(near); err != nil {
		t.Fatal(err)
	}
	ipv6 := make([]byte, 60)
	ipv6[0] = 6 << 4
	for _, packet := range [][]byte{
		between(host3, host2).UDP(nil), between(host2, host1).UDP(nil), between(host2, outside).UDP(nil), ipv6, {0x45},
	} {
		err := a.Write(frameOf(packet))
		if !errors.Is(err, link.ErrSource) || !errors.Is(err, syscall.EPERM) {
			t.Errorf("%s: %v, want ErrSource, which is EPERM", wire.DescribePacket(packet), err)
		}
	}
	counted(t, "the spoofer's port", a.Stats(), link.PortStats{Spoofed: 5})
	write(t, far, frameOf(between(host1, host2).UDP(nil))) // as if it came from within
	write(t, far, frameOf(between(outside, host3).UDP(nil)))
	write(t, far, frameOf(between(outside, netip.MustParseAddr("224.0.0.1")).UDP(nil)))
	write(t, far, frameOf(ipv6))
	counted(t, "the uplink", w.UplinkStats(), link.PortStats{Sent: 4, Spoofed: 1, NoPort: 2, Group: 1})
	if n := atA.len() + atB.len() + atFar.len(); n != 0 {
		t.Errorf("%d frames arrived that nobody may have sent", n)
	}
}

func TestSwitchUplink(t *testing.T) {
	w := link.NewSwitch()
	a, b := port(t, w, 0, host1), port(t, w, 0, host2)
	atB := attach(t, b)
	near, far := link.Pipe(1500)
	atFar := attach(t, far)
	if err := w.Uplink(near); err != nil {
		t.Fatal(err)
	}
	super := between(host1, outside).SuperTCP(wire.Segment{Payload: craft.Payload(craft.Data(20000))}, 1448)
	write(t, a, super)
	write(t, a, frameOf(flow.UDP([]byte("stays inside"))))
	if atFar.len() != 1 || atFar.frames[0].GSOSize != 1448 || !bytes.Equal(atFar.frames[0].Head, craft.Bytes(super)) {
		t.Errorf("outside %d frames arrived, want the super-segment as it is: the uplink takes it", atFar.len())
	}
	answer := between(outside, host2).UDP([]byte("hello in there"))
	write(t, far, frameOf(answer))
	if atB.len() != 2 || !bytes.Equal(atB.frames[1].Head, answer) {
		t.Errorf("the second port has %d frames, want two, the latter from outside", atB.len())
	}
	counted(t, "the uplink", w.UplinkStats(), link.PortStats{Sent: 1, Received: 1})
	if err := w.Uplink(near); !errors.Is(err, link.ErrAttached) {
		t.Errorf("a second uplink: %v, want ErrAttached", err)
	}
}

// The ports promise everything, so the switch does what an uplink without offloads doesn't.
func TestSwitchCutsForAPlainUplink(t *testing.T) {
	w := link.NewSwitch()
	a := port(t, w, 1500, host1)
	near, far := link.Pipe(1500, link.WithOffload(link.Offload{}))
	atFar := attach(t, far)
	if err := w.Uplink(near); err != nil {
		t.Fatal(err)
	}
	out := between(host1, outside)
	data := craft.Data(10000)
	write(t, a, out.SuperTCP(wire.Segment{Seq: 5, Flags: wire.ACK, Payload: craft.Payload(data)}, 1448))
	write(t, a, out.SuperUDP(data[:3000], 1400))
	write(t, a, out.SuperTCP(wire.Segment{Seq: 9, Payload: craft.Payload(data[:1000])}, 0)) // no more than a checksum
	var tcpText, udpText []byte
	for _, f := range atFar.frames {
		if err := craft.Check(f.Head); err != nil || f.GSOSize != 0 || f.Csum != link.CsumFull || len(f.Head) > 1500 {
			t.Fatalf("a packet of %d octets went out, GSO size %d, checksum %v, %v: want plain ones",
				len(f.Head), f.GSOSize, f.Csum, err)
		}
		ip, _ := wire.ParseIPv4(f.Head)
		if ip.Protocol() == wire.ProtoUDP {
			udpText = append(udpText, ip.Payload()[wire.UDPHeaderLen:]...)
			continue
		}
		var seg wire.Segment
		if err := wire.ParseSegment(ip.Payload(), &seg); err != nil {
			t.Fatal(err)
		}
		tcpText = append(tcpText, seg.Payload.Bytes()...)
	}
	if n := atFar.len(); n != 7+3+1 {
		t.Errorf("%d packets went out, want 11: 10000 octets in pieces of 1448, 3000 in pieces of 1400, and one", n)
	}
	if !bytes.Equal(tcpText, append(bytes.Clone(data), data[:1000]...)) || !bytes.Equal(udpText, data[:3000]) {
		t.Error("what went out isn't what was sent")
	}
	if s := w.UplinkStats(); s.Received != 3 {
		t.Errorf("the uplink has received %d frames, want 3: a super-segment counts as one", s.Received)
	}
}

func TestSwitchPortsThatCannotBe(t *testing.T) {
	w := link.NewSwitch()
	port(t, w, 0, host1, host2)
	for _, c := range []struct {
		name  string
		addrs []netip.Addr
		want  error
	}{
		{"no address", nil, syscall.EINVAL},
		{"an address twice", []netip.Addr{host3, host2}, syscall.EADDRINUSE},
		{"IPv6", []netip.Addr{netip.MustParseAddr("2001:db8::1")}, syscall.EINVAL},
		{"multicast", []netip.Addr{netip.MustParseAddr("224.0.0.1")}, syscall.EINVAL},
		{"broadcast", []netip.Addr{netip.MustParseAddr("255.255.255.255")}, syscall.EINVAL},
		{"loopback", []netip.Addr{netip.MustParseAddr("127.0.0.1")}, syscall.EINVAL},
		{"nobody", []netip.Addr{netip.IPv4Unspecified()}, syscall.EINVAL},
		{"the zero Addr", []netip.Addr{{}}, syscall.EINVAL},
	} {
		if _, err := w.Port(c.name, 0, c.addrs...); !errors.Is(err, c.want) {
			t.Errorf("a port with %s: %v, want %v", c.name, err, c.want)
		}
	}
	// What exceeds the uplink's MTU could be told by ICMP only, which a switch doesn't do: so it can't happen.
	near, _ := link.Pipe(1400)
	if err := w.Uplink(near); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("an uplink of MTU 1400 below a port of 1500: %v, want EINVAL", err)
	}
	near, _ = link.Pipe(2000)
	if err := w.Uplink(near); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Port("large", 2001, host3); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a port of MTU 2001 above an uplink of 2000: %v, want EINVAL", err)
	}
	if p := port(t, w, 0, host3); p.MTU() != 2000 {
		t.Errorf("MTU %d by default, want the uplink's", p.MTU())
	}
}

func BenchmarkSwitch(b *testing.B) {
	w := link.NewSwitch()
	x, y := port(b, w, 1500, host1), port(b, w, 1500, host2)
	y.Attach(func(*link.Frame) {})
	f := frameOf(flow.UDP(craft.Data(1472)))
	b.SetBytes(int64(f.Len()))
	b.ReportAllocs()
	for b.Loop() {
		x.Write(f)
	}
}

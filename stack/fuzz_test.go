package stack

import (
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

// FuzzInput throws packets at a stack with sockets of all kinds: no input may make it panic, hold more than was agreed,
// or answer with more packets than it got or with one that is malformed (laws 7, RFC 1122 1.2.1).
func FuzzInput(f *testing.F) {
	udp := udpPacket(theirs(1000), ours(2000), pattern(300))
	sent := udpPacket(ours(2001), theirs(1000), pattern(300))
	seeds := [][]byte{
		udp, udpPacket(theirs(1000), ours(9), nil),
		echoRequest(ourIP, 0, pattern(20)), echoRequest(addr("10.0.0.255"), 0, nil),
		icmpErrorPacket(farIP, wire.Unreachable(wire.CodePortUnreachable), sent),
		icmpErrorPacket(farIP, wire.FragmentationNeeded(600), sent),
		icmpErrorPacket(farIP, wire.FragmentationNeeded(0), sent),
		packet(header(132, 131, 7, 4, 1, 2, 3, 4), pattern(20)),
		packet(header(wire.ProtoUDP, 68, 40), pattern(20)),
	}
	const odd = wire.FIN | wire.ACK | wire.URG | wire.PSH
	for _, flags := range []wire.Flags{wire.SYN, wire.ACK, wire.RST, wire.SYN | wire.ACK, odd} {
		seg := wire.Segment{SrcPort: 4000, DstPort: 80, Seq: 0xffffffff, Ack: 5, Flags: flags, Window: 100, Urgent: 3}
		b := make([]byte, seg.HeaderLen(), 100)
		seg.PutHeader(b)
		b = append(b, "data"...)
		wire.SetTransportChecksum(theirIP, ourIP, wire.ProtoTCP, b, nil)
		seeds = append(seeds, packet(header(wire.ProtoTCP), b))
	}
	for _, p := range seeds {
		f.Add(p, uint8(0), uint16(0))
		f.Add(p, uint8(3), uint16(100))
	}
	for _, p := range fragments(f, udp, 5, 104) {
		f.Add(p, uint8(0), uint16(0))
	}
	f.Fuzz(func(t *testing.T, p []byte, how uint8, gso uint16) {
		r := newRig(t, Config{FragBytes: 1 << 16}, nil)
		r.datagram(ours(2000))
		peer := r.datagram(ours(2001))
		peer.StartConnect(theirs(1000))
		ln, _ := r.Socket(syscall.SOCK_STREAM)
		ln.Bind(ours(80))
		ln.Listen(3)
		// As it came; with its header's checksum repaired, and its fragment bits changed; twice.
		for i := range 4 {
			q := append([]byte(nil), p...)
			if i > 0 && len(q) >= 20 && len(q) >= int(q[0]&0xf)*4 && q[0]&0xf >= 5 {
				q[6] ^= uint8(i) << 5
				resum(q)
			}
			r.dev.recv(&link.Frame{Head: q, Csum: link.Csum(how % 3), GSOSize: int(gso)})
		}
		if r.frag.bytes > 1<<16 {
			t.Errorf("fragments hold %d bytes", r.frag.bytes)
		}
		r.clock.advance(time.Hour)
		if r.frag.bytes != 0 {
			t.Errorf("fragments hold %d bytes after an hour", r.frag.bytes)
		}
		frames := r.dev.take()
		for _, f := range frames {
			ip := mustIPv4(t, f.packet)
			if ip.Src() != ourIP || !wire.VerifyTransport(ip.Src(), ip.Dst(), ip.Protocol(), ip.Payload()) {
				t.Errorf("answered with %s", wire.DescribePacket(ip))
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if n := r.clock.pending(); n != 0 {
			t.Errorf("%d timers after Close", n)
		}
	})
}

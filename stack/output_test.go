package stack

import (
	"bytes"
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// tcpOut is a super-segment near the end of sequence space, scattered over three slices that don't match the cuts.
func tcpOut(payload []byte, gso int) *wire.Segment {
	seg := &wire.Segment{
		Seq: 0xffffff00, Ack: 7, Window: 1000, GSOSize: gso, TOS: 2,
		Flags:   wire.ACK | wire.PSH | wire.FIN | wire.CWR,
		Options: wire.Options{HasTS: true, TSVal: 1, TSEcr: 2},
	}
	n := len(payload)
	seg.Payload.Append(payload[:n/5])
	seg.Payload.Append(payload[n/5 : n/2])
	seg.Payload.Append(payload[n/2:])
	return seg
}

// parseTCP takes apart a packet that the stack sent, whose checksums must be right.
func parseTCP(t *testing.T, f sentFrame) (wire.IPv4, wire.Segment) {
	t.Helper()
	ip := mustIPv4(t, f.packet)
	var seg wire.Segment
	if err := wire.ParseSegment(ip.Payload(), &seg); err != nil {
		t.Fatal(err)
	}
	if f.csum == link.CsumPartial {
		if err := wire.CompleteChecksum(ip); err != nil {
			t.Fatal(err)
		}
	}
	if !wire.VerifyTransport(ip.Src(), ip.Dst(), ip.Protocol(), ip.Payload()) {
		t.Errorf("checksum wrong: %s", wire.DescribePacket(ip))
	}
	return ip, seg
}

// A super-segment leaves whole where the device cuts, and otherwise cut; either way the bytes and flags are the same.
func TestSendTCPSuperSegment(t *testing.T) {
	data := pattern(10_000)
	const mss = 1448
	for name, off := range map[string]link.Offload{
		"plain":             {},
		"checksums":         {Csum: true},
		"segmentation":      {Csum: true, TSO: true, MaxSize: 65535},
		"segments of 4 KiB": {Csum: true, TSO: true, MaxSize: 4096}, // too small for this one
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{}, &fakeDevice{mtu: 1500, off: off})
			p := r.mtuTo(theirIP)
			if err := r.sendTCP(&p, keyOf(ours(80), theirs(4000)), tcpOut(data, mss), ipOptions{tos: 0x11}); err != nil {
				t.Fatal(err)
			}
			frames := r.dev.take()
			whole := off.MaxSize == 65535
			if whole != (len(frames) == 1) {
				t.Fatalf("%d frames", len(frames))
			}
			var got []byte
			for i, f := range frames {
				ip, seg := parseTCP(t, f)
				first, last := i == 0, i == len(frames)-1
				if !whole && (f.gso != 0 || len(ip) > 1500) || whole && f.gso != mss {
					t.Errorf("frame %d has %d octets, gso %d", i, len(ip), f.gso)
				}
				if (f.csum == link.CsumPartial) != off.Csum {
					t.Errorf("frame %d: checksum kind %d", i, f.csum)
				}
				if seg.Seq != seq.Num(0xffffff00).Add(len(got)) || seg.SrcPort != 80 || seg.DstPort != 4000 || !seg.Options.HasTS {
					t.Errorf("frame %d: %v", i, &seg)
				}
				if seg.Flags.Has(wire.CWR) != first || seg.Flags.Has(wire.FIN|wire.PSH) != last || !seg.Flags.Has(wire.ACK) {
					t.Errorf("frame %d of %d has flags %v", i, len(frames), seg.Flags)
				}
				if ip.TOS() != 0x12 || ip.TTL() != 64 || !ip.DontFragment() || ip.ID() != 0 {
					t.Errorf("frame %d: TOS %#x TTL %d DF %v ID %d", i, ip.TOS(), ip.TTL(), ip.DontFragment(), ip.ID())
				}
				got = append(got, seg.Payload.Bytes()...)
			}
			if !bytes.Equal(got, data) {
				t.Errorf("%d octets that differ from what was sent", len(got))
			}
		})
	}
}

func TestSendTCPLimits(t *testing.T) {
	r := newRig(t, Config{TTL: 33}, nil)
	p, k := r.mtuTo(theirIP), keyOf(ours(80), theirs(4000))
	if err := r.sendTCP(&p, k, tcpOut(pattern(1449), 0), ipOptions{}); err != syscall.EMSGSIZE {
		t.Errorf("a segment that doesn't fit: %v", err)
	}
	if err := r.sendTCP(&p, k, tcpOut(pattern(1448), 0), ipOptions{ttl: 5}); err != nil {
		t.Errorf("one that does: %v", err)
	}
	if ip := r.sentOne(); len(ip) != 1500 || ip.TTL() != 5 {
		t.Errorf("%d octets, TTL %d", len(ip), ip.TTL())
	}
	// A path that is narrower than what we follow may fragment; then the packets need identifications of their own,
	// also those that the device makes of a super-segment.
	p.nodf = true
	r.dev.off = link.Offload{}
	var ids []uint16
	for range 2 {
		r.sendTCP(&p, k, tcpOut(pattern(2000), 1000), ipOptions{})
		for _, f := range r.dev.take() {
			ip := mustIPv4(t, f.packet)
			if ip.DontFragment() || ip.TTL() != 33 {
				t.Errorf("DF %v, TTL %d", ip.DontFragment(), ip.TTL())
			}
			ids = append(ids, ip.ID())
		}
	}
	if len(ids) != 4 || ids[1] != ids[0]+1 || ids[2] != ids[1]+1 || ids[3] != ids[2]+1 {
		t.Errorf("IDs %v", ids)
	}
}

// A super-segment whose packets may be fragmented takes as many identifications as it has packets.
func TestSendTCPSuperSegmentIDs(t *testing.T) {
	r := newRig(t, Config{}, &fakeDevice{mtu: 1500, off: link.Offload{Csum: true, TSO: true, MaxSize: 65535}})
	p := r.mtuTo(theirIP)
	p.nodf = true
	for range 2 {
		r.sendTCP(&p, keyOf(ours(80), theirs(4000)), tcpOut(pattern(4500), 1000), ipOptions{})
	}
	f := r.dev.take()
	first, next := mustIPv4(t, f[0].packet), mustIPv4(t, f[1].packet)
	if next.ID() != first.ID()+5 {
		t.Errorf("IDs %d and %d, want 5 between them", first.ID(), next.ID())
	}
}

// What a device says becomes an errno and a count; a full queue is no error.
func TestSendDeviceErrors(t *testing.T) {
	for _, c := range []struct {
		dev, want error
		count     Counter
	}{
		{nil, nil, IPOut},
		{link.ErrDropped, nil, DropDeviceFull},
		{link.ErrClosed, syscall.ENETDOWN, DropDevice},
		{link.ErrTooLong, syscall.EMSGSIZE, DropTooBig},
		{syscall.EIO, syscall.EIO, DropDevice},
		{errors.New("something else"), syscall.EIO, DropDevice},
	} {
		r := newRig(t, Config{}, &fakeDevice{mtu: 1500, err: c.dev})
		p := r.mtuTo(theirIP)
		err := r.sendTCP(&p, keyOf(ours(1), theirs(2)), &wire.Segment{}, ipOptions{})
		if err != c.want {
			t.Errorf("%v from the device gives %v, want %v", c.dev, err, c.want)
		}
		r.counted(c.count, 1)
	}
}

// A large datagram leaves in fragments that another stack puts together, with one identification, and the next datagram
// to the same host with the next one (RFC 6864).
func TestSendFragments(t *testing.T) {
	for _, mtu := range []int{68, 576, 1500, 9000} {
		r := newRig(t, Config{}, &fakeDevice{mtu: mtu, off: link.Offload{Csum: true}})
		d := r.datagram(ours(2000))
		var ids []uint16
		for _, n := range []int{mtu - 28, mtu - 27, 20_000, maxUDP} {
			data := pattern(n)
			if _, err := d.SendTo(data, theirs(1000)); err != nil {
				t.Fatalf("mtu %d, %d octets: %v", mtu, n, err)
			}
			frames := r.dev.take()
			if n == mtu-28 {
				if ip := mustIPv4(t, frames[0].packet); len(frames) != 1 || !ip.DontFragment() || ip.ID() != 0 {
					t.Errorf("mtu %d: what fits has left in %d packets, DF %v ID %d", mtu, len(frames), ip.DontFragment(), ip.ID())
				}
				continue
			}
			peer := newRig(t, Config{}, nil)
			pd := peer.datagram(ours(1000))
			for _, f := range frames {
				ip := mustIPv4(t, f.packet)
				if len(ip) > mtu || ip.DontFragment() || f.csum != link.CsumFull {
					t.Fatalf("mtu %d: fragment of %d octets, DF %v, checksum kind %d", mtu, len(ip), ip.DontFragment(), f.csum)
				}
				back := bytes.Clone(f.packet) // the peer sees it with the addresses swapped, which leaves all sums the same
				copy(back[12:16], theirIP.AsSlice())
				copy(back[16:20], ourIP.AsSlice())
				peer.dev.inject(back)
			}
			if got, _ := received(t, pd); !bytes.Equal(got, data) {
				t.Errorf("mtu %d: of %d octets %d arrived", mtu, n, len(got))
			}
			ids = append(ids, mustIPv4(t, frames[0].packet).ID())
		}
		if ids[1] != ids[0]+1 || ids[2] != ids[1]+1 {
			t.Errorf("mtu %d: IDs %v", mtu, ids)
		}
	}
}

// On the established path nothing is allocated per segment, whether the device helps or not (law 10).
func TestSendAllocates(t *testing.T) {
	for name, off := range map[string]link.Offload{"plain": {}, "offload": {Csum: true, TSO: true, MaxSize: 65535}} {
		r := newRig(t, Config{}, nil)
		dev := &nullDevice{off: off}
		ifc, err := r.AddDevice(dev, netip.MustParsePrefix("10.8.0.2/24"))
		if err != nil {
			t.Fatal(err)
		}
		p := path{ifc: ifc, src: addr("10.8.0.2"), mtu: 1500}
		k := keyOf(ours(80), netip.MustParseAddrPort("10.8.0.1:4000"))
		seg := tcpOut(pattern(10_000), 1448)
		if n := testing.AllocsPerRun(100, func() { r.sendTCP(&p, k, seg, ipOptions{}) }); n != 0 {
			t.Errorf("%s: %v allocations per super-segment", name, n)
		}
		d := r.datagram(netip.MustParseAddrPort("10.8.0.2:2000"))
		data := pattern(5000)
		if n := testing.AllocsPerRun(100, func() { d.SendTo(data, netip.MustParseAddrPort("10.8.0.1:4000")) }); n != 0 {
			t.Errorf("%s: %v allocations per datagram", name, n)
		}
	}
}

// nullDevice takes everything and keeps nothing.
type nullDevice struct {
	fakeDevice
	off link.Offload
}

func (d *nullDevice) MTU() int                { return 1500 }
func (d *nullDevice) Offload() link.Offload   { return d.off }
func (d *nullDevice) Write(*link.Frame) error { return nil }

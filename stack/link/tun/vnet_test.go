package tun

import (
	"errors"
	"testing"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/internal/craft"
	"github.com/gotcp/gotcp/stack/wire"
)

var crafted = craft.NewFlow("10.77.0.2:1000", "10.77.0.1:2000")

func superTCP(flags wire.Flags, n, gso int) *link.Frame {
	return crafted.SuperTCP(wire.Segment{Flags: flags, Payload: craft.Payload(craft.Data(n))}, gso)
}

func TestDescribe(t *testing.T) {
	options := superTCP(wire.ACK, 100, 0)
	options.Head[0] = 4<<4 | 6 // four octets of options, which make the TCP header begin later
	options.Head = append(options.Head, make([]byte, 40)...)
	options.Head[24+12] = 5 << 4
	for _, c := range []struct {
		name string
		f    *link.Frame
		want vnetHeader
		err  error
	}{
		{"a whole checksum", &link.Frame{Head: crafted.UDP(nil)}, vnetHeader{}, nil},
		{"a verified one, which the kernel doesn't believe", &link.Frame{Head: crafted.UDP(nil), Csum: link.CsumVerified},
			vnetHeader{}, nil},
		{"a partial one", superTCP(wire.ACK, 100, 0), vnetHeader{flags: 1, csumStart: 20, csumOffset: 16}, nil},
		{"one behind IP options", options, vnetHeader{flags: 1, csumStart: 24, csumOffset: 16}, nil},
		{"a datagram's", crafted.SuperUDP(craft.Data(100), 0), vnetHeader{flags: 1, csumStart: 20, csumOffset: 6}, nil},
		{"a super-segment", superTCP(wire.ACK, 4000, 1448),
			vnetHeader{flags: 1, gsoType: 1, hdrLen: 40, gsoSize: 1448, csumStart: 20, csumOffset: 16}, nil},
		{"one with CWR, which is on the first packet only", superTCP(wire.ACK|wire.CWR, 4000, 1448),
			vnetHeader{flags: 1, gsoType: 0x81, hdrLen: 40, gsoSize: 1448, csumStart: 20, csumOffset: 16}, nil},
		{"one of a single packet", superTCP(wire.ACK, 1448, 1448), vnetHeader{flags: 1, csumStart: 20, csumOffset: 16}, nil},
		{"a train", crafted.SuperUDP(craft.Data(4000), 1000),
			vnetHeader{flags: 1, gsoType: 5, hdrLen: 28, gsoSize: 1000, csumStart: 20, csumOffset: 6}, nil},
		{"ICMP", &link.Frame{Head: crafted.Echo(1, 1, nil), Csum: link.CsumPartial}, vnetHeader{}, link.ErrOffload},
		{"nothing", &link.Frame{Csum: link.CsumPartial}, vnetHeader{}, link.ErrOffload},
	} {
		if h, err := describe(c.f); h != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: header %+v, error %v; want %+v, %v", c.name, h, err, c.want, c.err)
		}
	}
}

func TestApply(t *testing.T) {
	tcp := craft.Bytes(superTCP(wire.ACK, 4000, 1448))
	udp := craft.Bytes(crafted.SuperUDP(craft.Data(4000), 1000))
	fragment := append([]byte(nil), tcp...)
	fragment[6] = 0x20
	partial := vnetHeader{flags: needsCsum, csumStart: 20, csumOffset: 16}
	datagram := vnetHeader{flags: needsCsum, csumStart: 20, csumOffset: 6}
	with := func(h vnetHeader, gsoType uint8, size uint16) vnetHeader {
		h.gsoType, h.gsoSize = gsoType, size
		return h
	}
	for _, c := range []struct {
		name   string
		h      vnetHeader
		packet []byte
		csum   link.Csum
		gso    int
		err    error
	}{
		{"a plain packet", vnetHeader{}, tcp, link.CsumFull, 0, nil},
		{"one that was verified", vnetHeader{flags: dataValid}, tcp, link.CsumVerified, 0, nil},
		{"a partial checksum", partial, tcp, link.CsumPartial, 0, nil},
		{"a super-segment", with(partial, gsoTCPv4, 1448), tcp, link.CsumPartial, 1448, nil},
		{"with CWR", with(partial, gsoTCPv4|gsoECN, 1448), tcp, link.CsumPartial, 1448, nil},
		{"a lie in hdr_len, at which nobody looks", vnetHeader{needsCsum, gsoTCPv4, 999, 1448, 20, 16}, tcp,
			link.CsumPartial, 1448, nil},
		{"a train", with(datagram, gsoUDP, 1000), udp, link.CsumPartial, 1000, nil},
		{"IPv6", vnetHeader{}, []byte{0x60, 0, 0, 0}, 0, 0, errNotIPv4},
		{"nothing", vnetHeader{}, nil, 0, 0, errNotIPv4},
		{"a checksum elsewhere", vnetHeader{flags: needsCsum, csumStart: 24, csumOffset: 16}, tcp, 0, 0, errVnet},
		{"at another offset", vnetHeader{flags: needsCsum, csumStart: 20, csumOffset: 6}, tcp, 0, 0, errVnet},
		{"beyond the end", vnetHeader{flags: needsCsum, csumStart: 65535, csumOffset: 65535}, tcp, 0, 0, errVnet},
		{"of a fragment", partial, fragment, 0, 0, errVnet},
		{"of ICMP", partial, crafted.Echo(1, 1, make([]byte, 100)), 0, 0, errVnet},
		{"of half a header", partial, tcp[:30], 0, 0, errVnet},
		{"a super-segment without partial checksum", with(vnetHeader{}, gsoTCPv4, 1448), tcp, 0, 0, errVnet},
		{"pieces of no size", with(partial, gsoTCPv4, 0), tcp, 0, 0, errVnet},
		{"no payload to cut", with(partial, gsoTCPv4, 1448), tcp[:40], 0, 0, errVnet},
		{"TSO of UDP", with(datagram, gsoTCPv4, 1000), udp, 0, 0, errVnet},
		{"USO of TCP", with(partial, gsoUDP, 1000), tcp, 0, 0, errVnet},
		{"USO with ECN", with(datagram, gsoUDP|gsoECN, 1000), udp, 0, 0, errVnet},
		{"UFO", with(datagram, 3, 1000), udp, 0, 0, errVnet},
		{"TCP over IPv6", with(partial, 4, 1000), tcp, 0, 0, errVnet},
		{"ECN of nothing", with(partial, gsoECN, 1000), tcp, 0, 0, errVnet},
	} {
		var f link.Frame
		err := c.h.apply(c.packet, &f)
		if !errors.Is(err, c.err) || err == nil && (f.Csum != c.csum || f.GSOSize != c.gso) {
			t.Errorf("%s: csum %d, GSO size %d, error %v; want %d, %d, %v", c.name, f.Csum, f.GSOSize, err, c.csum, c.gso, c.err)
		}
	}
}

// What the decoder lets pass can be worked with: a partial checksum completed, a super-segment cut. And what describe
// says of the frame that comes out is what came in.
func FuzzVnet(f *testing.F) {
	add := func(h vnetHeader, packet []byte) {
		var b [vnetLen]byte
		h.put(&b)
		f.Add(append(b[:], packet...))
	}
	tcp := craft.Bytes(superTCP(wire.ACK|wire.CWR, 100, 30))
	add(vnetHeader{}, tcp)
	add(vnetHeader{needsCsum, gsoTCPv4 | gsoECN, 40, 30, 20, 16}, tcp)
	add(vnetHeader{needsCsum, gsoUDP, 28, 30, 20, 6}, craft.Bytes(crafted.SuperUDP(craft.Data(100), 30)))
	add(vnetHeader{flags: dataValid}, crafted.Echo(1, 1, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < vnetLen {
			return
		}
		h := parseVnet((*[vnetLen]byte)(b))
		var back [vnetLen]byte
		h.put(&back)
		if parseVnet(&back) != h {
			t.Fatalf("%+v is written as %x", h, back)
		}
		var fr link.Frame
		if h.apply(b[vnetLen:], &fr) != nil {
			return
		}
		if fr.Csum == link.CsumPartial {
			h2, err := describe(&fr)
			if err != nil || h2.csumStart != h.csumStart || h2.csumOffset != h.csumOffset {
				t.Fatalf("%+v was read, and is described as %+v, %v", h, h2, err)
			}
		}
		ip, err := wire.ParseIPv4(fr.Head)
		if err != nil || len(ip) != len(fr.Head) {
			return // the stack refuses it later
		}
		if fr.GSOSize > 0 {
			train, err := wire.Segments(fr.Head, fr.GSOSize, nil)
			if err != nil {
				if ip.Protocol() == wire.ProtoUDP {
					return // UDP's own length may be wrong: the stack looks at it
				}
				t.Fatalf("a super-segment that passed can't be cut: %v", err)
			}
			for p := range train.All {
				if len(p) > len(fr.Head) {
					t.Fatalf("cutting %d octets makes a packet of %d", len(fr.Head), len(p))
				}
			}
		}
	})
}

package wire_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/gotcp/gotcp/stack/wire"
)

// exampleIPv4 is a widely printed example of a header with its checksum, b861.
const exampleIPv4 = "4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7"

func TestParseIPv4(t *testing.T) {
	b := append(unhex(t, exampleIPv4), octets(0x73-20+9)...) // nine octets of a link's padding
	ip, err := wire.ParseIPv4(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(ip) != 0x73 || cap(ip) != cap(b) {
		t.Errorf("the view has %d octets and a capacity of %d, want the total length, 115, and the packet's, %d", len(ip),
			cap(ip), cap(b))
	}
	if ip.HeaderLen() != 20 || ip.TotalLen() != 115 || len(ip.Options()) != 0 {
		t.Errorf("header %d, total %d, options %x", ip.HeaderLen(), ip.TotalLen(), ip.Options())
	}
	if ip.TOS() != 0 || ip.ID() != 0 || ip.TTL() != 64 || ip.Protocol() != wire.ProtoUDP {
		t.Errorf("TOS %d, ID %d, TTL %d, protocol %d", ip.TOS(), ip.ID(), ip.TTL(), ip.Protocol())
	}
	if !ip.DontFragment() || ip.MoreFragments() || ip.FragmentOffset() != 0 || ip.IsFragment() {
		t.Error("only DF should be set")
	}
	if ip.Src() != netip.MustParseAddr("192.168.0.1") || ip.Dst() != netip.MustParseAddr("192.168.0.199") {
		t.Errorf("from %v to %v", ip.Src(), ip.Dst())
	}
	if !bytes.Equal(ip.Payload(), b[20:115]) {
		t.Error("the payload isn't what follows the header, without the padding")
	}
}

func TestParseIPv4Refuses(t *testing.T) {
	// edit changes a header that is right otherwise; the checksum is made right again where fix is set.
	rows := []struct {
		name string
		edit func(b []byte) []byte
		fix  bool
		want error
	}{
		{"no octet", func(b []byte) []byte { return nil }, false, wire.ErrTruncated},
		{"half a header", func(b []byte) []byte { return b[:19] }, false, wire.ErrTruncated},
		{"a header with nothing of the payload", func(b []byte) []byte { return b[:20] }, false, wire.ErrTruncated},
		{"one octet less than the total length", func(b []byte) []byte { return b[:114] }, false, wire.ErrTruncated},
		{"IPv6", func(b []byte) []byte { b[0] = 0x60; return b }, true, wire.ErrVersion},
		{"IPv6, one octet", func(b []byte) []byte { return []byte{0x60} }, false, wire.ErrVersion},
		{"version 5", func(b []byte) []byte { b[0] = 0x55; return b }, true, wire.ErrVersion},
		{"IHL 4", func(b []byte) []byte { b[0] = 0x44; return b }, false, wire.ErrHeaderLength},
		{"IHL 0", func(b []byte) []byte { b[0] = 0x40; return b }, false, wire.ErrHeaderLength},
		{"total length 19", func(b []byte) []byte { b[3] = 19; return b }, true, wire.ErrTotalLength},
		{"total length 0", func(b []byte) []byte { b[3] = 0; return b }, true, wire.ErrTotalLength},
		{"total length below IHL", func(b []byte) []byte { b[0], b[3] = 0x46, 20; return b }, true,
			wire.ErrTotalLength},
		{"a wrong checksum", func(b []byte) []byte { b[10]++; return b }, false, wire.ErrHeaderChecksum},
		{"a flipped bit", func(b []byte) []byte { b[19] ^= 1; return b }, false, wire.ErrHeaderChecksum},
		{"a header that is all right", func(b []byte) []byte { return b }, true, nil},
		{"no payload", func(b []byte) []byte { b[3] = 20; return b[:20] }, true, nil},
	}
	for _, r := range rows {
		b := r.edit(append(unhex(t, exampleIPv4), make([]byte, 0x73-20)...))
		if r.fix {
			fixIPv4(b)
		}
		if _, err := wire.ParseIPv4(b); err != r.want {
			t.Errorf("%s: %v, want %v", r.name, err, r.want)
		}
	}
}

// fixIPv4 makes the header's checksum right.
func fixIPv4(b []byte) {
	n := int(b[0]&0xf) * 4
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], ^naiveSum(b[:n]))
}

func TestPutIPv4(t *testing.T) {
	h := wire.IPv4Header{
		DontFragment: true, TTL: 64, Protocol: wire.ProtoUDP,
		Src: netip.MustParseAddr("192.168.0.1"), Dst: netip.MustParseAddr("192.168.0.199"),
	}
	b := bytes.Repeat([]byte{0xee}, 30) // what was there before must not shine through
	if n := h.Put(b, 0x73-20); n != 20 || n != h.Len() {
		t.Errorf("length %d, and %d foretold, want 20", n, h.Len())
	}
	if want := unhex(t, exampleIPv4); !bytes.Equal(b[:20], want) {
		t.Errorf("header %x\nwant   %x", b[:20], want)
	}
	if b[20] != 0xee {
		t.Error("an octet after the header was written")
	}
}

func TestPutIPv4EveryField(t *testing.T) {
	h := wire.IPv4Header{
		TOS: 0xb9, ID: 0xbeef, MoreFragments: true, FragmentOffset: 65528, TTL: 1, Protocol: 250,
		Src: left, Dst: right, Options: []byte{148, 4, 0, 0, 1},
	}
	b := bytes.Repeat([]byte{0xee}, 40)
	n := h.Put(b, 4)
	want := unhex(t, "47b9 0020 beef 3fff 01fa 0000 c000 0201 c633 6402 9404 0000 0100 0000")
	fixIPv4(want)
	if !bytes.Equal(b[:n], want) {
		t.Errorf("header %x\nwant   %x", b[:n], want)
	}
	ip, err := wire.ParseIPv4(b)
	if err != nil {
		t.Fatal(err)
	}
	if ip.FragmentOffset() != 65528 || !ip.MoreFragments() || ip.DontFragment() || !ip.IsFragment() {
		t.Errorf("fragment at %d, MF %v, DF %v", ip.FragmentOffset(), ip.MoreFragments(), ip.DontFragment())
	}
	if ip.TOS() != 0xb9 || ip.ID() != 0xbeef || ip.TTL() != 1 || ip.Protocol() != 250 {
		t.Errorf("TOS %#x, ID %#x, TTL %d, protocol %d", ip.TOS(), ip.ID(), ip.TTL(), ip.Protocol())
	}
	if !bytes.Equal(ip.Options(), []byte{148, 4, 0, 0, 1, 0, 0, 0}) || len(ip.Payload()) != 4 {
		t.Errorf("options %x and %d octets of payload", ip.Options(), len(ip.Payload()))
	}
}

func TestIPv4IsFragment(t *testing.T) {
	rows := []struct {
		h    wire.IPv4Header
		want bool
	}{
		{wire.IPv4Header{}, false},
		{wire.IPv4Header{DontFragment: true}, false},
		{wire.IPv4Header{MoreFragments: true}, true}, // the first one
		{wire.IPv4Header{FragmentOffset: 8}, true},   // the last one
		{wire.IPv4Header{FragmentOffset: 1480, MoreFragments: true}, true},
	}
	for _, r := range rows {
		r.h.Src, r.h.Dst = left, right
		b := make([]byte, 20)
		r.h.Put(b, 0)
		if got := wire.IPv4(b).IsFragment(); got != r.want {
			t.Errorf("%+v: IsFragment is %v", r.h, got)
		}
		if got := wire.IPv4(b).FragmentOffset(); got != r.h.FragmentOffset {
			t.Errorf("fragment offset %d, want %d", got, r.h.FragmentOffset)
		}
	}
}

func FuzzParseIPv4(f *testing.F) {
	f.Add(append(unhex(f, exampleIPv4), make([]byte, 0x73-20)...))
	f.Add(udpPacket(1, 2, []byte("data")))
	f.Add(unhex(f, "4700 001c 0001 2000 4001 0000 c000 0201 c633 6402 9404 0000 0100 0000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ip, err := wire.ParseIPv4(b)
		if err != nil {
			return
		}
		h := wire.IPv4Header{
			TOS: ip.TOS(), ID: ip.ID(), DontFragment: ip.DontFragment(), MoreFragments: ip.MoreFragments(),
			FragmentOffset: ip.FragmentOffset(), TTL: ip.TTL(), Protocol: ip.Protocol(), Src: ip.Src(), Dst: ip.Dst(),
			Options: ip.Options(),
		}
		got := make([]byte, h.Len())
		h.Put(got, len(ip.Payload()))
		want := append([]byte{}, ip[:ip.HeaderLen()]...)
		want[6] &^= 0x80 // the reserved flag isn't kept
		fixIPv4(want)    // and of the two zeros that the checksum may be there's one
		if !bytes.Equal(got, want) {
			t.Errorf("a header made anew from what was read is\n%x, not\n%x", got, want)
		}
	})
}

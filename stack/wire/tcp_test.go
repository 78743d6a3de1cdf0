package wire_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// A SYN by hand, from port 4321 to port 80.
const exampleSYN = "10e1 0050 deadbeef 00000000 a002 faf0 0000 0000" +
	"020405b4 0402 080a 00000001 00000000 01 030307"

func exampleSegment() wire.Segment {
	return wire.Segment{
		SrcPort: 4321, DstPort: 80, Seq: 0xdeadbeef, Flags: wire.SYN, Window: 64240,
		Options: wire.Options{
			HasMSS: true, MSS: 1460, SACKPermitted: true, HasTS: true, TSVal: 1, HasWScale: true, WScale: 7,
		},
	}
}

func TestParseSegment(t *testing.T) {
	var seg wire.Segment
	if err := wire.ParseSegment(unhex(t, exampleSYN), &seg); err != nil {
		t.Fatal(err)
	}
	if want := exampleSegment(); fmt.Sprintf("%+v", seg) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", seg, want)
	}
}

func TestParseSegmentFillsEverything(t *testing.T) {
	// A segment that was used before: nothing of it may stay.
	seg := exampleSegment()
	seg.TOS, seg.GSOSize, seg.Buf, seg.Adopted = 3, 4, []byte{5}, true
	seg.Payload.Append([]byte("old"))
	seg.Payload.Append([]byte("older"))
	b := unhex(t, "ffff 0001 00000001 ffffffff 5fff 0102 abcd fffe 646174")
	if err := wire.ParseSegment(b, &seg); err != nil {
		t.Fatal(err)
	}
	want := wire.Segment{
		SrcPort: 65535, DstPort: 1, Seq: 1, Ack: 0xffffffff, Flags: 0xff, Window: 0x102, Urgent: 0xfffe,
	}
	want.Payload.Append(b[20:])
	if fmt.Sprintf("%+v", seg) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", seg, want)
	}
	if &seg.Payload.Slices()[0][0] != &b[20] {
		t.Error("the payload was copied, not aliased")
	}
}

func TestParseSegmentRefuses(t *testing.T) {
	rows := []struct {
		name   string
		length int
		offset byte // data offset, in words
		want   error
	}{
		{"nothing", 0, 0, wire.ErrTruncated},
		{"19 octets", 19, 5, wire.ErrTruncated},
		{"a header alone", 20, 5, nil},
		{"data offset 0", 20, 0, wire.ErrDataOffset},
		{"data offset 4", 20, 4, wire.ErrDataOffset},
		{"options that aren't there", 20, 6, wire.ErrDataOffset},
		{"options that aren't all there", 23, 6, wire.ErrDataOffset},
		{"options", 24, 6, nil},
		{"the longest header", 60, 15, nil},
		{"the longest header, cut", 59, 15, wire.ErrDataOffset},
	}
	for _, r := range rows {
		b := make([]byte, r.length)
		if len(b) > 12 {
			b[12] = r.offset << 4
		}
		var seg wire.Segment
		if err := wire.ParseSegment(b, &seg); err != r.want {
			t.Errorf("%s: %v, want %v", r.name, err, r.want)
		}
	}
}

func TestParseSegmentIgnoresReservedBits(t *testing.T) {
	// RFC 9293 section 3.1: "Must be ignored in received segments if the corresponding future features are not
	// implemented."
	b := unhex(t, exampleSYN)
	b[12] |= 0xf
	var seg wire.Segment
	if err := wire.ParseSegment(b, &seg); err != nil || seg.Flags != wire.SYN {
		t.Errorf("%v, flags %v, want a SYN", err, seg.Flags)
	}
}

func TestPutHeader(t *testing.T) {
	seg := exampleSegment()
	b := bytes.Repeat([]byte{0xee}, 60)
	n := seg.PutHeader(b)
	if want := unhex(t, exampleSYN); !bytes.Equal(b[:n], want) {
		t.Errorf("got  %x\nwant %x", b[:n], want)
	}
	seg = wire.Segment{SrcPort: 1, DstPort: 2, Seq: 3, Ack: 4, Flags: wire.ACK | wire.URG | wire.CWR, Urgent: 5}
	n = seg.PutHeader(b)
	if want := unhex(t, "0001 0002 00000003 00000004 50b0 0000 0000 0005"); !bytes.Equal(b[:n], want) {
		t.Errorf("got  %x\nwant %x", b[:n], want)
	}
}

func TestFlagsAreTheHeadersBits(t *testing.T) {
	// RFC 9293 section 3.1 and RFC 3168 section 6.1 give the places.
	want := map[wire.Flags]byte{
		wire.FIN: 0x01, wire.SYN: 0x02, wire.RST: 0x04, wire.PSH: 0x08,
		wire.ACK: 0x10, wire.URG: 0x20, wire.ECE: 0x40, wire.CWR: 0x80,
	}
	for f, bit := range want {
		if byte(f) != bit {
			t.Errorf("flag %v is bit %#x, want %#x", f, byte(f), bit)
		}
	}
	f := wire.SYN | wire.ACK
	if !f.Has(wire.SYN) || !f.Has(wire.SYN|wire.ACK) || f.Has(wire.SYN|wire.FIN) || f.Has(wire.FIN) {
		t.Error("Has doesn't ask for all the bits, and only for them")
	}
}

func TestSegmentLen(t *testing.T) {
	rows := []struct {
		flags wire.Flags
		data  int
		want  int
	}{
		{wire.ACK, 0, 0},
		{wire.ACK | wire.PSH, 10, 10},
		{wire.SYN, 0, 1}, // SYN and FIN take a number each (RFC 9293 section 3.4)
		{wire.FIN | wire.ACK, 10, 11},
		{wire.SYN | wire.FIN, 10, 12},
		{wire.RST, 3, 3},
	}
	for _, r := range rows {
		seg := wire.Segment{Seq: 0xffffffff, Flags: r.flags}
		seg.Payload.Append(make([]byte, r.data))
		if got := seg.Len(); got != r.want {
			t.Errorf("%v with %d octets takes %d numbers, want %d", r.flags, r.data, got, r.want)
		}
		if got, want := seg.End(), seq.Num(0xffffffff).Add(r.want); got != want {
			t.Errorf("%v with %d octets ends at %v, want %v", r.flags, r.data, got, want)
		}
	}
}

func TestPayload(t *testing.T) {
	var p wire.Payload
	if p.Len() != 0 || p.Bytes() != nil || len(p.Slices()) != 0 {
		t.Error("a new payload isn't empty")
	}
	one := []byte("one")
	if !p.Append(one) || !p.Append(nil) || p.Len() != 3 || len(p.Slices()) != 1 {
		t.Errorf("%d octets in %d pieces, want 3 in 1: an empty piece takes no place", p.Len(), len(p.Slices()))
	}
	if &p.Bytes()[0] != &one[0] {
		t.Error("a single piece was copied")
	}
	for i := 1; i < wire.MaxVec; i++ {
		if !p.Append([]byte{byte('0' + i)}) {
			t.Fatalf("there's no place for piece %d", i)
		}
	}
	if p.Append([]byte("x")) {
		t.Error("there's a place for one piece more than MaxVec")
	}
	if !p.Append(nil) {
		t.Error("an empty piece needs no place")
	}
	if got := string(p.Bytes()); got != "one12345" || p.Len() != len(got) {
		t.Errorf("the payload is %q of length %d", got, p.Len())
	}
	p.Reset()
	if p.Len() != 0 || len(p.Slices()) != 0 {
		t.Error("Reset left something")
	}
}

// FuzzParseSegment checks that a segment survives being written and read again.
func FuzzParseSegment(f *testing.F) {
	f.Add(unhex(f, exampleSYN))
	f.Add(unhex(f, "ffff 0001 00000001 ffffffff 5fff 0102 abcd fffe 646174"))
	f.Add(unhex(f, "0001 0002 00000003 00000004 f010 0000 0000 0000 0101 080a 11223344 55667788"+
		"0101 051a 00000001 00000002 00000003 00000004 00000005 00000006"))
	f.Add(unhex(f, "0001 0002 00000003 00000004 7010 0000 0000 0000 fd00 0000 0000 0000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var seg wire.Segment
		if err := wire.ParseSegment(b, &seg); err != nil {
			return
		}
		if seg.Payload.Len() > len(b)-wire.TCPMinHeader {
			t.Errorf("%d octets of payload from %d", seg.Payload.Len(), len(b))
		}
		again := make([]byte, wire.TCPMaxHeader)
		n := seg.PutHeader(again)
		again = append(again[:n], seg.Payload.Bytes()...)
		var seg2 wire.Segment
		if err := wire.ParseSegment(again, &seg2); err != nil {
			t.Fatalf("a header that was written can't be read: %v", err)
		}
		if n != seg.HeaderLen() || n > wire.TCPMaxHeader {
			t.Errorf("header of %d octets, %d foretold", n, seg.HeaderLen())
		}
		if seg.Options.NSACK > seg2.Options.NSACK { // a writer pads: tightly packed options may leave less room
			seg.Options.NSACK = seg2.Options.NSACK
			clear(seg.Options.SACK[seg.Options.NSACK:])
		}
		if got, want := fmt.Sprintf("%+v", seg2), fmt.Sprintf("%+v", seg); got != want {
			t.Errorf("read %s\nwrote and read %s", want, got)
		}
	})
}

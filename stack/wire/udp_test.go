package wire_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/gotcp/gotcp/stack/wire"
)

func TestParseUDP(t *testing.T) {
	rows := []struct {
		name, hex string
		payload   string
		want      error
	}{
		{"data", "0035 1234 000b abcd 646174", "dat", nil},
		{"no data", "0035 1234 0008 0000", "", nil},
		{"padding after it", "0035 1234 0009 abcd 64 0000", "d", nil},
		{"half a header", "0035 1234 0008 00", "", wire.ErrTruncated},
		{"nothing", "", "", wire.ErrTruncated},
		{"length below the header's", "0035 1234 0007 0000", "", wire.ErrLength},
		{"length 0, IPv6's jumbogram", "0035 1234 0000 0000", "", wire.ErrLength},
		{"length past the datagram", "0035 1234 0009 0000", "", wire.ErrLength},
	}
	for _, r := range rows {
		u, err := wire.ParseUDP(unhex(t, r.hex))
		if err != r.want {
			t.Errorf("%s: %v, want %v", r.name, err, r.want)
		}
		if err != nil {
			continue
		}
		if string(u.Payload()) != r.payload || u.SrcPort() != 53 || u.DstPort() != 0x1234 {
			t.Errorf("%s: %d > %d with %q, want 53 > 4660 with %q",
				r.name, u.SrcPort(), u.DstPort(), u.Payload(), r.payload)
		}
		if cap(u) != len(u) {
			t.Errorf("%s: appending to the view would write what follows it", r.name)
		}
	}
}

func TestPutUDP(t *testing.T) {
	b := bytes.Repeat([]byte{0xee}, 9)
	n := wire.UDPHeader{SrcPort: 53, DstPort: 0x1234}.Put(b, 0x100)
	if want := unhex(t, "0035 1234 0108 0000 ee"); n != 8 || !bytes.Equal(b, want) {
		t.Errorf("%d octets, %x, want 8, %x", n, b, want)
	}
}

func TestUDPChecksumZero(t *testing.T) {
	// RFC 768: "If the computed checksum is zero, it is transmitted as all ones". An all zero field means none.
	data := []byte{0, 0}
	b := make([]byte, wire.UDPHeaderLen)
	wire.UDPHeader{SrcPort: 1, DstPort: 2}.Put(b, len(data))
	segment := append(b, data...)
	wire.SetTransportChecksum(left, right, wire.ProtoUDP, segment, nil)
	sum := binary.BigEndian.Uint16(segment[6:])
	copy(segment[8:], segment[6:8]) // what the checksum is now becomes data, which makes the next one zero
	for _, name := range []string{"whole", "completed"} {
		packet := udpPacket(1, 2, segment[8:])
		if name == "completed" {
			wire.SetPartialChecksum(left, right, wire.ProtoUDP, packet[20:], len(packet)-20)
			if err := wire.CompleteChecksum(packet); err != nil {
				t.Fatal(err)
			}
		}
		if got := binary.BigEndian.Uint16(packet[26:]); got != 0xffff {
			t.Errorf("%s: with data %#04x the checksum is %#04x, want 0xffff", name, sum, got)
		}
		if !wire.VerifyTransport(left, right, wire.ProtoUDP, packet[20:]) {
			t.Errorf("%s: the checksum 0xffff is refused", name)
		}
	}
	copy(segment[6:], []byte{0, 0, 0x12, 0x34})
	if !wire.VerifyTransport(left, right, wire.ProtoUDP, segment) {
		t.Error("a datagram without a checksum is refused")
	}
}

func TestTCPChecksumZero(t *testing.T) {
	// TCP has no such rule: zero is sent as it is.
	seg := wire.Segment{Window: 1}
	b := tcpPacket(&seg)
	seg.Urgent = binary.BigEndian.Uint16(b[36:]) // the checksum becomes part of what is summed
	b = tcpPacket(&seg)
	if got := binary.BigEndian.Uint16(b[36:]); got != 0 {
		t.Errorf("checksum %#04x, want 0", got)
	}
	if !wire.VerifyTransport(left, right, wire.ProtoTCP, b[20:]) {
		t.Error("the checksum 0 is refused")
	}
}

// FuzzUDP checks that a datagram survives being read and written again.
func FuzzUDP(f *testing.F) {
	f.Add(unhex(f, "0035 1234 000b abcd 646174"))
	f.Add(unhex(f, "0035 1234 0009 abcd 64 0000"))
	f.Add(udpPacket(1, 2, []byte("data"))[20:])
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := wire.ParseUDP(b)
		if err != nil {
			if wire.VerifyTransport(left, right, wire.ProtoUDP, b) {
				t.Error("what can't be read can't be verified")
			}
			return
		}
		again := append(make([]byte, wire.UDPHeaderLen), u.Payload()...)
		wire.UDPHeader{SrcPort: u.SrcPort(), DstPort: u.DstPort()}.Put(again, len(u.Payload()))
		wire.SetTransportChecksum(left, right, wire.ProtoUDP, again, nil)
		if !wire.VerifyTransport(left, right, wire.ProtoUDP, again) || wire.UDP(again).Checksum() == 0 {
			t.Errorf("%x has a wrong checksum", again)
		}
		copy(again[6:], u[6:8])
		if !bytes.Equal(again, u) {
			t.Errorf("read %x, wrote %x", []byte(u), again)
		}
	})
}

package tcptest

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/tcptest/script"
)

// packetOf makes a packet of a line of a script, with the payload and the numbers as they are.
func packetOf(t testing.TB, line string) *packet {
	t.Helper()
	s, err := script.Parse("x.pkt", "0 "+line)
	if err != nil {
		t.Fatal(err)
	}
	p := &packet{
		Packet: *s.Events[0].Packet,
		src:    netip.AddrPortFrom(RemoteAddr, 1234), dst: netip.AddrPortFrom(LocalAddr, 80),
	}
	p.quoteSrc, p.quoteDst = p.dst, p.src
	if p.TCP != nil {
		p.payload = patternBytes(0, p.TCP.Len)
	}
	if p.UDP != nil {
		p.payload = patternBytes(0, p.UDP.Len)
	}
	return p
}

func TestEncodeDecode(t *testing.T) {
	for _, line := range []string{
		"< S 4294967295:4294967295(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 4294967295,nop,wscale 14>",
		"< FRPUEW. 1:102(101) ack 7 win 1 urg 3 <nop,nop,sack 1:2 3:4 5:6 7:8>", // an odd length: the checksum pads
		"< - 0:0(0) win 0 <raw \"fd060102ffff\",nop,nop>",
		"< udp (11)",
		"< icmp unreachable frag_needed mtu 1400 [. 5:1005(1000)]",
		"< icmp unreachable port_unreachable [udp (9)]",
		"< icmp echo_request",
	} {
		p := packetOf(t, line)
		got, err := decode(p.encode())
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		got.In, got.IP = true, script.IP{}
		if got.TCP != nil {
			got.TCP.Options = slices.DeleteFunc(got.TCP.Options, func(o script.Option) bool { return o.Kind == script.EOL })
		}
		if got.String() != line || !bytes.Equal(got.payload, p.payload) && p.ICMP == nil {
			t.Errorf("%s\ncame back as\n%v with %d octets of payload", line, got, len(got.payload))
		}
		if p.ICMP == nil && (got.src != p.src || got.dst != p.dst) {
			t.Errorf("%s: from %v to %v", line, got.src, got.dst)
		}
	}
}

func TestDecodeFaults(t *testing.T) {
	good := packetOf(t, "< P. 1:11(10) ack 7 win 1 <nop,nop,TS val 1 ecr 2>").encode()
	for _, c := range []struct {
		name   string
		change func(b []byte) []byte
		want   string
	}{
		{"version", func(b []byte) []byte { b[0] = 0x65; return b }, "not an IPv4 packet"},
		{"IP length", func(b []byte) []byte { return append(b, 0) }, "IP total length"},
		{"IP checksum", func(b []byte) []byte { b[10]++; return b }, "bad IP header checksum"},
		{"checksum", func(b []byte) []byte { b[len(b)-1]++; return b }, "bad transport checksum"},
		{"short", func(b []byte) []byte { return b[:10] }, "not an IPv4 packet"},
		{"offset", func(b []byte) []byte { return retouch(b, 12, 0xf0) }, "TCP header of 60 octets in a segment of 42"},
		{"reserved", func(b []byte) []byte { return retouch(b, 12, 0x81) }, "reserved bits"},
		{"option length", func(b []byte) []byte { return retouch(b, 23, 0) }, "TCP option 8 has a bad length"},
		{"padding", func(b []byte) []byte { return retouch(b, 20, 0) }, "padding of the TCP header is not zero"},
	} {
		_, err := decode(c.change(slices.Clone(good)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
		}
	}
}

// retouch changes an octet of a segment and makes its checksum fit again.
func retouch(b []byte, at int, v byte) []byte {
	h := b[ipHeader:]
	h[at], h[16], h[17] = v, 0, 0
	c := ^checksum(pseudo(RemoteAddr, LocalAddr, protoTCP, len(h)), h)
	h[16], h[17] = byte(c>>8), byte(c)
	return b
}

// TestDevice: a super-segment becomes the segments that a card would make of it, with checksums that are right where
// the partial one was.
func TestDevice(t *testing.T) {
	p := packetOf(t, "< FP.W 100:2600(2500) ack 7 win 9 <nop,nop,TS val 1 ecr 2>")
	frame := func(wrong byte) *link.Frame {
		b := p.encode()
		sum := checksum(pseudo(p.src.Addr(), p.dst.Addr(), protoTCP, len(b)-ipHeader), nil)
		b[ipHeader+16], b[ipHeader+17] = byte(sum>>8)^wrong, byte(sum)
		return &link.Frame{Head: b[:60], Tail: [][]byte{b[60:1000], b[1000:]}, Csum: link.CsumPartial, GSOSize: 1000}
	}
	var got []string
	var data []byte
	d := &device{mtu: 1500, offload: true, sent: func(b []byte) {
		s, err := decode(b)
		if err != nil {
			got = append(got, err.Error())
			return
		}
		got = append(got, s.TCP.String())
		data = append(data, s.payload...)
	}}
	if err := d.Write(frame(0)); err != nil {
		t.Fatal(err)
	}
	const opts = " ack 7 win 9 <nop,nop,TS val 1 ecr 2>"
	want := []string{"W. 100:1100(1000)" + opts, ". 1100:2100(1000)" + opts, "FP. 2100:2600(500)" + opts}
	if !slices.Equal(got, want) || !bytes.Equal(data, p.payload) {
		t.Errorf("segments %q, want %q", got, want)
	}
	got = nil
	if err := d.Write(frame(1)); err != nil || len(got) != 3 || got[0] != "bad transport checksum" {
		t.Errorf("with a wrong partial checksum: %v, %q", err, got)
	}
	d.offload = false
	if err := d.Write(frame(0)); err == nil {
		t.Error("a device without offload took a super-segment")
	}
}

// FuzzDecode: no packet panics.
func FuzzDecode(f *testing.F) {
	for _, line := range []string{"< S 0:0(0) win 1 <mss 1,sackOK,TS val 1 ecr 0,nop,wscale 7>", "< udp (9)",
		"< icmp unreachable port_unreachable [1:2(1)]", "< . 1:2(1) ack 1 <nop,nop,sack 1:2>"} {
		f.Add(packetOf(f, line).encode())
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		if p, err := decode(b); err == nil {
			_ = p.String()
		}
		if len(b) >= 60 && b[0] == 0x45 { // checksums that fit lead further in
			b = retouch(b, 19, 0)
			b[10], b[11] = 0, 0
			c := ^checksum(0, b[:ipHeader])
			b[2], b[3], b[10], b[11] = byte(len(b)>>8), byte(len(b)), byte(c>>8), byte(c)
			if p, err := decode(b); err == nil {
				_ = p.String()
			}
		}
	})
}

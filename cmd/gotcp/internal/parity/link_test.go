package parity

import (
	"net/netip"
	"testing"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

// wireTo is a link in memory with what each end has received.
type wireTo struct {
	*Link
	near       link.Device
	far, heard []wire.IPv4
}

func newWire(t *testing.T) *wireTo {
	near, far := link.Pipe(1500)
	w := &wireTo{Link: NewLink(far, farAddr.Addr(), farAddr.Addr().Next()), near: near}
	keep := func(to *[]wire.IPv4) func(f *link.Frame) {
		return func(f *link.Frame) { *to = append(*to, append(wire.IPv4(nil), f.Head...)) }
	}
	if err := near.Attach(keep(&w.heard)); err != nil {
		t.Fatal(err)
	}
	if err := w.Attach(keep(&w.far)); err != nil {
		t.Fatal(err)
	}
	return w
}

var (
	nearAddr = netip.MustParseAddrPort("10.0.0.1:1000")
	farAddr  = netip.MustParseAddrPort("10.0.0.2:80")
)

// datagram is a packet with so many octets of data.
func datagram(t *testing.T, src, dst netip.AddrPort, n int) *link.Frame {
	t.Helper()
	h := wire.IPv4Header{TTL: 64, Protocol: wire.ProtoUDP, Src: src.Addr(), Dst: dst.Addr()}
	b := make([]byte, h.Len()+wire.UDPHeaderLen+n)
	h.Put(b, wire.UDPHeaderLen+n)
	wire.UDPHeader{SrcPort: src.Port(), DstPort: dst.Port()}.Put(b[h.Len():], n)
	return &link.Frame{Head: b}
}

// there and back send a packet each, and say whether it came.
func (w *wireTo) there(t *testing.T, to netip.AddrPort, n int) bool {
	before := len(w.far)
	if err := w.near.Write(datagram(t, nearAddr, to, n)); err != nil {
		t.Fatal(err)
	}
	return len(w.far) > before
}

func (w *wireTo) back(t *testing.T, from netip.AddrPort) bool {
	before := len(w.heard)
	if err := w.Write(datagram(t, from, nearAddr, 1)); err != nil {
		t.Fatal(err)
	}
	return len(w.heard) > before
}

// TestLinkSilence: what is decided about one address is nothing to another one, and can be undone.
func TestLinkSilence(t *testing.T) {
	w, other := newWire(t), netip.AddrPortFrom(farAddr.Addr(), 81)
	if !w.there(t, farAddr, 1) || !w.back(t, farAddr) {
		t.Error("nothing was decided, but packets get lost")
	}
	w.set(farAddr, &fate{})
	if w.there(t, farAddr, 1) || w.back(t, farAddr) {
		t.Error("the peer isn't silent")
	}
	if !w.there(t, other, 1) || !w.back(t, other) {
		t.Error("another port is silent")
	}
	if n := w.hits(farAddr); n != 1 {
		t.Errorf("%d packets were lost by count; want 1, the subject's", n)
	}
	if w.set(farAddr, nil); !w.there(t, farAddr, 1) || !w.back(t, farAddr) {
		t.Error("the peer remains silent")
	}
}

// TestLinkAnswers: a lost packet is answered by a message that quotes it.
func TestLinkAnswers(t *testing.T) {
	w := newWire(t)
	w.set(farAddr, &fate{answer: wire.FragmentationNeeded(500), above: 500})
	if !w.there(t, farAddr, 500-28) || len(w.heard) != 0 {
		t.Error("a packet that is short enough is lost or answered")
	}
	if w.there(t, farAddr, 501-28) || len(w.heard) != 1 {
		t.Fatalf("one that is too long passes, or has %d answers; want one", len(w.heard))
	}
	m, err := wire.ParseICMP(w.heard[0].Payload())
	if err != nil || m.NextHopMTU() != 500 || w.heard[0].Src() != farAddr.Addr() || w.heard[0].Dst() != nearAddr.Addr() {
		t.Errorf("the answer is %s, %v", wire.DescribePacket(w.heard[0]), err)
	}
	if q, ok := m.Quoted(); !ok || q.DstPort != farAddr.Port() || q.Src != nearAddr.Addr() {
		t.Errorf("it quotes %+v", q)
	}
	if !w.back(t, farAddr) {
		t.Error("what the far end sends is lost, too")
	}
}

// TestLinkOdd: what has no ports passes, however short.
func TestLinkOdd(t *testing.T) {
	w := newWire(t)
	for n := range 28 {
		b := datagram(t, nearAddr, farAddr, 0).Head[:n]
		if err := w.near.Write(&link.Frame{Head: b}); err != nil {
			t.Fatal(err)
		}
		if err := w.Write(&link.Frame{Head: b}); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.far) != 28 || len(w.heard) != 28 {
		t.Errorf("of 28 pieces each way %d and %d came", len(w.far), len(w.heard))
	}
}

// TestPacketLen: a super-segment is as long as the longest packet that it becomes.
func TestPacketLen(t *testing.T) {
	f := datagram(t, nearAddr, farAddr, 3000)
	f.GSOSize = 1000
	if n := packetLen(f); n != 1028 {
		t.Errorf("a train of datagrams of 1000: %d octets; want 1028", n)
	}
	f.GSOSize = 5000
	if n := packetLen(f); n != 3028 {
		t.Errorf("one that is a single datagram: %d octets; want 3028", n)
	}
}

package stack

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// A datagram is put together from fragments in any order, with copies among them, next to others.
func TestReassembly(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	r := newRig(t, Config{}, nil)
	d := r.datagram(ours(2000))
	var wholes uint64
	for round := range 200 {
		a, b := pattern(1+rnd.IntN(20000)), pattern(1+rnd.IntN(3000))
		size := 8 * (1 + rnd.IntN(180))
		all := fragments(t, udpPacket(theirs(1000), ours(2000), a), uint16(2*round), max(size, len(a)/100&^7))
		second := fragments(t, udpPacket(theirs(1000), ours(2000), b), uint16(2*round+1), max(size, len(b)/100&^7))
		wholes += uint64(min(1, len(all)-1) + min(1, len(second)-1)) // one in a single piece is no fragment
		all = append(all, second...)
		all = append(all, all[rnd.IntN(len(all)-1)]) // a copy of one; at worst it begins a datagram that stays alone
		rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, p := range all {
			r.dev.inject(p)
		}
		got := [][]byte{}
		for ready, _ := d.Ready(); ready; ready, _ = d.Ready() {
			data, from := received(t, d)
			if from != theirs(1000) {
				t.Fatalf("from %v", from)
			}
			got = append(got, data)
		}
		has := func(x []byte) bool {
			return slices.ContainsFunc(got, func(g []byte) bool { return string(g) == string(x) })
		}
		if !has(a) || !has(b) {
			t.Fatalf("round %d: of datagrams of %d and %d octets in %d fragments %d arrived",
				round, len(a), len(b), len(all), len(got))
		}
	}
	r.counted(FragReassembled, wholes)
	r.clock.advance(time.Minute)
	if r.frag.bytes != 0 || len(r.frag.m) != 0 || r.clock.pending() != 0 {
		t.Errorf("left: %d bytes, %d datagrams, %d timers", r.frag.bytes, len(r.frag.m), r.clock.pending())
	}
}

// frag makes one fragment of a UDP datagram whose payload is data[off:end].
func frag(whole []byte, off, end int, more bool) []byte {
	return packet(wire.IPv4Header{ID: 7, Protocol: wire.ProtoUDP, Src: theirIP, Dst: ourIP,
		FragmentOffset: off, MoreFragments: more}, whole[off:end])
}

// RFC 5722: one overlap spoils the datagram, with all that comes of it later, but not another one with the same ports.
func TestReassemblyOverlap(t *testing.T) {
	whole := udpSegment(theirs(1000), ours(2000), pattern(100)) // 108 octets
	other := append([]byte(nil), whole...)
	other[20] ^= 1
	for name, l := range map[string][][]byte{
		"tail of one":          {frag(whole, 0, 48, true), frag(whole, 40, 108, false), frag(whole, 48, 108, false)},
		"head of one":          {frag(whole, 40, 108, false), frag(whole, 0, 48, true), frag(whole, 0, 40, true)},
		"inside":               {frag(whole, 0, 64, true), frag(whole, 16, 32, true), frag(whole, 64, 108, false)},
		"around":               {frag(whole, 16, 32, true), frag(whole, 0, 64, true), frag(whole, 64, 108, false)},
		"same place, shorter":  {frag(whole, 0, 64, true), frag(whole, 0, 32, true), frag(whole, 64, 108, false)},
		"same place, other":    {frag(whole, 0, 64, true), frag(other, 0, 64, true), frag(whole, 64, 108, false)},
		"two ends":             {frag(whole, 64, 108, false), frag(whole, 56, 64, false), frag(whole, 0, 56, true)},
		"data beyond the end":  {frag(whole, 40, 64, false), frag(whole, 64, 104, true), frag(whole, 0, 40, true)},
		"end before data":      {frag(whole, 64, 104, true), frag(whole, 40, 64, false), frag(whole, 0, 40, true)},
		"end that has more":    {frag(whole, 64, 104, true), frag(whole, 64, 104, false), frag(whole, 0, 64, true)},
		"more that is the end": {frag(whole, 64, 104, false), frag(whole, 64, 104, true), frag(whole, 0, 64, true)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{}, nil)
			d := r.datagram(ours(2000))
			for _, p := range l {
				r.dev.inject(p)
			}
			for i := 0; i < 104; i += 8 { // all of it again: "including those constituent fragments not yet received"
				r.dev.inject(frag(whole, i, i+8, true))
			}
			r.dev.inject(frag(whole, 104, 108, false))
			if ready, _ := d.Ready(); ready {
				t.Fatal("a datagram with overlapping fragments was delivered")
			}
			r.clock.advance(30 * time.Second)
			r.sentNone() // we keep nothing of it that could be quoted
			h := wire.IPv4Header{Protocol: wire.ProtoUDP, Src: theirIP, Dst: ourIP}
			for _, p := range fragments(t, packet(h, whole), 7, 48) {
				r.dev.inject(p)
			}
			if data, _ := received(t, d); len(data) != 100 {
				t.Errorf("%d octets", len(data))
			}
		})
	}
}

func TestFragmentMalformed(t *testing.T) {
	r := newRig(t, Config{}, nil)
	big := make([]byte, 1000)
	h := wire.IPv4Header{ID: 7, Protocol: wire.ProtoUDP, Src: theirIP, Dst: ourIP, MoreFragments: true}
	r.dev.inject(packet(h, nil))      // empty
	r.dev.inject(packet(h, big[:12])) // not a multiple of 8, and not the last
	h.FragmentOffset, h.MoreFragments = 65528, false
	r.dev.inject(packet(h, big[:8])) // beyond 65535: the "ping of death"
	r.counted(DropFragBad, 3)
	if len(r.frag.m) != 0 {
		t.Error("something of it was kept")
	}
}

// RFC 1122 3.3.2: a datagram that doesn't become whole is given up after a fixed time, and its sender told if the first
// fragment came.
func TestReassemblyTimeout(t *testing.T) {
	r := newRig(t, Config{}, nil)
	l := fragments(t, udpPacket(theirs(1000), ours(2000), pattern(3000)), 9, 1000)
	r.dev.inject(l[0])
	r.clock.advance(20 * time.Second)
	r.dev.inject(l[1]) // which doesn't prolong it
	second := fragments(t, udpPacket(theirs(1000), ours(2000), pattern(3000)), 10, 1000)
	r.dev.inject(second[2])
	r.sentNone()
	r.clock.advance(10 * time.Second)
	r.counted(DropFragTimeout, 1)
	m := r.sentICMP()
	if m.Type() != wire.ICMPTimeExceeded || m.Code() != wire.CodeReassemblyExceeded {
		t.Errorf("%v code %d", m.Type(), m.Code())
	}
	if string(m.Body()) != string(l[0][:len(m.Body())]) || len(m.Body()) != 548 {
		t.Errorf("it quotes %d octets that aren't the first fragment's", len(m.Body()))
	}
	r.dev.inject(l[2])
	r.clock.advance(time.Minute) // the second datagram, and what came too late of the first: without first fragments
	r.counted(DropFragTimeout, 2)
	r.sentNone()
	if r.frag.bytes != 0 || r.clock.pending() != 0 {
		t.Errorf("left: %d bytes, %d timers", r.frag.bytes, r.clock.pending())
	}
}

// Strangers cannot make us hold more than was agreed, and the newest datagrams are the ones that survive.
func TestReassemblyMemory(t *testing.T) {
	r := newRig(t, Config{FragBytes: 100_000}, nil)
	d := r.datagram(ours(2000))
	for id := range uint16(5000) {
		h := wire.IPv4Header{ID: id, Protocol: wire.ProtoUDP, Src: theirIP, Dst: ourIP,
			MoreFragments: true, FragmentOffset: 8}
		r.dev.inject(packet(h, make([]byte, 8*(1+id%100))))
		if r.frag.bytes > 100_000 {
			t.Fatalf("%d bytes held", r.frag.bytes)
		}
	}
	for _, p := range fragments(t, udpPacket(theirs(1000), ours(2000), pattern(9000)), 6000, 1480) {
		r.dev.inject(p)
	}
	if data, _ := received(t, d); len(data) != 9000 {
		t.Errorf("%d octets", len(data))
	}
	if n := r.Counters()[DropFragMemory]; n < 4000 {
		t.Errorf("%d given up", n)
	}
}

// RFC 3168 5.3: one CE mark marks the datagram; with a fragment that doesn't know ECN it is dropped.
func TestReassemblyECN(t *testing.T) {
	for _, c := range []struct {
		tos  [2]uint8
		want int // the datagram's ECN bits; -1: dropped
	}{
		{[2]uint8{0, 0}, 0}, {[2]uint8{2, 2}, 2}, {[2]uint8{2, 3}, 3}, {[2]uint8{3, 1}, 3}, {[2]uint8{0, 3}, -1},
	} {
		r := newRig(t, Config{}, nil)
		whole := udpSegment(theirs(1000), ours(2000), pattern(100))
		var p *partial
		for i, span := range [][2]int{{0, 64}, {64, 108}} {
			b := frag(whole, span[0], span[1], i == 0)
			b[1] = c.tos[i]
			ip := mustIPv4(t, resum(b))
			p = r.frag.add(&inPacket{ip: ip, src: ip.Src(), dst: ip.Dst(), payload: ip.Payload()})
		}
		ip, ok := p.assemble(make([]byte, 1<<16))
		if got := -1; ok {
			got = int(ip.TOS() & 3)
			if got != c.want {
				t.Errorf("%v: %d, want %d", c.tos, got, c.want)
			}
		} else if got != c.want {
			t.Errorf("%v: dropped, want %d", c.tos, c.want)
		}
	}
}

func TestReassemblyECNDrop(t *testing.T) {
	r := newRig(t, Config{}, nil)
	d := r.datagram(ours(2000))
	whole := udpSegment(theirs(1000), ours(2000), pattern(100))
	marked := frag(whole, 0, 64, true)
	marked[1] = 3
	r.dev.inject(resum(marked))
	r.dev.inject(frag(whole, 64, 108, false))
	r.counted(DropFragECN, 1)
	if ready, _ := d.Ready(); ready {
		t.Error("it was delivered")
	}
}

// IP options of the first fragment stay with the datagram, as the header of what we answer quotes it.
func TestReassemblyOptions(t *testing.T) {
	r := newRig(t, Config{}, nil)
	whole := udpSegment(theirs(1000), ours(2000), pattern(100))
	first := packet(wire.IPv4Header{ID: 7, Protocol: wire.ProtoUDP, Src: theirIP, Dst: ourIP, MoreFragments: true,
		Options: []byte{7, 7, 4, 0, 0, 0, 0, 0}}, whole[:64])
	r.dev.inject(first)
	r.dev.inject(frag(whole, 64, 108, false))
	m := r.sentICMP() // port unreachable
	q, ok := m.Quoted()
	if !ok || q.TotalLen != 28+108 || q.DstPort != 2000 || q.Offset != 0 {
		t.Errorf("%+v", q)
	}
}

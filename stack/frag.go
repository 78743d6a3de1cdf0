package stack

import (
	"bytes"
	"container/list"
	"slices"
	"sync"

	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

// reassembly puts fragmented datagrams together ([RFC 791 section
// 3.2](https://www.rfc-editor.org/rfc/rfc791#section-3.2)).
//
// What strangers can make it hold is bounded: in memory, all counted (Config.FragBytes; the oldest datagram is given up
// for a new one), and in time, from the first fragment that came (Config.FragTimeout). Fragments that overlap are an
// attack or a mistake: the whole datagram is dropped, with "those constituent fragments not yet received"
// ([RFC 5722 section 4](https://www.rfc-editor.org/rfc/rfc5722#section-4)). An exact copy of a fragment is only a copy.
type reassembly struct {
	s     *Stack
	mu    sync.Mutex // a leaf
	m     map[fragKey]*partial
	fifo  list.List // of *partial, the oldest first, hence in order of expiry
	bytes int       // memory held
	timer Timer     // made with the first fragment; pending while there are any
}

// fragKey is what the fragments of a datagram share.
type fragKey struct {
	src, dst addr4
	id       uint16
	proto    uint8
}

// partial is a datagram that has not arrived whole.
type partial struct {
	key     fragKey
	elem    *list.Element
	expires tcp.Time
	ifc     *Iface
	group   bool
	bad     bool       // fragments overlapped: the rest is dropped as it comes
	ecn     uint8      // the set of ECN code points seen, as bits
	header  []byte     // IP header of the first fragment; nil until it has come
	parts   []fragment // by offset, without overlap
	have    int        // octets in parts
	total   int        // octets of the whole payload; -1 until the last fragment has come
	bytes   int        // memory counted for all this
}

type fragment struct {
	off  int
	data []byte
}

func (f fragment) end() int { return f.off + len(f.data) }

const (
	partialCost  = 320 // memory counted for a partial, beyond its fragments
	fragmentCost = 96  // and for a fragment, beyond its octets
)

func (r *reassembly) init(s *Stack) {
	r.s = s
	r.m = map[fragKey]*partial{}
}

// inputFragment takes a fragment, and delivers the datagram that it completes.
func (s *Stack) inputFragment(in *inPacket) {
	s.count(FragIn)
	if !fragmentOK(in) {
		s.count(DropFragBad)
		return
	}
	p := s.frag.add(in)
	if p == nil {
		return
	}
	buf := tcp.GetBuf()
	defer tcp.PutBuf(buf)
	ip, ok := p.assemble(buf)
	if !ok {
		s.count(DropFragECN)
		return
	}
	s.count(FragReassembled)
	whole := inPacket{ifc: p.ifc, ip: ip, src: in.src, dst: in.dst, payload: ip.Payload(), group: p.group}
	s.deliver(&whole)
}

// fragmentOK reports whether a fragment can be part of a datagram: not empty, a multiple of 8 octets long unless it is
// the last, and not beyond what a length field can say.
func fragmentOK(in *inPacket) bool {
	n := len(in.payload)
	end := in.ip.HeaderLen() + in.ip.FragmentOffset() + n
	return n > 0 && end <= 0xffff && (n%8 == 0 || !in.ip.MoreFragments())
}

// add keeps a copy of a fragment. If it completes its datagram, that is forgotten here and returned.
func (r *reassembly) add(in *inPacket) *partial {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := fragKey{addr4(in.src.As4()), addr4(in.dst.As4()), in.ip.ID(), in.ip.Protocol()}
	p := r.m[key]
	if p == nil {
		if r.s.closed.Load() {
			return nil
		}
		p = r.open(key, in)
	}
	before := p.bytes
	fault := p.insert(in)
	r.bytes += p.bytes - before
	if fault {
		r.s.count(DropFragOverlap)
		return nil
	}
	if p.have == p.total {
		r.remove(p)
		return p
	}
	for r.bytes > r.s.cfg.FragBytes {
		r.s.count(DropFragMemory)
		r.remove(r.fifo.Front().Value.(*partial))
	}
	return nil
}

// open begins a datagram.
func (r *reassembly) open(key fragKey, in *inPacket) *partial {
	d := r.s.cfg.FragTimeout
	p := &partial{
		key: key, ifc: in.ifc, group: in.group, total: -1, bytes: partialCost,
		expires: r.s.now().Add(d),
	}
	if r.fifo.Len() == 0 {
		if r.timer == nil {
			r.timer = r.s.cfg.Clock.AfterFunc(d, r.expire)
		} else {
			r.timer.Reset(d)
		}
	}
	p.elem = r.fifo.PushBack(p)
	r.m[key] = p
	r.bytes += p.bytes
	return p
}

// remove forgets a datagram.
func (r *reassembly) remove(p *partial) {
	r.fifo.Remove(p.elem)
	delete(r.m, p.key)
	r.bytes -= p.bytes
	if r.fifo.Len() == 0 && r.timer != nil {
		r.timer.Stop()
	}
}

// insert puts a fragment in its place and reports whether it must not be there.
func (p *partial) insert(in *inPacket) (fault bool) {
	f := fragment{in.ip.FragmentOffset(), in.payload}
	if p.bad {
		return true
	}
	i, same := slices.BinarySearchFunc(p.parts, f.off, func(g fragment, off int) int { return g.off - off })
	if same && bytes.Equal(p.parts[i].data, f.data) && in.ip.MoreFragments() == (f.end() != p.total) {
		return false // a copy
	}
	overlap := i > 0 && p.parts[i-1].end() > f.off || i < len(p.parts) && p.parts[i].off < f.end()
	if overlap || !p.fitsEnd(f, in.ip.MoreFragments()) {
		p.spoil()
		return true
	}
	f.data = bytes.Clone(f.data)
	p.parts = slices.Insert(p.parts, i, f)
	p.have += len(f.data)
	p.bytes += len(f.data) + fragmentCost
	p.ecn |= 1 << (in.ip.TOS() & 3)
	if f.off == 0 {
		p.header = bytes.Clone(in.ip[:in.ip.HeaderLen()])
	}
	return false
}

// fitsEnd looks at what a fragment says of the datagram's end: there is one end, and nothing after it.
func (p *partial) fitsEnd(f fragment, more bool) bool {
	if more {
		return p.total < 0 || f.end() < p.total
	}
	if p.total >= 0 || len(p.parts) > 0 && p.parts[len(p.parts)-1].end() > f.end() {
		return false
	}
	p.total = f.end()
	return true
}

// spoil gives up what has come, and what is still to come.
func (p *partial) spoil() {
	p.bad = true
	p.parts, p.header = nil, nil
	p.have, p.total = 0, -1
	p.bytes = partialCost
}

// assemble writes the whole datagram into buf. It reports false where the fragments' ECN bits contradict each other:
// one says that the transport doesn't know ECN, another that a router has marked it ([RFC 3168 section
// 5.3](https://www.rfc-editor.org/rfc/rfc3168#section-5.3)).
func (p *partial) assemble(buf []byte) (wire.IPv4, bool) {
	const notECT, ce = 1 << 0, 1 << 3
	if p.ecn&ce != 0 && p.ecn&notECT != 0 {
		return nil, false
	}
	first := wire.IPv4(p.header)
	h := wire.IPv4Header{
		TOS: first.TOS(), ID: first.ID(), TTL: first.TTL(), Protocol: first.Protocol(),
		Src: first.Src(), Dst: first.Dst(), Options: first.Options(),
	}
	if p.ecn&ce != 0 {
		h.TOS |= 3
	}
	n := h.Put(buf, p.total)
	for _, f := range p.parts {
		n += copy(buf[n:], f.data)
	}
	return wire.IPv4(buf[:n:n]), true
}

// expire is the timer's call: it gives up the datagrams that are late.
func (r *reassembly) expire() {
	r.mu.Lock()
	now := r.s.now()
	var late []*partial
	for e := r.fifo.Front(); e != nil; e = r.fifo.Front() {
		p := e.Value.(*partial)
		if p.expires > now {
			r.timer.Reset(p.expires.Sub(now))
			break
		}
		r.remove(p)
		late = append(late, p)
	}
	r.mu.Unlock()
	for _, p := range late {
		r.s.count(DropFragTimeout)
		r.s.tellLate(p)
	}
}

// tellLate says "fragment reassembly time exceeded" to the sender, if the first fragment has come to be quoted
// ([RFC 1122 section 3.3.2](https://www.rfc-editor.org/rfc/rfc1122#page-57)).
func (s *Stack) tellLate(p *partial) {
	if p.header == nil {
		return
	}
	ip := wire.IPv4(append(p.header, p.parts[0].data...))
	in := inPacket{ifc: p.ifc, ip: ip, src: ip.Src(), dst: ip.Dst(), group: p.group}
	s.sendICMPError(&in, wire.TimeExceeded(wire.CodeReassemblyExceeded))
}

// close drops everything.
func (r *reassembly) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.m)
	r.fifo.Init()
	r.bytes = 0
	if r.timer != nil {
		r.timer.Stop()
	}
}

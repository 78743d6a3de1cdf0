package stack

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

// ipOptions are the fields of an IP header that a socket's user chooses.
type ipOptions struct {
	ttl uint8 // 0: the stack's
	tos uint8
}

// scratch is what it takes to send one packet: the memory that a frame is made of while a device has it.
type scratch struct {
	head  [wire.IPv4MinHeader + wire.TCPMaxHeader]byte
	tail  [wire.MaxVec][]byte
	frame link.Frame
	cut   wire.Segment // the piece of a super-segment that is being sent
}

// scratches are bytes and slices only, so they may wander between testing/synctest bubbles.
var scratches = sync.Pool{New: func() any { return new(scratch) }}

func getScratch() *scratch { return scratches.Get().(*scratch) }

// put gives t back and forgets the payload that it showed to the device.
func (t *scratch) put() {
	t.tail = [wire.MaxVec][]byte{}
	t.frame = link.Frame{}
	t.cut.Payload.Reset()
	scratches.Put(t)
}

// transmit hands a frame to its device. It holds no lock.
func (s *Stack) transmit(ifc *Iface, f *link.Frame) error {
	if err := ifc.dev.Write(f); err != nil {
		return s.notSent(err)
	}
	s.count(IPOut)
	return nil
}

// notSent makes a count and an errno of what a device said.
func (s *Stack) notSent(err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, link.ErrDropped):
		s.count(DropDeviceFull)
		return nil // a network may lose packets, and this one did
	case errors.Is(err, link.ErrTooLong):
		s.count(DropTooBig)
		return syscall.EMSGSIZE
	case errors.Is(err, link.ErrClosed):
		errno = syscall.ENETDOWN
	case !errors.As(err, &errno):
		errno = syscall.EIO
	}
	s.count(DropDevice)
	return errno
}

// ttlOr is the TTL to send with.
func (s *Stack) ttlOr(ttl uint8) uint8 {
	if ttl != 0 {
		return ttl
	}
	return uint8(s.cfg.TTL)
}

// sendTCP sends a segment of the flow k. Its ports are k's, whatever seg says; its TOS field is o.tos with the ECN bits
// of seg.TOS. A super-segment is cut here where the device doesn't do it. Nothing is kept of seg. A link that has no
// room drops the segment as any network may, which is no error. ENETDOWN where the link is gone, EMSGSIZE where the
// segment doesn't fit.
func (s *Stack) sendTCP(p *path, k flowKey, seg *wire.Segment, o ipOptions) error {
	seg.SrcPort, seg.DstPort = k.lport, k.rport
	o.tos = o.tos&^3 | seg.TOS&3
	t := getScratch()
	defer t.put()
	s.count(TCPOut)
	n := wire.IPv4MinHeader + seg.HeaderLen() + seg.Payload.Len()
	super := seg.GSOSize > 0 && seg.Payload.Len() > seg.GSOSize
	switch {
	case !super && n > p.ifc.mtu:
		s.count(DropTooBig)
		return syscall.EMSGSIZE
	case super && !(p.ifc.off.TSO && n <= p.ifc.off.MaxSize):
		return s.cutTCP(p, k, seg, o, t)
	case super:
		t.frame.GSOSize = seg.GSOSize
	}
	return s.putTCP(p, k, seg, o, t)
}

// cutTCP sends a super-segment as the segments it stands for. The flags that mark an end go with the last of them, the
// one that marks a beginning (CWR, RFC 3168 6.1.2) with the first.
func (s *Stack) cutTCP(p *path, k flowKey, seg *wire.Segment, o ipOptions, t *scratch) error {
	left := seg.Payload.Slices()
	total := seg.Payload.Len()
	var used int // of left[0]
	for sent := 0; sent < total; {
		cut := &t.cut
		*cut = *seg
		cut.GSOSize = 0
		cut.Payload.Reset()
		cut.Seq = seg.Seq.Add(sent)
		for cut.Payload.Len() < seg.GSOSize && len(left) > 0 {
			n := min(len(left[0])-used, seg.GSOSize-cut.Payload.Len())
			cut.Payload.Append(left[0][used : used+n])
			if used += n; used == len(left[0]) {
				left, used = left[1:], 0
			}
		}
		if sent > 0 {
			cut.Flags &^= wire.CWR
		}
		if sent += cut.Payload.Len(); sent < total {
			cut.Flags &^= wire.FIN | wire.PSH
		}
		if err := s.putTCP(p, k, cut, o, t); err != nil {
			return err
		}
	}
	return nil
}

// putTCP writes the headers and sends one frame.
func (s *Stack) putTCP(p *path, k flowKey, seg *wire.Segment, o ipOptions, t *scratch) error {
	src, dst := k.local.netip(), k.remote.netip()
	h := wire.IPv4Header{
		TOS: o.tos, TTL: s.ttlOr(o.ttl), Protocol: wire.ProtoTCP, Src: src, Dst: dst,
		DontFragment: !p.nodf,
	}
	if p.nodf {
		h.ID = s.ids.take(k.local, k.remote, h.Protocol, packets(seg))
	}
	tlen := seg.HeaderLen()
	n := h.Put(t.head[:], tlen+seg.Payload.Len())
	th := t.head[n : n+seg.PutHeader(t.head[n:])]
	if t.frame.Csum = link.CsumFull; p.ifc.off.Csum {
		t.frame.Csum = link.CsumPartial
		wire.SetPartialChecksum(src, dst, wire.ProtoTCP, th, tlen+seg.Payload.Len())
	} else {
		wire.SetTransportChecksum(src, dst, wire.ProtoTCP, th, &seg.Payload)
	}
	t.frame.Head = t.head[:n+tlen]
	t.frame.Tail = t.tail[:copy(t.tail[:], seg.Payload.Slices())]
	return s.transmit(p.ifc, &t.frame)
}

// packets is how many packets a frame becomes, each of which takes an identification.
func packets(seg *wire.Segment) int {
	if seg.GSOSize == 0 {
		return 1
	}
	return (seg.Payload.Len() + seg.GSOSize - 1) / seg.GSOSize
}

// outDatagram is a datagram to be sent, in fragments where it has to be.
type outDatagram struct {
	src, dst netip.Addr
	proto    uint8
	opts     ipOptions
	frag     fragPolicy
	head     int    // length of the transport header, which lies in the scratch after the IP header, without checksum
	body     []byte // what follows it
}

// fragPolicy is Linux's IP_MTU_DISCOVER.
type fragPolicy uint8

const (
	fragNever fragPolicy = iota // IP_PMTUDISC_DONT: DF off, fragments where needed
	fragWant                    // IP_PMTUDISC_WANT: DF on what fits the path, fragments of what doesn't
	fragDo                      // IP_PMTUDISC_DO: DF always, nothing beyond the path's MTU
	fragProbe                   // IP_PMTUDISC_PROBE: DF always, nothing beyond the device's MTU
)

// sendDatagram completes the checksum and sends the datagram whose transport header is in t. EMSGSIZE where it doesn't
// fit and must not be fragmented; otherwise as sendTCP.
func (s *Stack) sendDatagram(p *path, d *outDatagram, t *scratch) error {
	mtu := p.mtu
	if d.frag == fragProbe {
		mtu = p.ifc.mtu
	}
	n := d.head + len(d.body)
	fits := wire.IPv4MinHeader+n <= mtu
	if !fits && d.frag >= fragDo {
		s.count(DropTooBig)
		return syscall.EMSGSIZE
	}
	d.sum(t, fits && p.ifc.off.Csum)
	if !fits {
		return s.sendFragments(p, d, mtu, t)
	}
	h := d.header(s)
	h.DontFragment = d.frag >= fragDo || d.frag == fragWant && !p.nodf
	if !h.DontFragment {
		h.ID = s.ids.take(addrOf(d.src), addrOf(d.dst), d.proto, 1)
	}
	ihl := h.Put(t.head[:], n)
	t.frame.Head = t.head[:ihl+d.head]
	t.frame.Tail = append(t.tail[:0], d.body)
	return s.transmit(p.ifc, &t.frame)
}

// header is the IP header of the datagram or of a fragment.
func (d *outDatagram) header(s *Stack) wire.IPv4Header {
	return wire.IPv4Header{TOS: d.opts.tos, TTL: s.ttlOr(d.opts.ttl), Protocol: d.proto, Src: d.src, Dst: d.dst}
}

// sum writes the transport checksum, or leaves its completion to the device. ICMP messages come with theirs.
func (d *outDatagram) sum(t *scratch, partial bool) {
	t.frame.Csum = link.CsumFull
	if d.proto != wire.ProtoUDP {
		return
	}
	th := t.head[wire.IPv4MinHeader : wire.IPv4MinHeader+d.head]
	if partial {
		t.frame.Csum = link.CsumPartial
		wire.SetPartialChecksum(d.src, d.dst, d.proto, th, d.head+len(d.body))
		return
	}
	body := &t.cut.Payload
	body.Reset()
	body.Append(d.body)
	wire.SetTransportChecksum(d.src, d.dst, d.proto, th, body)
}

// sendFragments sends a datagram in pieces (RFC 791 section 2.3). The transport header goes with the first.
func (s *Stack) sendFragments(p *path, d *outDatagram, mtu int, t *scratch) error {
	h := d.header(s)
	h.ID = s.ids.take(addrOf(d.src), addrOf(d.dst), d.proto, 1)
	room := (mtu - wire.IPv4MinHeader) &^ 7
	if room <= d.head {
		s.count(DropTooBig)
		return syscall.EMSGSIZE
	}
	total, body, head := d.head+len(d.body), d.body, d.head
	for off := 0; off < total; {
		n := min(room, total-off)
		h.FragmentOffset, h.MoreFragments = off, off+n < total
		ihl := h.Put(t.head[:], n)
		t.frame.Head = t.head[:ihl+head]
		t.frame.Tail = append(t.tail[:0], body[:n-head])
		body, head = body[n-head:], 0
		if err := s.transmit(p.ifc, &t.frame); err != nil {
			return err
		}
		s.count(FragOut)
		off += n
	}
	return nil
}

// ipIDs gives out the identifications of packets that may be fragmented; those that may not have 0, for "the IPv4 ID
// field MUST NOT be used for purposes other than fragmentation and reassembly"
// ([RFC 6864 section 4.1](https://www.rfc-editor.org/rfc/rfc6864#section-4.1)). Pairs of hosts share a number of
// counters by a keyed hash, so that a counter seen by one host tells nothing of the traffic to another (RFC 7739).
type ipIDs struct {
	key  sipKey
	next [256]atomic.Uint32
}

func (i *ipIDs) init(rand func([]byte), key sipKey) {
	i.key = key
	var b [2 * 256]byte
	rand(b[:])
	for j := range i.next {
		i.next[j].Store(uint32(b[2*j])<<8 | uint32(b[2*j+1]))
	}
}

// take gives n identifications for packets between two addresses: the result and those that follow it.
func (i *ipIDs) take(src, dst addr4, proto uint8, n int) uint16 {
	var b [9]byte
	copy(b[0:], src[:])
	copy(b[4:], dst[:])
	b[8] = proto
	slot := i.key.hash(b[:]) % uint64(len(i.next))
	return uint16(i.next[slot].Add(uint32(n)) - uint32(n))
}

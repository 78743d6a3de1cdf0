package parity

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

// Link is the device of the far end of a way for packets, on which questions decide what becomes of them: a peer falls
// silent, or a router says that it cannot be reached. That goes by the address and port at the far end, so that
// questions that are asked at the same time don't feel each other's.
type Link struct {
	link.Device
	router netip.Addr // whose ICMP messages are
	spare  netip.Addr
	ports  atomic.Uint32

	mu    sync.Mutex
	fates map[netip.AddrPort]*fate
}

// fate is what becomes of the packets to and from an address at the far end.
type fate struct {
	// answer is what a packet from the subject is answered with; nothing where it is the zero ICMPError.
	answer wire.ICMPError
	above  int // only packets of more octets, IP header included, are lost; 0: all, those to the subject, too
	hits   int // how many packets of the subject were lost
}

// NewLink puts a link in front of the far end's device. The far end has both addresses: from router ICMP messages come,
// and to spare the path is not what it was once questions about its MTU were asked.
func NewLink(d link.Device, router, spare netip.Addr) *Link {
	return &Link{Device: d, router: router, spare: spare, fates: map[netip.AddrPort]*fate{}}
}

// Attach attaches the far end.
func (l *Link) Attach(recv func(*link.Frame)) error {
	return l.Device.Attach(func(f *link.Frame) {
		_, far, ok := endsOf(f.Head)
		if !ok {
			recv(f)
			return
		}
		answer, lost := l.lose(far, f)
		if !lost {
			recv(f)
			return
		}
		if answer.Type.IsError() {
			_ = l.tell(answer, f.Head) // which is what an unreliable datagram service does
		}
	})
}

// Write carries a frame of the far end to the subject.
func (l *Link) Write(f *link.Frame) error {
	if far, _, ok := endsOf(f.Head); ok {
		l.mu.Lock()
		fate := l.fates[far]
		l.mu.Unlock()
		if fate != nil && fate.above == 0 {
			return nil
		}
	}
	return l.Device.Write(f)
}

// lose reports whether a frame from the subject is lost, and what it is answered with.
func (l *Link) lose(far netip.AddrPort, f *link.Frame) (answer wire.ICMPError, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fate := l.fates[far]
	if fate == nil || fate.above > 0 && packetLen(f) <= fate.above {
		return answer, false
	}
	fate.hits++
	return fate.answer, true
}

// tell sends the subject an ICMP message about its packet.
func (l *Link) tell(e wire.ICMPError, about []byte) error {
	h := wire.IPv4Header{TTL: 64, Protocol: wire.ProtoICMP, Src: l.router, Dst: wire.IPv4(about).Src()}
	b := make([]byte, h.Len()+e.Len(about))
	h.Put(b, e.Put(b[h.Len():], about))
	return l.Device.Write(&link.Frame{Head: b})
}

// set decides about an address at the far end; nil lets packets pass again.
func (l *Link) set(far netip.AddrPort, f *fate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f == nil {
		delete(l.fates, far)
		return
	}
	l.fates[far] = f
}

// hits is how many packets to an address were lost since set.
func (l *Link) hits(far netip.AddrPort) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.fates[far]; f != nil {
		return f.hits
	}
	return 0
}

// port is one at the far end that nobody else uses.
func (l *Link) port() uint16 { return uint16(10000 + l.ports.Add(1)%10000) }

// nowhere is an address at the far end that the far end hasn't, and nobody else uses.
func (l *Link) nowhere() netip.AddrPort {
	port := l.port()
	a := l.router.As4()
	a[3] = nowhereFrom + byte(port%nowheres)
	return netip.AddrPortFrom(netip.AddrFrom4(a), port)
}

// The last octets of addresses that are nowhere.
const nowhereFrom, nowheres = 100, 150

// isNowhere reports whether an address is one that nowhere has given, whichever.
func (l *Link) isNowhere(text string) bool {
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		return false
	}
	router, b := l.router.As4(), a.As4()
	return [3]byte(b[:3]) == [3]byte(router[:3]) && b[3] >= nowhereFrom && b[3] < nowhereFrom+nowheres
}

// packetLen is the length on the wire of the packets that a frame stands for, the longest of them.
func packetLen(f *link.Frame) int {
	if f.GSOSize == 0 {
		return f.Len()
	}
	ip := wire.IPv4(f.Head)
	n := ip.HeaderLen() + wire.UDPHeaderLen
	if ip.Protocol() == wire.ProtoTCP {
		n = ip.HeaderLen() + int(f.Head[ip.HeaderLen()+12]>>4)*4
	}
	return min(f.Len(), n+f.GSOSize)
}

// endsOf are a packet's addresses and ports; not ok where it has none.
func endsOf(head []byte) (src, dst netip.AddrPort, ok bool) {
	if len(head) < wire.IPv4MinHeader {
		return src, dst, false
	}
	ip := wire.IPv4(head)
	n := ip.HeaderLen()
	if p := ip.Protocol(); p != wire.ProtoTCP && p != wire.ProtoUDP || ip.FragmentOffset() != 0 ||
		len(head) < n+wire.UDPHeaderLen || p == wire.ProtoTCP && len(head) < n+wire.TCPMinHeader {
		return src, dst, false
	}
	src = netip.AddrPortFrom(ip.Src(), binary.BigEndian.Uint16(head[n:]))
	dst = netip.AddrPortFrom(ip.Dst(), binary.BigEndian.Uint16(head[n+2:]))
	return src, dst, true
}

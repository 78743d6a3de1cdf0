package link

import "github.com/gotcp/gotcp/stack/wire"

// MaxPacket is the length of the longest IPv4 packet, in octets (RFC 791 section 3.1).
const MaxPacket = 65535

// FullOffload is what a link through memory takes: everything.
var FullOffload = Offload{Csum: true, TSO: true, USO: true, MaxSize: MaxPacket}

// Admit reports whether a device with this offload and this MTU takes the frame: nil, [ErrTooLong] or [ErrOffload].
func (o Offload) Admit(f *Frame, mtu int) error {
	if f.Csum == CsumPartial && !o.Csum {
		return ErrOffload
	}
	if f.GSOSize == 0 {
		if f.Len() > mtu {
			return ErrTooLong
		}
		return nil
	}
	proto, n := headers(f.Head)
	switch {
	case f.GSOSize < 0, n == 0,
		proto == wire.ProtoTCP && !o.TSO, proto == wire.ProtoUDP && !o.USO:
		return ErrOffload
	case n+f.GSOSize > mtu, f.Len() > o.MaxSize:
		return ErrTooLong
	}
	return nil
}

// headers returns the protocol of the packet that starts with head, and the octets that its IP and transport headers
// take: 0 where that isn't TCP or UDP, or head ends before them.
func headers(head []byte) (proto uint8, n int) {
	if len(head) < wire.IPv4MinHeader {
		return 0, 0
	}
	ip := wire.IPv4(head)
	proto, n = ip.Protocol(), ip.HeaderLen()
	switch {
	case proto == wire.ProtoTCP && len(head) >= n+wire.TCPMinHeader:
		n += int(head[n+12]>>4) * 4
	case proto == wire.ProtoUDP:
		n += wire.UDPHeaderLen
	default:
		return proto, 0
	}
	if n > len(head) {
		return proto, 0
	}
	return proto, n
}

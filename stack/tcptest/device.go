package tcptest

import (
	"encoding/binary"
	"fmt"

	"github.com/gotcp/gotcp/stack/link"
)

// device is the link of a gotcp host: what the script injects arrives in the caller's goroutine, and what the stack
// writes is cut and completed as a network card with offload would do, and handed on.
type device struct {
	mtu     int
	offload bool
	recv    func(*link.Frame)
	sent    func(packet []byte)
}

func (d *device) Name() string { return "script0" }

func (d *device) MTU() int { return d.mtu }

func (d *device) Offload() link.Offload {
	if !d.offload {
		return link.Offload{}
	}
	return link.Offload{Csum: true, TSO: true, MaxSize: 65535}
}

func (d *device) Attach(recv func(*link.Frame)) error {
	d.recv = recv
	return nil
}

func (d *device) Close() error { return nil }

// Write takes a frame apart. What no card would take is handed on as it is: decode finds the fault.
func (d *device) Write(f *link.Frame) error {
	b := make([]byte, 0, f.Len())
	b = append(b, f.Head...)
	for _, t := range f.Tail {
		b = append(b, t...)
	}
	switch {
	case !d.offload && (f.GSOSize != 0 || f.Csum == link.CsumPartial || len(b) > d.mtu):
		return fmt.Errorf("frame of %d octets, GSO size %d, checksum state %d on a device of MTU %d without offload",
			len(b), f.GSOSize, f.Csum, d.mtu)
	case len(b) < ipHeader+udpHeader:
		d.sent(b)
	case f.GSOSize == 0 || len(b) <= ipHeader+tcpOffset(b)+f.GSOSize:
		if f.Csum == link.CsumPartial {
			complete(b, len(b)-ipHeader)
		}
		d.sent(b)
	default:
		d.cut(b, f.GSOSize)
	}
	return nil
}

// tcpOffset is the length of the TCP header in an IPv4 packet without options.
func tcpOffset(b []byte) int {
	if b[9] != protoTCP || len(b) < ipHeader+tcpHeader {
		return 0
	}
	return int(b[ipHeader+12]>>4) * 4
}

// complete turns a partial transport checksum, the sum of a pseudo-header with the length sum, into a full one. It sums
// over what is there, so that a wrong partial one becomes a wrong full one.
func complete(b []byte, sum int) {
	body := b[ipHeader:]
	field := map[byte]int{protoTCP: 16, protoUDP: 6}[b[9]]
	if field == 0 {
		return
	}
	// The length in the pseudo-header is that of this packet: take the other one out of the sum.
	n := checksum(uint32(^uint16(sum))+uint32(len(body)), body)
	binary.BigEndian.PutUint16(body[field:], ^uint16(n))
}

// cut makes segments of a super-segment: flags that end something are the last one's, CWR is the first one's (RFC 3168
// 6.1.2), and everything else is the same in all.
func (d *device) cut(b []byte, size int) {
	const last, first = 1 | 8, 0x80 // FIN and PSH, CWR
	head := ipHeader + tcpOffset(b)
	seq := binary.BigEndian.Uint32(b[ipHeader+4:])
	id := binary.BigEndian.Uint16(b[4:])
	data := b[head:]
	for off := 0; off < len(data); off += size {
		end := min(off+size, len(data))
		s := append(append(make([]byte, 0, head+end-off), b[:head]...), data[off:end]...)
		if off > 0 {
			s[ipHeader+13] &^= first
		}
		if end < len(data) {
			s[ipHeader+13] &^= last
		}
		binary.BigEndian.PutUint32(s[ipHeader+4:], seq+uint32(off))
		binary.BigEndian.PutUint16(s[2:], uint16(len(s)))
		binary.BigEndian.PutUint16(s[4:], id)
		id++
		binary.BigEndian.PutUint16(s[10:], 0)
		binary.BigEndian.PutUint16(s[10:], ^uint16(checksum(0, s[:ipHeader])))
		complete(s, len(b)-ipHeader)
		d.sent(s)
	}
}

package tun

import (
	"encoding/binary"
	"errors"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

// vnetLen is the length of the header before each packet on the fast path: virtio_net_hdr, version 1.0 section 5.1.6,
// in the machine's order of octets.
const vnetLen = 10

// The header's constants (include/uapi/linux/virtio_net.h).
const (
	needsCsum = 1 // flags: the checksum is partial
	dataValid = 2 // flags: the checksum was verified

	gsoNone  = 0
	gsoTCPv4 = 1
	gsoUDP   = 5    // USO: a train of datagrams
	gsoECN   = 0x80 // in addition: the TCP super-segment has CWR set
)

var (
	errTruncated = errors.New("shorter than its header")
	errNotIPv4   = errors.New("not IPv4")
	errVnet      = errors.New("virtio-net header doesn't fit the packet")
)

// vnetHeader is what one says of its packet.
type vnetHeader struct {
	flags, gsoType        uint8
	hdrLen                uint16 // a hint to the kernel; what it says there isn't to be trusted
	gsoSize               uint16
	csumStart, csumOffset uint16
}

func (h *vnetHeader) put(b *[vnetLen]byte) {
	b[0], b[1] = h.flags, h.gsoType
	binary.NativeEndian.PutUint16(b[2:], h.hdrLen)
	binary.NativeEndian.PutUint16(b[4:], h.gsoSize)
	binary.NativeEndian.PutUint16(b[6:], h.csumStart)
	binary.NativeEndian.PutUint16(b[8:], h.csumOffset)
}

func parseVnet(b *[vnetLen]byte) vnetHeader {
	return vnetHeader{
		flags: b[0], gsoType: b[1],
		hdrLen:     binary.NativeEndian.Uint16(b[2:]),
		gsoSize:    binary.NativeEndian.Uint16(b[4:]),
		csumStart:  binary.NativeEndian.Uint16(b[6:]),
		csumOffset: binary.NativeEndian.Uint16(b[8:]),
	}
}

// transport is where the transport header of a packet begins and ends, and where in it the checksum is. ok is false
// where there is no TCP or UDP header in whole.
func transport(head []byte) (proto uint8, start, end, csum int, ok bool) {
	if len(head) < wire.IPv4MinHeader {
		return
	}
	ip := wire.IPv4(head)
	proto, start = ip.Protocol(), ip.HeaderLen()
	switch {
	case start < wire.IPv4MinHeader || ip.IsFragment():
		return
	case proto == wire.ProtoTCP && len(head) >= start+wire.TCPMinHeader:
		end, csum = start+int(head[start+12]>>4)*4, 16
		ok = end >= start+wire.TCPMinHeader
	case proto == wire.ProtoUDP:
		end, csum, ok = start+wire.UDPHeaderLen, 6, true
	}
	return proto, start, end, csum, ok && end <= len(head)
}

// describe makes the header for a frame to be written, whose headers lie in Head.
func describe(f *link.Frame) (h vnetHeader, err error) {
	if f.Csum != link.CsumPartial && f.GSOSize == 0 {
		return h, nil // DATA_VALID would be ignored: the kernel verifies
	}
	proto, start, end, csum, ok := transport(f.Head)
	if !ok {
		return h, link.ErrOffload
	}
	if f.Csum == link.CsumPartial {
		h.flags, h.csumStart, h.csumOffset = needsCsum, uint16(start), uint16(csum)
	}
	if f.GSOSize == 0 || f.Len()-end <= f.GSOSize {
		return h, nil // a single packet: the kernel refuses to cut it into one
	}
	h.gsoSize, h.hdrLen = uint16(f.GSOSize), uint16(end)
	switch proto {
	case wire.ProtoTCP:
		h.gsoType = gsoTCPv4
		if f.Head[start+13]&uint8(wire.CWR) != 0 {
			h.gsoType |= gsoECN
		}
	case wire.ProtoUDP:
		h.gsoType = gsoUDP
	}
	return h, nil
}

// apply checks the header against the packet received with it and fills the frame's promises in.
func (h *vnetHeader) apply(packet []byte, f *link.Frame) error {
	if len(packet) == 0 || packet[0]>>4 != 4 {
		return errNotIPv4
	}
	f.Head, f.Csum, f.GSOSize = packet, link.CsumFull, 0
	if h.flags&needsCsum == 0 && h.gsoType == gsoNone {
		if h.flags&dataValid != 0 {
			f.Csum = link.CsumVerified
		}
		return nil
	}
	proto, start, end, csum, ok := transport(packet)
	// A super-segment's checksum is always partial (virtio 1.0 section 5.1.6.4.1).
	if !ok || h.flags&needsCsum == 0 || int(h.csumStart) != start || int(h.csumOffset) != csum {
		return errVnet
	}
	f.Csum = link.CsumPartial
	switch gso := h.gsoType &^ gsoECN; {
	case h.gsoType == gsoNone:
		return nil
	case gso == gsoTCPv4 && proto == wire.ProtoTCP, h.gsoType == gsoUDP && proto == wire.ProtoUDP:
		if h.gsoSize == 0 || len(packet) <= end {
			return errVnet
		}
		f.GSOSize = int(h.gsoSize)
		return nil
	}
	return errVnet
}

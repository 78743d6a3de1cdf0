package stack

import (
	"net/netip"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

// inPacket is an IP datagram on its way in, checked and whole. It is lent: nothing of it may be kept after the call
// that carries it, but for the frame's buffer, which may be adopted as [link.Frame] says.
type inPacket struct {
	ifc      *Iface // where it came from
	ip       wire.IPv4
	src, dst netip.Addr
	payload  []byte      // after the IP header
	frame    *link.Frame // whose Buf holds payload, where it can be adopted; nil for a reassembled datagram
	gso      int         // the payload of each original segment or datagram, where the frame holds several; else 0
	csumOK   bool        // the transport checksum needs no look: a device or the memory it never left vouches for it
	group    bool        // to a broadcast or multicast address: nothing may be sent in reply to it
}

package stack

import "github.com/gotcp/gotcp/stack/wire"

// ipOptions are the fields of an IP header that a socket's user chooses.
type ipOptions struct {
	ttl uint8 // 0: the stack's
	tos uint8
}

// sendTCP sends a segment of the flow k. Its ports are k's, whatever seg says; its TOS field is o.tos with the ECN bits
// of seg.TOS. A super-segment is cut here where the device doesn't do it. Nothing is kept of seg. A link that has no
// room drops the segment as any network may, which is no error. ENETDOWN where the link is gone, EMSGSIZE where the
// segment doesn't fit.
func (s *Stack) sendTCP(p *path, k flowKey, seg *wire.Segment, o ipOptions) error {
	panic("follows")
}

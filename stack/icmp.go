package stack

import (
	"encoding/binary"
	"sync"

	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

// icmpState is what the stack keeps for ICMP.
type icmpState struct {
	errors, echoes rateLimit

	mu     sync.Mutex // a leaf
	id     uint16     // of our echo requests
	seq    uint16     // of the latest
	pings  map[uint16]*ping
	closed bool
}

func (i *icmpState) init(s *Stack) {
	i.errors.init(s.cfg.ICMPRate, s.cfg.ICMPBurst)
	i.echoes.init(s.cfg.ICMPRate, s.cfg.ICMPBurst)
	var b [4]byte
	s.cfg.Rand(b[:])
	i.id, i.seq = binary.LittleEndian.Uint16(b[:2]), binary.LittleEndian.Uint16(b[2:])
	i.pings = map[uint16]*ping{}
}

// inputICMP takes a message (RFC 792, RFC 1122 section 3.2.2). Those to a group are not for us: an echo to a broadcast
// address is how a host is made to help in a flood, and an error about what one host sent goes to that host.
func (s *Stack) inputICMP(in *inPacket) {
	s.count(ICMPIn)
	m, err := wire.ParseICMP(in.payload)
	switch {
	case err != nil:
		s.count(DropICMPMalformed)
	case in.group:
		s.count(DropICMPIgnored)
	case m.Type() == wire.ICMPEcho && s.net.Load().foreign(addrOf(in.dst)):
		s.count(DropICMPIgnored) // there may be no such host
	case m.Type() == wire.ICMPEcho:
		s.answerEcho(in, m)
	case m.Type() == wire.ICMPEchoReply:
		s.pingReply(in, m)
	case m.Type().IsError():
		s.inputICMPError(in, m)
	default:
		s.count(DropICMPIgnored)
	}
}

// answerEcho sends the echo back: from the address that it was sent to, with its data and type of service
// ([RFC 1122 section 3.2.2.6](https://www.rfc-editor.org/rfc/rfc1122#page-42)).
func (s *Stack) answerEcho(in *inPacket, request wire.ICMP) {
	s.count(ICMPEchoIn)
	p, err := s.route(in.dst, in.src)
	if err != nil {
		s.count(DropNoRoute)
		return
	}
	if !s.mayAnswer(&p, &s.icmp.echoes) {
		return
	}
	buf := tcp.GetBuf()
	defer tcp.PutBuf(buf)
	t := getScratch()
	defer t.put()
	d := outDatagram{
		src: in.dst, dst: in.src, proto: wire.ProtoICMP, frag: fragWant,
		opts: ipOptions{tos: in.ip.TOS()},
		body: buf[:wire.PutEchoReply(buf, request)],
	}
	if s.sendDatagram(&p, &d, t) == nil {
		s.count(ICMPEchoOut)
	}
}

// mayAnswer reports whether a message may be sent on the path by its rate limit. Our own sockets are not limited, as with
// Linux: they cannot be flooded by anyone else.
func (s *Stack) mayAnswer(p *path, limit *rateLimit) bool {
	if p.ifc.loopback() || limit.take(s.now()) {
		return true
	}
	s.count(ICMPRateLimited)
	return false
}

// close wakes those who wait for an echo.
func (i *icmpState) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
	for id, p := range i.pings {
		delete(i.pings, id)
		p.done <- pingResult{err: ErrClosed}
	}
}

package stack

import (
	"context"
	"net/netip"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

// PingOptions say what an echo request looks like. The zero value is what ping(8) sends, without data.
type PingOptions struct {
	Size         int   // octets of data; at most 65507
	TTL          uint8 // 0: the stack's
	TOS          uint8
	DontFragment bool // rather fail with EMSGSIZE than send fragments
}

// PingReply tells of the answer to an echo request.
type PingReply struct {
	From netip.Addr    // who answered; with an error from a router, the router
	RTT  time.Duration // by the stack's clock
	TTL  int           // of the answer
	Size int           // octets of data that came back
}

// ping is an echo request that waits for its answer.
type ping struct {
	dst  netip.Addr
	sent tcp.Time
	done chan pingResult // takes the one result
}

type pingResult struct {
	reply PingReply
	err   error
}

// maxPing is the most data that an echo has room for.
const maxPing = 0xffff - wire.IPv4MinHeader - wire.ICMPHeaderLen

// Ping sends an echo request to dst (0.0.0.0 is ourselves) and waits for the answer. Errors are ctx.Err(), [ErrClosed],
// a bare syscall.Errno where the request could not be sent (ENETUNREACH, EMSGSIZE, EACCES to a broadcast address, ...),
// or the errno of an ICMP error that came instead of the answer; then From in the reply says whose.
func (s *Stack) Ping(ctx context.Context, dst netip.Addr, o PingOptions) (PingReply, error) {
	if o.Size < 0 || o.Size > maxPing {
		return PingReply{}, syscall.EMSGSIZE
	}
	if dst = dst.Unmap(); dst.Is4() && dst.IsUnspecified() {
		dst = loopbackAddr
	}
	p, err := s.route(netip.Addr{}, dst)
	if err != nil {
		return PingReply{}, err
	}
	if a := addrOf(dst); a.multicast() || s.net.Load().isBroadcast(a) {
		return PingReply{}, syscall.EACCES
	}
	w := &ping{dst: dst, done: make(chan pingResult, 1)}
	seq, err := s.icmp.add(w, s.now())
	if err != nil {
		return PingReply{}, err
	}
	defer s.icmp.remove(seq, w)
	if err := s.sendEcho(&p, w, seq, o); err != nil {
		return PingReply{}, err
	}
	select {
	case r := <-w.done:
		return r.reply, r.err
	case <-ctx.Done():
		return PingReply{}, ctx.Err()
	}
}

// sendEcho sends the request.
func (s *Stack) sendEcho(p *path, w *ping, seq uint16, o PingOptions) error {
	buf := tcp.GetBuf()
	defer tcp.PutBuf(buf)
	t := getScratch()
	defer t.put()
	data := buf[wire.ICMPHeaderLen : wire.ICMPHeaderLen+o.Size]
	for i := range data {
		data[i] = byte(i)
	}
	d := outDatagram{
		src: p.src, dst: w.dst, proto: wire.ProtoICMP, frag: fragWant,
		opts: ipOptions{ttl: o.TTL, tos: o.TOS},
		body: buf[:wire.PutEcho(buf, wire.ICMPEcho, s.icmp.id, seq, data)],
	}
	if o.DontFragment {
		d.frag = fragDo
	}
	return s.sendDatagram(p, &d, t)
}

// add gives a request its sequence number and has it wait.
func (i *icmpState) add(w *ping, now tcp.Time) (uint16, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return 0, ErrClosed
	}
	if len(i.pings) > 0xffff {
		return 0, syscall.ENOBUFS
	}
	for i.seq++; i.pings[i.seq] != nil; i.seq++ {
	}
	w.sent = now
	i.pings[i.seq] = w
	return i.seq, nil
}

func (i *icmpState) remove(seq uint16, w *ping) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.pings[seq] == w {
		delete(i.pings, seq)
	}
}

// match takes the request (id, seq) to dst out of those that wait, nil where there is none; the caller gives it its
// result. dst must be the host that was asked: an answer from elsewhere is forged or lost its way.
func (i *icmpState) match(id, seq uint16, dst netip.Addr) *ping {
	i.mu.Lock()
	defer i.mu.Unlock()
	w := i.pings[seq]
	if id != i.id || w == nil || w.dst != dst {
		return nil
	}
	delete(i.pings, seq)
	return w
}

// pingReply takes an echo reply.
func (s *Stack) pingReply(in *inPacket, m wire.ICMP) {
	w := s.icmp.match(m.EchoID(), m.EchoSeq(), in.src)
	if w == nil {
		s.count(DropICMPUnmatched)
		return
	}
	r := PingReply{From: in.src, RTT: s.now().Sub(w.sent), TTL: int(in.ip.TTL()), Size: len(m.Body())}
	w.done <- pingResult{reply: r} // there is room: who takes the request out gives the one result
}

// pingICMP takes an error about an echo request.
func (s *Stack) pingICMP(in *inPacket, q *wire.Quote, e icmpEvent) {
	w := s.icmp.match(q.EchoID, q.EchoSeq, q.Dst)
	if w == nil {
		s.count(DropICMPUnmatched)
		return
	}
	if e.mtu != 0 {
		s.learnMTU(addrOf(q.Dst), e)
	}
	r := PingReply{From: in.src, RTT: s.now().Sub(w.sent), TTL: int(in.ip.TTL())}
	w.done <- pingResult{r, e.errno}
}

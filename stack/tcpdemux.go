package stack

import (
	"sync"
	"sync/atomic"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

// tcpState is the TCP half of a stack: its connections, their small records, and its listeners.
//
// Locks are taken in this order: a socket's, the port table's, a shard's, a record queue's or the listener table's. A
// shard's is held for look-ups and for what a record makes of a segment, and given up before a connection is touched.
type tcpState struct {
	shards    [tcpShards]tcpShard
	listeners listenTable
	hooks     hookTable
	halfOpen  dueQueue // half-open connections by the next retransmission of their SYN-ACK
	timeWait  dueQueue // connections in TIME-WAIT by their end

	texts   atomic.Int64 // half-open connections that keep text of their SYN
	conns   atomic.Int64 // connections in the shards
	orphans atomic.Int64 // those of them that their user has closed
	open    atomic.Int64 // stream sockets that their user, or a listener's queue, has not closed
	closed  atomic.Bool  // the stack is closed: nothing enters a shard any more
}

// tcpShards is the number of parts that the table of connections is divided into. A power of 2.
const tcpShards = 64

// tcpShard is a part of the table of connections. A flow is in one of the three maps at most.
type tcpShard struct {
	mu    sync.Mutex
	conns map[flowKey]*stream
	half  map[flowKey]*halfOpen
	waits map[flowKey]*timeWait
}

// init prepares the table of s.
func (t *tcpState) init(s *Stack) {
	t.halfOpen.init(s, s.cfg.MaxHalfOpen)
	t.timeWait.init(s, s.cfg.MaxTimeWait)
}

// shard is where the flow k belongs. The hash need not be a secret one: who steers all of his flows into one shard
// makes its lock busy and nothing else; the maps have keyed hashes of their own.
func (t *tcpState) shard(k flowKey) *tcpShard {
	h := uint32(k.rport) ^ uint32(k.lport)<<3 ^ uint32(k.remote[3])<<2 ^ uint32(k.local[3])
	h ^= h >> 6
	return &t.shards[h%tcpShards]
}

// insert puts c into the table. The caller holds mu and has looked that k is free.
func (sh *tcpShard) insert(k flowKey, c *stream) {
	if sh.conns == nil {
		sh.conns = map[flowKey]*stream{}
	}
	sh.conns[k] = c
}

// taken reports whether the flow is in the table in any form but TIME-WAIT. The caller holds mu.
func (sh *tcpShard) taken(k flowKey) bool { return sh.conns[k] != nil || sh.half[k] != nil }

// inputTCP takes in a TCP segment whose checksum is right, that came in a packet to one of the stack's addresses.
func (s *Stack) inputTCP(in *inPacket) {
	var seg wire.Segment
	if err := wire.ParseSegment(in.payload, &seg); err != nil {
		s.count(DropMalformed)
		return
	}
	seg.TOS = in.ip.TOS()
	seg.GSOSize = in.gso
	if in.frame != nil && len(in.frame.Buf) == tcp.BufSize {
		seg.Buf = in.frame.Buf
	}
	k := flowKey{local: addrOf(in.dst), remote: addrOf(in.src), lport: seg.DstPort, rport: seg.SrcPort}
	s.demux(k, &seg, in)
	if seg.Adopted {
		in.frame.Buf = tcp.GetBuf()
	}
}

// demux gives a segment to the connection or record of its flow, or treats it as what comes to a port.
func (s *Stack) demux(k flowKey, seg *wire.Segment, in *inPacket) {
	sh := s.tcp.shard(k)
	for {
		sh.mu.Lock()
		if c := sh.conns[k]; c != nil {
			sh.mu.Unlock()
			if c.input(seg) {
				return
			}
			continue // it has left the table meanwhile: it is a record now, or nothing
		}
		if h := sh.half[k]; h != nil {
			s.halfOpenInput(sh, h, seg) // gives up the lock
			return
		}
		if w := sh.waits[k]; w != nil {
			s.timeWaitInput(sh, w, seg, in) // gives up the lock
			return
		}
		sh.mu.Unlock()
		s.portInput(k, seg, in)
		return
	}
}

// portInput takes in a segment without a connection: a SYN may open one, an ACK may bring back a SYN cookie, and what
// remains is answered with RST (RFC 9293 3.10.7.1, 3.10.7.2).
func (s *Stack) portInput(k flowKey, seg *wire.Segment, in *inPacket) {
	switch {
	case seg.Flags&wire.RST != 0:
		return
	case seg.Flags&(wire.SYN|wire.ACK) == wire.SYN:
		if s.openInput(k, seg, in, nil) {
			return
		}
	case seg.Flags&(wire.SYN|wire.ACK) == wire.ACK:
		if s.cookieInput(k, seg, in) {
			return
		}
	}
	if seg.Flags&wire.ACK == 0 && s.tcp.listeners.lookup(k.local, k.lport) != nil {
		return // to a port in LISTEN: "drop the segment" (3.10.7.2, fourth)
	}
	s.reset(k, seg)
}

// openInput takes in a SYN for a listener, or else for a forwarder, and reports whether there is one. old is as in
// synInput.
func (s *Stack) openInput(k flowKey, syn *wire.Segment, in *inPacket, old *timeWait) bool {
	if to := s.acceptorFor(k, in); to.ln != nil {
		s.synInput(k, syn, to, old)
		return true
	}
	return s.forwardSYN(k, syn, in)
}

// reset answers a segment for which there is no connection.
func (s *Stack) reset(k flowKey, in *wire.Segment) {
	out := getSegment()
	defer putSegment(out)
	if tcp.Reset(in, out) {
		s.count(TCPResetOut)
		s.reply(k, out, ipOptions{})
	}
}

// reply sends a segment of a flow that has no connection to keep its path. An answer that finds no way is lost, as it
// might be anywhere.
func (s *Stack) reply(k flowKey, out *wire.Segment, o ipOptions) {
	if p, err := s.route(k.local.netip(), k.remote.netip()); err == nil {
		s.sendTCP(&p, k, out, o)
	}
}

// tcpICMP takes in an ICMP error that quotes a segment of the flow k with sequence number quoted. Whether that can be
// one that is on its way is for the engine to judge (RFC 5927 section 4.1).
func (s *Stack) tcpICMP(k flowKey, quoted seq.Num, e icmpEvent) {
	sh := s.tcp.shard(k)
	sh.mu.Lock()
	c, h := sh.conns[k], sh.half[k]
	if c == nil {
		// A half-open connection's only segment is its SYN-ACK. Linux gives it up on a hard error, and so do we.
		if h != nil && e.hard && quoted == h.iss {
			s.dropHalfOpen(sh, h)
			h.to.fail(e.errno)
		}
		sh.mu.Unlock()
		return
	}
	sh.mu.Unlock()
	c.icmp(quoted, e)
}

// segments is where segments on their way out are made. It holds memory only, nothing that belongs to a stack.
var segments = sync.Pool{New: func() any { return new(wire.Segment) }}

func getSegment() *wire.Segment { return segments.Get().(*wire.Segment) }

// putSegment gives a segment back without what it refers to.
func putSegment(seg *wire.Segment) {
	*seg = wire.Segment{}
	segments.Put(seg)
}

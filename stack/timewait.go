package stack

import (
	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

// timeWait is a connection in TIME-WAIT (RFC 9293 3.3.2): all that is left of it.
type timeWait struct {
	dueSlot
	s    *Stack
	key  flowKey
	bind *binding     // its hold on the local port
	rec  tcp.TimeWait // guarded by the shard's lock
}

func (w *timeWait) slot() *dueSlot { return &w.dueSlot }

// startTimeWait puts a TIME-WAIT record in the place of c, which has just left the table; bind is the record's hold on
// the local port. It reports whether it did: there are so many records at times that the timer, which makes room by
// ending the oldest, cannot follow. The caller holds the shard's lock and c's.
func (s *Stack) startTimeWait(sh *tcpShard, c *stream, bind *binding, now tcp.Time) bool {
	q := &s.tcp.timeWait
	if s.tcp.closed.Load() || q.len() >= 2*q.limit {
		s.count(DropTCPTimeWait)
		return false
	}
	w := &timeWait{s: s, key: c.key, bind: bind, rec: c.tcb.TimeWait(now)}
	if sh.waits == nil {
		sh.waits = map[flowKey]*timeWait{}
	}
	sh.waits[c.key] = w
	q.put(w, w.rec.Deadline())
	return true
}

// dropTimeWait forgets w. The caller holds the shard's lock, and releases the port after giving it up.
func (s *Stack) dropTimeWait(sh *tcpShard, w *timeWait) {
	delete(sh.waits, w.key)
	s.tcp.timeWait.remove(w)
}

// releasePort gives up a hold on a port, where there is one. The caller holds no shard's lock.
func (s *Stack) releasePort(b **binding) {
	if *b != nil {
		s.tcpPorts.release(*b)
		*b = nil
	}
}

// timeWaitInput takes in a segment for w. The caller holds the shard's lock, which is given up.
func (s *Stack) timeWaitInput(sh *tcpShard, w *timeWait, seg *wire.Segment, in *inPacket) {
	out := getSegment()
	defer putSegment(out)
	v := w.rec.Segment(s.now(), &s.cfg.TCP, seg, out)
	gone := v == tcp.Gone || v == tcp.ReplyGone
	if gone {
		s.dropTimeWait(sh, w)
	} else {
		s.tcp.timeWait.put(w, w.rec.Deadline())
	}
	sh.mu.Unlock()
	if gone {
		s.releasePort(&w.bind)
	}
	switch v {
	case tcp.Reply, tcp.ReplyGone:
		s.reply(w.key, out, ipOptions{})
	case tcp.Reopen:
		// The record stays until the new connection has taken its place.
		if !s.openInput(w.key, seg, in, w) {
			s.reset(w.key, seg)
		}
	}
}

// due ends TIME-WAIT.
func (w *timeWait) due(now tcp.Time, forced bool) {
	s := w.s
	sh := s.tcp.shard(w.key)
	sh.mu.Lock()
	switch {
	case sh.waits[w.key] != w:
		sh.mu.Unlock()
		return
	case !forced && w.rec.Deadline() > now:
		s.tcp.timeWait.put(w, w.rec.Deadline())
		sh.mu.Unlock()
		return
	case forced:
		s.count(DropTCPTimeWait)
	}
	delete(sh.waits, w.key)
	sh.mu.Unlock()
	s.releasePort(&w.bind)
}

// reusable reports whether a connection of ours to the same peer may take the place of w: where it has waited for a
// second, as with Linux's tcp_tw_reuse, which is ample for what was on its way to have arrived. The new connection's
// sequence numbers start after all that the old one has sent. The caller holds the shard's lock.
func (w *timeWait) reusable(now tcp.Time) bool {
	const tested = tcp.Time(1e9)
	began := w.rec.Deadline().Add(-w.s.cfg.TCP.TimeWait)
	return now-began >= tested
}

package link

import (
	"container/heap"
	"slices"
	"time"
)

// line is a transmitter of limited rate with a queue in front of it.
type line struct {
	rate       int64 // bits per second; 0: no limit, no queue
	limit      int   // packets that may wait; 0: no limit
	limitBytes int
	free       time.Duration // when the last packet accepted is sent
	waiting    []departure   // in order
	bytes      int           // of those that wait
}

type departure struct {
	at   time.Duration
	size int
}

// send queues a packet and returns when its last bit has left; false where the queue is full.
func (l *line) send(now time.Duration, size int) (time.Duration, bool) {
	if l.rate == 0 {
		return now, true
	}
	gone := 0
	for gone < len(l.waiting) && l.waiting[gone].at <= now {
		l.bytes -= l.waiting[gone].size
		gone++
	}
	l.waiting = slices.Delete(l.waiting, 0, gone)
	if l.limit > 0 && len(l.waiting) >= l.limit || l.limitBytes > 0 && l.bytes+size > l.limitBytes {
		return 0, false
	}
	bits := int64(size) * 8
	l.free = max(l.free, now) + time.Duration(float64(bits)/float64(l.rate)*float64(time.Second))
	l.waiting = append(l.waiting, departure{l.free, size})
	l.bytes += size
	return l.free, true
}

// held is a packet on its way.
type held struct {
	p     *packet
	at    time.Duration // when it is due
	order uint64        // among those due at the same time
	gap   int           // how many packets are yet to overtake it; 0: it isn't held back
	index int           // its place in the heap
}

// schedule is a heap of the packets on their way, and a list of those of them that are held back to be overtaken.
type schedule struct {
	heap  []*held
	back  []*held
	order uint64
}

// add schedules a packet.
func (s *schedule) add(p *packet, at time.Duration) *held {
	s.order++
	h := &held{p: p, at: at, order: s.order}
	heap.Push(s, h)
	return h
}

// hold schedules a packet that goes when gap others have overtaken it, at the latest at the time given.
func (s *schedule) hold(p *packet, latest time.Duration, gap int) {
	h := s.add(p, latest)
	h.gap = gap
	s.back = append(s.back, h)
}

// overtake tells those that are held back of a packet that is due at the time given. Who has waited for this one goes
// right behind it.
func (s *schedule) overtake(at time.Duration) {
	s.back = slices.DeleteFunc(s.back, func(h *held) bool {
		if h.gap--; h.gap > 0 {
			return false
		}
		if at < h.at {
			s.order++
			h.at, h.order = at, s.order
			heap.Fix(s, h.index)
		}
		return true
	})
}

// next is when the first packet is due; false where there is none.
func (s *schedule) next() (time.Duration, bool) {
	if len(s.heap) == 0 {
		return 0, false
	}
	return s.heap[0].at, true
}

// take removes the first packet, where it is due.
func (s *schedule) take(now time.Duration) *packet {
	if len(s.heap) == 0 || s.heap[0].at > now {
		return nil
	}
	h := heap.Pop(s).(*held)
	if h.gap > 0 {
		s.back = slices.DeleteFunc(s.back, func(b *held) bool { return b == h })
	}
	return h.p
}

// clear drops all packets.
func (s *schedule) clear() {
	for _, h := range s.heap {
		h.p.free()
	}
	s.heap, s.back = nil, nil
}

// Len is for package heap, as are the other four.
func (s *schedule) Len() int { return len(s.heap) }

func (s *schedule) Less(i, j int) bool {
	a, b := s.heap[i], s.heap[j]
	return a.at < b.at || a.at == b.at && a.order < b.order
}

func (s *schedule) Swap(i, j int) {
	s.heap[i], s.heap[j] = s.heap[j], s.heap[i]
	s.heap[i].index, s.heap[j].index = i, j
}

func (s *schedule) Push(x any) {
	h := x.(*held)
	h.index = len(s.heap)
	s.heap = append(s.heap, h)
}

func (s *schedule) Pop() any {
	n := len(s.heap) - 1
	h := s.heap[n]
	s.heap[n] = nil
	s.heap = s.heap[:n]
	return h
}

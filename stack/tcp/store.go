package tcp

import "github.com/gotcp/gotcp/stack/wire"

// store is a queue of octets in blocks. The zero store is empty and holds no memory.
type store struct {
	head, tail *block
	n          int
}

func (s *store) len() int { return s.n }

// append copies all of p to the end.
func (s *store) append(p []byte) {
	if s.tail != nil {
		n := s.tail.fill(p)
		s.n += n
		p = p[n:]
	}
	for len(p) > 0 {
		size := len(p)
		if s.tail != nil {
			size = max(size, 8*len(s.tail.buf)) // it is filling up: take larger blocks
		}
		b := newBlock(size)
		n := b.fill(p)
		p = p[n:]
		s.push(b)
	}
}

// memory is the octets of memory that the store holds.
func (s *store) memory() int {
	n := 0
	for b := s.head; b != nil; b = b.next {
		n += len(b.buf)
	}
	return n
}

// push hangs a block with its octets onto the end; the store owns it from now on.
func (s *store) push(b *block) {
	b.next = nil
	if s.tail == nil {
		s.head = b
	} else {
		s.tail.next = b
	}
	s.tail = b
	s.n += b.len()
}

// read moves up to len(p) octets from the front into p.
func (s *store) read(p []byte) int {
	total := 0
	for len(p) > 0 && s.head != nil {
		n := copy(p, s.head.buf[s.head.r:s.head.w])
		p = p[n:]
		total += n
		s.drop(n, nil)
	}
	return total
}

// peek copies up to len(p) octets from the front into p and leaves them.
func (s *store) peek(p []byte) int {
	total := 0
	for b := s.head; b != nil && len(p) > 0; b = b.next {
		n := copy(p, b.buf[b.r:b.w])
		p = p[n:]
		total += n
	}
	return total
}

// drop removes n octets from the front. Blocks that become empty go to retired, a list, where that is not nil, else to
// the pools.
func (s *store) drop(n int, retired **block) {
	n = min(n, s.n)
	s.n -= n
	for b := s.head; b != nil; b = s.head {
		k := min(n, b.len())
		b.r += k
		n -= k
		if b.len() > 0 {
			return
		}
		s.head = b.next
		if s.head == nil {
			s.tail = nil
		}
		if retired != nil {
			b.next, *retired = *retired, b
		} else {
			b.free()
		}
	}
}

// clear removes everything; see drop.
func (s *store) clear(retired **block) { s.drop(s.n, retired) }

// view appends to v the n octets that begin off octets from the front, or as many of them as v has places for, and
// returns how many. They alias the store.
func (s *store) view(off, n int, v *wire.Payload) int {
	total := 0
	for b := s.head; b != nil && n > 0; b = b.next {
		if off >= b.len() {
			off -= b.len()
			continue
		}
		p := b.buf[b.r+off : b.w]
		p = p[:min(n, len(p))]
		if !v.Append(p) {
			break
		}
		off = 0
		n -= len(p)
		total += len(p)
	}
	return total
}

// join moves all of o to the end of s. A block whose octets fit into the last one's room is copied there, so that many
// short pieces don't hold a block each.
func (s *store) join(o *store) {
	for b := o.head; b != nil; b = o.head {
		o.head = b.next
		if s.tail != nil && b.len() <= len(s.tail.buf)-s.tail.w {
			s.n += s.tail.fill(b.buf[b.r:b.w])
			b.free()
		} else {
			s.push(b)
		}
	}
	*o = store{}
}

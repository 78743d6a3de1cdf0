package link

// drain delivers the packets that are due, in order. One goroutine at a time does so, and those that bring packets
// meanwhile leave them to it: order is kept, no call gets deeper and deeper where a packet answers a packet, and the
// lock is free while a packet is with its receiver.
func (s *shaper) drain() {
	i := s.dev
	if !i.drains.Enter() {
		return
	}
	defer i.drains.Leave()
	i.mu.Lock()
	if s.draining {
		i.mu.Unlock()
		return
	}
	s.draining = true
	for !i.drains.IsShut() {
		p := s.held.take(i.now())
		if p == nil {
			break
		}
		s.handOver(p)
	}
	s.draining = false
	if s.cfg.IsZero() && !s.busy() {
		s.active.Store(false) // the last one under an impairment that has ended
	}
	s.arm()
	i.mu.Unlock()
}

// handOver delivers a packet with the lock released.
func (s *shaper) handOver(p *packet) {
	s.dev.mu.Unlock()
	err := s.deliver(&p.frame)
	p.free()
	s.dev.mu.Lock()
	if err != nil {
		s.stats.Failed++
		return
	}
	s.stats.Delivered++
}

// fire is what the timer calls.
func (s *shaper) fire() {
	s.dev.mu.Lock()
	s.armed = false
	s.dev.mu.Unlock()
	s.drain()
}

// arm sets the timer for the first packet, unless it goes off early enough anyway. A call for nothing does no harm.
func (s *shaper) arm() {
	at, ok := s.held.next()
	if !ok || s.dev.drains.IsShut() || s.armed && s.due <= at {
		return
	}
	s.armed, s.due = true, at
	wait := at - s.dev.now()
	if s.timer == nil {
		s.timer = s.dev.clock.AfterFunc(wait, s.fire)
		return
	}
	s.timer.Reset(wait)
}

// stop drops the packets on their way.
func (s *shaper) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.held.clear()
}

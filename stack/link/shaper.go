package link

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// shaper is one direction of an impaired device. Times are since the device was made. The device's lock guards it.
type shaper struct {
	dev     *Impaired
	dir     Direction
	cfg     Impairment  // the device's, where that is about this direction
	active  atomic.Bool // it does anything at all, or has packets on their way: written with the lock held
	cut     bool        // super-segments have to be cut
	deliver func(*Frame) error

	rng   *rand.Rand
	bad   bool // the state of the Gilbert-Elliott model
	line  line
	last  time.Duration // when the last packet in order is due: no other in order comes before
	held  schedule      // packets on their way
	stats ImpairmentStats

	draining bool          // somebody is delivering
	timer    Timer         // nil until first needed
	armed    bool          // the timer is running
	due      time.Duration // for when
}

func newShaper(i *Impaired, dir Direction, deliver func(*Frame) error) *shaper {
	s := &shaper{dev: i, dir: dir, deliver: deliver}
	s.seed()
	s.configure()
	return s
}

// seed begins the sequence of random numbers.
func (s *shaper) seed() { s.rng = rand.New(rand.NewPCG(s.dev.cfg.Seed, uint64(s.dir))) }

// configure takes over the device's impairment. What is on its way stays so.
func (s *shaper) configure() {
	s.cfg = s.dev.cfg
	if s.cfg.Direction != Both && s.cfg.Direction != s.dir {
		s.cfg = Impairment{}
	}
	c := &s.cfg
	s.cut = c.perPacket()
	s.line.rate, s.line.limit, s.line.limitBytes = c.Rate, c.Queue, c.QueueBytes
	s.active.Store(!c.IsZero() || s.busy())
}

// busy reports whether packets are on their way, the one included that is with its receiver.
func (s *shaper) busy() bool { return s.draining || s.held.Len() > 0 }

// push takes a frame in and delivers what is due. It says ErrDropped where the queue had no place for any of it.
func (s *shaper) push(f *Frame) error {
	s.dev.mu.Lock()
	if s.dev.drains.IsShut() {
		s.dev.mu.Unlock()
		return ErrClosed
	}
	s.active.Store(true) // where drain has found meanwhile that the impairment has ended: until this one is delivered
	packets, full := s.stats.Packets, s.stats.QueueFull
	s.take(f)
	packets, full = s.stats.Packets-packets, s.stats.QueueFull-full
	s.dev.mu.Unlock()
	s.drain()
	if full > 0 && full >= packets {
		return ErrDropped
	}
	return nil
}

// take copies a frame, cuts it where that matters, and decides about each packet.
func (s *shaper) take(f *Frame) {
	now := s.dev.now()
	p := copyPacket(f)
	if f.GSOSize > 0 && s.cut {
		scratch := newPacket(s.dev.MTU())
		if train, err := wire.Segments(p.frame.Head, f.GSOSize, scratch.mem); err == nil {
			for b := range train.All {
				s.decide(now, packetOf(b))
			}
			scratch.free()
			p.free()
			return
		}
		scratch.free() // it can't be cut, so it goes as it came
	}
	s.decide(now, p)
}

// decide does to a packet what the impairment says, and puts it among the held ones where it survives.
func (s *shaper) decide(now time.Duration, p *packet) {
	c := &s.cfg
	s.stats.Packets++
	var act Action
	if c.Hook != nil {
		act = c.Hook(s.dir, p.frame.Head)
	}
	switch {
	case act.Drop:
		s.stats.Hooked++
		p.free()
		return
	case s.loses():
		s.stats.Lost++
		p.free()
		return
	}
	if s.chance(c.Duplicate) || act.Duplicate {
		s.stats.Duplicated++
		twin := p.clone()
		s.send(now, p, act.Delay)
		p = twin
	}
	s.send(now, p, act.Delay)
}

// send puts a packet on the line, or drops it where too many wait. extra is a delay in which others overtake it.
func (s *shaper) send(now time.Duration, p *packet, extra time.Duration) {
	c := &s.cfg
	if s.chance(c.Corrupt) {
		s.corrupt(p)
	}
	at, ok := s.line.send(now, len(p.frame.Head))
	if !ok {
		s.stats.QueueFull++
		p.free()
		return
	}
	at = max(at+s.delay(), s.last)
	s.last = at
	switch {
	case s.chance(c.Reorder):
		s.stats.Reordered++
		s.held.hold(p, at+c.ReorderDelay+extra, c.ReorderGap)
	case extra > 0:
		s.held.add(p, at+extra)
	default:
		s.held.add(p, at)
		s.held.overtake(at)
	}
}

// chance is true with probability p. It takes no random number where that is 0.
func (s *shaper) chance(p float64) bool { return p > 0 && s.rng.Float64() < p }

// loses decides whether a packet is lost at random, and moves the burst model on by one packet.
func (s *shaper) loses() bool {
	c := &s.cfg
	lost := false
	if b := &c.Burst; b.P > 0 || b.LossGood > 0 {
		turn, loss := b.P, b.LossGood
		if s.bad {
			turn, loss = b.R, b.LossBad
		}
		lost = s.chance(loss)
		if s.chance(turn) {
			s.bad = !s.bad
		}
	}
	return s.chance(c.Loss) || lost
}

// delay draws how long a packet is under way.
func (s *shaper) delay() time.Duration {
	d := s.cfg.Delay
	if j := s.cfg.Jitter; j > 0 {
		d += time.Duration((2*s.rng.Float64() - 1) * float64(j))
	}
	return max(d, 0)
}

// corrupt flips a bit behind the IP header. The checksum is completed before, so that it tells.
func (s *shaper) corrupt(p *packet) {
	b := p.frame.Head
	if p.frame.Csum == CsumPartial && wire.CompleteChecksum(b) != nil {
		return // it has no header that could be read: nobody will take it anyway
	}
	p.frame.Csum = CsumFull
	start := wire.IPv4MinHeader
	if len(b) > 0 {
		start = wire.IPv4(b).HeaderLen()
	}
	if start >= len(b) {
		return
	}
	n := s.rng.IntN(8 * (len(b) - start))
	b[start+n/8] ^= 1 << (n % 8)
	s.stats.Corrupted++
}

package link

import (
	"sync"
	"time"

	"github.com/gotcp/gotcp/stack/link/internal/gate"
)

// Impaired is a device whose packets suffer an [Impairment] on their way.
type Impaired struct {
	inner   Device
	given   Impairment // as the user said it
	cfg     Impairment // with what was left out
	clock   Clock
	epoch   time.Time
	recv    func(*Frame) // set before the inner device is attached
	drains  *gate.Gate   // the deliveries under way
	out, in *shaper

	// mu guards both shapers. It is never held while a packet is delivered.
	mu sync.Mutex
}

// Impair puts an impairment in front of a device: what is written to the result meets it on the way to d, and what d
// receives on the way up. clock nil stands for the wall's. An impairment that makes no sense is an error of Attach.
//
// A packet that needs no waiting is delivered in the goroutine that brought it (or in that which is just delivering
// others), those that wait by a timer of the clock's: one for each direction, and only while packets wait. The result
// owns d, and closes it. For another impairment in the other direction, impair twice.
func Impair(d Device, cfg Impairment, clock Clock) *Impaired {
	if clock == nil {
		clock = WallClock{}
	}
	i := &Impaired{inner: d, given: cfg, cfg: cfg.filled(), clock: clock, epoch: clock.Now(), drains: gate.New()}
	i.out = newShaper(i, Out, func(f *Frame) error { return d.Write(f) })
	i.in = newShaper(i, In, func(f *Frame) error { i.recv(f); return nil })
	return i
}

// Name is the inner device's.
func (i *Impaired) Name() string { return i.inner.Name() }

// MTU is the inner device's.
func (i *Impaired) MTU() int { return i.inner.MTU() }

// Offload is the inner device's. Super-segments are cut before they come to it, where the impairment needs it.
func (i *Impaired) Offload() Offload { return i.inner.Offload() }

// Attach attaches the inner device.
func (i *Impaired) Attach(recv func(*Frame)) error {
	i.mu.Lock()
	err := i.cfg.Validate()
	i.mu.Unlock()
	if err != nil {
		return err
	}
	if i.recv != nil {
		return ErrAttached
	}
	i.recv = recv
	return i.inner.Attach(i.receive)
}

// Write sends a frame. What is lost on the way its writer isn't told of, but for a full queue: where no packet of the
// frame found a place there, it is ErrDropped.
func (i *Impaired) Write(f *Frame) error {
	if i.drains.IsShut() {
		return ErrClosed
	}
	if !i.out.active.Load() {
		return i.inner.Write(f)
	}
	if err := i.inner.Offload().Admit(f, i.inner.MTU()); err != nil {
		return err
	}
	return i.out.push(f)
}

// receive takes a frame from the inner device.
func (i *Impaired) receive(f *Frame) {
	if !i.in.active.Load() {
		i.recv(f)
		return
	}
	i.in.push(f) // nobody is to be told of a full queue
}

// Close drops what is still under way and closes the inner device.
func (i *Impaired) Close() error {
	i.drains.Shut()
	i.mu.Lock()
	i.out.stop()
	i.in.stop()
	i.mu.Unlock()
	err := i.inner.Close()
	i.drains.Wait()
	return err
}

// Change has packets that come from now on meet another impairment. Those under way arrive as they were to, and are not
// overtaken by later ones because of the change. One that makes no sense changes nothing.
func (i *Impaired) Change(cfg Impairment) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	seed := i.cfg.Seed
	i.given, i.cfg = cfg, cfg.filled()
	for _, s := range []*shaper{i.out, i.in} {
		s.configure()
		if cfg.Seed != seed {
			s.seed()
		}
	}
	return nil
}

// Impairment is the present one, as it was given.
func (i *Impaired) Impairment() Impairment {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.given
}

// Unwrap returns the inner device.
func (i *Impaired) Unwrap() Device { return i.inner }

// Stats says what happened to the packets of one direction, or of both.
func (i *Impaired) Stats(dir Direction) ImpairmentStats {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch dir {
	case Out:
		return i.out.stats
	case In:
		return i.in.stats
	}
	return i.out.stats.plus(i.in.stats)
}

// now is the time since the device was made.
func (i *Impaired) now() time.Duration { return i.clock.Now().Sub(i.epoch) }

// ImpairmentStats counts packets as they are on the wire. All zero where nothing is impaired.
type ImpairmentStats struct {
	Packets    uint64 // came
	Hooked     uint64 // lost: the hook said so
	Lost       uint64 // lost at random
	QueueFull  uint64 // lost because too many waited
	Duplicated uint64 // came twice, from then on counted as two packets
	Corrupted  uint64 // got a bit flipped
	Reordered  uint64 // were held back to be overtaken
	Delivered  uint64 // went on
	Failed     uint64 // refused by the device below
}

func (s ImpairmentStats) plus(t ImpairmentStats) ImpairmentStats {
	return ImpairmentStats{
		Packets: s.Packets + t.Packets, Hooked: s.Hooked + t.Hooked, Lost: s.Lost + t.Lost,
		QueueFull: s.QueueFull + t.QueueFull, Duplicated: s.Duplicated + t.Duplicated,
		Corrupted: s.Corrupted + t.Corrupted, Reordered: s.Reordered + t.Reordered,
		Delivered: s.Delivered + t.Delivered, Failed: s.Failed + t.Failed,
	}
}

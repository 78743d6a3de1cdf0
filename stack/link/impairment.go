package link

import (
	"fmt"
	"time"
)

// Direction is a way through a device, seen from the stack that is attached to it.
type Direction uint8

// The directions.
const (
	Both Direction = iota
	Out            // what the stack writes
	In             // what the stack receives
)

// Impairment says what a link does to the packets on it: see [Impair]. The zero Impairment does nothing. Probabilities
// are per packet on the wire, 0..1: a super-segment is cut first, wherever that makes a difference.
//
// A packet meets the impairments in this order: hook, burst loss, loss, duplication, corruption, rate, delay with
// jitter, reordering.
type Impairment struct {
	Loss  float64 // probability of being lost, each packet by itself
	Burst Burst   // loss that comes in bursts

	Delay  time.Duration // how long a packet is under way, besides what Rate takes
	Jitter time.Duration // the delay is evenly distributed over Delay±Jitter, not below 0; the order stays

	Rate       int64 // bits per second, counted over IP packets; 0: no limit
	Queue      int   // packets that may wait for their transmission, that under way included; 0: DefaultQueue
	QueueBytes int   // their octets; 0: no limit, and Queue's default doesn't apply where this is given

	Reorder      float64       // probability of being overtaken
	ReorderGap   int           // by how many packets; 0: DefaultReorderGap
	ReorderDelay time.Duration // or for how long, if they don't come; 0: DefaultReorderDelay

	Duplicate float64 // probability of arriving twice
	// Corrupt is the probability that one bit behind the IP header is flipped: a checksum catches that, unless it is a
	// datagram without one.
	Corrupt float64

	Seed      uint64    // of the random numbers; each seed, 0 too, gives the same decisions for the same packets in order
	Direction Direction // which packets are impaired; Both

	// Hook, where it isn't nil, decides about each packet before anything else does: "drop the third SYN-ACK". Its calls
	// come one at a time; it must not block, call the device, or keep or change packet.
	Hook func(dir Direction, packet []byte) Action
}

// Defaults of an [Impairment].
const (
	DefaultQueue        = 1000
	DefaultReorderGap   = 3
	DefaultReorderDelay = 10 * time.Millisecond
)

// Action is what a hook wants to happen to a packet. The zero Action lets it pass, on to the other impairments.
type Action struct {
	Drop      bool
	Duplicate bool          // it arrives twice
	Delay     time.Duration // it comes so much later, and what follows overtakes it
}

// Burst is the loss model of Gilbert and Elliott: the link changes at random, at each packet, between a good and a bad
// state that lose packets with probabilities of their own. Bursts have 1/R packets on the average.
type Burst struct {
	P        float64 // probability of turning bad; 0: no bursts at all
	R        float64 // probability of turning good again; 0: 1-P, which makes the losses independent
	LossBad  float64 // probability of loss in the bad state (1-h in the literature); 0: 1
	LossGood float64 // probability of loss in the good state (1-k)
}

// Validate says what of an impairment makes no sense, if anything.
func (i *Impairment) Validate() error {
	for _, p := range []struct {
		name string
		of   float64
	}{
		{"loss", i.Loss}, {"burst", i.Burst.P}, {"burst", i.Burst.R}, {"burst", i.Burst.LossBad},
		{"burst", i.Burst.LossGood}, {"reorder", i.Reorder}, {"duplicate", i.Duplicate}, {"corrupt", i.Corrupt},
	} {
		if !(p.of >= 0 && p.of <= 1) { // nor a NaN
			return fmt.Errorf("%s: a probability is between 0%% and 100%%", p.name)
		}
	}
	switch {
	case i.Delay < 0, i.Jitter < 0, i.ReorderDelay < 0:
		return fmt.Errorf("delay, jitter and reorder: a duration is not negative")
	case i.Rate < 0, i.Queue < 0, i.QueueBytes < 0, i.ReorderGap < 0:
		return fmt.Errorf("rate, queue and reorder: a number is not negative")
	case i.Rate == 0 && (i.Queue != 0 || i.QueueBytes != 0):
		return fmt.Errorf("queue: packets wait only where there is a rate: write rate=100mbit, too")
	case i.Direction > In:
		return fmt.Errorf("direction: there is none of number %d", i.Direction)
	}
	return nil
}

// IsZero reports whether the impairment does nothing.
func (i *Impairment) IsZero() bool { return !i.perPacket() && i.Delay == 0 && i.Jitter == 0 }

// perPacket reports whether it matters how many packets there are, so that a super-segment has to be cut.
func (i *Impairment) perPacket() bool {
	return i.Loss > 0 || i.Burst.P > 0 || i.Burst.LossGood > 0 || i.Rate > 0 || i.Reorder > 0 || i.Duplicate > 0 ||
		i.Corrupt > 0 || i.Hook != nil
}

// filled returns the impairment with the defaults put in.
func (i Impairment) filled() Impairment {
	if i.Rate > 0 && i.Queue == 0 && i.QueueBytes == 0 {
		i.Queue = DefaultQueue
	}
	if i.ReorderGap == 0 {
		i.ReorderGap = DefaultReorderGap
	}
	if i.ReorderDelay == 0 {
		i.ReorderDelay = DefaultReorderDelay
	}
	if i.Burst.R == 0 {
		i.Burst.R = 1 - i.Burst.P
	}
	if i.Burst.LossBad == 0 {
		i.Burst.LossBad = 1
	}
	return i
}

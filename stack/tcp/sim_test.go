package tcp

import (
	"fmt"
	"testing"
	"time"
)

// TestSimulation has two connections exchange data both ways over a bad network, hundreds of times with other seeds.
// Every octet is compared, the invariants are checked after each event (Config.Check), and each run must end in bounded
// virtual time with nothing left over.
func TestSimulation(t *testing.T) {
	seeds := uint64(600)
	if testing.Short() || raceEnabled { // nothing here is concurrent
		seeds = 60
	}
	// These once found what the others didn't: round trips measured from a lost ACK's segment on, among others.
	hard := []uint64{929, 2035, 2112, 5065, 8809, 10915, 11999, 14469, 15997, 16949, 17440, 18803}
	for seed := range seeds {
		hard = append(hard, seed)
	}
	for _, seed := range hard {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { simulate(t, seed, "") })
	}
}

// TestSimulationCubic is the same with another congestion control, of which the invariants are checked, too.
func TestSimulationCubic(t *testing.T) {
	seeds := uint64(600)
	if testing.Short() || raceEnabled {
		seeds = 60
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { simulate(t, 30_000+seed, "cubic") })
	}
}

// simulate makes everything of the seed: the network, the options, the sizes, the users.
func simulate(t *testing.T, seed uint64, congestion string) {
	p := newPair(t, seed, network{})
	rng := p.rng
	p.net = network{
		delay:  time.Duration(rng.IntN(100)) * time.Millisecond,
		jitter: time.Duration(rng.IntN(4)*rng.IntN(20)) * time.Millisecond,
		loss:   float64(rng.IntN(4)) * 0.05,
		dup:    float64(rng.IntN(2)) * 0.05,
		whole:  rng.IntN(3) == 0,
	}
	if rng.IntN(4) == 0 {
		p.net.rate, p.net.limit = 100_000+rng.IntN(1_000_000), 20_000+rng.IntN(100_000)
	}
	if rng.IntN(5) == 0 && !p.net.whole {
		p.net.mtu = 600 + rng.IntN(800)
	}
	for _, e := range p.ends {
		c := &e.cfg
		c.NoSACK, c.NoTimestamps, c.NoWScale = rng.IntN(3) == 0, rng.IntN(3) == 0, rng.IntN(3) == 0
		c.RcvBufMax = 1 << (14 + rng.IntN(10))
		c.TimeWait = 24 * time.Hour // so that no last ACK is ever missed
		e.param.MSS = 100 + rng.IntN(1400)
		e.param.MaxSegment = e.param.MSS * (1 + rng.IntN(2)*40)
		e.param.SndBuf, e.param.RcvBuf = 1000<<rng.IntN(8), 1000<<rng.IntN(8)
		e.total = rng.IntN(1 << (4 + rng.IntN(14)))
		e.chunk = 1 << (4 + rng.IntN(12))
		if rng.IntN(4) == 0 {
			e.lazy = time.Duration(1+rng.IntN(1000)) * time.Millisecond
			e.total, e.chunk = min(e.total, 20_000), max(e.chunk, 500)
		}
		e.tcb.SetOptions(p.now, UserOptions{NoDelay: rng.IntN(2) == 0, NoQuickAck: rng.IntN(4) == 0,
			KeepAlive: rng.IntN(4) == 0, Congestion: congestion})
	}
	if p.ends[0].lazy+p.ends[1].lazy > 0 { // a lazy reader of many small pieces only takes long
		for _, e := range p.ends {
			e.total, e.chunk = min(e.total, 20_000), max(e.chunk, 500)
		}
	}
	p.ends[0].tcb.Connect(p.now, p.ends[0].param)
	if rng.IntN(8) == 0 { // simultaneous open
		p.ends[1].tcb.Connect(p.now, p.ends[1].param)
	}
	p.run(time.Hour)
}

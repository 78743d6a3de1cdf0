package stack

import (
	"sync"
	"time"

	"github.com/gotcp/gotcp/stack/tcp"
)

// Path MTU discovery (RFC 1191): what routers on the way to a destination said is the largest packet they can forward.
const (
	// pmtuAge is how long a finding is believed: "the MTU estimate should not be increased until 10 minutes have passed"
	// after the last decrease ([RFC 1191 section 6.3](https://www.rfc-editor.org/rfc/rfc1191#section-6.3)).
	pmtuAge = 10 * time.Minute
	// pmtuFloor is the least that we follow a report down to, as Linux does: a forged smaller one would have us send
	// mostly headers (RFC 5927 section 7.1). A path that is really narrower may fragment: the DF bit stays off.
	pmtuFloor = 552
	// minMTU is what every link carries (RFC 791): a report of less is nonsense.
	minMTU = 68
	// pmtuEntries bounds the destinations remembered.
	pmtuEntries = 4096
)

// plateaus are MTUs in use ([RFC 1191 section 7](https://www.rfc-editor.org/rfc/rfc1191#section-7.1)): the next one
// below the packet that was too big is tried where an old router doesn't say what fits.
var plateaus = [...]int{65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, minMTU}

// plateauBelow is the largest plateau below n octets.
func plateauBelow(n int) int {
	for _, p := range plateaus {
		if p < n {
			return p
		}
	}
	return minMTU
}

// pmtuCache remembers findings per destination. Expired ones are not waited for but passed over when met.
type pmtuCache struct {
	mu sync.Mutex // a leaf
	m  map[addr4]pmtuEntry
}

type pmtuEntry struct {
	expires tcp.Time
	mtu     int
	nodf    bool
}

func (c *pmtuCache) init() { c.m = map[addr4]pmtuEntry{} }

// apply lowers a path's MTU to what was found for dst.
func (c *pmtuCache) apply(p *path, dst addr4, now tcp.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.m) == 0 {
		return
	}
	e, ok := c.m[dst]
	if ok && e.expires <= now {
		delete(c.m, dst)
		ok = false
	}
	if ok && e.mtu < p.mtu {
		p.mtu, p.nodf = e.mtu, e.nodf
	}
}

// clampMTU is what is made of a report that mtu octets fit: the MTU to follow, and whether to leave DF off.
func clampMTU(mtu int) (int, bool) {
	if mtu < pmtuFloor {
		return pmtuFloor, true
	}
	return mtu, false
}

// learn takes in a report that a caller has found to be about a packet that was really sent (RFC 5927 section 7.2). It
// lowers the estimate only, never raises it.
func (c *pmtuCache) learn(dst addr4, mtu int, now tcp.Time) {
	mtu, nodf := clampMTU(mtu)
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.m[dst]; ok && e.expires > now && e.mtu < mtu {
		return
	}
	if len(c.m) >= pmtuEntries {
		c.evict(now)
	}
	c.m[dst] = pmtuEntry{now.Add(pmtuAge), mtu, nodf}
}

// evict makes room: all that has expired, or else any one entry, which costs its flow one more ICMP message.
func (c *pmtuCache) evict(now tcp.Time) {
	for a, e := range c.m {
		if e.expires <= now {
			delete(c.m, a)
		}
	}
	for a := range c.m {
		if len(c.m) < pmtuEntries {
			return
		}
		delete(c.m, a)
	}
}

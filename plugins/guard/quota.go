package guard

import (
	"sync"
	"time"
)

// Quota bounds what a network's user may have and do. A field that is 0 bounds nothing.
type Quota struct {
	Conns     int // TCP connections, open, accepted or being dialled; more are not dialled, and reset when they come in
	Listeners int // TCP listeners
	Sockets   int // UDP sockets, connected or not

	// BytesIn and BytesOut are how many octets may be read and written, all connections and datagrams together, those of
	// the network's own look-ups included, since the network was made. What would exceed one is not given or sent; all
	// TCP connections are reset then, and none is made any more, until the quota is raised.
	BytesIn, BytesOut int64

	// DialsPerSecond and LookupsPerSecond bound how often the user may dial and ask for a name. So many may come at
	// once after a second without.
	DialsPerSecond, LookupsPerSecond int
}

// The names of what can be used up.
const (
	quotaConns     = "Conns"
	quotaListeners = "Listeners"
	quotaSockets   = "Sockets"
	quotaBytesIn   = "BytesIn"
	quotaBytesOut  = "BytesOut"
	quotaDials     = "DialsPerSecond"
	quotaLookupsPS = "LookupsPerSecond"
	quotaLookUps   = "look-ups at once" // no field: maxLookUps
)

// maxLookUps is how many connections to name servers a network has at once.
const maxLookUps = 64

// bound is the quota on how many of a kind there may be.
func (q *Quota) bound(k kind) (name string, limit int) {
	switch k {
	case kindConn:
		return quotaConns, q.Conns
	case kindListener:
		return quotaListeners, q.Listeners
	case kindSocket:
		return quotaSockets, q.Sockets
	}
	return quotaLookUps, maxLookUps
}

// bucket bounds a rate: it holds tokens for one second, and each event takes one.
type bucket struct {
	mu     sync.Mutex
	tokens float64
	last   time.Time
}

// fill adds what came in since the last call. The caller holds mu.
func (b *bucket) fill(perSecond int) {
	now := time.Now()
	if b.last.IsZero() {
		b.tokens = float64(perSecond)
	} else {
		b.tokens += now.Sub(b.last).Seconds() * float64(perSecond)
	}
	b.tokens = min(b.tokens, float64(perSecond))
	b.last = now
}

// take takes a token, if there is one. A rate of 0 is no bound.
func (b *bucket) take(perSecond int) bool {
	if perSecond <= 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(perSecond)
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// ready reports whether take would give true.
func (b *bucket) ready(perSecond int) bool {
	if perSecond <= 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(perSecond)
	return b.tokens >= 1
}

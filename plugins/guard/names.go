package guard

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/gotcp/gotcp/netapi/likenet"
)

// Bounds of what is remembered of look-ups.
const (
	maxAnswers = 4096             // addresses
	maxNames   = 16               // names of one address
	nameGrace  = 10 * time.Second // beyond the TTL: a program may need so long from the answer to the dial
	maxHold    = 24 * time.Hour
)

// nameBook knows what names an address goes by: those that Hosts gives it, and those for which look-ups gave it.
type nameBook struct {
	hosts map[string][]netip.Addr // canonical names
	of    map[netip.Addr][]string // hosts, the other way round

	mu      sync.Mutex
	answers *lru[netip.Addr, []answer]
}

// answer is a name that an address was given for, until when.
type answer struct {
	name  string
	until time.Time
}

func newNameBook(hosts map[string][]netip.Addr) *nameBook {
	b := &nameBook{
		hosts: map[string][]netip.Addr{}, of: map[netip.Addr][]string{},
		answers: newLRU[netip.Addr, []answer](maxAnswers),
	}
	for _, name := range slices.Sorted(maps.Keys(hosts)) {
		key := likenet.Name(name)
		addrs := b.hosts[key]
		for _, a := range hosts[name] {
			a = a.Unmap()
			addrs = append(addrs, a)
			b.of[a] = append(b.of[a], key)
		}
		b.hosts[key] = addrs // also where there are none: the name exists
	}
	return b
}

// learn remembers an answer.
func (b *nameBook) learn(name string, addrs []netip.Addr, ttl time.Duration) {
	name = likenet.Name(name)
	now := time.Now()
	until := now.Add(min(max(ttl, 0), maxHold) + nameGrace)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range addrs {
		a = a.Unmap()
		var known []answer
		for _, k := range b.answers.get(a) {
			if k.name != name && k.until.After(now) {
				known = append(known, k)
			}
		}
		if len(known) >= maxNames {
			known = known[1:] // the one learnt first
		}
		b.answers.put(a, append(known, answer{name, until}))
	}
}

// namesOf are the names that an address goes by now.
func (b *nameBook) namesOf(a netip.Addr) []string {
	a = a.WithZone("").Unmap()
	names := b.of[a]
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for _, k := range b.answers.get(a) {
		if k.until.After(now) && !slices.Contains(names, k.name) {
			names = append(slices.Clip(names), k.name)
		}
	}
	return names
}

package guard

import (
	"cmp"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gotcp/gotcp/stack/tcp"
)

// Counters are what a network's user has done since the network was made, and has now.
type Counters struct {
	Dials   uint64 // attempts that were allowed, TCP and UDP, also those that failed
	Accepts uint64 // connections that were accepted
	Listens uint64 // addresses that were announced, TCP and UDP
	LookUps uint64 // queries for names, those that were refused included
	Refused uint64 // what was refused, datagrams and look-ups included

	Conns, ConnsPeak   int // TCP connections: now, those being dialled included, and the most at once
	Listeners, Sockets int // now

	BytesIn, BytesOut         int64  // read, and written or being written
	DatagramsIn, DatagramsOut uint64 // given to the user, and sent
	DatagramsDropped          uint64 // came from somebody who wasn't written to

	EventsLost uint64 // by subscribers that were too slow
}

// counts are the counters that nothing else keeps.
type counts struct {
	dials, accepts, listens, lookUps, refused   atomic.Uint64
	datagramsIn, datagramsOut, datagramsDropped atomic.Uint64
}

// Counters says what has been done so far.
func (n *Network) Counters() Counters {
	c := Counters{
		Dials: n.counts.dials.Load(), Accepts: n.counts.accepts.Load(), Listens: n.counts.listens.Load(),
		LookUps: n.counts.lookUps.Load(), Refused: n.counts.refused.Load(),
		BytesIn: n.used.in.Load(), BytesOut: n.used.out.Load(),
		DatagramsIn: n.counts.datagramsIn.Load(), DatagramsOut: n.counts.datagramsOut.Load(),
		DatagramsDropped: n.counts.datagramsDropped.Load(), EventsLost: n.subs.lost.Load(),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	c.Conns, c.ConnsPeak = n.now[kindConn], n.peak
	c.Listeners, c.Sockets = n.now[kindListener], n.now[kindSocket]
	return c
}

// Refusals are the last different things that were refused, at most 128, the latest one at the end.
func (n *Network) Refusals() []Refusal { return n.refusals.all() }

// Conn is a connection, a listener, or a UDP socket of a network.
type Conn struct {
	ID       uint64         // no other of the network has it
	Op       string         // how it came to be: "dial", "accept", "listen", or "lookup" (to a name server)
	Network  string         // "tcp" or "udp"
	Name     string         // the name that was dialled, or for which a rule allowed the address; "" where there is none
	Local    netip.AddrPort // the zero one while it is being dialled
	Remote   netip.AddrPort // the zero one where there is none
	Start    time.Time      // when it was dialled, accepted, or announced
	BytesIn  int64          // read by the user
	BytesOut int64          // written
	TCP      *tcp.Info      // of TCP connections on a stack; else nil
}

// Conns are the network's connections, listeners and sockets now, the oldest first.
func (n *Network) Conns() []Conn {
	flows := n.flowsThat(isAny)
	conns := make([]Conn, len(flows))
	for i, f := range flows {
		conns[i] = f.describe()
	}
	slices.SortFunc(conns, func(a, b Conn) int { return cmp.Compare(a.ID, b.ID) })
	return conns
}

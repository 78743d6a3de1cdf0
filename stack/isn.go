package stack

import (
	"encoding/binary"
	"time"

	"github.com/gotcp/gotcp/stack/seq"
)

// keys are the stack's secrets, one for each use, so that what one use shows says nothing about another.
type keys struct {
	isn, tsOffset, cookie, portOffset, portIndex, ipID sipKey
}

func (k *keys) init(rand func([]byte)) {
	for _, p := range []*sipKey{&k.isn, &k.tsOffset, &k.cookie, &k.portOffset, &k.portIndex, &k.ipID} {
		*p = makeSipKey(rand)
	}
}

// isnTick is how long the initial sequence number of a flow stays the same.
const isnTick = 4 * time.Microsecond

// isn is the initial sequence number of a new connection, ISN = M + F(localip, localport, remoteip, remoteport,
// secretkey), where M is the four-microsecond timer
// ([RFC 6528 section 3](https://www.rfc-editor.org/rfc/rfc6528#section-3)).
func (s *Stack) isn(k flowKey) seq.Num {
	b := k.bytes()
	m := uint32(s.now().Sub(0) / isnTick)
	return seq.Num(m + uint32(s.keys.isn.hash(b[:])))
}

// tsOffset is what the connection adds to its timestamp clock, so that the clock tells nothing about the host's uptime
// ([RFC 7323 section 5.4](https://www.rfc-editor.org/rfc/rfc7323#section-5.4)). It is the same for all connections
// between two addresses: timestamps then also rise from one use of a pair of ports to the next, which is what lets a
// SYN end a TIME-WAIT (RFC 6191).
func (s *Stack) tsOffset(k flowKey) uint32 {
	b := k.bytes()
	return uint32(s.keys.tsOffset.hash(b[:8]))
}

// cookieHash is the keyed hash of a flow and a number of the caller's, for SYN cookies (RFC 4987 section 3.6).
func (s *Stack) cookieHash(k flowKey, n uint64) uint64 {
	var b [20]byte
	f := k.bytes()
	copy(b[:], f[:])
	binary.LittleEndian.PutUint64(b[12:], n)
	return s.keys.cookie.hash(b[:])
}

package tcp

import (
	"time"

	"github.com/gotcp/gotcp/stack/seq"
)

// Config holds the tunables that all connections of a stack share. It must not change once a connection uses it. The
// zero value of a field means Linux's default, which the field's comment gives.
type Config struct {
	RTOMin     time.Duration // 200 ms: the least that is added to SRTT
	RTOInitial time.Duration // 1 s: before the first measurement, RFC 6298 2.1
	RTOMax     time.Duration // 120 s, RFC 6298 2.5

	SynRetries    int // 6 retransmissions of a SYN, then ETIMEDOUT
	SynAckRetries int // 5 retransmissions of a SYN-ACK, then the half-open record goes
	Retries       int // 15: the time that so many retransmissions take at RTOMin is R2 of RFC 1122 4.2.3.5
	OrphanRetries int // 8: the same once the user has closed

	DelAckMin time.Duration // 40 ms: the shortest delayed ACK
	DelAckMax time.Duration // 200 ms: the longest; RFC 1122 4.2.3.2 allows 500 ms

	FinTimeout time.Duration // 60 s: in FIN-WAIT-2 once the user has closed
	TimeWait   time.Duration // 60 s: 2 MSL

	KeepIdle     time.Duration // 2 h: RFC 1122 4.2.3.6 wants no less as the default
	KeepInterval time.Duration // 75 s
	KeepCount    int           // 9

	InitialWindow int // 10 segments, RFC 6928
	RcvBufMax     int // 6 MiB: the largest receive buffer, which fixes the window scale that is offered

	NoSACK       bool // don't offer or use selective acknowledgement
	NoTLP        bool // don't send tail loss probes (RFC 8985 section 7)
	NoTimestamps bool // don't offer or use timestamps
	NoWScale     bool // don't offer or use window scaling

	// Congestion makes the congestion controller of a connection whose user has chosen none; the function Congestion finds
	// one by its name. Nil is NewReno, which costs no allocation.
	Congestion func() Controller

	// Check has every connection verify its invariants after each event and panic where one is broken. For tests.
	Check bool
}

// Default fills in the fields that are zero and returns c.
func (c *Config) Default() *Config {
	setDuration := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	setInt := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	setDuration(&c.RTOMin, 200*time.Millisecond)
	setDuration(&c.RTOInitial, time.Second)
	setDuration(&c.RTOMax, 120*time.Second)
	setInt(&c.SynRetries, 6)
	setInt(&c.SynAckRetries, 5)
	setInt(&c.Retries, 15)
	setInt(&c.OrphanRetries, 8)
	setDuration(&c.DelAckMin, 40*time.Millisecond)
	setDuration(&c.DelAckMax, 200*time.Millisecond)
	setDuration(&c.FinTimeout, 60*time.Second)
	setDuration(&c.TimeWait, 60*time.Second)
	setDuration(&c.KeepIdle, 2*time.Hour)
	setDuration(&c.KeepInterval, 75*time.Second)
	setInt(&c.KeepCount, 9)
	setInt(&c.InitialWindow, 10)
	setInt(&c.RcvBufMax, 6<<20)
	return c
}

// Params is what one connection is told when it is opened. Randomness and the path's size come in here.
type Params struct {
	Config     *Config
	ISS        seq.Num // the initial send sequence number (RFC 6528)
	TSOffset   uint32  // added to the clock's milliseconds in TSval (RFC 7323 5.4)
	MSS        int     // octets, MTU - 40: what we announce and the most that a segment carries, options included
	MaxSegment int     // octets: the largest payload that Poll may give; below MSS means MSS
	SndBuf     int     // octets that Write may queue
	RcvBuf     int     // octets that may wait for Read
}

package tcp

import (
	"time"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// rttState is the retransmission time-out's computation, RFC 6298.
type rttState struct {
	srtt   time.Duration // SRTT; 0 before the first measurement
	rttvar time.Duration // RTTVAR
	rto    time.Duration // RTO, not backed off
	min    time.Duration // the least measurement; 0 before the first
	begin  Time          // when the octet before end was sent, where timing
	end    seq.Num
	timing bool
	stale  bool // a tail loss probe was sent since the last measurement (RFC 8985 7.3)

	backoff    uint8 // doublings since the last measurement (5.5, Karn)
	synRetries uint8 // how often the SYN or SYN-ACK was sent again
}

func (r *rttState) init(c *Config) { r.rto = c.RTOInitial }

// start begins a measurement with a segment that ends at end, unless one is under way.
func (r *rttState) start(now Time, end seq.Num) {
	if !r.timing {
		r.timing, r.begin, r.end = true, now, end
	}
}

// cancel gives up the measurement under way: a retransmission makes it ambiguous (section 3, Karn's algorithm).
func (r *rttState) cancel() { r.timing = false }

// measure takes a measurement from an ACK that advances SND.UNA: from the segment being timed, to the nanosecond, or
// from the echoed timestamp, which also tells a retransmission from its original (RFC 7323 4.1). It returns what the
// ACK says, also where SRTT has no use for it since a segment is being timed; 0 where it says nothing.
func (t *TCB) measure(now Time, seg *wire.Segment) time.Duration {
	r := &t.rtt
	if r.timing && seg.Ack.AtOrAfter(r.end) {
		r.timing = false
		d := now.Sub(r.begin)
		r.sample(t.cfg, now, d)
		return d
	}
	d, ok := t.ts.echoed(now, &seg.Options)
	if !ok || t.snd.retries > 0 && d >= r.rto {
		// After the timer's retransmission, an echo older than that tells of an original whose ACK was lost: a duplicate
		// doesn't update what the peer echoes (RFC 7323 4.3). It would measure our own time-out.
		return 0
	}
	if !r.timing {
		r.sample(t.cfg, now, d)
	}
	return d
}

// sample is section 2.2 and 2.3, with Linux's floor: RTTVAR's share of the RTO is at least RTOMin.
func (r *rttState) sample(c *Config, now Time, m time.Duration) {
	m = max(m, time.Microsecond)
	r.stale = false
	if r.min == 0 || m < r.min {
		r.min = m
	}
	if r.srtt == 0 {
		r.srtt, r.rttvar = m, m/2
	} else {
		delta := r.srtt - m
		r.rttvar += (max(delta, -delta) - r.rttvar) / 4 // beta = 1/4, before SRTT changes
		r.srtt -= delta / 8                             // alpha = 1/8
	}
	r.backoff = 0
	r.rto = min(r.srtt+max(4*r.rttvar, c.RTOMin), c.RTOMax)
}

// timeout is the RTO with its back-off: doubled for each expiry (5.5), up to RTOMax.
func (r *rttState) timeout(c *Config) time.Duration {
	d := r.rto
	for range r.backoff {
		if d *= 2; d >= c.RTOMax {
			return c.RTOMax
		}
	}
	return d
}

// synLost is 5.7: the handshake gave no measurement since the SYN was retransmitted, so the RTO starts again at 3 s.
func (r *rttState) synLost(c *Config) {
	if r.srtt == 0 {
		r.rto = max(c.RTOInitial, min(3*time.Second, c.RTOMax))
		r.backoff = 0
	}
}

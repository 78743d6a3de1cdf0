package tcp

import (
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// timestamps is the state of RFC 7323 section 3-5.
type timestamps struct {
	on       bool   // both ends sent the option in their SYN
	offset   uint32 // of our clock, random per connection (5.4)
	recent   uint32 // TS.Recent
	recentAt int32  // when it was set: the clock's seconds
}

// pawsIdle is how long TS.Recent stays valid on an idle connection: 24 days (RFC 7323 5.5).
const pawsIdle = 24 * 24 * time.Hour

// tsNow is the timestamp clock (5.4): milliseconds.
func tsNow(now Time, offset uint32) uint32 { return uint32(now/Time(time.Millisecond)) + offset }

// tsBefore reports a < b on the circle of timestamps.
func tsBefore(a, b uint32) bool { return int32(a-b) < 0 }

// pawsReject is R1 of RFC 7323 5.3: a segment whose timestamp is older than TS.Recent is an old duplicate. A segment
// without the option passes, although 3.2 would drop it: some middle boxes strip it, and Linux lets it pass, too.
func (ts *timestamps) pawsReject(now Time, seg *wire.Segment) bool {
	return ts.on && seg.Options.HasTS && tsBefore(seg.Options.TSVal, ts.recent) && ts.age(now) < pawsIdle
}

// set makes tsval TS.Recent, and age is how old it is.
func (ts *timestamps) set(now Time, tsval uint32) {
	ts.recent, ts.recentAt = tsval, int32(now/Time(time.Second))
}

func (ts *timestamps) age(now Time) time.Duration {
	return time.Duration(int32(now/Time(time.Second))-ts.recentAt) * time.Second
}

// updateRecent is R2 and R3 of RFC 7323 5.3 with 4.3 (2): only a segment that covers Last.ACK.sent may set TS.Recent.
func (t *TCB) updateRecent(now Time, seg *wire.Segment) {
	if !t.ts.on || !seg.Options.HasTS || seg.Seq.After(t.rcv.ack) {
		return
	}
	if !tsBefore(seg.Options.TSVal, t.ts.recent) || t.ts.age(now) >= pawsIdle {
		t.ts.set(now, seg.Options.TSVal)
	}
}

// updateRecentByDuplicate has the last segment that was received, sent again since its ACK was lost, update TS.Recent, as
// Linux and FreeBSD do. RFC 7323 has it dropped first; then the ACK would echo the original's timestamp, the peer would
// measure its own time-out, and each lost ACK would make that longer.
func (t *TCB) updateRecentByDuplicate(now Time, seg *wire.Segment) {
	if seg.End() == t.rcv.nxt && !t.ts.pawsReject(now, seg) {
		t.updateRecent(now, seg)
	}
}

// put fills in the option of a segment to send.
func (ts *timestamps) put(now Time, o *wire.Options) {
	o.HasTS, o.TSVal, o.TSEcr = true, tsNow(now, ts.offset), ts.recent
}

// echoed is the time since the segment left that the peer echoes, and whether that can be.
func (ts *timestamps) echoed(now Time, o *wire.Options) (time.Duration, bool) {
	if !ts.on || !o.HasTS || o.TSEcr == 0 {
		return 0, false
	}
	ms := int32(tsNow(now, ts.offset) - o.TSEcr)
	return time.Duration(max(ms, 1)) * time.Millisecond, ms >= 0
}

package tcp

import (
	"fmt"
	"testing"
	"time"
)

// TestTimestampsNegotiated: the option is used where both SYNs have it, and then in every segment but a RST without ACK
// (RFC 7323 3.2).
func TestTimestampsNegotiated(t *testing.T) {
	d := newDUT(t, setup{ts: true})
	d.connect2("S 0 ts 0 sackok")
	d.now = d.now.Add(50 * time.Millisecond)
	d.in("SA 0 ack 1 mss 1012")
	d.out("A 1 ack 1 ts 50/50")
	d.write(10)
	d.out("PA 1:11 ack 1 ts 50/50")
	d.elapse(10 * time.Millisecond)
	d.in("PA 1:11 ack 11")
	d.out("A 11 ack 11 ts 60/60")
	d.closeWrite()
	d.out("FA 11 ack 11 ts 60/60")
	d.call(func(t *TCB) { t.Abort(d.now, 0) })
	d.out("RA 12 ack 11 ts 60/60")

	for name, s := range map[string]setup{
		"peer without":          {},
		"we without":            {ts: true, tune: func(c *Config) { c.NoTimestamps = true }},
		"peer without, passive": {passive: true},
		"we without, passive":   {passive: true, ts: true, tune: func(c *Config) { c.NoTimestamps = true }},
	} {
		d := start(t, s)
		d.write(10)
		for _, q := range d.queue {
			if q.seg.Options.HasTS {
				t.Errorf("%s: %s has a timestamp", name, d.baseOut().format(&q.seg))
			}
		}
		if d.tcb.Info(d.now).Options&1 != 0 {
			t.Errorf("%s: Info says timestamps are on", name)
		}
	}
}

// connect2 has the device send its SYN, which must be as the text says.
func (d *dut) connect2(syn string) {
	d.t.Helper()
	d.tcb.Connect(d.now, d.params())
	d.drain()
	d.out(syn)
}

// TestTSRecent is RFC 7323 4.3 and 5.3, R3: TS.Recent follows the left edge, not what comes out of order.
func TestTSRecent(t *testing.T) {
	d := start(t, setup{ts: true})
	d.in("A 1:11 ack 1 ts 1000")
	d.out("A 1 ack 11 ts 100/1000")
	d.in("A 21:31 ack 1 ts 2000") // behind a hole: SEG.SEQ > Last.ACK.sent
	d.out("A 1 ack 11 ts 100/1000")
	d.in("A 11:21 ack 1 ts 1500") // fills it: "a segment that fills the hole ... echoes its own timestamp"
	d.out("A 1 ack 31 ts 100/1500")
	d.in("A 31 ack 1 ts 1600") // a pure ACK counts, too
	d.write(1)
	d.out("PA 1:2 ack 31 ts 100/1600")
	d.in("A 31 ack 2 ts 1600") // the same time again is fine
	d.write(1)
	d.out("PA 2:3 ack 31 ts 100/1600")
}

// TestTSRecentDelayedAck: of two segments that one ACK acknowledges, the first one's timestamp is echoed (RFC 7323 4.3
// (A)), so that the sender measures the delay of the ACK as well.
func TestTSRecentDelayedAck(t *testing.T) {
	d := start(t, setup{ts: true, user: UserOptions{NoQuickAck: true}})
	d.in("A 1:401 ack 1 ts 1000")
	d.elapse(10 * time.Millisecond)
	d.in("A 401:801 ack 1 ts 1010")
	d.out("A 1 ack 801 ts 110/1000")
}

// TestPAWS is RFC 7323 5.3, R1, and what is excepted from it.
func TestPAWS(t *testing.T) {
	build := func() *dut {
		d := start(t, setup{ts: true})
		d.in("A 1:101 ack 1 ts 5000")
		d.skip()
		return d
	}
	d := build()
	d.in("A 101:201 ack 1 ts 4999")
	d.out("A 1 ack 101 ts 100/5000") // "Send an acknowledgment in reply"
	d.in("A 101:201 ack 1 ts 5000")
	d.out("A 1 ack 201")
	if got := d.tcb.Info(d.now).PAWSDropped; got != 1 {
		t.Errorf("PAWSDropped is %d, want 1", got)
	}
	d = build()
	d.in("FA 101 ack 1 ts -2000000000") // nearly half of the circle
	d.state(Established)
	d.in("R 101 ts 0") // a RST is never subject to it (5.2)
	d.state(Closed)
	d = build()
	d.in("A 101:201 ack 1 nots") // stripped on the way: better than a hanging connection (Linux)
	d.out("A 1 ack 201")
	d = build()
	d.in("A 101 ack 101 ts 4000") // an old ACK that was overtaken: its number is not looked at
	d.holds("una 1")
}

// TestPAWSAcksAreThrottled: an empty stale segment draws an ACK, but not without limit (RFC 5961 7: both ends would go
// on for ever).
func TestPAWSAcksAreThrottled(t *testing.T) {
	d := start(t, setup{ts: true})
	d.in("A 1:101 ack 1 ts 5000")
	d.skip()
	for range 100 {
		d.in("A 101 ack 1 ts 4000")
	}
	if n := len(d.queue); n == 0 || n > challengeLimit {
		t.Errorf("100 stale ACKs draw %d, want 1 to %d", n, challengeLimit)
	}
}

// TestTimestampWrap: timestamps wrap as sequence numbers do (RFC 7323 5.2: compared on the circle).
func TestTimestampWrap(t *testing.T) {
	d := start(t, setup{ts: true})
	at := 1
	ts := 100 // of the peer's clock, which began 32 ms before its wrap
	for range 10 {
		d.in(fmt.Sprintf("A %d:%d ack 1 ts %d", at, at+10, ts))
		d.out(fmt.Sprintf("A 1 ack %d ts 100/%d", at+10, ts))
		at += 10
		ts += 1<<31 - 1 // as far as a timestamp may jump
		ts = int(int32(ts))
	}
}

// TestPAWSAfter24Days: a connection that was idle for so long doesn't know any more what is old (RFC 7323 5.5).
func TestPAWSAfter24Days(t *testing.T) {
	for _, days := range []int{23, 25} {
		d := start(t, setup{ts: true})
		d.in("A 1:101 ack 1 ts 5000")
		d.skip()
		d.now = d.now.Add(time.Duration(days) * 24 * time.Hour)
		d.in("A 101:201 ack 1 ts 4000") // the peer's clock has wrapped, or stands still
		if taken := d.tcb.Queued() == 200; taken != (days > 24) {
			t.Errorf("after %d days the segment is taken: %v", days, taken)
		}
	}
}

// TestTimestampClock: our clock ticks each millisecond (RFC 7323 5.4: 1 ms to 1 s), begins at a random offset, and
// wraps without harm.
func TestTimestampClock(t *testing.T) {
	d := start(t, setup{ts: true})
	for range 5 {
		d.exchange(10, 7*time.Millisecond)
	}
	if got := d.tcb.Info(d.now).MinRTT; got < 6900 || got > 7100 {
		t.Errorf("the least RTT is %d us, want 7 ms: the clock's wrap lies in between", got)
	}
	if tsNow(Time(5*time.Millisecond), 7) != 12 {
		t.Error("the timestamp is not milliseconds plus offset")
	}
}

// TestTimestampsTakeRoom: a full segment has the MSS less the options that it carries (RFC 9293 3.7.1, RFC 6691).
//
// RFC 9293 MUST-16: the effective send MSS counts the options.
func TestTimestampsTakeRoom(t *testing.T) {
	d := start(t, setup{ts: true, sack: true}) // MSS 1012
	d.write(3000)
	d.out("A 1:1001", "A 1001:2001", "PA 2001:3001")
	d.in("A 101:201 ack 3001") // a hole: SACK blocks ride on what we send
	d.skip()
	d.write(3000)
	d.out("A 3001:3989 sack 101:201", "A 3989:4977", "A 4977:5965", "PA 5965:6001")
}

// TestDuplicateUpdatesEcho: a duplicate that ends at RCV.NXT came because our ACK was lost. Its timestamp is echoed
// (RFC 7323 4.3 (2), Linux, FreeBSD), or the sender measures from the original on, and each lost ACK would double its
// RTO.
func TestDuplicateUpdatesEcho(t *testing.T) {
	d := start(t, setup{ts: true})
	d.in("A 1:101 ack 1 ts 1000")
	d.out("A 1 ack 101 ts 100/1000")
	d.in("A 1:101 ack 1 ts 2000")
	d.out("A 1 ack 101 ts 100/2000")
	d.in("A 1:51 ack 1 ts 3000") // may be anyone's: it doesn't reach up to RCV.NXT
	d.out("A 1 ack 101 ts 100/2000")
	d.in("A 100 ack 1 ts 4000") // a keep-alive probe doesn't, either
	d.out("A 1 ack 101 ts 100/2000")
}

// TestPAWSAge: the 24 days count from when TS.Recent was set, not from the beginning; and the first segment after them
// is what is echoed from then on (RFC 7323 5.5).
func TestPAWSAge(t *testing.T) {
	const day = 24 * time.Hour
	d := start(t, setup{ts: true})
	d.elapse(20 * day)
	d.in("PA 1:11 ack 1")
	recent := int(d.tcb.ts.recent - peerTS)
	d.elapse(10 * day)
	d.in(fmt.Sprintf("PA 11:21 ack 1 ts %d", recent-1))
	if got := d.tcb.Queued(); got != 10 {
		t.Errorf("an old segment is taken ten days after the last: %d octets", got)
	}
	d.elapse(15 * day)
	d.skip()
	d.in(fmt.Sprintf("PA 11:21 ack 1 ts %d", recent-1))
	d.out(fmt.Sprintf("A 1 ack 21 ts %d/%d", int32(d.lastTS-testTS), recent-1))
}

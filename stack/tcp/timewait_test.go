package tcp

import (
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// lingering has a connection in TIME-WAIT: SND.NXT is 102, RCV.NXT 102 (see walk_test.go), TS.Recent 10000.
func lingering(t *testing.T, s setup) (*dut, *TimeWait) {
	t.Helper()
	s.rcv = 2000
	d := newDUT(t, s)
	inTimeWait(d)
	d.state(TimeWaitState)
	d.skip()
	w := d.tcb.TimeWait(d.now)
	return d, &w
}

// TestTimeWait is 3.10.7.4 in TIME-WAIT, with RFC 6191 and RFC 5961.
//
// RFC 9293 MAY-2: a SYN may open the connection anew.
// RFC 9293 SHLD-4: timestamps tell whether it is a new one.
func TestTimeWait(t *testing.T) {
	for _, c := range []struct {
		in      string
		ts      bool
		verdict Verdict
		why     string
	}{
		{"FA 101 ack 102", false, Reply, "eighth: a retransmission of the remote FIN"},
		{"FA 101 ack 102", true, Reply, "as above"},
		{"FA 51:101 ack 102", false, Reply, "with its last text"},
		{"FA 101 ack 102 ts 9000", true, Reply, "RFC 7323 5.3: stale, but an ACK"},
		{"A 102 ack 102", false, Ignore, "nothing to say"},
		{"A 101 ack 102", false, Reply, "first: not acceptable"},
		{"A 103 ack 102", false, Reply, "first"},
		{"PA 102:112 ack 102", false, Reply, "nothing more can come"},
		{"A 102 ack 102 ts 9000", true, Reply, "RFC 7323 5.3, R1"},
		{"- 102:112", false, Ignore, "fifth: the ACK bit is off"},
		{"R 102", false, Gone, "second"},
		{"R 103", false, Ignore, "RFC 5961 3.2"},
		{"R 101", false, Ignore, "first"},
		{"S 103", false, Reopen, "RFC 9293 3.6.1, MAY-2: beyond what was used"},
		{"S 100000", false, Reopen, "as above"},
		{"S 102", false, Reply, "RFC 5961 4.2: it may be an old one"},
		{"S 50", false, Reply, "as above"},
		{"S 50 ts 10001", true, Reopen, "RFC 6191 2: its timestamp is newer"},
		{"S 103 ts 10001", true, Reopen, "as above"},
		{"S 103 ts 9999", true, Reply, "RFC 6191 2: its timestamp is older"},
		{"S 103 ts 10000", true, Reopen, "RFC 6191 2: the same timestamp, the sequence number decides"},
		{"S 50 ts 10000", true, Reply, "as above"},
		{"S 103 nots", true, Reopen, "RFC 6191 2: no timestamp, the sequence number decides"},
		{"S 50 nots", true, Reply, "as above"},
		{"SA 103 ack 102", false, Reply, "no connection begins with it"},
		{"SR 103", false, Ignore, "a RST first of all"},
	} {
		d, w := lingering(t, setup{ts: c.ts})
		var out wire.Segment
		if v := w.Segment(d.now, &d.cfg, d.segment(parseLine(c.in)), &out); v != c.verdict {
			t.Errorf("ts %v, %s: verdict %d, want %d: %s", c.ts, c.in, v, c.verdict, c.why)
		} else if v == Reply {
			d.note(&out)
			d.out("A 102 ack 102")
			if out.Options.HasTS != c.ts {
				t.Errorf("%s: a timestamp in the reply: %v, want %v", c.in, out.Options.HasTS, c.ts)
			}
		}
	}
}

// TestTimeWaitTime: 2 MSL, from the last FIN on.
//
// RFC 9293 MUST-13
func TestTimeWaitTime(t *testing.T) {
	d, w := lingering(t, setup{})
	if got := w.Deadline().Sub(d.now); got != 60*time.Second {
		t.Errorf("TIME-WAIT lasts %v, want Linux's 60 s", got)
	}
	d.now = d.now.Add(50 * time.Second)
	var out wire.Segment
	w.Segment(d.now, &d.cfg, d.segment(parseLine("A 101 ack 102")), &out)
	if got := w.Deadline().Sub(d.now); got != 10*time.Second {
		t.Errorf("an ACK moved the end to %v from now", got)
	}
	w.Segment(d.now, &d.cfg, d.segment(parseLine("FA 101 ack 102")), &out)
	if got := w.Deadline().Sub(d.now); got != 60*time.Second {
		t.Errorf("a FIN moved the end to %v from now, want 60 s", got)
	}
}

// TestTimeWaitThrottle: what it answers is limited (RFC 5961 7).
func TestTimeWaitThrottle(t *testing.T) {
	d, w := lingering(t, setup{})
	replies := 0
	for range 1000 {
		var out wire.Segment
		if w.Segment(d.now, &d.cfg, d.segment(parseLine("S 50")), &out) == Reply {
			replies++
		}
	}
	if replies == 0 || replies > challengeLimit {
		t.Errorf("%d replies to 1000 SYNs at once, want 1 to %d", replies, challengeLimit)
	}
}

// TestTimeWaitNextISS: a new connection's numbers lie beyond everything of the old one (3.4.1, RFC 6191).
func TestTimeWaitNextISS(t *testing.T) {
	d, w := lingering(t, setup{})
	if gap := w.NextISS().Minus(d.tcb.snd.nxt); gap < 1<<16 {
		t.Errorf("the gap to the next initial sequence number is %d, want a window at least", gap)
	}
}

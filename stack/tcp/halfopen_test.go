package tcp

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// TestHalfOpenOpen: what a SYN makes of the record, and the SYN-ACK that goes out (3.10.7.2).
//
// RFC 9293 MUST-14: the MSS option is sent and received.
// RFC 9293 MUST-15: without it the peer's MSS is 536.
func TestHalfOpenOpen(t *testing.T) {
	for _, c := range []struct {
		syn, synack string
		s           setup
		mss         uint16
	}{
		{"S 0 mss 1460", "SA 0 ack 1 mss 1000 win 65535 nosackok nots nows", setup{}, 1460},
		{"S 0", "SA 0 ack 1 mss 1000", setup{}, 536},
		{"S 0 mss 900 sackok", "SA 0 ack 1 sackok nots nows", setup{}, 900},
		{"S 0 mss 900 ws 7", "SA 0 ack 1 ws 7 nosackok nots", setup{}, 900},
		{"S 0 ts 5", "SA 0 ack 1 ts 0/5 nows nosackok", setup{ts: true}, 536},
		{"S 0 mss 1400 sackok ws 3 ts 5", "SA 0 ack 1 sackok ws 7 ts 0/5 win 20000", setup{ts: true, rcv: 20000}, 1400},
		{"S 0 mss 1400 sackok ws 3", "SA 0 ack 1 nosackok nows",
			setup{tune: func(c *Config) { c.NoSACK, c.NoWScale = true, true }}, 1400},
		{"S 0:100 mss 1400", "SA 0 ack 1", setup{}, 1400}, // text is not acknowledged before it can be delivered
	} {
		d := newDUT(t, c.s)
		p := d.params()
		d.half.Open(d.now, &p, d.segment(parseLine(c.syn)))
		var out wire.Segment
		d.half.SYNACK(d.now, &d.cfg, &out)
		d.note(&out)
		d.out(c.synack)
		if d.half.MSS != c.mss {
			t.Errorf("%s: the peer's MSS is %d, want %d", c.syn, d.half.MSS, c.mss)
		}
	}
}

// TestHalfOpenSegment is 3.10.7.4 in SYN-RECEIVED after a passive OPEN. RCV.NXT is 1, SND.NXT 1, the window 2000.
//
// RFC 9293 MUST-11: a passive open goes back to LISTEN.
func TestHalfOpenSegment(t *testing.T) {
	for _, s := range []setup{{rcv: 2000}, {rcv: 2000, ts: true, sack: true, ws: 2}} {
		for _, c := range []struct {
			in      string
			verdict Verdict
			reply   string
			why     string
		}{
			{"A 1 ack 1", Promote, "", "fifth: ESTABLISHED"},
			{"PA 1:11 ack 1", Promote, "", "fifth, and text"},
			{"FA 1 ack 1", Promote, "", "fifth, and FIN"},
			{"A 2000 ack 1", Promote, "", "the last acceptable number"},
			{"PA 1901:2100 ack 1", Promote, "", "a part lies in the window"},
			{"A 2001 ack 1", Reply, "A 1 ack 1", "first: beyond the window"},
			{"A 0 ack 1", Reply, "A 1 ack 1", "first: before it"},
			{"PA 5000:5010 ack 1", Reply, "A 1 ack 1", "first"},
			{"A 1 ack 0", Reply, "R 0", "fifth: not acceptable, form a reset"},
			{"A 1 ack 2", Reply, "R 2", "fifth"},
			{"PA 1:11 ack 99", Reply, "R 99", "fifth"},
			{"- 1:11", Ignore, "", "fifth: the ACK bit is off"},
			{"F 1", Ignore, "", "fifth"},
			{"S 0", Reply, "SA 0 ack 1", "our SYN-ACK was lost: as Linux"},
			{"S 1", Gone, "", "fourth: passive OPEN, return to LISTEN"},
			{"S 77", Gone, "", "fourth"},
			{"S 5000", Reply, "A 1 ack 1", "first: outside of the window"},
			{"SA 1 ack 1", Gone, "", "fourth"},
			{"R 1", Gone, "", "second: passive OPEN, return to LISTEN"},
			{"R 2", Reply, "A 1 ack 1", "RFC 5961 3.2: challenge ACK"},
			{"R 2000", Reply, "A 1 ack 1", "RFC 5961 3.2"},
			{"R 2001", Ignore, "", "first: drop"},
			{"R 0", Ignore, "", "first: drop"},
			{"A 1 ack 1 ts -1", Reply, "A 1 ack 1", "RFC 7323 5.3, R1"},
			{"R 1 ts -1", Gone, "", "RFC 7323 5.2: no PAWS for a RST"},
		} {
			if !s.ts && strings.Contains(c.in, " ts ") {
				continue
			}
			d := newDUT(t, s)
			d.listen("S 0" + d.synOptions())
			var out wire.Segment
			v := d.half.Segment(d.now, &d.cfg, d.segment(parseLine(c.in)), &out)
			if v != c.verdict {
				t.Errorf("%s: verdict %d, want %d: %s", c.in, v, c.verdict, c.why)
			}
			if v == Reply {
				d.note(&out)
			}
			d.replies(c.reply)
		}
	}
}

// TestHalfOpenTick: the SYN-ACK is sent again after 1, 2, 4, ... s, five times by default, then the record goes.
//
// RFC 9293 MUST-22
func TestHalfOpenTick(t *testing.T) {
	d := newDUT(t, setup{})
	d.listen("S 0" + d.synOptions())
	var out wire.Segment
	if v := d.half.Tick(d.now, &d.cfg, &out); v != Ignore {
		t.Errorf("a spurious tick: verdict %d", v)
	}
	for _, wait := range []time.Duration{1, 2, 4, 8, 16} {
		if got := d.half.Deadline().Sub(d.now); got != wait*time.Second {
			t.Fatalf("the deadline is in %v, want %v", got, wait*time.Second)
		}
		d.now = d.half.Deadline()
		if v := d.half.Tick(d.now, &d.cfg, &out); v != Reply {
			t.Fatalf("verdict %d, want Reply", v)
		}
		d.note(&out)
		d.out("SA 0 ack 1 mss 1000")
	}
	d.now = d.half.Deadline()
	if v := d.half.Tick(d.now, &d.cfg, &out); v != Gone {
		t.Errorf("verdict %d after the last one, want Gone", v)
	}
}

// TestAccept: what the record knows, the connection knows: options, window, MSS, the first RTT.
func TestAccept(t *testing.T) {
	s := setup{ts: true, sack: true, ws: 3, passive: true, win: 1000}
	d := start(t, s)
	in := d.tcb.Info(d.now)
	if in.Options != 7 || in.SndWScale != 3 || in.RcvWScale != 7 {
		t.Errorf("options %b, shifts %d and %d; want all, 3, 7", in.Options, in.SndWScale, in.RcvWScale)
	}
	if in.SndWnd != 8000 || in.SndMSS != 1000 {
		t.Errorf("window %d, MSS %d; want 8000, 1000", in.SndWnd, in.SndMSS)
	}
	if in.RTT != 100000 {
		t.Errorf("RTT %d us, want 100 ms", in.RTT)
	}
	if e := d.tcb.Ready(); e&Opened == 0 || e&Writable == 0 {
		t.Errorf("Ready is %b, want Opened and Writable", e)
	}
}

// TestAcceptAfterSYNACKLoss: nothing was measured then (Karn), unless timestamps tell.
func TestAcceptAfterSYNACKLoss(t *testing.T) {
	for _, ts := range []bool{false, true} {
		d := newDUT(t, setup{ts: ts})
		d.listen("S 0" + d.synOptions())
		var out wire.Segment
		d.now = d.half.Deadline()
		d.half.Tick(d.now, &d.cfg, &out)
		d.note(&out)
		d.skip()
		d.now = d.now.Add(50 * time.Millisecond)
		d.promote("A 1 ack 1")
		want := uint32(0)
		if ts {
			want = 50000
		}
		if got := d.tcb.Info(d.now).RTT; got != want {
			t.Errorf("ts %v: RTT %d us, want %d", ts, got, want)
		}
		d.write(1000)
		if got := d.due(); !ts && got != 3*time.Second {
			t.Errorf("the RTO is %v, want 3 s (RFC 6298 5.7)", got)
		}
	}
}

// TestSYNText: text of a SYN is delivered once the handshake is complete, not before, and not twice (3.10.7.2: "Any
// other control or text should be queued for processing later").
func TestSYNText(t *testing.T) {
	d := newDUT(t, setup{})
	d.listen("S 0:500" + d.synOptions())
	d.half.KeepText(d.segment(parseLine("S 0:500")))
	if d.half.TextLen() != 500 {
		t.Fatalf("%d octets are kept", d.half.TextLen())
	}
	d.promote("PA 1:501 ack 1") // the peer sends it again: our SYN-ACK didn't acknowledge it
	d.out("A 1 ack 501")
	d.get(500)
	d.again()

	d = newDUT(t, setup{})
	d.listen("S 0:500" + d.synOptions())
	d.half.KeepText(d.segment(parseLine("S 0:500")))
	d.promote("A 1 ack 1")
	d.out("A 1 ack 501")
	d.get(500)
	d.in("PA 501:511 ack 1")
	d.get(10)

	d = newDUT(t, setup{}) // no more is kept than a segment's worth
	d.listen("S 0:9000" + d.synOptions())
	d.half.KeepText(d.segment(parseLine("S 0:9000")))
	if n := d.half.TextLen(); n > maxSYNText {
		t.Errorf("%d octets of a SYN are kept", n)
	}
	d.promote("PA 1:9001 ack 1")
	d.get(9000)
}

// TestHalfOpenFromFields: the record can be made from its exported fields, as a SYN cookie does.
func TestHalfOpenFromFields(t *testing.T) {
	d := newDUT(t, setup{ts: true})
	p := d.params()
	d.half = HalfOpen{ISS: p.ISS, IRS: testIRS, TSRecent: peerTS, TSOffset: p.TSOffset, MSS: 700, Wnd: 5000,
		SndWScale: 2, SACK: true, TS: true, WScale: true}
	d.half.Offer(&p)
	d.now = d.now.Add(time.Second)
	d.promote("PA 1:11 ack 1")
	d.state(Established)
	d.get(10)
	in := d.tcb.Info(d.now)
	if in.SndMSS != 700-tsLen || in.Options != 7 {
		t.Errorf("MSS %d, options %b", in.SndMSS, in.Options)
	}
}

// TestReset is 3.10.7.1: what a segment without a connection draws.
func TestReset(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"S 0", []string{"RA -1 ack 1"}}, // "<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>"
		{"S 0:10", []string{"RA -1 ack 11"}},
		{"- 5:15", []string{"RA -1 ack 15"}},
		{"F 5", []string{"RA -1 ack 6"}},
		{"A 1 ack 77", []string{"R 77"}}, // "<SEQ=SEG.ACK><CTL=RST>"
		{"SA 1 ack 77", []string{"R 77"}},
		{"FPA 1:11 ack 77", []string{"R 77"}},
		{"R 1", nil}, // "An incoming segment containing a RST is discarded."
		{"RA 1 ack 77", nil},
		{"SRA 1 ack 77", nil},
	} {
		d := newDUT(t, setup{})
		out := wire.Segment{Window: 5, Urgent: 7, SrcPort: 9}
		if Reset(d.segment(parseLine(c.in)), &out) {
			d.queue = append(d.queue, sent{d.now, out})
			if out.Flags&wire.ACK != 0 {
				if out.Seq != 0 {
					t.Errorf("%s: the sequence number is %d, want 0", c.in, out.Seq)
				}
				d.queue[0].seg.Seq = testISS.Add(-1)
			}
			if out.Window != 0 || out.Urgent != 0 || out.SrcPort != 0 {
				t.Errorf("%s: the segment has something of what was there before", c.in)
			}
		}
		d.out(slices.Clone(c.want)...)
	}
}

// TestHalfOpenWithoutWindow: with no room, text is not acceptable, but the ACK and a FIN are (RFC 9293 3.4); and with
// room, text that only begins before the window is.
func TestHalfOpenWithoutWindow(t *testing.T) {
	for _, c := range []struct {
		rcv  int
		in   string
		want Verdict
	}{{0, "A 1 ack 1", Promote}, {0, "FA 1 ack 1", Promote}, {0, "PA 1:11 ack 1", Reply},
		{5000, "PA 0:11 ack 1", Promote}} {
		d := newDUT(t, setup{})
		d.s.rcv = c.rcv
		d.listen("S 0")
		var out wire.Segment
		if got := d.half.Segment(d.now, &d.cfg, d.segment(parseLine(c.in)), &out); got != c.want {
			t.Errorf("window %d: %s: verdict %d, want %d", c.rcv, c.in, got, c.want)
		}
	}
}

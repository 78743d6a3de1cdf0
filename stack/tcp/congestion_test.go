package tcp

import (
	"fmt"
	"testing"
	"time"
)

// TestInitialWindow is RFC 6928 section 2: min (10*MSS, max (2*MSS, 14600)), in octets sent before the first ACK.
func TestInitialWindow(t *testing.T) {
	for _, c := range []struct {
		mss, iw int
		tune    func(*Config)
	}{
		{1000, 10000, nil},
		{1460, 14600, nil},
		{536, 5360, nil},
		{2000, 14600, nil}, // 7 segments and a part
		{9000, 18000, nil}, // two jumbo frames
		{1000, 3000, func(c *Config) { c.InitialWindow = 3 }},
	} {
		d := start(t, setup{mss: c.mss, tune: c.tune})
		d.write(50000)
		got := d.tcb.flight()
		if want := c.iw - c.iw%c.mss; got != want || d.tcb.cong.Cwnd != c.iw {
			t.Errorf("MSS %d: %d octets in flight, cwnd %d; want %d, %d", c.mss, got, d.tcb.cong.Cwnd, want, c.iw)
		}
	}
}

// TestInitialWindowAfterSYNLoss: "if the SYN or SYN/ACK is lost, the initial window used by a sender after a correctly
// transmitted SYN MUST be one segment"; Linux and RFC 6298 5.7's spirit allow one loss.
func TestInitialWindowAfterSYNLoss(t *testing.T) {
	for losses, want := range []int{10000, 10000, 1000, 1000} {
		d := newDUT(t, setup{})
		d.connect()
		for range losses {
			d.elapse(d.due())
		}
		d.in("SA 0 ack 1" + d.synOptions())
		d.write(50000)
		if got := d.tcb.flight(); got != want {
			t.Errorf("%d SYNs lost: %d octets in flight, want %d", losses, got, want)
		}
	}
}

// TestSlowStart: cwnd grows by what is acknowledged (RFC 5681 3.1, RFC 3465): doubles in a round trip.
//
// RFC 9293 MUST-19
func TestSlowStart(t *testing.T) {
	d := start(t, setup{ws: 4})
	d.write(200000)
	for cwnd, acked := 10000, 0; cwnd < 80000; cwnd *= 2 {
		d.cwnd(cwnd, noSsthresh)
		for range cwnd / 2000 { // an ACK for every second segment
			acked += 2000
			d.in(fmt.Sprintf("A 1 ack %d", 1+acked))
		}
	}
}

// TestCongestionAvoidance: beyond ssthresh one segment per window (RFC 5681 3.1).
//
// RFC 9293 MUST-19
func TestCongestionAvoidance(t *testing.T) {
	d := flying(t, setup{snd: 1 << 20})
	d.write(500000)
	d.in("A 1 ack 1", "A 1 ack 1", "A 1 ack 1") // ssthresh 5000
	d.in("A 1 ack 12001")
	d.skip()
	acked := 12001
	for d.tcb.cong.Cwnd < 5000 {
		acked = d.tcb.snd.nxt.Minus(testISS)
		d.in(fmt.Sprintf("A 1 ack %d", acked))
	}
	for want := d.tcb.cong.Cwnd; want < 12000; {
		if d.tcb.cong.Cwnd != want {
			t.Fatalf("cwnd %d, want %d", d.tcb.cong.Cwnd, want)
		}
		for range want / 1000 { // a window's worth of ACKs
			acked += 1000
			d.in(fmt.Sprintf("A 1 ack %d", acked))
			d.skip()
		}
		want += 1000
	}
}

// TestCwndNeedsUse: the window doesn't grow while the user or the peer's window limits what is sent (RFC 7661 section
// 1, Linux's tcp_is_cwnd_limited).
func TestCwndNeedsUse(t *testing.T) {
	d := start(t, setup{})
	for range 50 {
		d.exchange(1000, 10*time.Millisecond)
	}
	if got := d.tcb.cong.Cwnd; got > 10000 {
		t.Errorf("cwnd grew to %d with one segment in flight at a time", got)
	}
	d = start(t, setup{win: 2000})
	d.write(100000)
	for acked := 2001; acked < 100000; acked += 2000 {
		d.in(fmt.Sprintf("A 1 ack %d", acked))
	}
	if got := d.tcb.cong.Cwnd; got > 10000 {
		t.Errorf("cwnd grew to %d with a window of 2000", got)
	}
}

// TestRestartAfterIdle: RFC 5681 4.1: after an RTO without sending, cwnd falls back to the restart window.
func TestRestartAfterIdle(t *testing.T) {
	d := start(t, setup{ws: 4})
	d.write(40000)
	for acked := 1001; acked <= 40001; acked += 1000 {
		d.in(fmt.Sprintf("A 1 ack %d", acked))
	}
	d.skip()
	grown := d.tcb.cong.Cwnd
	if grown < 20000 {
		t.Fatalf("cwnd is %d, the test wants more", grown)
	}
	d.elapse(200 * time.Millisecond) // less than the RTO
	d.write(100)
	if got := d.tcb.cong.Cwnd; got != grown {
		t.Errorf("cwnd is %d after a short pause, want still %d", got, grown)
	}
	d.in("A 1")
	d.elapse(time.Second)
	d.write(50000)
	if got := d.tcb.flight(); got != 10000 {
		t.Errorf("%d octets in flight after a long pause, want the initial window", got)
	}
}

// TestSsthreshFormula is equation (4) of RFC 5681: ssthresh = max (FlightSize / 2, 2*SMSS).
func TestSsthreshFormula(t *testing.T) {
	for flight, want := range map[int]int{1: 2000, 3: 2000, 4: 2000, 6: 3000, 9: 4500} {
		d := start(t, setup{})
		d.write(flight * 1000)
		d.elapse(d.due())
		d.cwnd(1000, want)
	}
}

// TestAckDivision: ACKs of a few octets each don't open the window faster (RFC 5681 3.1, RFC 3465: count octets).
func TestAckDivision(t *testing.T) {
	d := flying(t, setup{})
	for acked := 101; acked <= 1001; acked += 100 {
		d.in(fmt.Sprintf("A 1 ack %d", acked))
	}
	d.cwnd(11000, noSsthresh)
}

// spy is a controller that writes down what it is told.
type spy struct{ log []string }

func (s *spy) Name() string { return "spy" }

func (s *spy) Ack(_ Time, w *Window, a Ack) {
	s.log = append(s.log, fmt.Sprintf("ack %d rtt %v", a.Octets, a.SRTT))
	w.Cwnd += 10
}

func (s *spy) Loss(_ Time, w *Window, l Loss) int {
	s.log = append(s.log, fmt.Sprintf("loss %d", l.Flight))
	return 7777
}

func (s *spy) Resume(Time) {}

func (s *spy) Undo(_ Time, w *Window) { s.log = append(s.log, fmt.Sprintf("undo %d", w.Cwnd)) }

// TestController: another controller decides about the window, the engine about what is lost.
//
// RFC 9293 MAY-18: alternative congestion control is possible.
func TestController(t *testing.T) {
	s := &spy{}
	d := start(t, setup{sack: true, tune: func(c *Config) { c.Congestion = func() Controller { return s } }})
	d.write(30000)
	d.in("A 1 ack 2001")
	d.cwnd(10010, noSsthresh)
	d.in("A 1 ack 2001 sack 3001:6001") // loss
	d.cwnd(7777, 7777)
	d.in("A 1 ack 2001 sack 3001:7001") // in recovery: not told
	d.elapse(d.due())                   // time-out: told
	if got := d.tcb.cong.Cwnd; got != 1000 {
		t.Errorf("cwnd is %d after the time-out, want one segment whatever the controller says", got)
	}
	if got := fmt.Sprint(s.log); got != "[ack 2000 rtt 87.500125ms loss 10000 loss 11000]" {
		t.Errorf("the controller was told %s", got)
	}
	if name := d.tcb.Info(d.now).CongestionControl; name != "spy" {
		t.Errorf("Info names %q", name)
	}
	if name := start(t, setup{}).tcb.Info(0).CongestionControl; name != "reno" {
		t.Errorf("the default is %q", name)
	}
}

// TestControllerToldOnce: "the value of ssthresh is held constant" while the timer sends the same segment again and
// again (RFC 5681 3.1), so the controller hears of the first time only, and of the next time after progress.
func TestControllerToldOnce(t *testing.T) {
	s := &spy{}
	d := start(t, setup{tune: func(c *Config) { c.Congestion = func() Controller { return s } }})
	d.write(5000)
	for range 4 {
		d.elapse(d.due())
	}
	if got := fmt.Sprint(s.log); got != "[loss 5000]" {
		t.Errorf("four expiries: the controller was told %s", got)
	}
	d.in("A 1 ack 1001")
	s.log = nil
	d.elapse(d.due())
	if got := fmt.Sprint(s.log); got != "[loss 4000]" {
		t.Errorf("an expiry after progress: the controller was told %s", got)
	}
}

// TestSmallerMSSKeepsSegments: where the path takes smaller segments only, cwnd stays what it is in segments.
func TestSmallerMSSKeepsSegments(t *testing.T) {
	d := flying(t, setup{})
	d.tcb.PacketTooBig(d.now, testISS.Add(1), 540)
	d.drain()
	d.cwnd(5000, noSsthresh)
	for _, q := range d.queue {
		if n := q.seg.Payload.Len(); n > 500 {
			t.Errorf("a segment of %d octets on a path of MTU 540", n)
		}
	}
}

// TestLargerMSSKeepsOneSegment: cwnd is never below one segment, also when segments become larger.
func TestLargerMSSKeepsOneSegment(t *testing.T) {
	d := start(t, setup{user: UserOptions{MaxSeg: 300}})
	d.write(5000)
	d.elapse(d.due()) // the loss window: one segment of 300
	d.call(func(t *TCB) { t.SetOptions(d.now, UserOptions{}) })
	if w := d.tcb.cong.Window; w.Cwnd < w.SMSS {
		t.Errorf("cwnd %d, SMSS %d", w.Cwnd, w.SMSS)
	}
}

// TestCongestionAvoidanceExact: cwnd grows by a segment with the very ACK that completes a window (RFC 5681 3.1).
func TestCongestionAvoidanceExact(t *testing.T) {
	w := Window{Cwnd: 5000, Ssthresh: 5000, SMSS: 1000}
	var r reno
	for i, want := range []int{5000, 5000, 5000, 5000, 6000, 6000, 6000, 6000, 6000, 6000, 7000} {
		if r.Ack(0, &w, Ack{Octets: 1000}); w.Cwnd != want {
			t.Errorf("cwnd is %d after %d segments, want %d", w.Cwnd, i+1, want)
		}
	}
}

// TestCwndHalfUsed: in slow start the window grows where more than half of it was in use (Linux's
// tcp_is_cwnd_limited), beyond ssthresh only where all of it was.
func TestCwndHalfUsed(t *testing.T) {
	for n, want := range map[int]int{5: 10000, 6: 16000} {
		d := start(t, setup{})
		d.write(n * 1000)
		d.in(fmt.Sprintf("A 1 ack %d", 1+n*1000))
		d.cwnd(want, noSsthresh)
	}
	for n, grows := range map[int]bool{4: false, 5: true} {
		d := start(t, setup{})
		d.tcb.cong.Cwnd, d.tcb.cong.Ssthresh = 5000, 5000
		for range 5 {
			d.write(n * 1000)
			d.in(fmt.Sprintf("A 1 ack %d", d.tcb.snd.nxt.Minus(testISS)))
		}
		if got := d.tcb.cong.Cwnd > 5000; got != grows {
			t.Errorf("%d of 5 segments in use: cwnd %d", n, d.tcb.cong.Cwnd)
		}
	}
}

// TestSameMSSKeepsCwnd: a TCP_MAXSEG above what the peer takes changes no size, so no window either.
func TestSameMSSKeepsCwnd(t *testing.T) {
	d := flying(t, setup{})
	d.in("A 1 ack 101")
	d.call(func(t *TCB) { t.SetOptions(d.now, UserOptions{MaxSeg: 1400}) })
	d.cwnd(10100, noSsthresh)
}

// TestSsthreshOfLargerSegments: where segments become larger after a loss, ssthresh, which cwnd is set to at the end of
// the recovery, is at least one of them.
func TestSsthreshOfLargerSegments(t *testing.T) {
	c := congestion{Window: Window{Cwnd: 500, Ssthresh: 200, SMSS: 100}}
	if c.setSMSS(1000); c.Ssthresh < 1000 || c.Cwnd < 1000 {
		t.Errorf("cwnd %d, ssthresh %d with segments of 1000 octets", c.Cwnd, c.Ssthresh)
	}
}

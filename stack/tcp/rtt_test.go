package tcp

import (
	"fmt"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// exchange writes n octets, has them acknowledged after rtt, and ends with nothing in flight.
func (d *dut) exchange(n int, rtt time.Duration) {
	d.t.Helper()
	d.write(n)
	d.elapse(rtt)
	d.skip()
	d.in("A 1")
	d.out()
}

// TestRTOVectors follows RFC 6298 section 2 with numbers worked out by hand, in microseconds. RTO = SRTT + max (4 *
// RTTVAR, 200 ms): the floor is Linux's.
func TestRTOVectors(t *testing.T) {
	const us = time.Microsecond
	for _, ts := range []bool{false, true} {
		d := start(t, setup{ts: ts}) // 2.2: R = 100 ms, SRTT <- R, RTTVAR <- R/2
		for i, v := range []struct{ rtt, srtt, rttvar, rto time.Duration }{
			{0, 100000, 50000, 300000},
			{200000, 112500, 62500, 362500}, // 2.3: RTTVAR 3/4*50 + 1/4*100, then SRTT 7/8*100 + 1/8*200
			{100000, 110937, 50000, 310937}, // RTTVAR 3/4*62.5 + 1/4*12.5
			{20000, 99570, 60234, 340507},
			{20000, 89623, 65068, 349896},
			{90000, 89670, 48895, 289670}, // 4*RTTVAR is 195.6 ms: below the floor
		} {
			if i > 0 {
				d.exchange(10, v.rtt*us)
			}
			in := d.tcb.Info(d.now)
			// The expected values are rounded to microseconds.
			near := func(got uint32, want time.Duration) bool { return got+1 >= uint32(want) && got <= uint32(want)+1 }
			if !near(in.RTT, v.srtt) || !near(in.RTTVar, v.rttvar) || !near(in.RTO, v.rto) {
				t.Errorf("ts %v, sample %d of %v: srtt %d rttvar %d rto %d, want %d %d %d", ts, i, v.rtt*us, in.RTT, in.RTTVar, in.RTO,
					v.srtt, v.rttvar, v.rto)
			}
		}
	}
}

// TestRTOFloorAndCeiling: a steady path leaves SRTT + 200 ms (Linux), a slow one no more than 120 s (RFC 6298 2.5).
func TestRTOFloorAndCeiling(t *testing.T) {
	d := start(t, setup{})
	for range 100 {
		d.exchange(10, 10*time.Millisecond)
	}
	in := d.tcb.Info(d.now)
	if in.RTO < 210000 || in.RTO > 211000 {
		t.Errorf("RTO is %d us on a path of 10 ms, want 210 ms", in.RTO)
	}
	if in.MinRTT != 10000 {
		t.Errorf("the least RTT is %d us, want 10000", in.MinRTT)
	}
	var r rttState
	r.init(&d.cfg)
	r.sample(&d.cfg, 0, 100*time.Second)
	if got := r.timeout(&d.cfg); got != 120*time.Second {
		t.Errorf("RTO is %v after a sample of 100 s, want RTOMax", got)
	}
	r.init(&d.cfg)
	r.sample(&d.cfg, 0, 0)
	if r.srtt <= 0 || r.timeout(&d.cfg) < d.cfg.RTOMin {
		t.Error("an RTT of 0 is not a measurement of at least the clock's granularity")
	}
}

// TestBackoff: each expiry doubles the timer (RFC 6298 5.5), up to the maximum, and sends the earliest segment only
// (5.4). A fresh measurement ends it.
//
// RFC 9293 MUST-19
func TestBackoff(t *testing.T) {
	d := start(t, setup{})
	d.write(2500)
	d.skip()
	for _, wait := range []int{300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 76800, 120000, 120000} {
		d.tick(time.Duration(wait) * time.Millisecond)
		d.out("A 1:1001 ack 1")
	}
	if in := d.tcb.Info(d.now); in.Retransmits != 11 || in.Backoff != 11 || in.TotalRetrans != 11 {
		t.Errorf("Info has Retransmits %d, Backoff %d, TotalRetrans %d, want 11 each", in.Retransmits, in.Backoff,
			in.TotalRetrans)
	}
}

// TestKarn: no measurement is made of a segment that was sent twice, and the backed-off timer stays until one is made
// (RFC 6298 section 3 and 5.7's note).
//
// RFC 9293 MUST-18
func TestKarn(t *testing.T) {
	d := start(t, setup{})
	d.write(1000)
	d.tick(300 * time.Millisecond)
	d.elapse(10 * time.Millisecond)
	d.skip()
	d.in("A 1 ack 1001") // of the first or of the second?
	if in := d.tcb.Info(d.now); in.RTT != 100000 {
		t.Errorf("SRTT is %d us: the ACK of a retransmission was measured", in.RTT)
	}
	d.write(1000)
	if got := d.due(); got != 600*time.Millisecond {
		t.Errorf("the timer is %v, want the backed-off 600 ms until a measurement", got)
	}
	d.elapse(100 * time.Millisecond)
	d.in("A 1 ack 2001")
	d.write(1000)
	// RTTVAR 3/4*50; below the floor, RTO = 100 + 200.
	if got := d.due(); got != 300*time.Millisecond {
		t.Errorf("the timer is %v after a measurement, want 300 ms", got)
	}
}

// TestKarnTimestamps: an echoed timestamp tells which of the two was acknowledged (RFC 7323 4.1).
func TestKarnTimestamps(t *testing.T) {
	d := start(t, setup{ts: true})
	d.write(1000)
	d.tick(300 * time.Millisecond)
	d.elapse(20 * time.Millisecond)
	d.skip()
	d.in("A 1 ack 1001") // echoes the retransmission: 20 ms
	if in := d.tcb.Info(d.now); in.RTT != 90000 || in.Backoff != 0 {
		t.Errorf("SRTT is %d us, back-off %d; want 7/8*100 + 1/8*20 ms and none", in.RTT, in.Backoff)
	}
}

// TestOneMeasurementPerRoundTrip: without timestamps one segment is timed at a time; a retransmission of another one
// spoils the measurement (RFC 6298 section 3).
func TestOneMeasurementPerRoundTrip(t *testing.T) {
	d := start(t, setup{user: UserOptions{NoDelay: true}})
	d.write(10)
	d.elapse(50 * time.Millisecond)
	d.write(10)
	d.elapse(50 * time.Millisecond)
	d.skip()
	d.in("A 1 ack 21") // timed is the first: 100 ms
	if in := d.tcb.Info(d.now); in.RTT != 100000 {
		t.Errorf("SRTT is %d us, want 100 ms: the first segment's", in.RTT)
	}
}

// TestTimerRules are RFC 6298 5.1-5.3.
func TestTimerRules(t *testing.T) {
	d := start(t, setup{})
	d.idle()
	d.write(1000) // 5.1: it is started by the first segment,
	d.elapse(50 * time.Millisecond)
	d.write(1000) // not moved by the second,
	if got := d.due(); got != 250*time.Millisecond {
		t.Errorf("a second segment moved the timer to %v, want 250 ms", got)
	}
	d.in("A 1 ack 1") // not by a duplicate,
	if got := d.due(); got != 250*time.Millisecond {
		t.Errorf("a duplicate moved the timer to %v, want 250 ms", got)
	}
	d.in("A 1 ack 1001") // 5.3: restarted by new data acknowledged (RTO is 293.75 ms now: SRTT 93.75, the floor),
	if got := d.due(); got != 293750*time.Microsecond {
		t.Errorf("an ACK of new data set the timer to %v, want a full RTO", got)
	}
	d.in("A 1 ack 2001")
	d.idle() // 5.2: off when all is acknowledged
}

// TestSYNTimer: 1 s before the first measurement (RFC 6298 2.1), doubled per expiry; SynRetries expiries, then
// ETIMEDOUT.
//
// RFC 9293 MUST-22: SYNs are retransmitted as data is.
func TestSYNTimer(t *testing.T) {
	d := newDUT(t, setup{})
	d.connect()
	for _, wait := range []time.Duration{1, 2, 4, 8, 16, 32} {
		d.tick(wait * time.Second)
		d.out("S 0")
	}
	d.tick(64 * time.Second)
	d.out()
	d.state(Closed)
	d.holds("err ETIMEDOUT idle")
}

// TestThreeSecondRule: a SYN that had to be sent again leaves 3 s for the data, where nothing was measured (RFC 6298
// 5.7); a timestamp measures.
func TestThreeSecondRule(t *testing.T) {
	for _, ts := range []bool{false, true} {
		d := newDUT(t, setup{ts: ts})
		d.connect()
		d.tick(time.Second)
		d.out("S 0")
		d.elapse(100 * time.Millisecond)
		d.in("SA 0 ack 1" + d.synOptions())
		d.write(1000)
		want := 3 * time.Second
		if ts {
			want = 300 * time.Millisecond
		}
		if got := d.due(); got != want {
			t.Errorf("ts %v: the timer for the first data is %v, want %v", ts, got, want)
		}
	}
}

// TestNoMeasurementOfNonsense: an echo from the future, or of 0, is not a measurement.
func TestNoMeasurementOfNonsense(t *testing.T) {
	d := start(t, setup{ts: true})
	before := d.tcb.Info(d.now).RTT
	d.write(1000)
	d.tick(300 * time.Millisecond) // from here on only timestamps tell
	d.elapse(10 * time.Millisecond)
	in := d.segment(parseLine("A 1 ack 501"))
	in.Options.TSEcr = d.lastTS + 1000
	d.tcb.Segment(d.now, in)
	in = d.segment(parseLine("A 1 ack 701"))
	in.Options.TSEcr = 0
	d.tcb.Segment(d.now, in)
	in = d.segment(parseLine("A 1 ack 801"))
	in.Options = wire.Options{}
	d.tcb.Segment(d.now, in)
	if got := d.tcb.Info(d.now).RTT; got != before {
		t.Errorf("SRTT went from %d to %d us", before, got)
	}
}

// TestSampleBeyondRTO: a round trip longer than the RTO counts, but not after the timer's retransmission: there the
// echo may be that of an original whose ACK was lost, and would measure our own time-out.
func TestSampleBeyondRTO(t *testing.T) {
	d := start(t, setup{ts: true, sack: true})
	d.write(10000)
	rtt, echo := d.tcb.Info(d.now).RTT, int32(d.lastTS-testTS)
	d.elapse(100 * ms)
	d.in("A 1 ack 1 sack 1001:5001") // the first is sent again, and the timer starts again
	d.elapse(250 * ms)
	d.in(fmt.Sprintf("A 1 ack 10001 ts %d/%d", d.peerClock()-peerTS, echo))
	if got := d.tcb.Info(d.now).RTT; got <= rtt {
		t.Errorf("SRTT %d us after a round trip of 350 ms, %d before", got, rtt)
	}

	d = start(t, setup{ts: true})
	d.write(1000)
	rtt, echo = d.tcb.Info(d.now).RTT, int32(d.lastTS-testTS)
	d.tick(300 * ms)
	d.elapse(50 * ms)
	d.in(fmt.Sprintf("A 1 ack 1001 ts %d/%d", d.peerClock()-peerTS, echo))
	if got := d.tcb.Info(d.now).RTT; got != rtt {
		t.Errorf("SRTT %d us after an echo that is older than the retransmission, want %d as before", got, rtt)
	}
}

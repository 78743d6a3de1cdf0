package tcp

import (
	"testing"
	"time"
)

// TestInfo compares what Info tells with what happened, in Linux's units.
func TestInfo(t *testing.T) {
	d := start(t, setup{ts: true, sack: true, ws: 4, win: 5000})
	d.write(3500)
	d.elapse(50 * time.Millisecond)
	d.in("A 1:1001 ack 1001 win 5000", "A 3001:4001 ack 1001 win 5000", "A 1:501 ack 1001 win 5000")
	d.elapse(20 * time.Millisecond)
	got := d.tcb.Info(d.now)
	want := Info{
		State: Established, Options: 7, SndWScale: 4, RcvWScale: 7,
		RTO: got.RTO, ATO: got.ATO, RTT: got.RTT, RTTVar: got.RTTVar, // rtt_test.go
		SndMSS: 1000, RcvMSS: 1000, AdvMSS: 1000, PMTU: 1052,
		Unacked: 3, LastDataSent: 70, LastDataRecv: 20, LastAckRecv: 20,
		SndSsthresh: noSsthresh, SndCwnd: got.SndCwnd, Reordering: 3,
		RcvSpace: 65535, RcvSsthresh: 65535,
		BytesAcked: 1000, BytesReceived: 1000, BytesSent: 3500,
		SegsOut: got.SegsOut, SegsIn: 4, DataSegsIn: 2, DataSegsOut: 4,
		MinRTT: got.MinRTT, SndWnd: 80000, RcvWnd: got.RcvWnd, RcvOOOPack: 1,
		CongestionControl: "reno",
	}
	if got != want {
		t.Errorf("Info is\n%+v, want\n%+v", got, want)
	}
	if got.MinRTT > 50000 || got.RcvWnd < 60000 || got.RcvWnd > 65535 || got.SndCwnd < 10 || got.SegsOut < 7 {
		t.Errorf("MinRTT %d, RcvWnd %d, SndCwnd %d, SegsOut %d", got.MinRTT, got.RcvWnd, got.SndCwnd, got.SegsOut)
	}
}

// TestInfoLoss: what a recovery looks like.
func TestInfoLoss(t *testing.T) {
	d := flying(t, setup{sack: true})
	d.in("A 1 ack 1 sack 1001:5001")
	i := d.tcb.Info(d.now)
	if i.CAState != 3 || i.Sacked != 4 || i.Lost != 1 || i.Retrans != 1 || i.TotalRetrans != 1 || i.SndSsthresh != 5 {
		t.Errorf("in recovery: CAState %d, Sacked %d, Lost %d, Retrans %d, TotalRetrans %d, SndSsthresh %d; "+
			"want 3, 4, 1, 1, 1, 5", i.CAState, i.Sacked, i.Lost, i.Retrans, i.TotalRetrans, i.SndSsthresh)
	}
	d.elapse(d.due())
	i = d.tcb.Info(d.now)
	if i.CAState != 4 || i.Retransmits != 1 || i.Backoff != 1 || i.Timeouts != 1 {
		t.Errorf("after the timer: CAState %d, Retransmits %d, Backoff %d, Timeouts %d; want 4, 1, 1, 1", i.CAState,
			i.Retransmits, i.Backoff, i.Timeouts)
	}
}

// TestInfoNotSent, and probes of a zero window.
func TestInfoNotSent(t *testing.T) {
	d := closed(t, setup{})
	for range 3 {
		d.elapse(d.due())
	}
	if i := d.tcb.Info(d.now); i.NotSentBytes != 3999 || i.Probes != 3 || i.Retransmits != 0 || i.SndWnd != 0 {
		t.Errorf("NotSentBytes %d, Probes %d, Retransmits %d, SndWnd %d; want 3999, 3, 0, 0", i.NotSentBytes, i.Probes,
			i.Retransmits, i.SndWnd)
	}
}

// TestInfoAnytime: Info may be asked in any state, also of a TCB that was never opened.
func TestInfoAnytime(t *testing.T) {
	var tcb TCB
	if i := tcb.Info(0); i.State != Closed {
		t.Errorf("the zero TCB is %v", i.State)
	}
	for _, build := range []func(*dut){inSynSent, inSynReceived, inEstablished, inFinWait1, inFinWait2, inCloseWait,
		inClosing, inLastAck, inTimeWait} {
		d := newDUT(t, setup{})
		build(d)
		if i := d.tcb.Info(d.now); i.State != d.tcb.State() {
			t.Errorf("Info says %v in %v", i.State, d.tcb.State())
		}
	}
}

// TestStateNames are RFC 9293's.
func TestStateNames(t *testing.T) {
	want := map[State]string{Closed: "CLOSED", Listen: "LISTEN", SynSent: "SYN-SENT", SynReceived: "SYN-RECEIVED",
		Established: "ESTABLISHED", FinWait1: "FIN-WAIT-1", FinWait2: "FIN-WAIT-2", CloseWait: "CLOSE-WAIT",
		Closing: "CLOSING", LastAck: "LAST-ACK",
		TimeWaitState: "TIME-WAIT", 0: "CLOSED", Closing + 1: "INVALID", 99: "INVALID"}
	for s, name := range want {
		if s.String() != name {
			t.Errorf("state %d is %q, want %q", s, s.String(), name)
		}
	}
	// tcpi_state of Linux.
	for i, s := range []State{Established, SynSent, SynReceived, FinWait1, FinWait2, TimeWaitState, Closed, CloseWait,
		LastAck, Listen, Closing} {
		if int(s) != i+1 {
			t.Errorf("%v is %d, Linux has %d", s, s, i+1)
		}
	}
}

// TestTime: Never stays Never, and nothing overflows.
func TestTime(t *testing.T) {
	if Never.Add(time.Hour) != Never || Never.Add(-time.Hour) != Never {
		t.Error("Never is not the end of time")
	}
	if Time(5).Add(10) != 15 || Time(15).Sub(5) != 10 || Time(5).Add(-10) != -5 {
		t.Error("Time doesn't add up")
	}
	if (Never-5).Add(10) != Never || Time(1).Add(1<<63-1) != Never || Time(-5).Add(1<<63-1) != Never-5 {
		t.Error("Add overflows")
	}
}

// TestInfoSuperSegments: what is counted in segments counts those on the wire.
func TestInfoSuperSegments(t *testing.T) {
	for n, want := range map[int]uint32{999: 1, 1000: 1, 1001: 2, 2999: 3, 3000: 3} {
		if got := segments(n, 1000); got != want {
			t.Errorf("%d octets are %d segments of 1000, want %d", n, got, want)
		}
	}
	d := start(t, setup{max: 60000})
	before := d.tcb.Info(d.now)
	d.write(2500)
	after := d.tcb.Info(d.now)
	if got := after.DataSegsOut - before.DataSegsOut; got != 3 {
		t.Errorf("DataSegsOut counts %d, want 3", got)
	}
	if before.SegsOut != 2 || after.SegsOut <= before.SegsOut {
		t.Errorf("SegsOut is %d after the handshake, then %d", before.SegsOut, after.SegsOut)
	}
}

// TestInfoSent: BytesSent is what left, retransmissions included, and not what waits; Sacked counts duplicate ACKs
// where there is no SACK.
func TestInfoSent(t *testing.T) {
	d := flying(t, setup{win: 10000})
	if got := d.tcb.Info(d.now).BytesSent; got != 10000 {
		t.Errorf("BytesSent %d, want 10000 of the 30000 written", got)
	}
	d.in("A 1 ack 1", "A 1 ack 1")
	if got := d.tcb.Info(d.now).Sacked; got != 2 {
		t.Errorf("Sacked %d, want 2", got)
	}
	d.elapse(d.due())
	if in := d.tcb.Info(d.now); in.BytesSent != 11000 || in.BytesRetrans != 1000 {
		t.Errorf("BytesSent %d, BytesRetrans %d; want 11000, 1000", in.BytesSent, in.BytesRetrans)
	}
}

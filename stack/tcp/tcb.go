package tcp

import (
	"syscall"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// TCB is one connection (RFC 9293 3.3.1). The zero TCB is CLOSED; Connect or Accept opens it. It must not be copied
// once open, and is not safe for concurrent use.
type TCB struct {
	cfg   *Config
	user  options
	state State

	events     Events
	userClosed bool // Close was called: nobody reads any more
	rcvClosed  bool // CloseRead was called
	finRcvd    bool // the peer's FIN has been processed
	ackNow     bool // a segment with ACK must leave at the next Poll
	probeNow   bool // a zero-window probe is due
	choice     choice
	softErr    errno16
	err        errno16 // what the next call of the user gets, once
	keep       keepAlive

	snd  sendState
	rcv  recvState
	ts   timestamps
	rtt  rttState
	cong congestion
	reco recovery

	heardAt  Time // when the peer was last heard
	rtxAt    Time // what is being timed: retransmission, zero-window probe, or FIN-WAIT-2
	delackAt Time

	chal  challenge
	rst   pendingReset
	stats counters
}

// errno16 is a syscall.Errno in the two octets that it needs.
type errno16 uint16

// sendState is the Send Sequence Variables of RFC 9293 3.3.1 and what sending needs besides.
type sendState struct {
	una, nxt seq.Num // SND.UNA, SND.NXT; NXT never goes back
	base     seq.Num // of the first octet in buf
	up       seq.Num // SND.UP, valid where urgent
	wl1, wl2 seq.Num
	small    seq.Num // the end of the last segment sent that was less than full (Minshall's SND.SML)
	push     seq.Num // octets before this are not held back by Nagle

	wnd, maxWnd int32  // SND.WND, and the largest it has been: octets
	limit       int32  // what Write may queue
	mss         uint16 // the peer's, the path's and the user's least: octets, options included
	peerMSS     uint16
	pathMSS     uint16 // MTU - 40
	maxSegment  uint16

	wscale  uint8 // Snd.Wind.Shift
	urgent  bool
	fin     bool // a FIN follows what is queued
	full    bool // a Write found no room since Writable was last signalled
	lent    bool // Poll gave slices that may be in use until its next call
	started bool // the SYN was sent at least once

	retries uint8  // timer retransmissions or probes since the last progress
	probing bool   // rtxAt times a zero-window probe
	last    msTime // when data was last sent
	since   Time   // since when the oldest unacknowledged octet, or the closed window, waits

	buf     store
	retired *block // blocks that were acknowledged while lent
}

// recvState is the Receive Sequence Variables of RFC 9293 3.3.1 and what receiving needs besides.
type recvState struct {
	nxt seq.Num // RCV.NXT
	adv seq.Num // the right edge of the window that was advertised: RCV.NXT+RCV.WND
	up  seq.Num // RCV.UP, valid where urgent
	ack seq.Num // Last.ACK.sent (RFC 7323 4.3)

	limit    int32  // what may wait for Read
	mss      uint16 // the MSS that we announced
	segSize  uint16 // an estimate of the peer's full segments
	lastSize uint16

	wscale   uint8 // Rcv.Wind.Shift
	wscaleOK bool
	sackOK   bool
	urgent   bool
	quick    uint8    // ACKs that still go out at once
	replying bool     // the user answers what arrives: its data carries the ACK ("ping-pong")
	dsack    seq.Span // what arrived twice, to be told once (RFC 2883)
	ato      int32    // the delay of a delayed ACK, microseconds
	last     Time     // when data last arrived

	buf store
	ooo *reassembly // nil while everything arrives in order
}

// pendingReset is a RST that the next Poll gives.
type pendingReset struct {
	seq, ack seq.Num
	flags    wire.Flags // 0: none
}

// open sets what active and passive opens share.
func (t *TCB) open(now Time, p *Params) {
	*t = TCB{cfg: p.Config, user: t.user, choice: t.choice, rtxAt: Never, delackAt: Never}
	t.snd.una, t.snd.nxt = p.ISS, p.ISS // ISS is SND.UNA until the SYN is acknowledged
	t.snd.base = p.ISS.Add(1)
	t.snd.small, t.snd.push = p.ISS, p.ISS
	t.snd.limit = int32(min(p.SndBuf, maxBuffer))
	t.snd.pathMSS = clampMSS(p.MSS)
	t.snd.maxSegment = clampMSS(max(p.MaxSegment, p.MSS))
	t.snd.peerMSS = defaultMSS
	t.snd.since, t.snd.last = now, now.ms()
	t.rcv.limit = int32(min(p.RcvBuf, maxBuffer))
	t.rcv.mss = clampMSS(p.MSS)
	if t.user.maxSeg != 0 {
		t.rcv.mss = min(t.rcv.mss, t.user.maxSeg)
	}
	t.rcv.segSize = defaultMSS
	t.quickMode()
	t.setDelay(p.Config.DelAckMin)
	t.rcv.last = now
	t.heardAt = now
	t.ts.offset = p.TSOffset
	t.rtt.init(p.Config)
	t.updateMSS()
	t.reco.recover = p.ISS.Add(-1)
	t.reco.edge, t.reco.highRxt, t.reco.undoMark = p.ISS, p.ISS, p.ISS
}

// Connect starts an active open (3.10.1): the next Poll gives the SYN. UserOptions that were set before stay.
func (t *TCB) Connect(now Time, p Params) {
	t.open(now, &p)
	t.state = SynSent
	t.ts.on = !p.Config.NoTimestamps
	t.rcv.sackOK = !p.Config.NoSACK
	t.rcv.wscaleOK = !p.Config.NoWScale
	t.rcv.wscale = wscaleFor(p.Config)
}

// Accept makes the connection from a half-open record whose ACK has come, in SYN-RECEIVED. The caller gives that ACK to
// Segment next.
func (t *TCB) Accept(now Time, p Params, h *HalfOpen) {
	p.ISS, p.TSOffset = h.ISS, h.TSOffset
	t.open(now, &p)
	t.state = SynReceived
	t.snd.nxt = h.ISS.Add(1)
	t.snd.started = true
	t.snd.peerMSS = h.MSS
	t.snd.wnd, t.snd.maxWnd = int32(h.Wnd), int32(h.Wnd)
	t.snd.wl1, t.snd.wl2 = h.IRS, h.ISS
	t.rcv.nxt = h.IRS.Add(1)
	t.rcv.ack, t.rcv.up = t.rcv.nxt, t.rcv.nxt
	t.rcv.adv = t.rcv.nxt.Add(int(h.offered))
	t.ts.on = h.TS
	t.ts.set(now, h.TSRecent)
	t.rcv.sackOK, t.rcv.wscaleOK = h.SACK, h.WScale
	if t.rcv.wscaleOK {
		t.snd.wscale, t.rcv.wscale = h.SndWScale, wscaleFor(p.Config)
	}
	t.updateMSS()
	if t.rtt.synRetries = h.retries; h.retries == 0 {
		t.rtt.start(h.sent, t.snd.nxt) // the ACK that the caller gives in next is the SYN-ACK's
	}
	t.rtxAt = now.Add(t.rtt.rto)
	if len(h.data) > 0 {
		t.rcv.buf.append(h.data) // text of the SYN, kept until the handshake was complete (3.10.7.2)
		t.rcv.nxt = t.rcv.nxt.Add(len(h.data))
		t.stats.bytesReceived += uint64(len(h.data))
		t.ackNow = true
	}
}

// State returns the connection's state.
func (t *TCB) State() State {
	if t.state == 0 {
		return Closed
	}
	return t.state
}

// Deadline is when Tick is due, Never where it isn't. Any other call may change it.
func (t *TCB) Deadline() Time {
	if t.state == 0 {
		return Never
	}
	at := min(t.rtxAt, t.delackAt, t.keepDeadline())
	if b := t.reco.board; b != nil {
		at = min(at, b.rack.timer, b.probe.timer)
	}
	return at
}

// Tick does what is due by now (3.10.8). A spurious call is harmless.
func (t *TCB) Tick(now Time) {
	if t.state == 0 {
		return
	}
	switch b := t.reco.board; {
	case b != nil && now >= b.rack.timer:
		t.reorderTimeout(now)
	case b != nil && now >= b.probe.timer:
		t.lossProbeTimeout(now)
	case now >= t.rtxAt: // not where one of those may have put it off
		t.rtxAt = Never
		switch {
		case t.state == FinWait2:
			t.toClosed(0)
		case t.snd.probing:
			t.probeTimeout(now)
		default:
			t.retransmitTimeout(now)
		}
	}
	if now >= t.delackAt {
		t.delayedAckTimeout()
	}
	if now >= t.keepDeadline() {
		t.keepTimeout(now)
	}
	t.check()
}

// Events returns what has changed since it was last called.
func (t *TCB) Events() Events {
	e := t.events
	t.events = 0
	return e
}

// Ready returns which events hold now.
func (t *TCB) Ready() Events {
	var e Events
	if t.readable() {
		e |= Readable
	}
	if t.writable() {
		e |= Writable
	}
	if t.state.synchronized() || t.dead() {
		e |= Opened
	}
	if t.dead() {
		e |= Dead
	}
	return e
}

func (t *TCB) dead() bool { return t.state == 0 || t.state == Closed || t.state == TimeWaitState }

// toClosed ends the connection: CLOSED, with errno for the user where that is not 0. Received data stays readable.
func (t *TCB) toClosed(errno syscall.Errno) {
	if errno != 0 {
		t.err = errno16(errno)
	}
	t.state = Closed
	t.retire()
}

// retire drops what a dead connection doesn't need and tells the user.
func (t *TCB) retire() {
	t.rtxAt, t.delackAt = Never, Never
	t.ackNow = t.ackNow && t.state == TimeWaitState
	t.probeNow = false
	t.snd.urgent = false
	t.snd.buf.clear(t.retiring())
	t.dropOutOfOrder()
	t.reco.release()
	if t.userClosed {
		t.rcv.buf.clear(nil)
	}
	t.events |= Readable | Writable | Opened | Dead
}

// retiring is where acknowledged blocks go: aside while Poll's slices may be in use, else back to the pools.
func (t *TCB) retiring() **block {
	if t.snd.lent {
		return &t.snd.retired
	}
	return nil
}

// freeRetired gives the blocks back that were set aside.
func (t *TCB) freeRetired() {
	for b := t.snd.retired; b != nil; b = t.snd.retired {
		t.snd.retired = b.next
		b.free()
	}
}

package tcp

import (
	"syscall"
	"time"

	"github.com/gotcp/gotcp/stack/seq"
)

// armRTO starts the retransmission timer where it isn't running (RFC 6298 5.1).
func (t *TCB) armRTO(now Time) {
	if t.rtxAt == Never {
		t.snd.probing = false
		t.rtxAt = now.Add(t.limitToUserTimeout(now, t.rtt.timeout(t.cfg)))
	}
}

// retransmitTimeout is RFC 6298 5.4-5.7 and RFC 5681 3.1: the earliest segment is sent again, the timer backs off, and
// the window closes to one segment.
func (t *TCB) retransmitTimeout(now Time) {
	switch {
	case t.state == SynSent || t.state == SynReceived:
		t.synTimeout(now)
		return
	case t.snd.una == t.snd.nxt:
		return
	case t.snd.wnd == 0:
		t.probeTimeout(now) // the peer closed the window over what is in flight: probe, don't blast (3.8.6.1)
		return
	case t.gaveUp(now):
		t.giveUp()
		return
	}
	t.enterLoss(now)
	t.stats.timeouts++
	t.backOff()
	t.armRTO(now) // RFC 6298 5.6, even if a window holds the retransmission back
}

func (t *TCB) backOff() {
	if t.rtt.backoff < 16 {
		t.rtt.backoff++
	}
	if t.snd.retries < 255 {
		t.snd.retries++
	}
	t.rtt.cancel()
}

// enterLoss closes the window, and marks as lost what is: without SACK everything in flight.
func (t *TCB) enterLoss(now Time) {
	r := &t.reco
	if r.mode != lossRecovery || t.snd.retries == 0 {
		// RFC 5681 3.1: ssthresh is held constant when the timer sends the same segment again.
		if r.mode == open {
			t.saveUndo()
		}
		ssthresh := t.cong.cc.Loss(now, &t.cong.Window, Loss{Flight: t.flight(), Timeout: true, Again: r.mode != open})
		if r.mode == fastRecovery {
			ssthresh = min(ssthresh, t.cong.Ssthresh)
		}
		t.cong.Ssthresh = ssthresh
	}
	t.cong.Cwnd = t.cong.SMSS // the loss window, LW
	if r.board != nil {
		t.loseOnTimeout(now)
		t.startLossRecovery()
	} else {
		t.markAllLost()
	}
	r.urgent = true
}

// markAllLost has everything in flight that was not reported sent again.
func (t *TCB) markAllLost() {
	if r := &t.reco; r.board != nil {
		r.board.loseAll()
	} else {
		r.edge, r.highRxt = t.snd.nxt, t.snd.una
	}
	t.startLossRecovery()
}

func (t *TCB) startLossRecovery() {
	r := &t.reco
	r.mode, r.recover = lossRecovery, t.snd.nxt
	r.reno, r.dupacks, r.probed = 0, 0, probedNothing
	if r.board != nil {
		r.board.rack.timer, r.board.probe = Never, lossProbe{timer: Never}
	}
}

// synTimeout sends a SYN or SYN-ACK again, or gives up. The default is Linux's 6 retransmissions, 127 s in all; who wants
// R2 of a SYN to be the 3 minutes of RFC 9293 MUST-23 sets SynRetries to 7.
func (t *TCB) synTimeout(now Time) {
	limit := t.synRetries()
	if t.state == SynReceived {
		limit = t.cfg.SynAckRetries
	}
	timedOut := t.userTimeout() > 0 && now.Sub(t.snd.since) >= t.userTimeout()
	if int(t.snd.retries) >= limit || timedOut {
		t.giveUp()
		return
	}
	t.backOff()
	t.rtt.synRetries++
	t.snd.started = false
}

// gaveUp reports whether the user's time-out or R2 is over (RFC 9293 3.8.3).
func (t *TCB) gaveUp(now Time) bool {
	waited := now.Sub(t.snd.since)
	if t.userClosed && int(t.snd.retries) >= t.cfg.OrphanRetries {
		return true
	}
	if t.userTimeout() > 0 {
		return waited >= t.userTimeout()
	}
	return int(t.snd.retries) > 0 && waited >= t.r2()
}

// r2 is the time that Config.Retries retransmissions take from RTOMin on (Linux's tcp_retries2: 924.6 s for 15).
func (t *TCB) r2() time.Duration {
	total, d := time.Duration(0), t.cfg.RTOMin
	for range t.cfg.Retries + 1 {
		total += d
		d = min(2*d, t.cfg.RTOMax)
	}
	return total
}

// giveUp ends the connection with the soft error that was seen, or ETIMEDOUT (RFC 1122 4.2.3.9, 4.2.3.5).
func (t *TCB) giveUp() {
	errno := syscall.Errno(t.softErr)
	if errno == 0 {
		errno = syscall.ETIMEDOUT
	}
	t.toClosed(errno)
}

// limitToUserTimeout has a timer fire when the user's time-out is over, and not a back-off later.
func (t *TCB) limitToUserTimeout(now Time, d time.Duration) time.Duration {
	if t.userTimeout() <= 0 {
		return d
	}
	left := t.userTimeout() - now.Sub(t.snd.since)
	return min(d, max(left, time.Millisecond))
}

// resetErrno is what a RST means to the user, as Linux has it.
func (t *TCB) resetErrno() syscall.Errno {
	switch t.state {
	case SynSent, SynReceived:
		return syscall.ECONNREFUSED
	case CloseWait:
		return syscall.EPIPE
	}
	return syscall.ECONNRESET
}

// Unreachable is told of an ICMP error that quotes sequence number quoted. Before the connection is established any
// error ends it, as in Linux; later none does (RFC 5927 section 6): it is remembered, and told when the connection
// times out (RFC 1122 4.2.3.9). A quotation of what is not in flight is ignored (RFC 5927 section 4).
func (t *TCB) Unreachable(now Time, quoted seq.Num, errno syscall.Errno, hard bool) {
	if !t.inFlight(quoted) {
		return
	}
	if t.state == SynSent || t.state == SynReceived {
		t.toClosed(errno)
		return
	}
	t.softErr = errno16(errno)
}

// PacketTooBig lowers SND.MSS to what a path of mtu octets carries, and sends again what was in flight (RFC 1191
// section 6.4), without touching the congestion window (6.5: it is not a sign of congestion).
func (t *TCB) PacketTooBig(now Time, quoted seq.Num, mtu int) {
	mss := clampMSS(mtu - 40)
	if !t.inFlight(quoted) || mss >= min(t.snd.mss, t.snd.pathMSS) {
		return
	}
	t.snd.pathMSS = mss
	t.updateMSS()
	if t.state.synchronized() && t.snd.una != t.snd.nxt {
		t.markAllLost()
		t.rtt.cancel()
	}
}

// inFlight is RFC 5927 4.1: SND.UNA =< SEG.SEQ < SND.NXT.
func (t *TCB) inFlight(q seq.Num) bool { return !t.dead() && q.In(t.snd.una, t.snd.nxt) }

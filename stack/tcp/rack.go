package tcp

import (
	"time"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// rack is RACK (RFC 8985): what was sent before something that has arrived is lost unless it arrives soon. These are
// the variables of 5.3 that mean something only while data is in flight.
type rack struct {
	at    Time          // RACK.xmit_ts: when the latest sent of what has arrived was sent
	end   seq.Num       // RACK.end_seq: where that ends
	rtt   time.Duration // RACK.rtt: its round trip
	fack  seq.Num       // RACK.fack: the end of the highest octet that has arrived
	round seq.Num       // RACK.dsack_round, valid where counted
	timer Time          // the reordering timer, or Never

	arrived bool // something of this flight has arrived: at, end and rtt are valid
	counted bool // a D-SACK has widened the window in this round trip
}

// reordering is the part of RACK that a connection remembers.
type reordering struct {
	wider   uint8 // RACK.reo_wnd_mult, less 1
	persist uint8 // RACK.reo_wnd_persist
	seen    bool  // RACK.reordering_seen
}

// persistRecoveries is after how many recoveries without a D-SACK the reordering window is narrow again (6.2 step 4).
const persistRecoveries = 16

// delivery is what one ACK brings.
type delivery struct {
	now    Time
	octets int      // that are known to have arrived now
	news   int      // of these, reported by SACK
	dsack  seq.Span // not empty: what has arrived twice
	fack   seq.Num  // RACK.fack before the ACK
	minRTT time.Duration
	echo   uint32 // TSecr where echoes
	offset uint32 // of our timestamp clock

	echoes     bool
	cumulative bool // it is SEG.ACK, and not a SACK block, that tells of it
	pure       bool // a duplicate ACK without a SACK option
	reordered  bool // something that was sent once has arrived after what was sent later
}

// delivery begins the account of an ACK.
func (t *TCB) delivery(now Time, seg *wire.Segment) delivery {
	d := delivery{now: now, minRTT: t.rtt.min, offset: t.ts.offset, fack: t.snd.una}
	if t.reco.board != nil {
		d.fack = t.reco.board.rack.fack
	}
	d.echoes = t.ts.on && seg.Options.HasTS && seg.Options.TSEcr != 0
	d.echo = seg.Options.TSEcr
	d.pure = seg.Ack == t.snd.una && seg.Len() == 0 && seg.Options.NSACK == 0 && t.scaled(seg) == t.snd.wnd
	return d
}

// sentAfter is RACK_sent_after: of two runs that were sent at the same time, the one that ends later was sent later.
func sentAfter(at Time, end seq.Num, at2 Time, end2 seq.Num) bool {
	return at > at2 || at == at2 && end.After(end2)
}

// delivered is told of a run that has arrived: 6.2 steps 1 to 3.
func (b *scoreboard) delivered(f *flown, d *delivery) {
	k := &b.rack
	d.octets += f.Len()
	if f.End.After(k.fack) {
		k.fack = f.End
	} else if f.End.Before(d.fack) && f.state&resent == 0 {
		d.reordered = true
	}
	rtt := d.now.Sub(f.at)
	if f.state&resent != 0 {
		// Which of the copies was it? Not the last one where the peer echoes an older timestamp (a SACK's echo tells
		// nothing, it is that of the last segment in order), or where it would have been faster than any other.
		if rtt < d.minRTT || d.cumulative && d.echoes && tsBefore(d.echo, tsNow(f.at, d.offset)) {
			return
		}
	} else if d.minRTT == 0 || rtt < d.minRTT {
		d.minRTT = max(rtt, time.Microsecond)
	}
	k.rtt = rtt
	if !k.arrived || sentAfter(f.at, f.End, k.at, k.end) {
		k.at, k.end, k.arrived = f.at, f.End, true
	}
}

// forget has the scoreboard follow SND.UNA.
func (t *TCB) forget(d *delivery) {
	r := &t.reco
	if r.board == nil {
		return
	}
	d.cumulative = true
	r.board.forget(t.snd.una, d)
	if t.snd.una == t.snd.nxt {
		boardPool.Put(r.board)
		r.board = nil
	}
}

// sackACK is told of every ACK of a connection with SACK, once SND.UNA has moved.
func (t *TCB) sackACK(now Time, d *delivery) {
	r := &t.reco
	if d.octets > 0 {
		t.rtt.min = d.minRTT
		r.reorder.seen = r.reorder.seen || d.reordered
	}
	switch {
	case d.cumulative:
		r.dupacks = 0
	case d.news > 0 && r.dupacks < dupThresh:
		r.dupacks++
	}
	t.widen(d)
	t.lossProbeACK(now, d)
	if r.mode != open && t.snd.una.AtOrAfter(r.recover) {
		t.leaveRecovery()
	}
	b := r.board
	if b == nil || d.octets == 0 && !d.cumulative {
		return
	}
	found := t.detectLoss(now)
	if r.mode == open && b.lost > 0 {
		t.enterRecovery(now)
		b.prr.start(t.flight(), b.reported, d)
	}
	if r.mode == fastRecovery && (d.octets > 0 || b.prr.out == 0) {
		t.reduce(d, found)
	}
	t.armLossProbe(now)
}

// widen is the part of step 4 that counts D-SACKs: in each round trip that has one the reordering window becomes wider.
// The duplicate of a tail loss probe doesn't count, nor what the network has doubled: of octets that were not sent
// again, or more often than anything was (as with Linux).
func (t *TCB) widen(d *delivery) {
	r := &t.reco
	b := r.board
	if b != nil && b.rack.counted && t.snd.una.AtOrAfter(b.rack.round) {
		b.rack.counted = false
	}
	if d.dsack.Empty() || b != nil && b.rack.counted ||
		d.dsack.End.After(r.highRxt) || t.stats.dsacks > t.stats.retransSegs {
		return
	}
	if r.probed == probedLast && d.dsack.End == r.edge {
		return
	}
	if b != nil {
		b.rack.counted, b.rack.round = true, t.snd.nxt
	}
	r.reorder.wider = min(r.reorder.wider, 253) + 1
	r.reorder.persist = persistRecoveries
}

// narrow counts a recovery that is over: "reset the window after 16 DSACK-free recoveries".
func (k *reordering) narrow() {
	if k.persist > 0 {
		k.persist--
	}
	if k.persist == 0 {
		k.wider = 0
	}
}

// reorderWindow is RACK_update_reo_wnd's result: how long something may arrive later than what was sent after it. Not
// at all where the path has never reordered and DupThresh segments have overtaken it, or as many ACKs have told of
// such, however small (RFC 6675 5 (1)).
func (t *TCB) reorderWindow() time.Duration {
	r := &t.reco
	if !r.reorder.seen && (r.mode != open || r.dupacks >= dupThresh ||
		r.board.segments(t.cong.SMSS, dupThresh) >= dupThresh) {
		return 0
	}
	return min(time.Duration(1+int(r.reorder.wider))*t.rtt.min/4, t.rtt.srtt)
}

// detectLoss is RACK_detect_loss_and_arm_timer (6.2 step 5). It returns how many octets it has found to be lost.
func (t *TCB) detectLoss(now Time) int {
	b := t.reco.board
	k := &b.rack
	k.timer = Never
	if !k.arrived {
		return 0
	}
	wait := k.rtt + t.reorderWindow()
	found, due, low, high := 0, Time(0), len(b.spans), b.first
	for i := b.first; i < len(b.spans); i++ {
		f := &b.spans[i]
		if f.state&reported != 0 || f.waiting() || f.state&again != 0 && f.at == now {
			continue // it has arrived, is lost already, or has just been sent again: on a path that takes no time it, too
		}
		if !sentAfter(k.at, k.end, f.at, f.End) {
			if f.Start.AtOrAfter(t.reco.highRxt) {
				break // from here on nothing was sent again: the later the octet the later the time
			}
			continue
		}
		if at := f.at.Add(wait); at > now {
			due = max(due, at)
			continue
		}
		found += f.Len()
		b.lose(f)
		low, high = min(low, i), i+1
	}
	if due > 0 {
		k.timer = due
	}
	if found > 0 {
		b.join(low, high)
	}
	return found
}

// reorderTimeout is the reordering timer's expiry: what did not arrive in time is lost.
func (t *TCB) reorderTimeout(now Time) {
	r := &t.reco
	if t.detectLoss(now) == 0 || r.mode != open {
		return
	}
	t.enterRecovery(now)
	d := delivery{now: now}
	r.board.prr.start(t.flight(), r.board.reported, &d)
	t.reduce(&d, 1)
}

// loseOnTimeout is RACK_mark_losses_on_RTO (6.3): the first segment is lost, and what was sent long enough ago. What
// was sent just now isn't yet.
func (t *TCB) loseOnTimeout(now Time) {
	b := t.reco.board
	if b.spans[b.first].state&reported != 0 {
		b.distrust()
		b.loseAll()
		return
	}
	rtt := b.rack.rtt
	if !b.rack.arrived {
		rtt = t.rtt.srtt
	}
	wait := rtt + t.reorderWindow()
	for i := b.first; i < len(b.spans); i++ {
		f := &b.spans[i]
		if f.state&reported == 0 && (i == b.first || f.at.Add(wait) <= now) {
			b.lose(f)
		}
	}
	b.join(b.first, len(b.spans))
}

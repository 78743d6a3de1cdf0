package tcp

// check panics where an invariant of the TCB does not hold: a bug in the engine, found at the event that made it. It
// works only where Config.Check asks for it, as tests do.
func (t *TCB) check() {
	if t.cfg == nil || !t.cfg.Check {
		return
	}
	if msg := t.broken(); msg != "" {
		panic("tcp: " + t.state.String() + ": " + msg)
	}
}

func (t *TCB) broken() string {
	switch {
	case t.snd.una.After(t.snd.nxt):
		return "SND.UNA is after SND.NXT"
	case t.snd.nxt.After(t.dataEnd().Add(1)) && !t.dead():
		return "SND.NXT is behind everything that was written"
	case t.rcv.adv.Before(t.rcv.nxt) && t.state != SynSent:
		return "the window's right edge is before RCV.NXT"
	case t.dead() && (t.rtxAt != Never || t.delackAt != Never):
		return "a timer runs in a dead state"
	case t.state.synchronized() && !t.dead() && t.snd.una != t.snd.nxt && t.rtxAt == Never:
		return "something is in flight and no timer runs"
	case t.dead() && t.snd.buf.len() > 0:
		return "a dead connection holds data to send"
	case t.rcv.ooo != nil && !t.rcv.ooo.sound():
		return "the reassembly queue is out of order"
	case t.cong.cc != nil && t.cong.Cwnd < t.cong.SMSS:
		return "cwnd is below one segment"
	case t.rcvUsed() > int(t.rcv.limit)+0xffff<<t.rcv.wscale && t.state.synchronized():
		return "more was received than any window allowed"
	}
	if msg := t.boardBroken(); msg != "" {
		return msg
	}
	if c, ok := t.cong.cc.(*cubic); ok {
		return c.broken()
	}
	return ""
}

// boardBroken is what is wrong with the scoreboard.
func (t *TCB) boardBroken() string {
	r := &t.reco
	b := r.board
	if b == nil {
		if t.rcv.sackOK && t.state.synchronized() && !t.dead() && t.snd.una != t.snd.nxt {
			return "something is in flight and not on the scoreboard"
		}
		return ""
	}
	sum, at := scoreboard{}, t.snd.una
	for i := range b.live() {
		f := &b.live()[i]
		if f.Start != at || f.Empty() || f.state&reported != 0 && f.state&(lost|again) != 0 {
			return "a run on the scoreboard is empty, leaves a gap, or has arrived and is lost"
		}
		if at = f.End; f.waiting() && f.Start.Before(b.retry) {
			return "a lost run would be forgotten"
		}
		sum.count(f, 1)
	}
	switch {
	case at != t.snd.nxt || len(b.live()) == 0:
		return "the scoreboard doesn't end at SND.NXT"
	case sum.reported != b.reported || sum.lost != b.lost || sum.again != b.again:
		return "the scoreboard's sums are wrong"
	case r.mode == open && b.lost > 0:
		return "something is lost and nobody sends it again"
	case r.mode != open && b.probe.timer != Never:
		return "a tail loss probe is due in a recovery"
	}
	return ""
}

func (c *cubic) broken() string {
	switch {
	case c.part < 0 || c.part >= 1:
		return "cwnd has more than a part of an octet besides"
	case !c.on:
	case !(c.k >= 0) || !(c.wEst > 0) || !(c.prior > 0) || !(c.wMax > 0): // and none of them is not a number
		return "a stage of CUBIC has no K, W_est, cwnd_prior or W_max"
	case c.seen < c.epoch:
		return "an ACK was before the stage of CUBIC that it is in"
	}
	return ""
}

// sound reports whether the runs are sorted, disjoint and as long as they say.
func (o *reassembly) sound() bool {
	n := 0
	for i := range o.runs {
		r := &o.runs[i]
		if r.span.Empty() || r.data.len() != r.span.Len() || i > 0 && r.span.Start.AtOrBefore(o.runs[i-1].span.End) {
			return false
		}
		n += r.span.Len()
	}
	return n == o.n
}

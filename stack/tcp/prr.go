package tcp

// prr is Proportional Rate Reduction (RFC 9937, which obsoletes RFC 6937): in fast recovery what is sent follows what
// arrives, so that the flight has shrunk to ssthresh at the end of the recovery, and neither earlier nor later.
type prr struct {
	delivered int // prr_delivered: octets that have arrived in this recovery
	out       int // prr_out: octets sent in it
	flight    int // RecoverFS: FlightSize at its begin
}

// start begins a recovery. "Bytes SACKed before entering recovery will not be marked as delivered during recovery".
func (p *prr) start(flight, reported int, d *delivery) {
	*p = prr{flight: max(flight-(reported-d.news)+(d.octets-d.news), 1)}
}

// reduce sets cwnd on an ACK in fast recovery: section 6.2. found is how much the ACK has shown to be lost.
//
// It counts octets, but gives out whole segments, as Linux does: less than one can't be sent.
func (t *TCB) reduce(d *delivery, found int) {
	p, c := &t.reco.board.prr, &t.cong
	pipe := t.pipe()
	p.delivered += d.octets
	out := 0
	if pipe > c.Ssthresh {
		share := (int64(p.delivered)*int64(c.Ssthresh) + int64(p.flight) - 1) / int64(p.flight)
		out = roundUp(int(share), c.SMSS) - p.out
	} else {
		out = max(p.delivered-p.out, d.octets) // PRR-CRB: no more than arrives
		if d.cumulative && found == 0 {
			out += c.SMSS // PRR-SSRB, on a "safeACK": recovery makes good progress
		}
		out = min(out, c.Ssthresh-pipe)
	}
	if p.out == 0 {
		out = max(out, c.SMSS) // the fast retransmission
	}
	c.Cwnd = max(pipe+max(out, 0), c.SMSS)
}

// roundUp is the least multiple of unit that is not below n.
func roundUp(n, unit int) int { return (n + unit - 1) / unit * unit }

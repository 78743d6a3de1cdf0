package tcp

// reno is RFC 5681's congestion control. Fast recovery is the engine's.
type reno struct {
	acked int32 // octets acknowledged in congestion avoidance since cwnd last grew
}

// Name implements [Controller].
func (*reno) Name() string { return "reno" }

// Ack is RFC 5681 3.1: slow start by the octets acknowledged, then one SMSS for each window that is acknowledged whole.
func (r *reno) Ack(_ Time, w *Window, a Ack) {
	if a.Limited {
		return
	}
	acked := a.Octets
	if w.SlowStart() {
		grow := min(acked, w.Ssthresh-w.Cwnd)
		w.Cwnd += grow
		acked -= grow
	}
	r.acked += int32(acked)
	if int(r.acked) >= w.Cwnd && acked > 0 {
		r.acked -= int32(w.Cwnd)
		w.Cwnd = min(w.Cwnd+w.SMSS, maxBuffer)
	}
}

// Loss is equation (4) of RFC 5681 3.1: ssthresh = max (FlightSize / 2, 2*SMSS).
func (r *reno) Loss(_ Time, w *Window, l Loss) int {
	r.acked = 0
	return max(l.Flight/2, 2*w.SMSS)
}

// Undo implements [Controller]: there is nothing to take back.
func (*reno) Undo(Time, *Window) {}

// Resume implements [Controller]: time doesn't matter.
func (*reno) Resume(Time) {}

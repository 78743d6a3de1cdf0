package tcp

import "testing"

// In TIME-WAIT the TCB does nothing more: a TimeWait record answers for it. See TestTimeWait.
var rowsTimeWait = []row{
	{"S 0", TimeWaitState, "", "", "the record's"},
	{"S 102", TimeWaitState, "", "", "the record's"},
	{"SA 0 ack 1", TimeWaitState, "", "", "the record's"},
	{"A 102 ack 102", TimeWaitState, "", "", "the record's"},
	{"A 102:112 ack 102", TimeWaitState, "", "queued 0", "the record's"},
	{"FA 101 ack 102", TimeWaitState, "", "", "the record's"},
	{"R 102", TimeWaitState, "", "err none", "the record's"},
	{"- 102:112", TimeWaitState, "", "", "the record's"},
	{"write 10 = EPIPE", TimeWaitState, "", "", "3.10.2: connection closing"},
	{"read = EOF", TimeWaitState, "", "", "3.10.3: connection closing"},
	{"closewrite = ENOTCONN", TimeWaitState, "", "", "Linux: the socket is not connected any more"},
	{"closeread = ENOTCONN", TimeWaitState, "", "", "as above"},
	{"close", TimeWaitState, "", "idle", "3.10.4"},
	{"abort", TimeWaitState, "", "idle", "3.10.5: no reset"},
	{"nodelay", TimeWaitState, "", "", "nothing to send"},
	{"early", TimeWaitState, "", "idle", "a spurious tick is harmless"},
	{"soft 101", TimeWaitState, "", "err none", "RFC 5927 4.1"},
	{"hard 101", TimeWaitState, "", "err none", "RFC 5927 4.1"},
	{"toobig 101", TimeWaitState, "", "", "RFC 5927 4.1"},
}

func TestWalkTimeWait(t *testing.T) { walk(t, TimeWaitState, inTimeWait, rowsTimeWait) }

// In CLOSED the TCB does nothing: Reset answers where there is no connection.
var rowsClosed = []row{
	{"S 0", Closed, "", "", "3.10.7.1: Reset's"},
	{"SA 0 ack 1", Closed, "", "", "3.10.7.1: Reset's"},
	{"A 101 ack 201", Closed, "", "", "3.10.7.1: Reset's"},
	{"A 101:201 ack 201", Closed, "", "queued 0", "3.10.7.1: Reset's"},
	{"FA 101 ack 201", Closed, "", "", "3.10.7.1: Reset's"},
	{"R 101", Closed, "", "", "3.10.7.1: discarded"},
	{"- 101:201", Closed, "", "queued 0", "3.10.7.1: Reset's"},
	{"write 10 = EPIPE", Closed, "", "", "3.10.2: connection does not exist"},
	{"read = EOF", Closed, "", "", "nothing can come any more"},
	{"closewrite = ENOTCONN", Closed, "", "", "3.10.4: connection does not exist"},
	{"closeread = ENOTCONN", Closed, "", "", "as above"},
	{"close", Closed, "", "idle", "nothing is left"},
	{"abort", Closed, "", "idle", "nothing is left"},
	{"nodelay", Closed, "", "", "nothing to send"},
	{"early", Closed, "", "idle", "a spurious tick is harmless"},
	{"soft 101", Closed, "", "err none", "no connection"},
	{"hard 101", Closed, "", "err none", "no connection"},
	{"toobig 101", Closed, "", "", "no connection"},
}

func TestWalkClosed(t *testing.T) {
	walk(t, Closed, func(d *dut) { inEstablished(d); d.call(func(t *TCB) { t.Abort(d.now, 0) }) }, rowsClosed)
}

// After Close nobody reads: what arrives is told so.
//
// RFC 9293 SHLD-3: a RST tells that data was lost.
func TestWalkClosedByUser(t *testing.T) {
	inClosedFinWait1 := func(d *dut) { buildEstablished(d, true); d.close() }
	walk(t, FinWait1, inClosedFinWait1, []row{
		{"A 101 ack 102", FinWait2, "", "una 102 timer 1m0s", "Linux: tcp_fin_timeout"},
		{"A 101:201 ack 101", Closed, "R 101", "err none idle", "3.6.1: RST for data after CLOSE; as 3.10.7.1 forms it"},
		{"A 201:301 ack 101", Closed, "R 101", "", "out of order as well"},
		{"A 1:101 ack 101", FinWait1, "A 102 ack 101 ?sack 1:101", "", "old text was read once: no reason for a RST"},
		{"FA 101 ack 102", TimeWaitState, "A 102 ack 102", "", "3.10.7.4, eighth"},
		{"FA 101:201 ack 102", Closed, "R 102", "", "3.6.1: the text is lost"},
		{"FA 101 ack 101", Closing, "A 102 ack 102", "", "3.10.7.4, eighth"},
		{"R 101", Closed, "", "idle", "3.10.7.4, second"},
		{"close", FinWait1, "", "", "twice is once"},
	})
	walk(t, FinWait2, func(d *dut) { inClosedFinWait1(d); d.in("A 101 ack 102") }, []row{
		{"A 101:201 ack 102", Closed, "R 102", "idle", "3.6.1"},
		{"A 101 ack 102", FinWait2, "", "timer 1m0s", "a mere ACK prolongs nothing"},
		{"FA 101 ack 102", TimeWaitState, "A 102 ack 102", "idle", "3.10.7.4, eighth"},
		{"tick", Closed, "", "err none idle", "Linux: tcp_fin_timeout is over"},
	})
	// Close with text unread, or waiting behind a hole, is a RST.
	walk(t, Established, func(d *dut) { inEstablished(d); d.in("A 101:201 ack 201") }, []row{
		{"close", Closed, "RA 201 ack 201", "queued 0 idle", "3.6.1, SHLD-3: data pending to be read"},
		{"closewrite", FinWait1, "FA 201 ack 201", "queued 100", "half-close: the user may still read"},
	})
	walk(t, CloseWait, func(d *dut) { inEstablished(d); d.in("FA 101:201 ack 201") }, []row{
		{"close", Closed, "RA 201 ack 202", "queued 0 idle", "3.6.1, SHLD-3"},
		{"read", CloseWait, "", "", "data before a FIN stays readable"},
	})
}

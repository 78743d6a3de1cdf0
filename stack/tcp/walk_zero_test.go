package tcp

import "testing"

// TestWalkNeverOpened: the zero TCB is CLOSED, too.
func TestWalkNeverOpened(t *testing.T) {
	walk(t, Closed, func(*dut) {}, []row{
		{"S 0", Closed, "", "", "3.10.7.1: Reset's"},
		{"A 101 ack 201", Closed, "", "", "3.10.7.1: Reset's"},
		{"R 101", Closed, "", "", "3.10.7.1: discarded"},
		{"write 10 = EPIPE", Closed, "", "", "3.10.2: connection does not exist"},
		{"read = EOF", Closed, "", "", "nothing can come"},
		{"closewrite = ENOTCONN", Closed, "", "", "3.10.4: connection does not exist"},
		{"closeread = ENOTCONN", Closed, "", "", "as above"},
		{"close", Closed, "", "", "3.10.4"},
		{"abort", Closed, "", "", "3.10.5"},
		{"early", Closed, "", "", "a spurious tick is harmless"},
		{"soft 0", Closed, "", "err none", "no connection"},
		{"toobig 0", Closed, "", "", "no connection"},
	})
}

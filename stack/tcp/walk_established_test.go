package tcp

import "testing"

// RFC 9293 MUST-12: the user is told of an aborted connection.
// RFC 9293 MUST-66: RST and URG are processed where the window is zero.
// RFC 9293 MAY-12: injected data is kept out as RFC 5961 has it.
var rowsEstablished = []row{
	{"S 0", Established, "A 201 ack 101", "", "RFC 5961 4.2: challenge ACK, wherever the SYN is"},
	{"S 101", Established, "A 201 ack 101", "", "RFC 5961 4.2"},
	{"S 2101", Established, "A 201 ack 101", "", "RFC 5961 4.2"},
	{"SA 0 ack 1", Established, "A 201 ack 101", "una 101", "3.10.7.4, first: our ACK of the SYN-ACK was lost"},
	{"SA 101 ack 201", Established, "A 201 ack 101", "una 101", "RFC 5961 4.2: its ACK is not looked at"},
	{"SFA 101 ack 201", Established, "A 201 ack 101", "una 101", "RFC 5961 4.2"},

	{"A 101 ack 51", Established, "", "una 101", "3.10.7.4, fifth: a duplicate can be ignored"},
	{"A 101 ack 101", Established, "", "una 101", "as above"},
	{"A 101 ack 151", Established, "", "una 151", "3.10.7.4, fifth: SND.UNA <- SEG.ACK"},
	{"A 101 ack 201", Established, "", "una 201 idle", "as above; RFC 6298 5.2: the timer is turned off"},
	{"A 101 ack 202", Established, "A 201 ack 101", "una 101", "3.10.7.4, fifth: it acks what was not sent: ACK and drop"},
	{"A 101 ack 99999999", Established, "A 201 ack 101", "una 101", "as above"},
	{"A 101 ack -59899", Established, "", "una 101", "RFC 5961 5.2: the oldest acceptable one, SND.UNA - MAX.SND.WND"},
	{"A 101 ack -59900", Established, "A 201 ack 101", "una 101", "RFC 5961 5.2: too old, challenge ACK"},
	{"A 101:201 ack -59900", Established, "A 201 ack 101", "queued 0", "RFC 5961 5.2: and its text is dropped"},
	{"A 100 ack 201", Established, "A 201 ack 101", "una 101", "3.10.7.4, first: a keep-alive probe wants its ACK"},
	{"A 2100 ack 201", Established, "", "una 201", "3.10.7.4, first: the last acceptable number"},
	{"A 2101 ack 201", Established, "A 201 ack 101", "una 201", "3.10.7.4, first: not acceptable; but its ACK is valid"},
	{"A 2102 ack 201", Established, "A 201 ack 101", "una 101", "3.10.7.4, first"},
	{"A 101 ack 201 win 0", Established, "", "una 201 idle", "3.10.7.4, fifth: the window is updated"},
	{"A 101 ack 101 win 0", Established, "", "una 101", "as above"},
	{"A 101 ack 201 ts -1000", Established, "A 201 ack 101", "una 101", "RFC 7323 5.3, R1"},
	{"A 101 ack 201 nots", Established, "", "una 201", "Linux; RFC 7323 3.2 would drop it"},

	{"A 101:201 ack 201", Established, "A 201 ack 201", "una 201 queued 100", "3.10.7.4, seventh"},
	{"A 101:102 ack 101", Established, "A 201 ack 102", "queued 1", "as above"},
	{"A 51:151 ack 101", Established, "A 201 ack 151 ?sack 51:101", "queued 50", "the part before RCV.NXT is cut off"},
	{"A 2001:2201 ack 101", Established, "A 201 ack 101 ?sack 2001:2101", "queued 0", "beyond the window: cut off"},
	{"A 101:2201 ack 101", Established, "A 201 ack 2101", "queued 2000", "as above, in order"},
	{"A 51:2201 ack 101", Established, "A 201 ack 2101 ?sack 51:101", "queued 2000", "both ends are cut off"},
	{"A 1:101 ack 201", Established, "A 201 ack 101 ?sack 1:101", "una 101 queued 0", "3.10.7.4, first; RFC 2883: D-SACK"},
	{"A 201:301 ack 201", Established, "A 201 ack 101 ?sack 201:301", "una 201 queued 0", "RFC 5681 4.2: at once"},
	{"A 2101:2201 ack 201", Established, "A 201 ack 101", "una 201", "beyond the window; MUST-66's allowance at its edge"},
	{"A 2102:2202 ack 201", Established, "A 201 ack 101", "una 101", "3.10.7.4, first"},
	{"A 101:201 ack 202", Established, "A 201 ack 101", "queued 0", "3.10.7.4, fifth: drop the segment"},
	{"A 101:201 ack 51", Established, "A 201 ack 201", "queued 100", "an old ACK is no reason to drop the text"},
	{"A 101:201 ack 201 ts -1000", Established, "A 201 ack 101", "una 101 queued 0", "RFC 7323 5.3, R1"},
	{"A 101:201 ack 201 nots", Established, "A 201 ack 201", "queued 100", "Linux; RFC 7323 3.2 would drop it"},
	{"- 101:201", Established, "", "queued 0", "3.10.7.4, fifth: the ACK bit is off"},
	{"- 5000:5100", Established, "A 201 ack 101", "queued 0", "3.10.7.4, first precedes fifth"},
	{"F 101", Established, "", "", "3.10.7.4, fifth"},

	{"FA 101 ack 201", CloseWait, "A 201 ack 102", "una 201", "3.10.7.4, eighth"},
	{"FA 101:201 ack 201", CloseWait, "A 201 ack 202", "queued 100", "text first, then FIN"},
	{"FA 51:151 ack 101", CloseWait, "A 201 ack 152 ?sack 51:101", "queued 50", "as above, cut"},
	{"FA 201 ack 201", Established, "A 201 ack 101", "una 201", "the FIN waits for what is before it"},
	{"FA 201:301 ack 201", Established, "A 201 ack 101 ?sack 201:301", "queued 0", "as above"},
	{"FA 101:2201 ack 101", Established, "A 201 ack 2101", "queued 2000", "the FIN is beyond the window"},
	{"FA 2101 ack 101", Established, "A 201 ack 101", "", "3.10.7.4, first: beyond the window"},
	{"FA 100 ack 101", Established, "A 201 ack 101", "", "3.10.7.4, first: before the window"},
	{"FA 101 ack 202", Established, "A 201 ack 101", "", "3.10.7.4, fifth: dropped"},
	{"FA 101 ack 101 ts -1000", Established, "A 201 ack 101", "", "RFC 7323 5.3, R1"},

	{"R 101", Closed, "", "err ECONNRESET idle", "RFC 5961 3.2: exact"},
	{"RA 101 ack 99999", Closed, "", "err ECONNRESET", "3.10.7.4, second precedes fifth"},
	{"R 101:111", Closed, "", "err ECONNRESET", "3.5.3, SHLD-2: a RST may carry text"},
	{"R 102", Established, "A 201 ack 101", "err none", "RFC 5961 3.2: in the window, challenge ACK"},
	{"R 2100", Established, "A 201 ack 101", "err none", "as above"},
	{"R 2101", Established, "", "err none", "RFC 5961 3.2: outside, silently dropped"},
	{"R 100", Established, "", "err none", "as above"},
	{"R 101 ts -1000", Closed, "", "err ECONNRESET", "RFC 7323 5.2: no PAWS for a RST"},

	{"AU 101:111 ack 101 urg 5", Established, "A 201 ack 111", "queued 10 urgent 5", "3.10.7.4, sixth; RFC 6093 5"},
	{"AU 101 ack 101 urg 50", Established, "", "urgent 50", "3.10.7.4, sixth: announced ahead of the data"},
	{"AU 101:111 ack 202 urg 5", Established, "A 201 ack 101", "urgent 0", "dropped in the fifth check"},
	{"AU 2101 ack 201 urg 50", Established, "A 201 ack 101", "una 201 urgent 2050", "MUST-66, at the edge of any window"},

	{"write 1000", Established, "PA 201:1201 ack 101", "", "3.10.2: segmentize the buffer"},
	{"write 50", Established, "", "", "3.7.4: Nagle holds it, a small segment is under way"},
	{"read = EAGAIN", Established, "", "", "3.10.3: insufficient data, queue"},
	{"closewrite", FinWait1, "FA 201 ack 101", "", "3.10.4: segmentize, then FIN"},
	{"closeread", Established, "", "", "Linux: nothing on the wire"},
	{"close", FinWait1, "FA 201 ack 101", "", "3.10.4"},
	{"abort", Closed, "RA 201 ack 101", "idle", "3.10.5: <SEQ=SND.NXT><CTL=RST>"},
	{"nodelay", Established, "", "", "nothing to send"},
	{"early", Established, "", "", "a spurious tick is harmless"},
	{"tick", Established, "PA 101:201 ack 101", "", "3.10.8; RFC 6298 5.4"},
	{"soft 101", Established, "", "err none", "3.9.2.2, MUST-56: a soft error must not abort"},
	{"hard 101", Established, "", "err none", "RFC 5927 6: nor a hard one, once synchronized"},
	{"hard 201", Established, "", "err none", "RFC 5927 4.1"},
	{"toobig 101", Established, "PA 101:201 ack 101", "", "RFC 1191 6.4: sent again at once"},
	{"toobig 100", Established, "", "", "RFC 5927 4.1: quotes what was acknowledged"},
	{"toobig 201", Established, "", "", "RFC 5927 4.1: quotes what was not sent"},
}

func TestWalkEstablished(t *testing.T) { walk(t, Established, inEstablished, rowsEstablished) }

// TestWalkZeroWindow: RCV.WND is 0, RCV.NXT is 2101.
//
// RFC 9293 MUST-66
func TestWalkZeroWindow(t *testing.T) {
	build := func(d *dut) {
		inEstablished(d)
		d.skip()
		d.in("A 101:2101 ack 101")
		d.out("A 201 ack 2101 win 0")
	}
	walk(t, Established, build, []row{
		{"A 2101 ack 201", Established, "", "una 201", "3.10.7.4, first: zero length, zero window, SEG.SEQ = RCV.NXT"},
		{"A 2100 ack 201", Established, "A 201 ack 2101 win 0", "una 101", "3.10.7.4, first"},
		{"A 2102 ack 201", Established, "A 201 ack 2101 win 0", "una 101", "3.10.7.4, first"},
		{"A 2101:2102 ack 201", Established, "A 201 ack 2101 win 0", "una 201 queued 2000", "a window probe; its ACK is valid"},
		{"AU 2101:2102 ack 201 urg 1", Established, "A 201 ack 2101 win 0", "una 201 urgent 2001", "MUST-66: its URG is valid"},
		{"A 2101:2102 ack 202", Established, "A 201 ack 2101", "una 101", "its ACK isn't"},
		{"R 2101", Closed, "", "err ECONNRESET queued 2000", "MUST-66: a valid RST; the text stays readable"},
		{"R 2101:2102", Closed, "", "err ECONNRESET", "as above"},
		{"R 2102", Established, "", "err none", "RFC 5961 3.2: outside of the window"},
		{"FA 2101 ack 201", CloseWait, "A 201 ack 2102 win 0", "una 201", "a FIN takes no room; Linux, too, takes it"},
		{"FA 2101:2102 ack 201", Established, "A 201 ack 2101 win 0", "", "3.10.7.4, first"},
		{"S 2101", Established, "A 201 ack 2101", "", "RFC 5961 4.2"},
		{"read", Established, "A 201 ack 2101 wnd 1000", "", "3.8.6.2.2: half of the buffer is free, tell the peer"},
	})
}

// In CLOSE-WAIT the peer has sent FIN: RCV.NXT is 102.
var rowsCloseWait = []row{
	{"S 0", CloseWait, "A 201 ack 102", "", "RFC 5961 4.2"},
	{"S 102", CloseWait, "A 201 ack 102", "", "RFC 5961 4.2"},
	{"SA 0 ack 1", CloseWait, "A 201 ack 102", "", "3.10.7.4, first"},
	{"A 102 ack 51", CloseWait, "", "una 101", "3.10.7.4, fifth"},
	{"A 102 ack 101", CloseWait, "", "una 101", "3.10.7.4, fifth"},
	{"A 102 ack 201", CloseWait, "", "una 201 idle", "3.10.7.4, fifth: the same processing as in ESTABLISHED"},
	{"A 102 ack 202", CloseWait, "A 201 ack 102", "una 101", "as above"},
	{"A 102 ack -59900", CloseWait, "A 201 ack 102", "una 101", "RFC 5961 5.2"},
	{"A 101 ack 201", CloseWait, "A 201 ack 102", "una 101", "3.10.7.4, first: a keep-alive probe"},
	{"A 2102 ack 201", CloseWait, "A 201 ack 102", "una 201", "at the right edge: the ACK is taken"},
	{"A 102 ack 201 win 0", CloseWait, "", "una 201", "3.10.7.4, fifth"},
	{"A 102 ack 201 ts -1000", CloseWait, "A 201 ack 102", "una 101", "RFC 7323 5.3"},
	{"A 102:202 ack 201", CloseWait, "", "una 201 queued 0", "3.10.7.4, seventh: should not occur, ignore the text"},
	{"A 1:101 ack 201", CloseWait, "A 201 ack 102 ?sack 1:101", "una 101", "3.10.7.4, first"},
	{"A 3000:3100 ack 201", CloseWait, "A 201 ack 102", "una 101", "3.10.7.4, first"},
	{"- 102:103", CloseWait, "", "queued 0", "3.10.7.4, fifth"},
	{"FA 101 ack 201", CloseWait, "A 201 ack 102", "una 101", "our ACK of the FIN was lost: first check"},
	{"FA 102 ack 201", CloseWait, "", "una 201", "3.10.7.4, eighth: remain in CLOSE-WAIT"},
	{"R 102", Closed, "", "err EPIPE idle", "3.10.7.4, second; EPIPE as Linux has it"},
	{"R 103", CloseWait, "A 201 ack 102", "err none", "RFC 5961 3.2"},
	{"R 101", CloseWait, "", "err none", "RFC 5961 3.2"},
	{"AU 102:112 ack 101 urg 5", CloseWait, "", "urgent 0", "3.10.7.4, sixth: should not occur, ignore"},
	{"write 1000", CloseWait, "PA 201:1201 ack 102", "", "3.10.2: half-open the other way"},
	{"read = EOF", CloseWait, "", "", "3.10.3: connection closing"},
	{"closewrite", LastAck, "FA 201 ack 102", "", "3.10.4: queue, FIN, LAST-ACK"},
	{"closeread", CloseWait, "", "", "nothing on the wire"},
	{"close", LastAck, "FA 201 ack 102", "", "3.10.4"},
	{"abort", Closed, "RA 201 ack 102", "idle", "3.10.5"},
	{"nodelay", CloseWait, "", "", "nothing to send"},
	{"early", CloseWait, "", "", "a spurious tick is harmless"},
	{"tick", CloseWait, "PA 101:201 ack 102", "", "3.10.8"},
	{"soft 101", CloseWait, "", "err none", "3.9.2.2, MUST-56"},
	{"hard 101", CloseWait, "", "err none", "RFC 5927 6"},
	{"toobig 101", CloseWait, "PA 101:201 ack 102", "", "RFC 1191 6.4"},
}

func TestWalkCloseWait(t *testing.T) { walk(t, CloseWait, inCloseWait, rowsCloseWait) }

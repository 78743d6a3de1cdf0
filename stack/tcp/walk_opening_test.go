package tcp

import "testing"

// In SYN-SENT the device's SYN is in flight: SND.UNA is 0, SND.NXT is 1.
//
// RFC 9293 MUST-10: simultaneous open attempts are supported.
// RFC 9293 MUST-54: ICMP errors are acted upon.
var rowsSynSent = []row{
	{"S 0 mss 1000", SynReceived, "SA 0 ack 1", "", "3.10.7.3, fourth: simultaneous open"},
	{"S 0:10 mss 1000", SynReceived, "SA 0 ack 1", "queued 0", "3.10.7.3: text may be dropped, the peer sends it again"},
	{"S 0", SynReceived, "SA 0 ack 1", "", "3.7.1: no MSS option means 536"},
	{"SU 0 urg 9", SynReceived, "SA 0 ack 1", "urgent 0", "3.10.7.3: URG waits for ESTABLISHED"},
	{"SF 0", SynReceived, "SA 0 ack 1", "", "3.10.7.3: FIN is only looked at in ESTABLISHED"},
	{"SA 0 ack 1 mss 1000", Established, "A 1 ack 1", "una 1 idle", "3.10.7.3, fourth: our SYN has been ACKed"},
	{"SA 0 ack 1 mss 1000 win 0", Established, "A 1 ack 1", "una 1 idle", "a window of 0 is no obstacle"},
	{"SA 0:10 ack 1 mss 1000", Established, "A 1 ack 11", "una 1 queued 10", "3.10.7.3: text in a SYN-ACK is taken"},
	{"SFA 0 ack 1", CloseWait, "A 1 ack 2", "una 1", "3.10.7.3: other controls are processed, too"},
	{"SFA 0:10 ack 1", CloseWait, "A 1 ack 12", "una 1 queued 10", "as above, FIN behind the text"},
	{"SA 0 ack 0", SynSent, "R 0", "una 0", "3.10.7.3, first: SEG.ACK =< ISS; the SYN is not sent again at once"},
	{"SA 0 ack 2", SynSent, "R 2", "una 0", "3.10.7.3, first: SEG.ACK > SND.NXT"},
	{"A 0 ack 0", SynSent, "R 0", "", "3.10.7.3, first: an old connection's ACK"},
	{"A 77 ack 2", SynSent, "R 2", "", "3.10.7.3, first"},
	{"A 77 ack 1", SynSent, "", "una 0", "3.10.7.3, fifth: neither SYN nor RST"},
	{"PA 1:11 ack 1", SynSent, "", "una 0 queued 0", "3.10.7.3, fifth"},
	{"PA 1:11 ack 2", SynSent, "R 2", "queued 0", "3.10.7.3, first"},
	{"FA 1 ack 1", SynSent, "", "", "3.10.7.3, fifth; eighth of 3.10.7.4: don't process a FIN in SYN-SENT"},
	{"F 1", SynSent, "", "", "3.10.7.3, fifth"},
	{"AU 1:11 ack 1 urg 5", SynSent, "", "urgent 0", "3.10.7.3, fifth"},
	{"- 0", SynSent, "", "", "3.10.7.3, fifth"},
	{"RA 0 ack 1", Closed, "", "err ECONNREFUSED idle", "3.10.7.3, second: the RST is acceptable"},
	{"RA 77 ack 1", Closed, "", "err ECONNREFUSED", "its sequence number doesn't matter"},
	{"RA 0 ack 0", SynSent, "", "err none", "3.10.7.3, first: no RST for a RST"},
	{"RA 0 ack 2", SynSent, "", "err none", "as above"},
	{"R 0", SynSent, "", "err none", "3.10.7.3, second: without ACK the RST may be anyone's"},
	{"SRA 0 ack 1", Closed, "", "err ECONNREFUSED", "the second check precedes the fourth"},
	{"write 100", SynSent, "", "", "3.10.2: queue for transmission after ESTABLISHED"},
	{"read = EAGAIN", SynSent, "", "", "3.10.3: queue the request"},
	{"closewrite = ENOTCONN", SynSent, "", "", "Linux: shutdown needs a connection"},
	{"closeread = ENOTCONN", SynSent, "", "", "as above"},
	{"close", Closed, "", "idle", "3.10.4: delete the TCB"},
	{"abort", Closed, "", "idle", "3.10.5: delete the TCB; nobody is there to be reset"},
	{"nodelay", SynSent, "", "", "nothing to send"},
	{"early", SynSent, "", "timer 1s", "a spurious tick is harmless"},
	{"tick", SynSent, "S 0", "timer 2s", "3.10.8: retransmission time-out; RFC 6298 5.5"},
	{"soft 0", Closed, "", "err EHOSTUNREACH", "RFC 5461 4.1, as Linux: before ESTABLISHED, soft errors end it"},
	{"soft 1", SynSent, "", "err none", "RFC 5927 4.1: not what is in flight"},
	{"hard 0", Closed, "", "err ECONNREFUSED", "3.9.2.2, SHLD-26"},
	{"hard -1", SynSent, "", "err none", "RFC 5927 4.1"},
	{"toobig 0", SynSent, "", "", "a SYN has nothing to cut"},
}

func TestWalkSynSent(t *testing.T) { walk(t, SynSent, inSynSent, rowsSynSent) }

// In SYN-RECEIVED after a simultaneous open, both SYNs have crossed and our SYN-ACK is in flight: SND.UNA is 0,
// SND.NXT and RCV.NXT are 1.
//
// RFC 9293 MUST-10: simultaneous open attempts are supported.
// RFC 9293 MUST-11: SYN-RECEIVED knows by which kind of OPEN it was reached.
var rowsSynReceived = []row{
	{"S 0", SynReceived, "A 1 ack 1", "", "3.10.7.4, first: the duplicate SYN lies before the window"},
	{"S 1", SynReceived, "A 1 ack 1", "", "RFC 5961 4.2, for an active open: challenge ACK"},
	{"S 77", SynReceived, "A 1 ack 1", "", "as above"},
	{"SA 0 ack 1", Established, "", "una 1", "figure 8 of 3.5: the peer's SYN-ACK; Linux, too, takes its ACK"},
	{"SA 0 ack 0", SynReceived, "A 1 ack 1", "", "3.10.7.4, first"},
	{"SA 1 ack 1", SynReceived, "A 1 ack 1", "", "RFC 5961 4.2"},
	{"A 1 ack 1", Established, "", "una 1 idle", "3.10.7.4, fifth: SND.UNA < SEG.ACK =< SND.NXT"},
	{"A 1 ack 1 win 0", Established, "", "una 1", "as above"},
	{"A 1 ack 0", SynReceived, "R 0", "una 0", "3.10.7.4, fifth: the ACK is not acceptable, form a reset"},
	{"A 1 ack 2", SynReceived, "R 2", "una 0", "as above"},
	{"A 0 ack 1", SynReceived, "A 1 ack 1", "una 0", "3.10.7.4, first: before the window"},
	{"A 2000 ack 1", Established, "", "una 1", "the last acceptable number"},
	{"A 2001 ack 1", SynReceived, "A 1 ack 1", "una 0", "3.10.7.4, first; MUST-66 is not for SYN-RECEIVED"},
	{"PA 1:11 ack 1", Established, "A 1 ack 11", "una 1 queued 10", "continue processing in ESTABLISHED"},
	{"PA 1:11 ack 2", SynReceived, "R 2", "queued 0", "3.10.7.4, fifth"},
	{"PA 11:21 ack 1", Established, "A 1 ack 1 ?sack 11:21", "una 1 queued 0", "3.10.7.4, seventh: out of order"},
	{"PA 5000:5010 ack 1", SynReceived, "A 1 ack 1", "una 0", "3.10.7.4, first"},
	{"FA 1 ack 1", CloseWait, "A 1 ack 2", "una 1", "3.10.7.4, eighth"},
	{"FA 1:11 ack 1", CloseWait, "A 1 ack 12", "una 1 queued 10", "3.10.7.4, seventh and eighth"},
	{"FA 11 ack 1", Established, "A 1 ack 1", "una 1", "the FIN has to wait for the octets before it"},
	{"AU 1:11 ack 1 urg 5", Established, "A 1 ack 11", "urgent 5", "3.10.7.4, sixth"},
	{"- 1:11", SynReceived, "", "queued 0", "3.10.7.4, fifth: the ACK bit is off"},
	{"F 1", SynReceived, "", "", "as above"},
	{"R 1", Closed, "", "err ECONNREFUSED idle", "3.10.7.4, second: active OPEN, the connection is refused"},
	{"R 2", SynReceived, "A 1 ack 1", "err none", "RFC 5961 3.2: in the window, but not exact"},
	{"R 0", SynReceived, "", "err none", "RFC 5961 3.2: outside"},
	{"R 2001", SynReceived, "", "err none", "as above"},
	{"A 1 ack 1 ts -1000", SynReceived, "A 1 ack 1", "una 0", "RFC 7323 5.3, R1"},
	{"R 1 ts -1000", Closed, "", "err ECONNREFUSED", "RFC 7323 5.2: a RST is not subject to PAWS"},
	{"write 100", SynReceived, "", "", "3.10.2: queue"},
	{"read = EAGAIN", SynReceived, "", "", "3.10.3: queue"},
	{"closewrite", SynReceived, "", "", "3.10.4: queue for processing after ESTABLISHED"},
	{"closeread", SynReceived, "", "", "nothing on the wire"},
	{"close", SynReceived, "", "", "3.10.4, as closewrite"},
	{"abort", Closed, "RA 1 ack 1", "idle", "3.10.5: send a reset segment"},
	{"nodelay", SynReceived, "", "", "nothing to send"},
	{"early", SynReceived, "", "", "a spurious tick is harmless"},
	{"tick", SynReceived, "SA 0 ack 1", "", "3.10.8"},
	{"soft 0", Closed, "", "err EHOSTUNREACH", "RFC 5461 4.1, as Linux"},
	{"hard 0", Closed, "", "err ECONNREFUSED", "3.9.2.2, SHLD-26"},
	{"hard 1", SynReceived, "", "err none", "RFC 5927 4.1"},
	{"toobig 0", SynReceived, "", "", "a SYN has nothing to cut"},
}

func TestWalkSynReceived(t *testing.T) { walk(t, SynReceived, inSynReceived, rowsSynReceived) }

// TestWalkSynReceivedClosed: what the user closed before the handshake was complete is closed afterwards.
func TestWalkSynReceivedClosed(t *testing.T) {
	walk(t, SynReceived, func(d *dut) { inSynReceived(d); d.closeWrite() }, []row{
		{"A 1 ack 1", FinWait1, "FA 1 ack 1", "una 1", "3.10.4: the queued CLOSE"},
		{"FA 1 ack 1", Closing, "FA 1 ack 2", "una 1", "the FIN carries the ACK"},
		{"write 1 = EPIPE", SynReceived, "", "", "3.10.2: connection closing"},
		{"R 1", Closed, "", "err ECONNREFUSED", "3.10.7.4, second"},
	})
}

package stack

import "syscall"

// icmpEvent is an ICMP error about something that we sent.
type icmpEvent struct {
	errno syscall.Errno // by Linux's table; EMSGSIZE where the packet was too big
	hard  bool          // RFC 1122 4.2.3.9, by Linux's table: asking again is useless
	mtu   int           // of a packet that was too big: what fits, plausible and not above what we knew; else 0
}

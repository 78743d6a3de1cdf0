package stack

import (
	"fmt"
	"strings"
	"sync/atomic"
)

// Counter names one of the things that a stack counts. Its String is the name that operators read.
type Counter uint8

// What is counted: packets, where nothing else is said. Each reason to drop one has a counter of its own.
const (
	IPIn            Counter = iota // packets that came from links
	IPOut                          // packets handed to links
	IPDelivered                    // whole datagrams given to a protocol
	DropNotIPv4                    // another version than 4, or shorter than its header says
	DropIPChecksum                 // IP header checksum wrong
	DropIPMartian                  // a source or destination that cannot be there (RFC 1122 3.2.1.3)
	DropIPOptions                  // malformed IP options
	DropSourceRoute                // a source route (RFC 7126)
	DropNotOurs                    // for another host: this one doesn't forward
	DropMulticast                  // to a multicast group
	DropProtocol                   // a protocol that we don't have
	DropChecksum                   // transport checksum wrong
	DropMalformed                  // transport header that makes no sense
	DropClosed                     // the stack is closed

	FragIn           // fragments
	FragReassembled  // datagrams put together
	FragOut          // fragments sent
	DropFragOverlap  // fragments of datagrams with overlapping fragments (RFC 5722)
	DropFragBad      // fragments that cannot be part of a datagram
	DropFragTimeout  // datagrams that didn't become whole in time
	DropFragMemory   // datagrams given up because too much memory was held by fragments
	DropFragECN      // datagrams whose fragments' ECN bits contradict each other (RFC 3168 5.3)
	DropNoRoute      // packets to send without a route
	DropTooBig       // packets to send that didn't fit the path and may not be fragmented
	DropDeviceFull   // packets that a link's queue had no room for
	DropDevice       // packets that a link refused otherwise
	DropLoopbackFull // packets to ourselves beyond what the loopback queues

	ICMPIn            // messages
	ICMPEchoIn        // echo requests
	ICMPEchoOut       // echo requests answered
	ICMPErrorIn       // errors
	ICMPErrorOut      // errors sent
	ICMPPathMTU       // path MTUs learned
	DropICMPMalformed // checksum wrong or too short
	DropICMPUnmatched // errors and replies about nothing that we sent (RFC 5927)
	DropICMPIgnored   // messages that are not acted upon: source quench (RFC 6633), redirect, timestamps, ...
	ICMPRateLimited   // messages not sent, for the rate limit

	UDPIn           // datagrams delivered to sockets
	UDPOut          // datagrams sent
	DropUDPNoPort   // no socket for them
	DropUDPFull     // the socket's buffer is full
	DropUDPShutdown // the socket doesn't read any more

	TCPIn             // segments
	TCPOut            // segments (super-segments count once)
	TCPResetOut       // RSTs in answer to segments without a connection
	TCPActiveOpen     // connections dialled
	TCPPassiveOpen    // connections accepted into a listener's queue
	TCPCookieSent     // SYN cookies sent (RFC 4987)
	TCPCookieGood     // connections made from a cookie
	TCPCookieBad      // ACKs that might have been one
	DropTCPListenFull // SYNs and ACKs dropped because a listener's queue was full
	DropTCPHalfOpen   // half-open records given up for new ones
	DropTCPTimeWait   // TIME-WAIT records given up for new ones
	DropTCPMaxConns   // connections refused because there are too many

	TCPForwarded    // connections that a forwarder was asked about
	UDPForwarded    // flows of datagrams that a forwarder was asked about
	ForwardRejected // of them rejected
	DropForwardFull // SYNs and datagrams dropped because too many flows wait for a forwarder

	numCounters
)

// counts are the live counters.
type counts [numCounters]atomic.Uint64

// count adds one.
func (s *Stack) count(c Counter) { s.counts[c].Add(1) }

// Counters is a snapshot of a stack's counters, indexed by [Counter].
type Counters [numCounters]uint64

// Counters takes a snapshot. The counters are read one by one while the stack goes on.
func (s *Stack) Counters() Counters {
	var c Counters
	for i := range c {
		c[i] = s.counts[i].Load()
	}
	return c
}

// String is a table of the counters that are not zero, one a line.
func (c Counters) String() string {
	var b strings.Builder
	for i, n := range c {
		if n != 0 {
			fmt.Fprintf(&b, "%-20s %d\n", Counter(i), n)
		}
	}
	return b.String()
}

// String is the counter's name.
func (c Counter) String() string {
	if int(c) < len(counterNames) {
		return counterNames[c]
	}
	return "unknown"
}

// counterNames are in the order of the constants.
var counterNames = [...]string{
	IPIn:              "ip-in",
	IPOut:             "ip-out",
	IPDelivered:       "ip-delivered",
	DropNotIPv4:       "drop-not-ipv4",
	DropIPChecksum:    "drop-ip-checksum",
	DropIPMartian:     "drop-ip-martian",
	DropIPOptions:     "drop-ip-options",
	DropSourceRoute:   "drop-source-route",
	DropNotOurs:       "drop-not-ours",
	DropMulticast:     "drop-multicast",
	DropProtocol:      "drop-protocol",
	DropChecksum:      "drop-checksum",
	DropMalformed:     "drop-malformed",
	DropClosed:        "drop-closed",
	FragIn:            "frag-in",
	FragReassembled:   "frag-reassembled",
	FragOut:           "frag-out",
	DropFragOverlap:   "drop-frag-overlap",
	DropFragBad:       "drop-frag-bad",
	DropFragTimeout:   "drop-frag-timeout",
	DropFragMemory:    "drop-frag-memory",
	DropFragECN:       "drop-frag-ecn",
	DropNoRoute:       "drop-no-route",
	DropTooBig:        "drop-too-big",
	DropDeviceFull:    "drop-device-full",
	DropDevice:        "drop-device",
	DropLoopbackFull:  "drop-loopback-full",
	ICMPIn:            "icmp-in",
	ICMPEchoIn:        "icmp-echo-in",
	ICMPEchoOut:       "icmp-echo-out",
	ICMPErrorIn:       "icmp-error-in",
	ICMPErrorOut:      "icmp-error-out",
	ICMPPathMTU:       "icmp-path-mtu",
	DropICMPMalformed: "drop-icmp-malformed",
	DropICMPUnmatched: "drop-icmp-unmatched",
	DropICMPIgnored:   "drop-icmp-ignored",
	ICMPRateLimited:   "icmp-rate-limited",
	UDPIn:             "udp-in",
	UDPOut:            "udp-out",
	DropUDPNoPort:     "drop-udp-no-port",
	DropUDPFull:       "drop-udp-full",
	DropUDPShutdown:   "drop-udp-shutdown",
	TCPIn:             "tcp-in",
	TCPOut:            "tcp-out",
	TCPResetOut:       "tcp-reset-out",
	TCPActiveOpen:     "tcp-active-open",
	TCPPassiveOpen:    "tcp-passive-open",
	TCPCookieSent:     "tcp-cookie-sent",
	TCPCookieGood:     "tcp-cookie-good",
	TCPCookieBad:      "tcp-cookie-bad",
	DropTCPListenFull: "drop-tcp-listen-full",
	DropTCPHalfOpen:   "drop-tcp-half-open",
	DropTCPTimeWait:   "drop-tcp-time-wait",
	DropTCPMaxConns:   "drop-tcp-max-conns",
	TCPForwarded:      "tcp-forwarded",
	UDPForwarded:      "udp-forwarded",
	ForwardRejected:   "forward-rejected",
	DropForwardFull:   "drop-forward-full",
}

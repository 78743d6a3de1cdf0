// Package tcptest tests a TCP by packet scripts in packetdrill's notation.
//
// A script is a list of events with their times: packets that it sends to the host, packets that the host must send,
// system calls that the host's user makes with their results, and assertions on tcp_info. [Run] runs a script on a
// [Target]:
//
//   - [Gotcp], the stack of this module in a testing/synctest bubble: virtual time, exact to the nanosecond;
//   - [Manual], the same with a [Clock] that the runner moves, and no goroutine;
//   - package oracle's Linux, the kernel's TCP in a network namespace: real time, so that a wrong script is found out.
//
// The notation is in package script and, with examples and all settings, in testdata/README.md. What the runner does:
//
// Numbers. The script's end has its sequence number 0 at [Config].RemoteISN on the wire, which by default makes them
// wrap after 255 octets. The host's numbers are learnt from its SYN. A new SYN of the host may have new ones only after
// a connect, or after a SYN that the script sent with a sequence number of its own.
//
// Timestamps. A value that the host sends has in the script any number; where the script later echoes that number,
// the host is given the value back that it had sent there. With the setting tstick the numbers are ticks, and checked.
// The script's own values are on the wire as they are.
//
// Segments. Super-segments are cut as a network card does. Where the script expects a segment longer than what came,
// those that go on where it ends are taken together with it, unless the script is strict.
//
// Time. A packet must come at its time and not a nanosecond before, nor later than the tolerance after it. On Linux the
// tolerance goes both ways.
//
// Data. What the script's end sends has a fixed octet at each sequence number, and what the host's user writes one at
// each position: reads and the payload of segments are compared with them.
//
// Anything else that the host sends is a failure, too.
//
// [Pair] is the other half of the package: two engines back to back in simulated time, without a stack around them.
package tcptest

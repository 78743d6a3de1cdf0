// Package tcp is the engine: one TCP connection as a pure, polled state machine after RFC 9293.
//
// A [TCB] (RFC 9293 3.3.1) is told events and the time at which they happen, and is then polled for segments:
//
//	tcb.Segment(now, &seg)            // a segment arrives (3.10.7)
//	tcb.Write(now, p)                 // the user's calls (3.10.1-3.10.6)
//	tcb.Tick(now)                     // a deadline has passed (3.10.8)
//	for tcb.Poll(now, &seg) { ... }   // send what there is to send
//	tcb.Deadline()                    // when to call Tick
//	tcb.Events()                      // what became readable, writable, dead
//
// There is no clock, lock, goroutine, device or randomness in here, so that two engines driven by hand are a complete
// TCP, and a test decides every octet and every nanosecond. Who calls holds a lock around each call if more than one
// goroutine does.
//
// Variables have their names of the RFC: snd.una, snd.nxt, rcv.wnd. Each mechanism has a file named after it, and each
// rule its section beside it. All accounting is in octets and spans, never in packets: a super-segment of 64 KiB is one
// segment that happens to be long.
//
// # Where to start reading
//
// tcb.go has the state. arrive.go is "SEGMENT ARRIVES", a function per step of the RFC. output.go is Poll, send.go what
// it says of new data. Section numbers without an RFC's are RFC 9293's. The other files are a mechanism each:
//
//   - user.go, options.go: the user's calls and settings, [RFC 9293] 3.9.1, 3.10.1-3.10.6
//   - ack.go: what an ACK does to the sender, [RFC 9293] 3.10.7.4
//   - rtt.go, retransmit.go: round trips and the retransmission timer, [RFC 6298], [RFC 1122] 4.2.3.5
//   - congestion.go: the congestion window, whatever controls it, [RFC 6928]; controller.go: what may control it
//   - reno.go: slow start and congestion avoidance, [RFC 5681]
//   - cubic.go, hystart.go: another controller, [RFC 9438], and its slow start, [RFC 9406]
//   - recovery.go: fast retransmit and recovery, [RFC 6675], limited transmit, [RFC 3042], and what undoes them
//   - rack.go, tlp.go, prr.go: what finds losses with SACK, and how much is sent meanwhile, [RFC 8985], [RFC 9937]
//   - newreno.go: the same without SACK, [RFC 6582]
//   - scoreboard.go, sack.go: what the sender knows of what is in flight, and how it learns it, [RFC 6675], [RFC 2018]
//   - reasm.go: the receiver's queue and reports, [RFC 2018], [RFC 2883]
//   - tstamp.go: timestamps and PAWS, [RFC 7323]
//   - window.go, delack.go: the receiver's window, segment sizes and delayed ACKs, [RFC 9293] 3.7.1, 3.8.6, [RFC 7323]
//   - probe.go: zero windows, keep-alive, [RFC 9293] 3.8.6.1, [RFC 1122] 4.2.3.6; the user time-out, [RFC 5482]
//   - blind.go: forged segments, [RFC 5961]; retransmit.go has forged ICMP errors, [RFC 5927]
//   - urgent.go: urgent data, [RFC 6093]
//   - halfopen.go, timewait.go: the small records that a connection is before and after its life, [RFC 4987], [RFC 6191]
//   - block.go, store.go: octets in blocks that one owner has at a time
//   - check.go: what must hold after each event; info.go: what a connection tells of itself
//
// [RFC 1122]: https://www.rfc-editor.org/rfc/rfc1122
// [RFC 2018]: https://www.rfc-editor.org/rfc/rfc2018
// [RFC 2883]: https://www.rfc-editor.org/rfc/rfc2883
// [RFC 3042]: https://www.rfc-editor.org/rfc/rfc3042
// [RFC 4987]: https://www.rfc-editor.org/rfc/rfc4987
// [RFC 5482]: https://www.rfc-editor.org/rfc/rfc5482
// [RFC 5681]: https://www.rfc-editor.org/rfc/rfc5681
// [RFC 5927]: https://www.rfc-editor.org/rfc/rfc5927
// [RFC 5961]: https://www.rfc-editor.org/rfc/rfc5961
// [RFC 6093]: https://www.rfc-editor.org/rfc/rfc6093
// [RFC 6191]: https://www.rfc-editor.org/rfc/rfc6191
// [RFC 6298]: https://www.rfc-editor.org/rfc/rfc6298
// [RFC 6582]: https://www.rfc-editor.org/rfc/rfc6582
// [RFC 6675]: https://www.rfc-editor.org/rfc/rfc6675
// [RFC 6928]: https://www.rfc-editor.org/rfc/rfc6928
// [RFC 7323]: https://www.rfc-editor.org/rfc/rfc7323
// [RFC 8985]: https://www.rfc-editor.org/rfc/rfc8985
// [RFC 9293]: https://www.rfc-editor.org/rfc/rfc9293
// [RFC 9406]: https://www.rfc-editor.org/rfc/rfc9406
// [RFC 9438]: https://www.rfc-editor.org/rfc/rfc9438
// [RFC 9937]: https://www.rfc-editor.org/rfc/rfc9937
package tcp

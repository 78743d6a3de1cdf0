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
// tcb.go has the state. arrive.go is "SEGMENT ARRIVES", a function per step of the RFC. output.go is Poll. From there:
// ack.go, recovery.go, sack.go, retransmit.go (what the sender does with an ACK, and without one), reasm.go and
// window.go (the receiver), probe.go (zero windows, keep-alive, user time-out), halfopen.go and timewait.go (the two
// small records that a connection is before and after its life).
package tcp

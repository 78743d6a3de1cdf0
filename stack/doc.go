// Package stack is a host in user space: addresses, links, sockets. It is the shell around the engine of package tcp,
// and has what that has not: locks, the clock, randomness, the devices. Make one with [New], give it links with
// [Stack.AddDevice], and use it through a [Socket], or in the shape of MirageOS's TCP through [Stack.CreateConnection],
// [Stack.Input] and [Flow]. Package netapi makes package net's types of it.
//
// # A packet comes in
//
//	device's reader (or, in memory, the writer at the other end)
//	 -> Stack.input (input.go)        header, addresses, options: what cannot be is dropped and counted (counters.go)
//	 -> reassembly.add (frag.go)      fragments wait here for each other
//	 -> Stack.deliver                 the checksum is verified, unless the device or memory vouches for it
//	     -> inputTCP (tcpdemux.go)    shard lock, look-up, unlock; connection lock, engine, and the baton (conn.go)
//	     -> inputUDP (udptable.go)    look-up; socket lock, copy into its queue, wake one reader
//	     -> inputICMP (icmp.go)       echoes answered; errors to the protocol of the packet that they quote (icmperr.go)
//
// On a link on which the stack stands in for everybody ([Stack.AnyIP]) packets to any host's address go the same way.
// What finds no socket there is a [Forwarder]'s to decide (forward.go): a SYN (forwardtcp.go) becomes a half-open
// connection, with the same handshake as any, once the forwarder accepts it, and a datagram (forwardudp.go) the first in
// a new socket's queue; what he rejects is answered as the destination, or a router before it, would have answered.
//
// # A packet goes out
//
//	Socket.Write                      connection lock, copy into the send store
//	 -> the baton (conn.go)           one goroutine at a time polls the engine under the lock, and sends without it
//	 -> Stack.sendTCP (output.go)     headers in pooled memory, payload by reference; cut here if the device doesn't cut
//	 -> Stack.transmit -> Device.Write
//
// The way is decided once per connection, or per datagram, by Stack.route (route.go), which also knows what path MTU
// discovery has found (pmtu.go). Packets to own addresses go to a link like any other, the loopback (loopback.go).
//
// # Locks
//
// No lock is held while a device is called or while anybody blocks. Where two are held at a time, it is in this order:
//
//	udpSocket.mu, stream.mu      one socket or connection; around the engine and the tables below
//	portTable.mu                 who has which port; around the claim of a four-tuple in the tables below
//	tcpShard.mu                  a part of the table of connections and of the small records
//	forwardTable.mu              flows that wait for a forwarder; comes before udpState.mu only
//	udpState.mu, listenTable.mu, the records' queues, pmtuCache.mu   leaves
//	reassembly.mu, icmpState.mu, loopback.mu, Stack.mu               leaves, taken with nothing else held
//
// What links, addresses and routes there are is in an immutable network, which a change replaces as a whole, so reading
// it takes no lock.
//
// # Waiting
//
// Who blocks does so in waitq.wait (wait.go), on a channel that was made with the socket, or on the done channel of a
// context. So a stack works in a testing/synctest bubble. There is no goroutine per socket or connection, and none at
// all while nothing happens; a timer runs for a connection that has something due, for a deadline that was set, and
// while fragments wait.
//
// # Time and chance
//
// All time comes from Config.Clock. The engine's is an int64 of nanoseconds since the stack was made. All randomness
// comes from Config.Rand, mostly when the stack is made: what must not be guessed later (initial sequence numbers,
// ports, cookies) is a keyed hash (siphash.go, isn.go, ports.go).
package stack

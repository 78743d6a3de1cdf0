// Package border carries a network across a process border: a host process has the network, a plugin process uses it as
// if it had it itself.
//
// There are two ends of a [Carrier], which takes messages and hands over data paths with them. At the one a [Host]
// serves a netapi.Tuned. At the other [Open] gives a [Network], which is a netapi.Tuned as well. Its connections give
// what the host's give, to the last error value; package net's parity table holds for them.
//
// # How it works
//
// Messages go over one socket: dial, listen, accept, options, why a connection died. Octets don't: each connection and
// each UDP socket has a data path of its own, a socket pair of which the plugin gets one end by SCM_RIGHTS ([FD]), or a
// stream of yamux where descriptors cannot be passed ([Mux]). The host pumps between the network's connection and the
// path. No end is guessed from a path's end: messages say what it was, and they are sent before it shows.
//
// # Trust
//
// The plugin trusts the host. The host takes the plugin for hostile: messages have a bounded size and are checked, what
// can be asked for is limited ([Limits]), nothing that the plugin does or leaves undone blocks the host, and what it
// doesn't take from its socket is kept for it up to a limit, at which the border is cut.
package border

import "time"

// Limits bound what a plugin can have of its host. A zero field means the default.
type Limits struct {
	Conns     int // TCP connections, those included that are being made or closed (1024); beyond it dials get EMFILE
	Listeners int // TCP listeners (64); EMFILE
	Sockets   int // UDP sockets (64); EMFILE
	Pending   int // dials, listens and look-ups on the way (256); EAGAIN
	// Queue is how many octets of messages are kept for a plugin that doesn't read them (4 MiB); beyond it, it is cut.
	Queue int
	// Grace is how long connections of a plugin that has gone may go on to deliver what it wrote (5 s).
	Grace time.Duration
}

// withDefaults fills zero fields in.
func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&l.Conns, 1024)
	def(&l.Listeners, 64)
	def(&l.Sockets, 64)
	def(&l.Pending, 256)
	def(&l.Queue, 4<<20)
	if l.Grace == 0 {
		l.Grace = 5 * time.Second
	}
	return l
}

// version is of the messages. Ends of different versions don't talk.
const version = 1

// maxMessage bounds a message, in octets: a DNS message of 64 KiB and what is around it.
const maxMessage = 66 << 10

// maxEvent bounds what Host.Event takes.
const maxEvent = 32 << 10

// maxCredit is how many connections a listener of a plugin can have asked for before it got them.
const maxCredit = 128

// maxCalls is how many calls on connections a plugin has under way; it waits with further ones.
const maxCalls = 64

// Package guard lets somebody else's code use a network, within bounds: a [Network] is around another one and decides
// by [Rules] what its user may reach and announce, bounds him by a [Quota], counts and tells what he does, and can be
// changed or switched off while he runs.
//
// What isn't allowed is refused: the zero Config lets nothing through. A refusal is an error such as package net's, a
// *net.OpError around a [*RefusedError], which says what rule or quota it was and what would have to be written to
// allow it; errors.Is finds syscall.EACCES in it (hence os.ErrPermission), or for a quota EMFILE, EDQUOT or ENOBUFS.
// All other errors are the inner network's, as they are.
//
// # Connections
//
// What is dialled and accepted is a dialer.TCPConn or dialer.UDPConn. TCP connections also have, as a stack's do,
//
//	Info() tcp.Info
//	SetUserTimeout(time.Duration) error
//	SetCongestionControl(string) error
//	CongestionControl() string
//	GetsockoptInt(level, opt int) (int, error)
//	WriteBuffers(*net.Buffers) (int64, error)
//
// which give errors.ErrUnsupported, or nothing, where the inner connection is neither a stack's nor the kernel's (Info:
// where it isn't a stack's). UDP sockets have GetsockoptInt, and all have Network() netapi.Network, which is the guard
// and not what it is around. File descriptors are not given: they would be a way past the guard. A read or write costs
// two atomic additions and takes no lock, but for UDP sockets that are not connected: these look their peer up, where
// it isn't the one of the last datagram.
//
// Who is cut off (by [Network.Kill], a byte quota, or rules that no longer allow what he has) sees a [*RefusedError]
// from pending and later calls, and his peer a reset.
//
// # UDP
//
// The destination of each datagram is checked, also where it is a broadcast address. A socket that a rule of
// Rules.Listen lets be announced takes datagrams from anyone, and may answer those who sent some; those that Rules.Deny
// names it may not answer. Any other socket, on a port that the network chooses, is a client's: it takes datagrams only
// from those it has sent some to, the rest is dropped and counted. Of each socket's peers the last 1024 are remembered.
//
// # Names
//
// A program that isn't linked with this module looks a name up by DNS and then connects to an address. So an address
// is taken for all the names for which this network's look-ups gave it, while the answer holds: its TTL and ten seconds
// more, at most a day, for the last 4096 addresses; and for the names that Config.Hosts has it for, always.
//
// Names are looked up, by dials, by [Network.Resolver] and for [Network.Exchange], only where a rule of Rules.Allow
// with a name or with * allows them for some port that no rule of Rules.Deny takes away, or Config.Hosts has them: a
// query is itself a message to whoever serves the name. So a rule that allows addresses doesn't make names of them
// known: put these into Config.Hosts, or write a rule for the name.
package guard

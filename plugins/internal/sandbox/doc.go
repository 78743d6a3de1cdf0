// Package sandbox runs an unmodified program in a network of its own, whose only way out is a stack of gotcp in this
// process: what the program dials there is dialled by a [netapi.Tuned], its DNS queries are answered by this process,
// and what it listens on is reached from outside where the operator has said so. No root is needed, nor a container
// engine.
//
// # What the program runs in
//
//	our process                       | namespaces: user, network, mount, PID, IPC
//	                                  |
//	Network <- terminator <- stack <- TUN device <- the kernel's own TCP/IP <- the program
//	               |                  |
//	               +-- control socket --- this executable again, as PID 1 ([Init])
//
// The program keeps its user, files, environment, standard files and working directory. It has no capabilities, and
// cannot gain any; with root's user it can't change the kernel's settings either. Sockets that are no Internet's are
// beyond a network namespace, so it gets those of the families AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK only. What
// asks somebody outside to look names up or to start programs by a socket in the file system (nscd, resolved, D-Bus,
// the socket of a container engine) is covered up.
//
// The sandbox confines what the program does by the network. Its files are not confined: a program that may write what
// other programs of its user run may do by them whatever it likes. Who fears that gives the program a user of its own.
//
// # Life
//
// PID 1 waits for the program, passes signals on to it, and ends with its status. With PID 1 everything ends that the
// program has started; it ends when the program does, when it is killed, when this process has ended, for whatever
// reason, and with [Sandbox.Close].
//
// # What becomes of packets
//
// A SYN is answered when the network has connected to its destination, or has failed to: what the network says is what
// the program's connect gives: ECONNREFUSED; EHOSTUNREACH where the network says EACCES, which is how Linux tells of
// "administratively prohibited"; or nothing, until it gives up. Datagrams make a flow per pair of addresses, which ends
// when it has been idle. Everything that the program can claim is bounded: see [Limits].
package sandbox

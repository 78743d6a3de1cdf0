package tcptest

import (
	"net/netip"
	"testing"
	"time"
)

// Target is a kind of host that scripts run on.
type Target interface {
	// Name says which TCP it is, for messages.
	Name() string
	// Run makes a host as cfg says, has f use it and takes it down. Packets that the host sends, as they would be on
	// the wire, go to sent, which may be called by any goroutine while f runs. The error is f's, or says why there is no
	// host. Run fills in the tolerances that cfg leaves open.
	Run(t *testing.T, cfg *Config, sent func(Sent), f func(Host) error) error
}

// Sent is a packet that a host has sent.
type Sent struct {
	At     time.Time
	Packet []byte // from the IP header on; the callee's to keep
}

// Host is one machine with a TCP, the address [LocalAddr] and a link over which it reaches [RemoteAddr].
type Host interface {
	Sockets
	// Inject has an IPv4 packet arrive over the link.
	Inject(packet []byte) error
	// Sysctl changes a tunable in mid-script.
	Sysctl(name, value string) error
	// Now is the time by which the host lives.
	Now() time.Time
	// Wait passes time until t. It returns earlier once stop, which it asks at the start and whenever Wake was called,
	// says so. What is due at the time at which it returns has happened.
	Wait(t time.Time, stop func() bool)
	// Wake has a Wait that is going on ask again. It may be called by any goroutine.
	Wake()
	// Go runs f, which may call Sockets and block there, while Wait passes time.
	Go(f func())
}

// Sockets are the system calls that a script makes. Errors are syscall.Errno; fds are the host's own. Calls block as a
// system call does, unless the socket is set not to or the flags say so.
type Sockets interface {
	Socket(typ, proto int) (fd int, err error)
	Bind(fd int, a netip.AddrPort) error
	Listen(fd, backlog int) error
	Accept(fd int) (conn int, err error)
	Connect(fd int, a netip.AddrPort) error
	// Recv is recvfrom, with flags 0 also read. from is zero for a stream.
	Recv(fd int, p []byte, flags int) (n int, from netip.AddrPort, err error)
	// Send is sendto, with a zero address send, with flags 0 also write.
	Send(fd int, p []byte, flags int, to netip.AddrPort) (int, error)
	Shutdown(fd, how int) error
	Close(fd int) error
	// SetOpt and Opt are for options that are an integer, and for SO_LINGER: seconds, -1 off.
	SetOpt(fd, level, name, value int) error
	Opt(fd, level, name int) (int, error)
	// SetCongestion and Congestion are for TCP_CONGESTION, which is a string.
	SetCongestion(fd int, name string) error
	Congestion(fd int) (string, error)
	// SetNonblock and Nonblock are fcntl with F_SETFL and F_GETFL.
	SetNonblock(fd int, on bool) error
	Nonblock(fd int) (bool, error)
	// Poll fills in Revents and returns how many are ready. A negative timeout is none.
	Poll(fds []PollFD, timeout time.Duration) (int, error)
	// Ioctl is for requests that give an integer: SIOCINQ, SIOCOUTQ, SIOCOUTQNSD.
	Ioctl(fd, request int) (int, error)
	// Info returns the fields of tcp_info by Linux's names.
	Info(fd int) (map[string]int64, error)
	// Peer is the address of the other end, zero where there is none.
	Peer(fd int) netip.AddrPort
}

// PollFD is struct pollfd.
type PollFD struct {
	FD              int
	Events, Revents int
}

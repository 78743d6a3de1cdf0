// Package dialer has package net's functions and types for making connections, on a network of one's choice: replace
// net.Dial by dialer.Dial, net.Listen by dialer.Listen, net.Dialer by dialer.Dialer and net.ListenConfig by
// dialer.ListenConfig, and the program runs on a stack of gotcp or on the kernel.
//
// The network is a [Dialer]'s or [ListenConfig]'s field Network, else the program's default: what [SetDefault] was
// given, else what the environment variable GOTCP_NET says in the grammar of package netspec, else the kernel.
package dialer

import (
	"context"
	"net"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/netapi"
)

// Dialer makes connections as a net.Dialer does, whose fields it has with the same meaning. The zero Dialer is
// equivalent to the package's functions. It may be used concurrently.
type Dialer struct {
	// Network is where connections are made; nil means the default ([Default]).
	Network netapi.Network

	Timeout   time.Duration // the longest that a dial may take, all addresses of a host together; 0: no limit
	Deadline  time.Time     // when a dial fails at the latest; zero: never
	LocalAddr net.Addr      // *net.TCPAddr or *net.UDPAddr to connect from; nil: chosen

	// FallbackDelay is how long to wait for IPv6 before IPv4 is tried as well. It is without effect on a stack, which
	// has IPv4 only.
	FallbackDelay time.Duration

	// KeepAlive is how long a TCP connection is idle before the first probe: 0 means 15 seconds, negative no probes.
	// It is ignored where KeepAliveConfig.Enable is true.
	KeepAlive time.Duration
	// KeepAliveConfig, where enabled, says it all: the defaults of its zero fields are 15 seconds, 15 seconds, 9 probes.
	KeepAliveConfig net.KeepAliveConfig

	// Resolver finds names; nil means the network's own.
	Resolver *net.Resolver

	// Cancel ends a dial when it is closed.
	//
	// Deprecated: use DialContext.
	Cancel <-chan struct{}

	// Control is called after a socket is made and before it is bound or connected, with network "tcp4" or "udp4"
	// and the address to connect to; its error ends the dial. On a stack there is no file descriptor: c's own methods
	// give an error that is errors.ErrUnsupported, and options are set through
	//
	//	c.(interface{ SetsockoptInt(level, opt, value int) error })
	//
	// by package syscall's numbers (GetsockoptInt gets them).
	Control func(network, address string, c syscall.RawConn) error
	// ControlContext is Control with the dial's context; where it is set Control is ignored.
	ControlContext func(ctx context.Context, network, address string, c syscall.RawConn) error

	// DualStack is ignored.
	//
	// Deprecated: as in package net.
	DualStack bool

	mptcp multipath
}

// MultipathTCP reports whether Multipath TCP is asked for. A stack has none, whatever was asked for.
func (d *Dialer) MultipathTCP() bool { return d.settings().MultipathTCP() }

// SetMultipathTCP asks for Multipath TCP, or for none, on networks that may have it: the kernel's.
func (d *Dialer) SetMultipathTCP(use bool) { d.mptcp.set(use) }

// multipath is whether Multipath TCP is wanted: as package net has it, until somebody says.
type multipath struct{ said, use bool }

func (m *multipath) set(use bool) { *m = multipath{true, use} }

// pass tells one of package net's types what was said.
func (m multipath) pass(to interface{ SetMultipathTCP(use bool) }) {
	if m.said {
		to.SetMultipathTCP(m.use)
	}
}

// Dial connects to an address: see net.Dial for its form.
func (d *Dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialContext connects to an address. ctx ends the attempt, not the connection.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if ctx == nil {
		panic("nil context") // as package net has it
	}
	n, err := pick(d.Network)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return n.DialWith(ctx, d.settings(), network, address)
}

// settings are d's fields as the network wants them.
func (d *Dialer) settings() *net.Dialer {
	nd := &net.Dialer{
		Timeout: d.Timeout, Deadline: d.Deadline, LocalAddr: d.LocalAddr, FallbackDelay: d.FallbackDelay,
		KeepAlive: d.KeepAlive, KeepAliveConfig: d.KeepAliveConfig, Resolver: d.Resolver,
		//lint:ignore SA1019 what takes package net's place honours it
		Cancel:  d.Cancel,
		Control: d.Control, ControlContext: d.ControlContext,
	}
	d.mptcp.pass(nd)
	return nd
}

// Dial connects to an address on the default network, as net.Dial does on the kernel's.
func Dial(network, address string) (net.Conn, error) {
	return new(Dialer).Dial(network, address)
}

// DialTimeout is [Dial] that gives up after timeout, finding names included.
func DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	return (&Dialer{Timeout: timeout}).Dial(network, address)
}

// DialContext is [Dial] that gives up when ctx ends.
func DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return new(Dialer).DialContext(ctx, network, address)
}

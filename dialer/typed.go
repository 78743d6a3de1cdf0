package dialer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"reflect"
	"strings"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/likenet"
)

// DialTCP connects to a TCP address on the default network, as net.DialTCP does on the kernel's. laddr, where it isn't
// nil, is the address to connect from.
func DialTCP(network string, laddr, raddr *net.TCPAddr) (TCPConn, error) {
	return new(Dialer).dialTCP(context.Background(), network, laddr, raddr)
}

// DialUDP makes a UDP socket on the default network that is connected to raddr, as net.DialUDP does on the kernel's.
func DialUDP(network string, laddr, raddr *net.UDPAddr) (UDPConn, error) {
	return new(Dialer).dialUDP(context.Background(), network, laddr, raddr)
}

// DialTCP is [Dialer.DialContext] for addresses that are known. The zero laddr means a chosen one; d.LocalAddr and
// d.Resolver are not used.
func (d *Dialer) DialTCP(ctx context.Context, network string, laddr, raddr netip.AddrPort) (TCPConn, error) {
	return d.dialTCP(ctx, network, net.TCPAddrFromAddrPort(laddr), net.TCPAddrFromAddrPort(raddr))
}

// DialUDP is [Dialer.DialContext] for addresses that are known. The zero laddr means a chosen one; d.LocalAddr and
// d.Resolver are not used.
func (d *Dialer) DialUDP(ctx context.Context, network string, laddr, raddr netip.AddrPort) (UDPConn, error) {
	return d.dialUDP(ctx, network, net.UDPAddrFromAddrPort(laddr), net.UDPAddrFromAddrPort(raddr))
}

func (d *Dialer) dialTCP(ctx context.Context, network string, laddr, raddr *net.TCPAddr) (TCPConn, error) {
	c, err := d.dialAddr(ctx, network, "tcp", likenet.OrNil(laddr), likenet.OrNil(raddr))
	if err != nil {
		return nil, err
	}
	return typed[TCPConn](c)
}

func (d *Dialer) dialUDP(ctx context.Context, network string, laddr, raddr *net.UDPAddr) (UDPConn, error) {
	c, err := d.dialAddr(ctx, network, "udp", likenet.OrNil(laddr), likenet.OrNil(raddr))
	if err != nil {
		return nil, err
	}
	return typed[UDPConn](c)
}

// dialAddr is a dial from and to addresses that need no look-up, on a network of one protocol.
func (d *Dialer) dialAddr(ctx context.Context, network, proto string, la, ra net.Addr) (net.Conn, error) {
	var err error
	switch {
	case !isNetwork(network, proto):
		err = net.UnknownNetworkError(network)
	case ra == nil:
		err = likenet.ErrMissingAddress
	}
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Source: la, Addr: ra, Err: err}
	}
	with := *d
	with.LocalAddr = la
	return with.DialContext(ctx, network, ra.String())
}

// ListenTCP announces a TCP address on the default network, as net.ListenTCP does on the kernel's. A nil laddr means
// any address and a chosen port.
func ListenTCP(network string, laddr *net.TCPAddr) (*TCPListener, error) {
	if err := checkListen(network, "tcp", likenet.OrNil(laddr)); err != nil {
		return nil, err
	}
	if laddr == nil {
		laddr = &net.TCPAddr{}
	}
	l, err := Listen(network, laddr.String())
	if err != nil {
		return nil, err
	}
	dl, err := typed[deadlineListener](l)
	if err != nil {
		return nil, err
	}
	return &TCPListener{dl}, nil
}

// ListenUDP announces a UDP address on the default network, as net.ListenUDP does on the kernel's. A nil laddr means
// any address and a chosen port.
func ListenUDP(network string, laddr *net.UDPAddr) (UDPConn, error) {
	if err := checkListen(network, "udp", likenet.OrNil(laddr)); err != nil {
		return nil, err
	}
	if laddr == nil {
		laddr = &net.UDPAddr{}
	}
	pc, err := ListenPacket(network, laddr.String())
	if err != nil {
		return nil, err
	}
	return typed[UDPConn](pc)
}

// checkListen says whether a network is one of a protocol.
func checkListen(network, proto string, laddr net.Addr) error {
	if isNetwork(network, proto) {
		return nil
	}
	return &net.OpError{Op: "listen", Net: network, Addr: laddr, Err: net.UnknownNetworkError(network)}
}

// isNetwork reports whether a network is that of a protocol, in either family or both.
func isNetwork(network, proto string) bool {
	return network == proto || network == proto+"4" || network == proto+"6"
}

// typed asserts what each network of this module holds, and another one may not.
func typed[T any](c io.Closer) (t T, err error) {
	t, ok := c.(T)
	if !ok {
		c.Close()
		return t, fmt.Errorf("dialer: the network gave a %T, which is no %v: use Dial or Listen: %w",
			c, reflect.TypeFor[T](), errors.ErrUnsupported)
	}
	return t, nil
}

// ResolveTCPAddr finds the address that a host and port mean on the default network, an IPv4 one where there are
// several, as net.ResolveTCPAddr does on the kernel's.
func ResolveTCPAddr(network, address string) (*net.TCPAddr, error) {
	if network == "" {
		network = "tcp"
	}
	a, err := resolve(network, "tcp", address)
	if err != nil {
		return nil, err
	}
	return likenet.ResolvedAddr("tcp", a).(*net.TCPAddr), nil
}

// ResolveUDPAddr finds the address that a host and port mean on the default network, an IPv4 one where there are
// several, as net.ResolveUDPAddr does on the kernel's.
func ResolveUDPAddr(network, address string) (*net.UDPAddr, error) {
	if network == "" {
		network = "udp"
	}
	a, err := resolve(network, "udp", address)
	if err != nil {
		return nil, err
	}
	return likenet.ResolvedAddr("udp", a).(*net.UDPAddr), nil
}

// resolve finds the address of a host and port: IPv4 where there is one, unless the host is a literal IPv6 address.
func resolve(network, proto, address string) (a netip.AddrPort, err error) {
	if !isNetwork(network, proto) {
		return a, net.UnknownNetworkError(network)
	}
	if address == "" {
		return a, nil
	}
	n, err := Default()
	if err != nil {
		return a, err
	}
	addrs, err := netapi.Resolve(context.Background(), n, network, address)
	if err != nil {
		return a, err
	}
	want4 := network != proto || !strings.Contains(address, "[")
	for _, a := range addrs {
		if a.Addr().Is4() == want4 {
			return a, nil
		}
	}
	return addrs[0], nil
}

package main

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/parity"
	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins"
)

// parityWays open the ways for packets on which the stack and the kernel are asked.
var parityWays = []func(ctx context.Context) (parity.Pair, io.Closer, error){loopbackPair, tunPair, linkPair, pluginPair}

// withPairs opens all ways, in a namespace of the program's own, and does something with them.
func withPairs(ctx context.Context, do func(pairs []parity.Pair) error) (err error) {
	// Package net may leave names to the C library, which has words of its own. A stack's are those of Go's resolver.
	if err := os.Setenv("GODEBUG", os.Getenv("GODEBUG")+",netdns=go"); err != nil {
		return err
	}
	if err := enter(netspec.Spec{Kind: netspec.Private}); err != nil {
		return err
	}
	var pairs []parity.Pair
	for _, open := range parityWays {
		p, c, err := open(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.Close()) }()
		pairs = append(pairs, p)
	}
	return do(pairs)
}

// loopbackPair has each talk to itself.
func loopbackPair(ctx context.Context) (p parity.Pair, c io.Closer, err error) {
	n, err := netspec.Open(ctx, netspec.Spec{Kind: netspec.Loopback})
	if err != nil {
		return p, nil, err
	}
	stack := parity.Host{Net: n.Tuned, Peer: n.Tuned, Addr: n.Addr, To: n.Addr}
	kernel := stack
	kernel.Net, kernel.Peer = netapi.Kernel{}, netapi.Kernel{}
	return parity.Pair{Name: "loopback", Stack: stack, Kernel: kernel}, n, nil
}

// tunPair has each talk to the other.
func tunPair(ctx context.Context) (p parity.Pair, c io.Closer, err error) {
	n, err := netspec.Open(ctx, netspec.Spec{Kind: netspec.Private})
	if err != nil {
		return p, nil, err
	}
	stack := parity.Host{
		Net: n.Tuned, Peer: netapi.Kernel{}, Addr: n.Addr, To: n.Peer,
		Void: netip.AddrFrom4([4]byte{10, 77, 0, 99}), // of the device's network, but neither end's
		None: routeless,
	}
	kernel := stack
	kernel.Net, kernel.Peer, kernel.Addr, kernel.To = stack.Peer, stack.Net, stack.To, stack.Addr
	return parity.Pair{Name: "tun", Stack: stack, Kernel: kernel}, n, nil
}

// pluginPair is loopbackPair as a plugin has it, whose connections come across the border of a process.
func pluginPair(ctx context.Context) (p parity.Pair, c io.Closer, err error) {
	p, c, err = loopbackPair(ctx)
	if err != nil {
		return p, nil, err
	}
	across, end, err := plugins.Across(p.Stack.Net)
	if err != nil {
		return p, nil, errors.Join(err, c.Close())
	}
	p.Name = "plugin"
	p.Stack.Net, p.Stack.Peer = across, across
	return p, inTurn{end, c.Close}, nil
}

// inTurn are ended in their order.
type inTurn []func() error

func (l inTurn) Close() error {
	var errs []error
	for _, end := range l {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}

// routeless is an address without a route: of TEST-NET-3, RFC 5737.
var routeless = netip.AddrFrom4([4]byte{203, 0, 113, 99})

package main

import (
	"context"
	"errors"
	"io"
	"net/netip"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/parity"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/tun"
)

// The ends of a filtered link: there are two, one to the kernel and one to a stack, in networks of the same numbers.
var (
	linkNear = netip.MustParsePrefix("10.77.1.1/24") // who is asked
	linkFar  = []netip.Prefix{netip.MustParsePrefix("10.77.1.2/24"), netip.MustParsePrefix("10.77.1.3/24")}
	linkVoid = netip.MustParseAddr("10.77.1.99") // neither
)

// linkPair has each talk to a stack at the far end of a link on which packets get lost as a question wants it. The far
// ends are alike, so that what differs is due to the near ones.
func linkPair(context.Context) (p parity.Pair, c io.Closer, err error) {
	var stacks inTurn
	defer func() {
		if err != nil {
			err = errors.Join(err, stacks.Close())
		}
	}()
	toKernel, err := tun.Open(tun.Config{})
	if err != nil {
		return p, nil, err
	}
	if err := tun.Configure(toKernel.Name(), linkNear, link.DefaultMTU); err != nil {
		return p, nil, errors.Join(err, toKernel.Close())
	}
	near, toStack := link.Pipe(link.DefaultMTU)
	subject, err := stacks.on(near, linkNear)
	if err != nil {
		return p, nil, errors.Join(err, toKernel.Close())
	}
	p = parity.Pair{Name: "link"}
	if p.Stack, err = stacks.facing(subject, toStack); err != nil {
		return p, nil, errors.Join(err, toKernel.Close())
	}
	p.Kernel, err = stacks.facing(netapi.Kernel{}, toKernel)
	return p, stacks, err
}

// on makes a stack on a device, which goes with it.
func (l *inTurn) on(d link.Device, addrs ...netip.Prefix) (*netapi.Stack, error) {
	s := stack.New(stack.Config{})
	if _, err := s.AddDevice(d, addrs...); err != nil {
		return nil, errors.Join(err, s.Close(), d.Close())
	}
	*l = append(*l, s.Close)
	return netapi.NewStack(s), nil
}

// facing makes a host of a network at whose link's far end the device is.
func (l *inTurn) facing(subject netapi.Tuned, far link.Device) (h parity.Host, err error) {
	filter := parity.NewLink(far, linkFar[0].Addr(), linkFar[1].Addr())
	peer, err := l.on(filter, linkFar...)
	return parity.Host{
		Net: subject, Peer: peer, Addr: linkNear.Addr(), To: linkFar[0].Addr(),
		Void: linkVoid, None: routeless, Link: filter,
	}, err
}

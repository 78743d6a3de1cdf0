package netspec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/netns"
	"github.com/gotcp/gotcp/stack/link/pcap"
	"github.com/gotcp/gotcp/stack/link/tun"
)

// ErrNoDevice says that no TUN device can be had here, or no namespace for it: what is to run anyway has to do with
// another network.
var ErrNoDevice = errors.New("no TUN device can be had here")

// Net is an open network.
type Net struct {
	netapi.Tuned

	Spec  Spec
	Stack *stack.Stack // nil for the kernel network
	Addr  netip.Addr   // where servers on this network are reached: the stack's address, or the loopback's
	Peer  netip.Addr   // the kernel's end of the device; not valid where there is none
	about string
}

// Start parses a description, enters the namespace where there is to be one ([Enter]) and opens the network: what the
// main function of a program does first.
func Start(ctx context.Context, text string) (*Net, error) {
	s, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if err := Enter(s); err != nil {
		return nil, err
	}
	return Open(ctx, s)
}

// Open opens a network, and reads the hosts file where it has one. A private one can be opened in a namespace of the
// program's own only: see [Enter]. The network stays open until Close, not only as long as ctx.
func Open(ctx context.Context, s Spec) (*Net, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.Kind == Kernel {
		return &Net{Tuned: netapi.Kernel{}, Spec: s, Addr: loopback, about: "the kernel's own network"}, nil
	}
	own, err := s.Names()
	if err != nil {
		return nil, err
	}
	switch s.Kind {
	case Loopback:
		return openLoopback(s, own)
	case Private, TUN:
		return openTUN(s, own)
	}
	return nil, fmt.Errorf("netspec: no kind is called %q", s.Kind)
}

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// Describe is a line about the network for people.
func (n *Net) Describe() string {
	imp := n.Spec.Impair
	imp.Seed = 0
	if text := imp.String(); text != "" {
		return n.about + ", with " + text
	}
	return n.about
}

// Close ends the network: connections are reset, and the device goes.
func (n *Net) Close() error {
	if n.Stack == nil {
		return nil
	}
	return n.Stack.Close()
}

// Dress puts the impairments of the description around a device, and then a tap that writes the capture: it sees what
// the stack sees. The result owns the device.
func (s *Spec) Dress(d link.Device) (link.Device, error) {
	if !s.Impair.IsZero() {
		d = link.Impair(d, s.Impair, nil)
	}
	if s.PCAP == "" {
		return d, nil
	}
	tap, err := pcap.Create(d, s.PCAP, pcap.Config{})
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return tap, nil
}

// facade is the network of a stack with names of its own.
func facade(st *stack.Stack, own netapi.Names) *netapi.Stack {
	n := netapi.NewStack(st)
	n.SetNames(own)
	return n
}

func openLoopback(s Spec, own netapi.Names) (*Net, error) {
	var cfg stack.Config
	if s.MTU != 0 || s.PCAP != "" || !s.Impair.IsZero() {
		d, err := s.Dress(link.NewLoopback(s.MTU))
		if err != nil {
			return nil, err
		}
		cfg.Loopback = d
	}
	st := stack.New(cfg)
	return &Net{Tuned: facade(st, own), Spec: s, Stack: st, Addr: loopback,
		about: "gotcp " + loopback.String() + ", a stack in memory"}, nil
}

// Device is the device of a private or tun network, its impairments and capture around it, for a program that puts
// something else than one stack at its end.
type Device struct {
	link.Device

	Addr  netip.Prefix // of this end, with the length of the network's prefix
	Peer  netip.Addr   // the kernel's end
	about string
}

// OpenDevice makes the device of a private or tun network and sets up the kernel's end of it. The caller closes it. A
// private one can be opened in a namespace of the program's own only: see [Enter].
func OpenDevice(s Spec) (*Device, error) {
	switch {
	case s.Kind != Private && s.Kind != TUN:
		return nil, fmt.Errorf("netspec: a %s network has no device", s.Kind)
	case s.Kind == Private && !netns.Inside():
		return nil, fmt.Errorf("a private network has to be entered first: begin the program with netspec.Start")
	}
	addr, peer := s.addrs()
	was := configured(s.Dev)
	dev, err := tun.Open(tun.Config{Name: s.Dev, MTU: s.MTU, Path: s.tunPath(), TxQueueLen: 0})
	if err != nil {
		return nil, noDevice(err)
	}
	if was.IsValid() && !s.Peer.IsValid() {
		peer = was.Addr()
	} else if err := tun.Configure(dev.Name(), netip.PrefixFrom(peer, addr.Bits()), cmp.Or(s.MTU, dev.MTU())); err != nil {
		return nil, noDevice(errors.Join(err, dev.Close()))
	}
	about := fmt.Sprintf("TUN device %s (%v path), kernel %v", dev.Name(), dev.Path(), peer)
	d, err := s.Dress(dev)
	if err != nil {
		return nil, err
	}
	return &Device{d, addr, peer, about}, nil
}

// Describe is a line about the device for people.
func (d *Device) Describe() string { return d.about }

// openTUN attaches a stack to the device.
func openTUN(s Spec, own netapi.Names) (*Net, error) {
	d, err := OpenDevice(s)
	if err != nil {
		return nil, err
	}
	st := stack.New(stack.Config{})
	ifc, err := st.AddDevice(d.Device, d.Addr)
	if err == nil && s.Kind == TUN {
		err = st.AddRoute(netip.PrefixFrom(netip.IPv4Unspecified(), 0), ifc) // the kernel may forward
	}
	if err != nil {
		return nil, errors.Join(err, st.Close(), d.Close())
	}
	return &Net{Tuned: facade(st, own), Spec: s, Stack: st, Addr: d.Addr.Addr(), Peer: d.Peer,
		about: fmt.Sprintf("gotcp %v, %s", d.Addr.Addr(), d.about)}, nil
}

func (s *Spec) tunPath() tun.Path {
	switch s.Path {
	case Fast:
		return tun.Fast
	case Portable:
		return tun.Portable
	}
	return tun.Auto
}

// configured is the IPv4 address of an interface that somebody has set up already; not valid where there's none.
func configured(name string) netip.Prefix {
	if name == "" {
		return netip.Prefix{}
	}
	ifi, err := net.InterfaceByName(name)
	if err != nil || ifi.Flags&net.FlagUp == 0 {
		return netip.Prefix{}
	}
	addrs, err := ifi.Addrs()
	if err != nil {
		return netip.Prefix{}
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			return p
		}
	}
	return netip.Prefix{}
}

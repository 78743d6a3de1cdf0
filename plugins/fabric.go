package plugins

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/pcap"
)

// Fabric is what plugins' networks are cut from: a switch, on which each network has a stack of its own with an address
// of its own, and a device that leads out; or the kernel's network, which they share then.
type Fabric struct {
	sw       *link.Switch // nil: the kernel's network
	prefix   netip.Prefix
	reserved []netip.Addr

	mu     sync.Mutex
	nets   map[*Net]bool
	closed bool
}

// NewFabric makes a fabric whose networks have the addresses of prefix, but for those reserved. Where up isn't nil it
// leads to everywhere else, and belongs to the fabric from then on. Without it the networks reach each other only.
func NewFabric(prefix netip.Prefix, up link.Device, reserved ...netip.Addr) (*Fabric, error) {
	if !prefix.IsValid() || !prefix.Addr().Is4() || prefix.Bits() > 30 {
		return nil, fmt.Errorf("plugins: %v has no room for networks: give an IPv4 prefix such as 10.77.0.0/24", prefix)
	}
	f := &Fabric{sw: link.NewSwitch(), prefix: prefix.Masked(), reserved: reserved, nets: map[*Net]bool{}}
	if up != nil {
		if err := f.sw.Uplink(up); err != nil {
			return nil, errors.Join(err, up.Close())
		}
	}
	return f, nil
}

// KernelFabric is the fabric of the operating system's network: its networks have the host's addresses and ports, and
// are kept apart by their rules only.
func KernelFabric() *Fabric { return &Fabric{nets: map[*Net]bool{}} }

// NetConfig describes one plugin's network.
type NetConfig struct {
	// Guard says what its plugin may do, and has its names. Guard.Name is the plugin's.
	Guard guard.Config
	// Address is the network's own; the zero Addr is the first that is free.
	Address netip.Addr
	// Impair makes the way to the network a bad one, in both directions.
	Impair link.Impairment
	// PCAP is a file into which all packets of the network are written, in pcapng; "" for none.
	PCAP string
}

// Net is one plugin's network.
type Net struct {
	*guard.Network
	Name    string
	Address netip.Addr   // where its servers are reached; 127.0.0.1 on the kernel's network
	Stack   *stack.Stack // nil on the kernel's network

	fabric   *Fabric
	impaired *link.Impaired // nil on the kernel's network
}

// Net makes a network. It lasts until [Net.Close].
func (f *Fabric) Net(cfg NetConfig) (*Net, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, errors.New("plugins: the fabric is closed")
	}
	n := &Net{Name: cfg.Guard.Name, fabric: f}
	over := n.overSwitch
	if f.sw == nil {
		over = n.overKernel
	}
	if err := over(cfg); err != nil {
		return nil, fmt.Errorf("plugin %s: %w", n.Name, err)
	}
	f.nets[n] = true
	return n, nil
}

// overKernel makes the network out of the kernel's.
func (n *Net) overKernel(cfg NetConfig) error {
	if cfg.Address.IsValid() || cfg.PCAP != "" || !cfg.Impair.IsZero() {
		return errors.New("on the kernel's network there is no address, capture or impairment of its own: leave them out, " +
			"or use a network with a stack")
	}
	n.Address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	n.Network = guard.New(netapi.Kernel{}, cfg.Guard)
	return nil
}

// address checks the address that is wanted, or finds a free one. The caller holds mu.
func (f *Fabric) address(want netip.Addr) (netip.Addr, error) {
	taken := map[netip.Addr]*Net{}
	for n := range f.nets {
		taken[n.Address] = n
	}
	if want.IsValid() {
		switch {
		case !f.usable(want):
			return want, fmt.Errorf("the address %v is not one of %v that a plugin could have", want, f.prefix)
		case taken[want] != nil:
			return want, fmt.Errorf("the address %v is plugin %s's: choose another one", want, taken[want].Name)
		}
		return want, nil
	}
	for a := f.prefix.Addr(); f.prefix.Contains(a); a = a.Next() {
		if f.usable(a) && taken[a] == nil {
			return a, nil
		}
	}
	return want, fmt.Errorf("no address of %v is free: use a larger network", f.prefix)
}

// usable reports whether a network could have the address.
func (f *Fabric) usable(a netip.Addr) bool {
	for _, r := range f.reserved {
		if a == r {
			return false
		}
	}
	return f.prefix.Contains(a) && a != f.prefix.Addr() && f.prefix.Contains(a.Next()) // neither network nor broadcast
}

// overSwitch hangs a stack on the switch, and makes the network out of it. The caller holds the fabric's mu.
func (n *Net) overSwitch(cfg NetConfig) (err error) {
	if n.Address, err = n.fabric.address(cfg.Address); err != nil {
		return err
	}
	port, err := n.fabric.sw.Port(n.Name, 0, n.Address)
	if err != nil {
		return err
	}
	n.impaired = link.Impair(port, cfg.Impair, nil)
	var dev link.Device = n.impaired
	if cfg.PCAP != "" {
		tap, err := pcap.Create(dev, cfg.PCAP, pcap.Config{})
		if err != nil {
			return errors.Join(err, dev.Close())
		}
		dev = tap
	}
	n.Stack = stack.New(stack.Config{})
	ifc, err := n.Stack.AddDevice(dev, netip.PrefixFrom(n.Address, n.fabric.prefix.Bits()))
	if err == nil {
		err = n.Stack.AddRoute(netip.PrefixFrom(netip.IPv4Unspecified(), 0), ifc)
	}
	if err != nil {
		return errors.Join(err, n.Stack.Close(), dev.Close())
	}
	n.Network = guard.New(netapi.NewStack(n.Stack), cfg.Guard)
	return nil
}

// Impair changes how bad the way to the network is, from now on. The error says that the impairment makes no sense, or
// that it is the kernel's network.
func (n *Net) Impair(i link.Impairment) error {
	if n.impaired == nil {
		return fmt.Errorf("plugin %s: the kernel's network cannot be impaired: use one with a stack", n.Name)
	}
	return n.impaired.Change(i)
}

// Impairment says how bad the way to the network is.
func (n *Net) Impairment() link.Impairment {
	if n.impaired == nil {
		return link.Impairment{}
	}
	return n.impaired.Impairment()
}

// Close ends the network: its connections are reset, and its address is free.
func (n *Net) Close() error {
	err := n.Network.Close()
	n.fabric.mu.Lock()
	defer n.fabric.mu.Unlock()
	if n.Stack != nil {
		err = errors.Join(err, n.Stack.Close())
	}
	delete(n.fabric.nets, n)
	return err
}

// Close ends the fabric and the networks of it.
func (f *Fabric) Close() error {
	f.mu.Lock()
	f.closed = true
	nets := slices.Collect(maps.Keys(f.nets))
	f.mu.Unlock()
	var errs []error
	for _, n := range nets {
		errs = append(errs, n.Close())
	}
	if f.sw != nil {
		errs = append(errs, f.sw.Close())
	}
	return errors.Join(errs...)
}

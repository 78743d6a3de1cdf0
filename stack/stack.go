package stack

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/tcp"
)

// Stack is a host: addresses, links and sockets. Make one with [New]. All methods may be called concurrently.
type Stack struct {
	cfg    Config
	epoch  time.Time                     // when the stack was made, by its clock: time zero of the engine
	since  func(time.Time) time.Duration // the clock's, where it has one that is cheaper than Now
	keys   keys
	net    atomic.Pointer[network]
	counts counts
	closed atomic.Bool

	mu sync.Mutex // held while net is replaced; never with another lock

	frag     reassembly
	pmtu     pmtuCache
	icmp     icmpState
	ids      ipIDs
	tcpPorts portTable
	udpPorts portTable
	udp      udpState
	tcp      tcpState
	forward  forwardTable
}

// New makes a stack with nothing but its loopback. It runs no goroutine and no timer.
func New(cfg Config) *Stack {
	cfg.fill()
	s := &Stack{cfg: cfg, epoch: cfg.Clock.Now()}
	if c, ok := cfg.Clock.(interface{ Since(time.Time) time.Duration }); ok {
		s.since = c.Since
	}
	s.keys.init(cfg.Rand)
	s.ids.init(cfg.Rand, s.keys.ipID)
	s.tcpPorts.init(s)
	s.udpPorts.init(s)
	s.icmp.init(s)
	s.frag.init(s)
	s.pmtu.init()
	s.udp.init()
	s.tcp.init(s)
	s.forward.init()
	s.net.Store(&network{own: map[addr4]*Iface{}, bcast: map[addr4]*Iface{}})
	s.attachLoopback()
	return s
}

// attachLoopback gives the stack its first interface: the user's link or, where there is none or it doesn't work, its own.
func (s *Stack) attachLoopback() {
	addrs := []netip.Prefix{netip.PrefixFrom(loopbackAddr, 8)}
	if d := s.cfg.Loopback; d != nil {
		_, err := s.attach(d, FlagLoopback, addrs)
		if err == nil {
			return
		}
		s.log("the loopback given cannot be attached", "device", d.Name(), "err", err)
	}
	s.attach(newLoopback(), FlagLoopback, addrs) // which cannot fail
}

// now is the time since the stack's epoch.
func (s *Stack) now() tcp.Time {
	if s.since != nil {
		return tcp.Time(s.since(s.epoch))
	}
	return tcp.Time(s.cfg.Clock.Now().Sub(s.epoch))
}

// log tells the operator, where there is one.
func (s *Stack) log(msg string, args ...any) {
	if s.cfg.Logger != nil {
		s.cfg.Logger.Info(msg, args...)
	}
}

// AddDevice attaches a link on which the stack has the addresses given, each with the length of the network's prefix
// around it; these networks are reached over the link. The stack owns the device from now on and closes it in
// [Stack.Close]. EADDRINUSE where an address is ours already, EINVAL where it cannot be a host's, EAFNOSUPPORT where
// it isn't IPv4, [ErrClosed], or what the device says.
func (s *Stack) AddDevice(d link.Device, addrs ...netip.Prefix) (*Iface, error) {
	for _, p := range addrs {
		a := p.Addr()
		switch {
		case !a.Is4():
			return nil, syscall.EAFNOSUPPORT
		case !p.IsValid():
			return nil, syscall.EINVAL
		}
		b := addr4(a.As4())
		bcast, ok := broadcastOf(p)
		if b.thisNet() || b.loopback() || b.multicast() || b.classE() || ok && b == bcast {
			return nil, syscall.EINVAL
		}
	}
	return s.attach(d, FlagPointToPoint, addrs)
}

func (s *Stack) attach(d link.Device, flags IfaceFlags, addrs []netip.Prefix) (*Iface, error) {
	ifc := &Iface{
		name: d.Name(), mtu: d.MTU(), flags: flags | FlagUp | FlagRunning,
		prefixes: slices.Clone(addrs), dev: d, off: d.Offload(),
	}
	if err := s.plug(ifc); err != nil {
		return nil, err
	}
	if err := d.Attach(func(f *link.Frame) { s.input(ifc, f) }); err != nil {
		s.unplug(ifc)
		return nil, err
	}
	return ifc, nil
}

// plug makes an interface, its addresses and their networks known.
func (s *Stack) plug(ifc *Iface) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return ErrClosed
	}
	n, err := s.net.Load().plug(ifc)
	if err == nil {
		s.net.Store(n)
	}
	return err
}

// unplug takes back what plug did, where the device turned out not to work.
func (s *Stack) unplug(ifc *Iface) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.net.Store(s.net.Load().unplug(ifc))
}

// AddRoute has packets to prefix (0.0.0.0/0: to everywhere else) leave by ifc. The longest prefix that contains a
// destination decides. Links are point to point: there is no next hop to name.
func (s *Stack) AddRoute(prefix netip.Prefix, ifc *Iface) error {
	if !prefix.IsValid() || !prefix.Addr().Is4() {
		return syscall.EAFNOSUPPORT
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.net.Load()
	switch {
	case s.closed.Load():
		return ErrClosed
	case ifc == nil || !slices.Contains(n.ifaces, ifc):
		return syscall.ENODEV
	}
	s.net.Store(n.addRoute(prefix, ifc))
	return nil
}

// Interfaces describes the attached links; the first is the loopback.
func (s *Stack) Interfaces() []IfaceInfo {
	var infos []IfaceInfo
	for _, i := range s.net.Load().ifaces {
		infos = append(infos, i.Info())
	}
	return infos
}

// Addrs returns the stack's own addresses, without the loopback's.
func (s *Stack) Addrs() []netip.Addr {
	var addrs []netip.Addr
	for _, i := range s.net.Load().ifaces {
		if i.loopback() {
			continue
		}
		for _, p := range i.prefixes {
			addrs = append(addrs, p.Addr())
		}
	}
	return addrs
}

// Socket makes a socket: syscall.SOCK_STREAM (TCP) or syscall.SOCK_DGRAM (UDP). Another type gives
// ESOCKTNOSUPPORT, a closed stack [ErrClosed].
func (s *Stack) Socket(typ int) (Socket, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	switch typ {
	case syscall.SOCK_STREAM:
		return s.newStream(), nil
	case syscall.SOCK_DGRAM:
		return s.newDatagram(), nil
	}
	return nil, syscall.ESOCKTNOSUPPORT
}

// Close ends the stack: connections are reset, sockets closed, links closed. It leaves no goroutine, timer or buffer.
// It must not be called from a device's or a clock's call into the stack. The second call gives [ErrClosed].
func (s *Stack) Close() error {
	s.mu.Lock()
	was := s.closed.Swap(true)
	s.mu.Unlock()
	if was {
		return ErrClosed
	}
	s.closeTCP() // first, for its RSTs want to leave
	s.forward.close()
	s.udp.close()
	s.icmp.close()
	var errs []error
	for _, i := range slices.Backward(s.net.Load().ifaces) { // the loopback last
		errs = append(errs, i.dev.Close())
	}
	s.frag.close() // last, when no packet arrives any more
	return errors.Join(errs...)
}

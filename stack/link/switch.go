package link

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gotcp/gotcp/stack/link/internal/gate"
	"github.com/gotcp/gotcp/stack/wire"
)

// Switch is a layer-3 switch in memory: each [Port] is the device of one host, and has that host's addresses. A frame
// goes to the port that has its destination, else to the uplink, else nowhere. There are no groups: frames to multicast
// and to the limited broadcast address are dropped. Nobody can send in another's name: what comes from a port must have
// one of its addresses as the source, and what comes from the uplink none of any port's.
//
// Super-segments and partial checksums pass between ports as they are. For an uplink that doesn't take them the switch
// cuts and completes them. It runs no goroutine while nothing is under way. All methods may be called concurrently.
type Switch struct {
	ports atomic.Pointer[portMap] // replaced as a whole, so that frames take no lock
	up    atomic.Pointer[uplink]

	mu     sync.Mutex // held while ports come and go, and never with another lock
	closed bool
}

// portMap has each port under each of its addresses. Immutable.
type portMap map[[4]byte]*Port

// ErrSource says that a frame was refused because it isn't an IPv4 packet from one of its port's own addresses. It is
// EPERM.
var ErrSource = fmt.Errorf("link: source is not the port's own address: %w", syscall.EPERM)

// NewSwitch makes a switch without ports.
func NewSwitch() *Switch {
	w := &Switch{}
	w.ports.Store(&portMap{})
	return w
}

// Port adds a port for a host with the addresses given: the device that the host's stack attaches and closes. Closing
// it frees the addresses. mtu is in octets; 0 stands for the uplink's where there is one, else for [DefaultMTU].
// EADDRINUSE where another port has an address; EINVAL where there is none or it cannot be a host's, and where the MTU
// exceeds the uplink's, for a switch sends no ICMP messages that would tell; [ErrClosed].
func (w *Switch) Port(name string, mtu int, addrs ...netip.Addr) (*Port, error) {
	p := &Port{sw: w, name: name, in: gate.New()}
	for _, a := range addrs {
		b, ok := hostAddr(a)
		if !ok {
			return nil, fmt.Errorf("link: port %q: %v is not the IPv4 address of a host: %w", name, a, syscall.EINVAL)
		}
		p.addrs = append(p.addrs, b)
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("link: port %q: give it an address, else nothing reaches it: %w", name, syscall.EINVAL)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, ErrClosed
	}
	up := w.up.Load()
	if mtu == 0 {
		mtu = DefaultMTU
		if up != nil {
			mtu = up.mtu
		}
	}
	p.mtu = min(mtu, MaxPacket)
	if up != nil && p.mtu > up.mtu {
		return nil, mtuError(p, up)
	}
	ports := maps.Clone(*w.ports.Load())
	for _, a := range p.addrs {
		if q := ports[a]; q != nil {
			return nil, fmt.Errorf("link: port %q: port %q has the address %v already: %w",
				name, q.name, netip.AddrFrom4(a), syscall.EADDRINUSE)
		}
		ports[a] = p
	}
	w.ports.Store(&ports)
	return p, nil
}

// hostAddr gives the address in the form of the wire; false where a host cannot have it.
func hostAddr(a netip.Addr) ([4]byte, bool) {
	a = a.Unmap()
	if !a.Is4() || a.IsUnspecified() || a.IsLoopback() {
		return [4]byte{}, false
	}
	return a.As4(), !isGroup(a.As4())
}

func mtuError(p *Port, up *uplink) error {
	return fmt.Errorf("link: port %q has MTU %d, which exceeds the uplink's (%s): make it at most %d: %w",
		p.name, p.mtu, up.dev.Name(), up.mtu, syscall.EINVAL)
}

// remove frees the addresses of a port that closes.
func (w *Switch) remove(p *Port) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ports := maps.Clone(*w.ports.Load())
	maps.DeleteFunc(ports, func(_ [4]byte, q *Port) bool { return q == p })
	w.ports.Store(&ports)
}

// all returns the ports that there are.
func (w *Switch) all() []*Port {
	var l []*Port
	for _, p := range *w.ports.Load() {
		if !slices.Contains(l, p) {
			l = append(l, p)
		}
	}
	return l
}

// Close closes the uplink and all ports. It must not be called from a receiver.
func (w *Switch) Close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	var errs []error
	if up := w.up.Load(); up != nil { // first: from here on nothing comes from outside
		errs = append(errs, up.close())
	}
	for _, p := range w.all() {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// fromPort sends a frame of p's on its way.
func (w *Switch) fromPort(p *Port, dst [4]byte, f *Frame) error {
	if isGroup(dst) {
		p.counts.group.Add(1)
		return nil
	}
	if to := (*w.ports.Load())[dst]; to != nil {
		return to.offer(copyPacket(f))
	}
	if up := w.up.Load(); up != nil {
		return up.write(f)
	}
	p.counts.noPort.Add(1)
	return nil // a network may lose what is for nobody
}

// ends are the addresses of the IPv4 packet that begins with head; false where that is none.
func ends(head []byte) (src, dst [4]byte, ok bool) {
	if len(head) < wire.IPv4MinHeader || head[0]>>4 != 4 {
		return src, dst, false
	}
	return [4]byte(head[12:16]), [4]byte(head[16:20]), true
}

// isGroup reports whether an address is multicast or the limited broadcast's (RFC 1112 section 4, RFC 919 section 7).
func isGroup(a [4]byte) bool { return a[0]&0xf0 == 0xe0 || a == [4]byte{255, 255, 255, 255} }

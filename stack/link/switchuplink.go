package link

import (
	"errors"

	"github.com/gotcp/gotcp/stack/wire"
)

// uplink is the way out of a switch.
type uplink struct {
	dev    Device
	off    Offload
	mtu    int
	counts portCounts
}

// Uplink attaches a device, a TUN for example, to which frames for other addresses than the ports' go, and which brings
// frames for them. The switch owns it. [ErrAttached] where there is one already; EINVAL where the MTU of a port exceeds
// its; [ErrClosed], or what the device says.
func (w *Switch) Uplink(d Device) error {
	up := &uplink{dev: d, off: d.Offload(), mtu: d.MTU()}
	if err := w.setUplink(up); err != nil {
		return err
	}
	if err := d.Attach(func(f *Frame) { w.fromUplink(up, f) }); err != nil {
		w.up.CompareAndSwap(up, nil)
		return err
	}
	return nil
}

func (w *Switch) setUplink(up *uplink) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	for _, p := range w.all() {
		if p.mtu > up.mtu {
			return mtuError(p, up)
		}
	}
	if !w.up.CompareAndSwap(nil, up) {
		return ErrAttached
	}
	return nil
}

// UplinkStats are the uplink's: all zero where there is none.
func (w *Switch) UplinkStats() PortStats {
	if up := w.up.Load(); up != nil {
		return up.counts.stats()
	}
	return PortStats{}
}

// fromUplink takes a frame that the uplink has received.
func (w *Switch) fromUplink(up *uplink, f *Frame) {
	up.counts.in(len(f.Head))
	src, dst, ok := ends(f.Head)
	ports := *w.ports.Load()
	to := ports[dst]
	switch {
	case ok && isGroup(dst):
		up.counts.group.Add(1)
	case ok && ports[src] != nil: // whoever is out there, it isn't him (RFC 2827)
		up.counts.spoofed.Add(1)
	case !ok || to == nil:
		up.counts.noPort.Add(1)
	default:
		to.lend(f)
	}
}

// write sends a frame out, as the device takes it.
func (u *uplink) write(f *Frame) error {
	var err error
	if u.off.Admit(f, u.mtu) == nil {
		err = u.dev.Write(f)
	} else {
		err = u.cut(f)
	}
	if err != nil {
		u.counts.dropped.Add(1)
		return err
	}
	u.counts.out(f.Len())
	return nil
}

// cut does the device's work: it completes the checksum, or makes the packets that a super-segment stands for.
func (u *uplink) cut(f *Frame) error {
	p := copyPacket(f)
	defer p.free()
	if f.GSOSize == 0 {
		switch {
		case len(p.frame.Head) > u.mtu:
			return ErrTooLong
		case wire.CompleteChecksum(p.frame.Head) != nil:
			return ErrOffload
		}
		p.frame.Csum = CsumFull
		return u.dev.Write(&Frame{Head: p.frame.Head})
	}
	scratch := newPacket(u.mtu)
	defer scratch.free()
	train, err := wire.Segments(p.frame.Head, f.GSOSize, scratch.mem)
	if err != nil {
		return ErrOffload
	}
	var dropped error
	var one Frame
	for b := range train.All {
		one = Frame{Head: b}
		switch err := u.dev.Write(&one); {
		case errors.Is(err, ErrDropped): // a full queue: the next one may find room
			dropped = err
		case err != nil:
			return err
		}
	}
	return dropped
}

func (u *uplink) close() error { return u.dev.Close() }

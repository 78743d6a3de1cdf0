package stack

import (
	"context"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/tcp"
)

// KeepAlive has an idle connection probed (RFC 1122 4.2.3.6). Probes are sent only while nothing else is.
type KeepAlive struct {
	After    time.Duration // how long a connection is idle before the first probe
	Interval time.Duration // from one probe to the next
	Probes   int           // how many go unanswered before the connection is given up
}

// options are the engine's for k; nil for none.
func (k *KeepAlive) options() tcp.UserOptions {
	if k == nil {
		return tcp.UserOptions{}
	}
	return tcp.UserOptions{KeepAlive: true, KeepIdle: k.After, KeepInterval: k.Interval, KeepCount: k.Probes}
}

// Listener says what becomes of connections to a port, in the shape that MirageOS's TCP has: see [Stack.Input].
type Listener struct {
	// Process is called with each new connection, in a goroutine of its own. The flow is Process's to close.
	Process func(*Flow)
	// KeepAlive, if it isn't nil, applies to the connection before Process is called.
	KeepAlive *KeepAlive
}

func (l *Listener) heritage() *heritage { return &heritage{opts: l.KeepAlive.options(), linger: -1} }

// InputFunc takes a raw IPv4 packet in, which it doesn't keep.
type InputFunc func(packet []byte)

// Input returns a function for who brings his own IP layer or link: it takes in IPv4 packets that came from there, and
// asks listeners for each SYN who wants connections to its port. Where that says nil, a socket that listens on the port
// gets the connection, and where there is none the answer is RST. Answers leave by the stack's routes, so there has to
// be a device for them ([Stack.AddDevice]), which need not deliver anything itself.
//
// listeners must not block. It may be called from several goroutines at a time, namely those that call the function
// returned.
func (s *Stack) Input(listeners func(port uint16) *Listener) InputFunc {
	h := &hook{listeners: listeners}
	h.backlog.Store(maxBacklog)
	ifc := &Iface{name: "input", mtu: maxPacket, flags: FlagUp | FlagRunning}
	s.tcp.hooks.m.Store(ifc, h)
	return func(packet []byte) { s.input(ifc, &link.Frame{Head: packet}) }
}

// maxPacket is the largest IPv4 packet, in octets.
const maxPacket = 65535

// hook is what [Stack.Input] was given. It stands for the listener where half-open connections are counted.
type hook struct {
	listener
	listeners func(port uint16) *Listener
}

// hookTable finds the hook of the interface that a packet came from.
type hookTable struct{ m sync.Map }

func (t *hookTable) of(in *inPacket) *hook {
	if in == nil {
		return nil
	}
	h, _ := t.m.Load(in.ifc)
	hk, _ := h.(*hook)
	return hk
}

// acceptorFor finds who accepts a connection with the key k whose first packet is in. The caller holds no lock.
func (s *Stack) acceptorFor(k flowKey, in *inPacket) acceptor {
	if h := s.tcp.hooks.of(in); h != nil {
		if l := h.listeners(k.lport); l != nil {
			return acceptor{&h.listener, l}
		}
	}
	return acceptor{ln: s.tcp.listeners.lookup(k.local, k.lport)}
}

// FlowOptions are what a connection is made with; the zero value will do.
type FlowOptions struct {
	KeepAlive *KeepAlive     // nil: no probes
	NoDelay   bool           // as [Flow.SetNoDelay]
	Src       netip.AddrPort // local address; zero: chosen by the stack
}

// CreateConnection opens a connection to dst and blocks until it is established, refused ([ErrRefused]), given up
// ([ErrTimeout]) or ctx ends. Other errors are those of [Socket.Connect].
func (s *Stack) CreateConnection(ctx context.Context, dst netip.AddrPort, opts FlowOptions) (*Flow, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	c := newStreamOn(s)
	o := opts.KeepAlive.options()
	o.NoDelay = opts.NoDelay
	c.tcb.SetOptions(s.now(), o)
	err := error(nil)
	if opts.Src.IsValid() {
		err = c.Bind(opts.Src)
	}
	if err == nil {
		err = c.Connect(ctx, dst)
	}
	if err != nil {
		c.Close()
		return nil, dialError(err)
	}
	return &Flow{c}, nil
}

// dialError gives an error of Connect its place among the sentinels.
func dialError(err error) error {
	switch err {
	case syscall.ECONNREFUSED:
		return &flowError{ErrRefused, err}
	case syscall.ETIMEDOUT, context.DeadlineExceeded:
		return &flowError{ErrTimeout, err}
	}
	return err
}

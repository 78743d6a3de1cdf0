package sandbox

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins/internal/pace"
	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/tun"
)

// terminator is the stack at our end of the program's device. It stands in for all that the program may want to reach,
// and makes the connections there again on the network.
type terminator struct {
	cfg    *Config
	log    *slog.Logger
	quiet  quiet
	pace   pace.Pace
	ctx    context.Context // ends with the sandbox
	cancel context.CancelFunc
	ports  []published
	work   sync.WaitGroup // connections, flows and servers

	// Set by attach, before anything can call into the terminator.
	st   *stack.Stack
	face *netapi.Stack
	dev  link.Device

	mu     sync.Mutex
	conns  int
	flows  int
	closed bool
}

// newTerminator announces the published ports.
func newTerminator(cfg *Config) (*terminator, error) {
	t := &terminator{cfg: cfg, log: cfg.Logger.With("address", cfg.Address.Addr()), pace: pace.New()}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	for _, p := range cfg.Publish {
		pub, err := t.announce(p)
		if err != nil {
			t.close()
			return nil, &Error{Op: "publish " + p.String(), Err: err}
		}
		t.ports = append(t.ports, pub)
	}
	return t, nil
}

// attach makes the stack on the program's device, and starts what serves the program.
func (t *terminator) attach(device *os.File, mtu int) error {
	dev, err := tun.Adopt(device, mtu)
	if err != nil {
		return err
	}
	var d link.Device = dev
	if t.cfg.Wrap != nil {
		if d, err = t.cfg.Wrap(dev); err != nil {
			return errors.Join(err, dev.Close())
		}
	}
	l := &t.cfg.Limits
	st := stack.New(stack.Config{
		Logger: t.log, SndBuf: l.Buffer, RcvBuf: l.Buffer, FragBytes: l.Fragment,
		MaxConns: 2 * l.Conns, MaxForwards: max(l.Conns, l.Flows), MaxHalfOpen: 2 * l.Conns, MaxTimeWait: 2 * l.Conns,
	})
	t.mu.Lock()
	again := t.st != nil
	if !again {
		t.st, t.face, t.dev = st, netapi.NewStack(st), d
	}
	t.mu.Unlock()
	if again {
		return errors.Join(os.ErrExist, st.Close(), d.Close())
	}
	ifc, err := st.AddDevice(d, netip.PrefixFrom(Gateway, Gateway.BitLen()))
	if err != nil {
		return errors.Join(err, d.Close())
	}
	if err := st.AddRoute(everywhere, ifc); err != nil {
		return err
	}
	if err := t.serveNames(); err != nil {
		return err
	}
	if err := st.AnyIP(ifc, t); err != nil {
		return err
	}
	for _, p := range t.ports {
		t.work.Go(func() { p.serve(t) })
	}
	return nil
}

// close ends all connections and everything that serves the program, and waits for that.
func (t *terminator) close() {
	t.mu.Lock()
	t.closed = true
	st := t.st
	t.mu.Unlock()
	t.cancel()
	for _, p := range t.ports {
		p.Close()
	}
	if st != nil {
		st.Close()
	}
	t.work.Wait()
}

// enter counts one more of what there may be limit of, which leave takes back. It reports false where there are too
// many, or the sandbox is closed.
func (t *terminator) enter(n *int, limit int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || *n >= limit {
		return false
	}
	*n++
	t.work.Add(1)
	return true
}

func (t *terminator) leave(n *int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*n--
	t.work.Done()
}

// dial makes a connection of the program's on the network.
func (t *terminator) dial(network string, to netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(t.ctx, t.cfg.Limits.Dial)
	defer cancel()
	return t.cfg.Network.DialContext(ctx, network, to.String())
}

// closeBoth closes what a relay was between.
func closeBoth(a, b io.Closer) {
	a.Close()
	b.Close()
}

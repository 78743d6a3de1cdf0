package plugins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/plugins/internal/border"
)

// hello is what a plugin says of itself when it is ready.
type hello struct {
	Kinds []string `json:"kinds"`
}

// join puts the plugin's network at its disposal, and waits until it says that it is ready.
func (i *instance) join(ctx context.Context, carrier border.Carrier) error {
	ready := make(chan string, 1)
	n := i.p.spec.Net
	i.border = border.NewHost(carrier, n.Network, limits(n.Quota()),
		border.Hooks{
			Ready: func(text string) {
				select {
				case ready <- text:
				default: // it says so twice
				}
			},
			Finished: func(text string) {
				var err error
				if text != "" {
					err = errors.New(text)
				}
				select {
				case i.finished <- err:
				default:
				}
			},
			Exchange: n.Exchange,
		})
	i.served = make(chan struct{})
	go func() {
		defer close(i.served)
		i.parted(i.border.Serve(i.p.kill))
	}()
	select {
	case text := <-ready:
		var h hello
		if err := json.Unmarshal([]byte(text), &h); err != nil {
			return fmt.Errorf("what it says of itself makes no sense: %w", err)
		}
		known := kindNames([]Kind{Service(nil), Handler(nil), Observer(nil)})
		for _, k := range h.Kinds {
			if !slices.Contains(known, k) {
				return fmt.Errorf("it says that it is a %.20q: this host knows %s", k, list(known))
			}
		}
		i.kinds = slices.DeleteFunc(known, func(k string) bool { return !slices.Contains(h.Kinds, k) }) // each once
		return i.serveKinds(ctx)
	case err := <-i.finished:
		if err == nil {
			err = errDone
		}
		return err
	case <-i.ended():
		return i.why()
	case <-ctx.Done():
		return fmt.Errorf("it wasn't ready in time: %w", context.Cause(ctx))
	}
}

// errHungUp is a plugin's that goes on without its border.
var errHungUp = errors.New("it has hung up")

// parted has the process end with its border, by itself or by force.
func (i *instance) parted(err error) {
	if i.p.kill.Err() != nil {
		return
	}
	if err == nil {
		t := time.NewTimer(exitGrace)
		defer t.Stop()
		select {
		case <-i.ended():
			return
		case <-t.C:
			err = errHungUp
		}
	} else {
		err = fmt.Errorf("it was cut off: %w", err)
	}
	select {
	case i.finished <- err:
	default:
	}
	i.proc.Kill(context.Background())
}

// limits are the border's, which are there for the memory of this process: what the plugin may have its network says,
// and counts what it refuses. So they leave room for what quotas don't count, connections that are closing.
func limits(q guard.Quota) border.Limits {
	const conns, others = 1024, 64 // where there is no quota
	return border.Limits{
		Conns: max(conns, 2*q.Conns), Listeners: max(others, 2*q.Listeners), Sockets: max(others, 2*q.Sockets),
	}
}

// serveKinds does the host's part for what the plugin is.
func (i *instance) serveKinds(ctx context.Context) error {
	if slices.Contains(i.kinds, Handler(nil).kind()) {
		if err := i.serveHandler(ctx); err != nil {
			return err
		}
	} else if len(i.p.spec.Listen) > 0 {
		i.p.log.Warn("the plugin is no handler: nobody listens for it", "addresses", i.p.spec.Listen)
	}
	if slices.Contains(i.kinds, Observer(nil).kind()) {
		go i.serveObserver()
	}
	return nil
}

// serveHandler listens, and hands over what is accepted.
func (i *instance) serveHandler(ctx context.Context) error {
	n := i.p.spec.Net
	for _, address := range i.p.spec.Listen {
		ln, err := (&dialer.ListenConfig{Network: n.Network}).Listen(ctx, "tcp", address)
		if err != nil {
			return err
		}
		i.p.log.Info("listening for the handler", "address", ln.Addr().String())
		stop := context.AfterFunc(i.ctx, func() { ln.Close() })
		i.handing.Go(func() {
			defer stop()
			defer ln.Close()
			i.handOver(ln)
		})
	}
	return nil
}

// handOver accepts until the listener or the plugin ends. While the plugin takes none, connections wait in the backlog.
func (i *instance) handOver(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		if err := i.border.Handle(i.ctx, "tcp", c.(dialer.TCPConn)); err != nil {
			c.Close()
			if i.ctx.Err() != nil {
				return
			}
			i.p.its.Warn("a connection was not handed over", "from", c.RemoteAddr().String(), "error", err)
		}
	}
}

// serveObserver tells the plugin of events until it ends. What the plugin doesn't take in time is dropped here, too.
func (i *instance) serveObserver() {
	events, cancel := i.p.host.Events(i.p.spec.Events)
	defer cancel()
	var dropped uint64
	for {
		select {
		case e, ok := <-events:
			if !ok {
				return
			}
			e.Dropped += dropped
			text, err := json.Marshal(e)
			if err != nil || !i.border.Event(text) {
				dropped = e.Dropped + 1
			} else {
				dropped = 0
			}
		case <-i.ctx.Done():
			return
		}
	}
}

// listenRules are what the network's Rules.Listen must have for what the operator has the host announce.
func (s *Spec) listenRules() (rules []guard.Rule, err error) {
	if s.Foreign != nil {
		return s.Foreign.rules(), nil
	}
	for _, address := range s.Listen {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if host == "" || net.ParseIP(host).IsUnspecified() {
			host = "*"
		}
		number, err := net.LookupPort("tcp", port)
		if err != nil {
			return nil, err
		}
		r, err := guard.ParseRule("tcp " + net.JoinHostPort(host, strconv.Itoa(number)))
		if err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

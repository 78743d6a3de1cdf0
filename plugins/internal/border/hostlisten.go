package border

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/gotcp/gotcp/dialer"
)

// hostListener is a listener that the plugin has. It accepts a connection only when the plugin has asked for one: what
// nobody asks for stays in the network's own queue, whose length is the limit that peers know.
type hostListener struct {
	h      *Host
	id     uint64
	l      net.Listener // nil for the one of connections that are handed over
	credit chan struct{}
	closed chan struct{}
	once   sync.Once
}

// listenStream makes a listener. The caller has claimed its place.
func (h *Host) listenStream(ctx context.Context, lc *net.ListenConfig, m *listen) error {
	ln, err := h.net.ListenWith(ctx, lc, m.network, m.address)
	if err != nil {
		return err
	}
	l := &hostListener{h: h, l: ln, credit: make(chan struct{}, maxCredit), closed: make(chan struct{})}
	if !h.add(l, &l.id) {
		ln.Close()
		return errOver
	}
	h.send(&listening{m.req, l.id, addrPortOf(ln.Addr())}, nil)
	go l.run()
	return nil
}

// want is the plugin's asking for one connection more.
func (l *hostListener) want() {
	select {
	case l.credit <- struct{}{}:
	default: // more than a plugin asks for
	}
}

// wait waits until a connection is asked for.
func (l *hostListener) wait(ctx context.Context) error {
	select {
	case <-l.credit:
		return nil
	case <-l.closed:
		return errOver
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run accepts until the listener is closed.
func (l *hostListener) run() {
	defer l.h.gone()
	defer l.h.release(&l.h.listeners)
	for l.wait(l.h.ctx) == nil && l.place() {
		c, err := l.accept()
		if err == nil {
			continue
		}
		<-l.h.conns
		if c != nil {
			c.Close()
		}
		if isDone(l.closed) {
			return
		}
		l.h.send(&refused{l.id, err}, nil)
	}
}

// place waits for a place among the plugin's connections. That it has none is no error of Accept's: who has come waits
// with the network.
func (l *hostListener) place() bool {
	select {
	case l.h.conns <- struct{}{}:
		return true
	case <-l.closed:
		return false
	}
}

// accept accepts one connection, for which there is a place. c is nil where it is the plugin's, or where there is none.
func (l *hostListener) accept() (c net.Conn, err error) {
	if c, err = l.l.Accept(); err != nil {
		return nil, err
	}
	t, ok := c.(dialer.TCPConn)
	if !ok {
		return c, errKind(c)
	}
	if err := l.give("", t); err != nil {
		return c, err
	}
	return nil, nil
}

// hand hands a connection over.
func (l *hostListener) hand(network string, c dialer.TCPConn) error {
	if !l.h.claimConn(false) {
		return os.NewSyscallError("border", syscall.EMFILE)
	}
	err := l.give(network, c)
	if err != nil {
		<-l.h.conns
	}
	return err
}

// give gives the plugin a connection.
func (l *hostListener) give(network string, c dialer.TCPConn) error {
	return l.h.openTCP(c, func(id uint64) message {
		return &accepted{l.id, id, network, addrPortOf(c.LocalAddr()), addrPortOf(c.RemoteAddr())}
	})
}

func (l *hostListener) close() (err error) {
	l.once.Do(func() {
		close(l.closed)
		if l.l != nil {
			err = l.l.Close()
			l.h.remove(l.id)
		}
	})
	return err
}

func (l *hostListener) abandon() { l.close() }

// call is a method of the plugin's listener: Close.
func (l *hostListener) call(m *call) ([]byte, error) {
	if m.op != opClose || l.l == nil {
		return nil, syscall.EINVAL
	}
	return nil, l.close()
}

package border

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/likenet"
)

// TCPListener accepts TCP connections on an address of a [Network]. The host accepts one where a call of Accept wants
// it: what nobody wants waits in the network.
type TCPListener struct {
	n      *Network
	id     uint64
	net    string
	addr   netip.AddrPort
	came   chan acceptance
	closed chan struct{}

	mu       sync.Mutex
	isClosed bool
	waiting  int // calls of Accept
	asked    int // of the host, and not come
	deadline time.Time
	moved    chan struct{} // closed when the deadline is set
}

// acceptance is what Accept gives.
type acceptance struct {
	c   *TCPConn
	err error
}

func newListener(n *Network, network string) *TCPListener {
	return &TCPListener{n: n, net: network, came: make(chan acceptance, maxCredit), closed: make(chan struct{}),
		moved: make(chan struct{})}
}

// push takes what the host has sent. There is room for all that was asked for.
func (l *TCPListener) push(a acceptance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked--
	if !l.isClosed {
		select {
		case l.came <- a:
			return
		default:
		}
	}
	if a.c != nil {
		go a.c.close(true) // as of all that a closed listener has not accepted
	}
}

// Accept waits for a connection and returns it, a *[TCPConn].
func (l *TCPListener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptTCP waits for a connection. One that was reset before it was accepted is still given.
func (l *TCPListener) AcceptTCP() (*TCPConn, error) {
	l.mu.Lock()
	l.waiting++
	l.mu.Unlock()
	a := l.accept()
	l.mu.Lock()
	l.waiting--
	l.mu.Unlock()
	if !isDressed(a.err) {
		a.err = l.opError("accept", dress("accept4", a.err))
	}
	return a.c, a.err
}

func (l *TCPListener) accept() acceptance {
	for {
		moved, expiry, err := l.begin()
		if err != nil {
			return acceptance{err: err}
		}
		var timeout <-chan time.Time
		var timer *time.Timer
		if !expiry.IsZero() {
			timer = time.NewTimer(time.Until(expiry))
			timeout = timer.C
		}
		select {
		case a := <-l.came:
			return a
		case <-l.closed:
		case <-moved:
		case <-timeout:
		case <-l.n.done:
			return acceptance{err: ErrGone}
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

// begin says why there is nothing to wait for, else asks the host for a connection, unless enough are on their way.
func (l *TCPListener) begin() (moved <-chan struct{}, deadline time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.isClosed:
		return nil, deadline, net.ErrClosed
	case expired(l.deadline):
		return nil, deadline, os.ErrDeadlineExceeded
	}
	if l.asked+len(l.came) < min(l.waiting, maxCredit) {
		if err := l.n.send(&want{l.id}); err != nil {
			return nil, deadline, err
		}
		l.asked++
	}
	return l.moved, l.deadline, nil
}

// Close stops listening. Connections that were not accepted are reset; accepted ones live on. Blocked calls of Accept
// return net.ErrClosed.
func (l *TCPListener) Close() error {
	l.mu.Lock()
	if l.isClosed {
		l.mu.Unlock()
		return l.opError("close", net.ErrClosed)
	}
	l.isClosed = true
	close(l.closed)
	l.mu.Unlock()
	for {
		select {
		case a := <-l.came:
			if a.c != nil {
				a.c.close(true)
			}
			continue
		default:
		}
		break
	}
	if l.id == 0 {
		return nil // what the host hands over to a plugin is reset from now on
	}
	_, err := l.n.call(&call{id: l.id, op: opClose})
	l.n.forget(l.id)
	if err == syscall.EBADF || err == ErrGone {
		err = nil // it is closed
	}
	return err
}

// died is told of the host's end, which Accept sees by itself.
func (l *TCPListener) died(error) {}

// Addr is the address listened on, a *net.TCPAddr.
func (l *TCPListener) Addr() net.Addr { return likenet.Addr(l.net, l.addr) }

// Network is the network that the listener was made on, a *[Network]: see [netapi.NetworkOf].
func (l *TCPListener) Network() netapi.Network { return l.n }

// SetDeadline has Accept, also one that is blocked now, give up at t. The zero time means never.
func (l *TCPListener) SetDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isClosed {
		return net.ErrClosed
	}
	l.deadline = t
	close(l.moved)
	l.moved = make(chan struct{})
	return nil
}

func (l *TCPListener) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: l.net, Addr: l.Addr(), Err: err}
}

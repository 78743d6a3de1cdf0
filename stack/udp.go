package stack

import (
	"context"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/stack/tcp"
)

// udpSocket is a datagram [Socket] (RFC 768, RFC 1122 section 4.1). Its mutex comes before those of the port table and
// of udpState, and is never held while a packet is sent.
type udpSocket struct {
	s    *Stack
	next *udpSocket // others filed under the same key; udpState's, as is key
	key  flowKey

	mu        sync.Mutex
	rq, wq    waitq // nobody waits on wq, as writes don't block: it only has the write deadline
	queue     dgramQueue
	hold      *binding // the port; nil before Bind
	local     netip.AddrPort
	remote    netip.AddrPort
	wildcard  bool          // the local address was 0.0.0.0 until Connect chose one
	connected bool          // to remote
	err       syscall.Errno // pending: given once by the next call
	shutR     bool
	shutW     bool
	closed    bool
	opt       udpOptions
}

// newDatagram makes a datagram socket.
func (s *Stack) newDatagram() Socket {
	d := &udpSocket{s: s, rq: makeWaitq()}
	d.opt.init(&s.cfg)
	if !s.udp.add(d) {
		d.closed = true
	}
	return d
}

func (d *udpSocket) Bind(local netip.AddrPort) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return ErrClosed
	case d.hold != nil:
		return syscall.EINVAL
	}
	return d.bind(local)
}

// bind takes the port and files the socket. The caller holds the mutex.
func (d *udpSocket) bind(local netip.AddrPort) error {
	a := local.Addr().Unmap()
	if !a.IsValid() {
		a = netip.IPv4Unspecified()
	}
	if !a.Is4() {
		return syscall.EAFNOSUPPORT
	}
	k := addr4(a.As4())
	if !d.s.mayBind(k, d.opt.foreign) {
		return syscall.EADDRNOTAVAIL
	}
	b, err := d.s.udpPorts.bind(k, local.Port(), d.opt.reuse)
	if err != nil {
		return err
	}
	d.hold = b
	d.wildcard = k.unspecified()
	d.local = netip.AddrPortFrom(a, b.port)
	d.s.udp.file(d, flowKey{local: k, lport: b.port})
	return nil
}

// ensureBound binds a socket that isn't to any port.
func (d *udpSocket) ensureBound() error {
	if d.hold != nil {
		return nil
	}
	return d.bind(netip.AddrPort{})
}

// Connect fixes the peer: datagrams from elsewhere are not received any more. It may be called again; the zero AddrPort
// takes the peer away, as AF_UNSPEC does for connect(2).
func (d *udpSocket) Connect(ctx context.Context, remote netip.AddrPort) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.StartConnect(remote)
}

func (d *udpSocket) StartConnect(remote netip.AddrPort) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	if !remote.Addr().IsValid() {
		d.disconnect()
		return nil
	}
	remote = loopbackIfZero(remote)
	var src netip.Addr // a wildcard is free to become another address than it became last time
	if d.hold != nil && !d.wildcard {
		src = d.local.Addr()
	}
	p, err := d.s.route(src, remote.Addr())
	if err != nil {
		return err
	}
	if d.s.net.Load().isBroadcast(addrOf(remote.Addr())) && !d.opt.broadcast {
		return syscall.EACCES
	}
	if err := d.ensureBound(); err != nil {
		return err
	}
	d.local = netip.AddrPortFrom(p.src, d.local.Port())
	d.remote, d.connected, d.err = remote, true, 0
	d.refile(keyOf(d.local, d.remote))
	return nil
}

// disconnect takes the peer away, and the local address that came with it.
func (d *udpSocket) disconnect() {
	if !d.connected {
		return
	}
	if d.wildcard {
		d.local = netip.AddrPortFrom(netip.IPv4Unspecified(), d.local.Port())
	}
	d.remote, d.connected, d.err = netip.AddrPort{}, false, 0
	d.refile(flowKey{local: addrOf(d.local.Addr()), lport: d.local.Port()})
}

// refile moves the socket to another key.
func (d *udpSocket) refile(key flowKey) {
	d.s.udp.unfile(d, false)
	d.s.udpPorts.rebind(d.hold, key.local)
	d.s.udp.file(d, key)
}

// loopbackIfZero has 0.0.0.0 as a destination mean this host (RFC 1122 3.2.1.3 (a), as Linux does).
func loopbackIfZero(a netip.AddrPort) netip.AddrPort {
	ip := a.Addr().Unmap()
	if ip.Is4() && ip.IsUnspecified() {
		ip = loopbackAddr
	}
	return netip.AddrPortFrom(ip, a.Port())
}

func (d *udpSocket) Listen(int) error           { return syscall.EOPNOTSUPP }
func (d *udpSocket) Accept() (Socket, error)    { return nil, syscall.EOPNOTSUPP }
func (d *udpSocket) TryAccept() (Socket, error) { return nil, syscall.EOPNOTSUPP }

// Shutdown of the reading half has reads give 0 octets once the queue is empty, of the writing half writes EPIPE. On a
// socket without a peer it does the same, and says ENOTCONN: so does Linux.
func (d *udpSocket) Shutdown(how int) error {
	if how < syscall.SHUT_RD || how > syscall.SHUT_RDWR {
		return syscall.EINVAL
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	d.shutR = d.shutR || how != syscall.SHUT_WR
	d.shutW = d.shutW || how != syscall.SHUT_RD
	d.rq.signal()
	if !d.connected {
		return syscall.ENOTCONN
	}
	return nil
}

func (d *udpSocket) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	d.closed = true
	d.s.udp.unfile(d, true)
	if d.hold != nil {
		d.s.udpPorts.release(d.hold)
	}
	for g := d.queue.pop(); g != nil; g = d.queue.pop() {
		g.put()
	}
	d.rq.stop()
	d.wq.stop()
	d.rq.signal()
	return nil
}

// Abort is Close: there is nothing to reset.
func (d *udpSocket) Abort() error { return d.Close() }

func (d *udpSocket) SetReadDeadline(t time.Time) error  { return d.setDeadline(&d.rq, t) }
func (d *udpSocket) SetWriteDeadline(t time.Time) error { return d.setDeadline(&d.wq, t) }

func (d *udpSocket) setDeadline(q *waitq, t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	q.setDeadline(d.s.cfg.Clock, &d.mu, t)
	return nil
}

func (d *udpSocket) LocalAddr() netip.AddrPort {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.local
}

func (d *udpSocket) RemoteAddr() netip.AddrPort {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.remote
}

func (d *udpSocket) Info() tcp.Info { return tcp.Info{} }

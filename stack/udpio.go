package stack

import (
	"net/netip"
	"os"
	"syscall"

	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

// maxUDP is the most payload that a UDP datagram has room for.
const maxUDP = 0xffff - wire.IPv4MinHeader - wire.UDPHeaderLen

// enqueue takes a datagram of the flow k into the socket's queue, if there is room.
func (d *udpSocket) enqueue(k flowKey, payload []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	cost := dgramSizes[dgramClass(len(payload))] + dgramCost
	switch {
	case d.closed || d.connected && d.key != k: // it was closed or connected since it was looked up
		d.s.count(DropUDPNoPort)
		return
	case d.shutR:
		d.s.count(DropUDPShutdown)
		return
	case d.queue.head != nil && d.queue.bytes+cost > d.opt.rcvBuf:
		d.s.count(DropUDPFull)
		return
	}
	g := getDgram(payload)
	g.from, g.fport = k.remote, k.rport
	d.queue.push(g)
	d.s.count(UDPIn)
	d.rq.signal()
}

// readable reports whether a read would not block. The caller holds the mutex.
func (d *udpSocket) readable() bool { return d.queue.head != nil || d.err != 0 || d.shutR }

// await waits until the socket is readable, is closed or the deadline passes. The caller holds the mutex, and calls
// d.leave before giving it up.
func (d *udpSocket) await() error {
	for {
		switch {
		case d.closed:
			return ErrClosed
		case d.rq.expired():
			return os.ErrDeadlineExceeded
		case d.readable():
			return nil
		}
		d.rq.wait(&d.mu, nil)
	}
}

// leave passes the wake-up on that brought us here, if it may concern others, and gives the mutex up.
func (d *udpSocket) leave() {
	if d.closed || d.rq.expired() || d.readable() {
		d.rq.signal()
	}
	d.mu.Unlock()
}

// takeErr gives the pending error, once.
func (d *udpSocket) takeErr() error {
	if e := d.err; e != 0 {
		d.err = 0
		return e
	}
	return nil
}

// received copies the first datagram into p, if there is one; with peek it stays. The caller holds the mutex.
func (d *udpSocket) received(p []byte, peek bool) (n, full int, from netip.AddrPort) {
	g := d.queue.head
	if g == nil {
		return 0, 0, netip.AddrPort{} // the reading half is shut down
	}
	n, full = copy(p, g.buf[:g.n]), g.n
	from = netip.AddrPortFrom(g.from.netip(), g.fport)
	if !peek {
		d.queue.pop().put()
	}
	return n, full, from
}

func (d *udpSocket) RecvFrom(p []byte) (n, full int, from netip.AddrPort, err error) {
	d.mu.Lock()
	defer d.leave()
	if err := d.await(); err != nil {
		return 0, 0, netip.AddrPort{}, err
	}
	if err := d.takeErr(); err != nil {
		return 0, 0, netip.AddrPort{}, err
	}
	n, full, from = d.received(p, false)
	return n, full, from, nil
}

func (d *udpSocket) TryRecvFrom(p []byte, peek bool) (n, full int, from netip.AddrPort, err error) {
	d.mu.Lock()
	defer d.leave()
	switch {
	case d.closed:
		return 0, 0, netip.AddrPort{}, ErrClosed
	case !d.readable():
		return 0, 0, netip.AddrPort{}, syscall.EAGAIN
	}
	if err := d.takeErr(); err != nil {
		return 0, 0, netip.AddrPort{}, err
	}
	n, full, from = d.received(p, peek)
	return n, full, from, nil
}

// Read is RecvFrom that doesn't say from whom. Unlike that, with an empty p it takes nothing and doesn't wait.
func (d *udpSocket) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, d.alive()
	}
	n, _, _, err := d.RecvFrom(p)
	return n, err
}

func (d *udpSocket) TryRead(p []byte, peek bool) (int, error) {
	if len(p) == 0 {
		return 0, d.alive()
	}
	n, _, _, err := d.TryRecvFrom(p, peek)
	return n, err
}

// alive is ErrClosed for a closed socket.
func (d *udpSocket) alive() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	return nil
}

func (d *udpSocket) Write(p []byte) (int, error) { return d.send(p, netip.AddrPort{}, false) }

func (d *udpSocket) SendTo(p []byte, to netip.AddrPort) (int, error) { return d.send(p, to, false) }

func (d *udpSocket) TryWrite(p []byte) (int, error) { return d.send(p, netip.AddrPort{}, true) }

// Writev sends one datagram that is put together from all pieces.
func (d *udpSocket) Writev(bufs [][]byte) (int64, error) {
	if len(bufs) == 1 {
		n, err := d.Write(bufs[0])
		return int64(n), err
	}
	buf := tcp.GetBuf()
	defer tcp.PutBuf(buf)
	n := 0
	for _, b := range bufs {
		if n+len(b) > maxUDP {
			return 0, syscall.EMSGSIZE
		}
		n += copy(buf[n:], b)
	}
	m, err := d.Write(buf[:n])
	return int64(m), err
}

// send sends one datagram. It never blocks: a link that has no room drops it. The deadline counts all the same, but for
// the Try calls.
func (d *udpSocket) send(p []byte, to netip.AddrPort, try bool) (int, error) {
	out, path, err := d.prepare(len(p), to, try)
	if err != nil {
		return 0, err
	}
	t := getScratch()
	defer t.put()
	out.body = p
	wire.UDPHeader{SrcPort: out.sport, DstPort: out.dport}.Put(t.head[wire.IPv4MinHeader:], len(p))
	if err := d.s.sendDatagram(&path, &out.outDatagram, t); err != nil {
		return 0, err
	}
	d.s.count(UDPOut)
	return len(p), nil
}

// outUDP is a UDP datagram to be sent.
type outUDP struct {
	outDatagram
	sport, dport uint16
}

// prepare decides whether, where to and how a datagram of n octets goes.
func (d *udpSocket) prepare(n int, to netip.AddrPort, try bool) (out outUDP, p path, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err = d.sendable(try); err != nil {
		return out, p, err
	}
	switch {
	case to.Addr().IsValid():
		if to = loopbackIfZero(to); to.Port() == 0 {
			return out, p, syscall.EINVAL
		}
	case to.Port() != 0:
		return out, p, syscall.EAFNOSUPPORT
	case !d.connected:
		return out, p, syscall.EDESTADDRREQ
	default:
		to = d.remote
	}
	if n > maxUDP {
		return out, p, syscall.EMSGSIZE
	}
	if err = d.ensureBound(); err != nil {
		return out, p, err
	}
	if p, err = d.s.route(d.sourceAddr(), to.Addr()); err != nil {
		return out, p, err
	}
	dst := addrOf(to.Addr())
	if d.s.net.Load().isBroadcast(dst) && !d.opt.broadcast {
		return out, p, syscall.EACCES
	}
	out.outDatagram = outDatagram{
		src: p.src, dst: to.Addr(), proto: wire.ProtoUDP, head: wire.UDPHeaderLen,
		opts: d.opt.ip(dst), frag: d.opt.frag,
	}
	out.sport, out.dport = d.local.Port(), to.Port()
	return out, p, nil
}

// sendable says why nothing can be sent at the moment, if so.
func (d *udpSocket) sendable(try bool) error {
	switch {
	case d.closed:
		return ErrClosed
	case !try && d.wq.expired():
		return os.ErrDeadlineExceeded
	case d.err != 0:
		return d.takeErr()
	case d.shutW:
		return syscall.EPIPE
	}
	return nil
}

// sourceAddr is the address to send from; zero where the route is to choose it, for a socket that is bound to all or to
// a group.
func (d *udpSocket) sourceAddr() netip.Addr {
	a := d.local.Addr()
	if !d.s.net.Load().isLocal(addrOf(a)) {
		return netip.Addr{}
	}
	return a
}

func (d *udpSocket) WaitReadable(block bool) error {
	d.mu.Lock()
	defer d.leave()
	if block {
		return d.await()
	}
	return d.notReady(&d.rq)
}

// WaitWritable never blocks: a datagram can always be sent, or dropped.
func (d *udpSocket) WaitWritable(bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.notReady(&d.wq)
}

// notReady says why calls of one direction fail now, whatever there is.
func (d *udpSocket) notReady(q *waitq) error {
	switch {
	case d.closed:
		return ErrClosed
	case q.expired():
		return os.ErrDeadlineExceeded
	}
	return nil
}

func (d *udpSocket) Ready() (readable, writable bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed || d.readable(), true
}

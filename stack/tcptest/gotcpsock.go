package tcptest

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/tcp"
)

// gotcpSockets makes system calls of a stack's sockets.
type gotcpSockets struct {
	stack *stack.Stack
	// park, where it is set, stands for blocking: calls that block are tried again when it returns. after is then the
	// clock's AfterFunc.
	park  func()
	after func(time.Duration, func()) stack.Timer

	mu    sync.Mutex // guards what follows
	socks map[int]*sock
	last  int
}

// sock is a socket with what a file descriptor adds to it.
type sock struct {
	stack.Socket
	nonblock bool
	dgram    bool
}

// errno turns an error of a stack's socket into that of a system call.
func errno(err error) error {
	switch {
	case errors.Is(err, stack.ErrClosed):
		return syscall.EBADF
	case errors.Is(err, os.ErrDeadlineExceeded):
		return syscall.EAGAIN
	}
	return err
}

func (g *gotcpSockets) add(s *sock) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last++
	g.socks[g.last] = s
	return g.last
}

// sock returns the socket of a descriptor. The runner gives only those that are open.
func (g *gotcpSockets) sock(fd int) *sock {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.socks[fd]
}

func (g *gotcpSockets) Socket(typ, _ int) (int, error) {
	s, err := g.stack.Socket(typ)
	if err != nil {
		return 0, errno(err)
	}
	return g.add(&sock{Socket: s, dgram: typ == syscall.SOCK_DGRAM}), nil
}

func (g *gotcpSockets) Bind(fd int, a netip.AddrPort) error { return errno(g.sock(fd).Bind(a)) }

func (g *gotcpSockets) Listen(fd, backlog int) error { return errno(g.sock(fd).Listen(backlog)) }

// again repeats f, which doesn't block, until it gives something else than EAGAIN; once only where the call must not
// block.
func (g *gotcpSockets) again(block bool, f func() error) error {
	for {
		err := f()
		if err != syscall.EAGAIN || !block {
			return errno(err)
		}
		g.park()
	}
}

func (g *gotcpSockets) Accept(fd int) (conn int, err error) {
	s := g.sock(fd)
	var c stack.Socket
	if s.nonblock || g.park != nil {
		err = g.again(!s.nonblock, func() (err error) {
			c, err = s.TryAccept()
			return err
		})
	} else {
		c, err = s.Socket.Accept()
	}
	if err != nil {
		return 0, errno(err)
	}
	return g.add(&sock{Socket: c}), nil
}

func (g *gotcpSockets) Connect(fd int, a netip.AddrPort) error {
	s := g.sock(fd)
	if !s.nonblock && g.park == nil {
		return errno(s.Socket.Connect(context.Background(), a))
	}
	err := s.StartConnect(a)
	if s.nonblock || err != syscall.EINPROGRESS {
		return errno(err)
	}
	for {
		if _, writable := s.Ready(); writable {
			e, err := s.Socket.Opt(syscall.SOL_SOCKET, syscall.SO_ERROR)
			if err == nil && e != 0 {
				err = syscall.Errno(e)
			}
			return errno(err)
		}
		g.park()
	}
}

func (g *gotcpSockets) Recv(fd int, p []byte, flags int) (n int, from netip.AddrPort, err error) {
	s := g.sock(fd)
	if flags&MsgOOB != 0 {
		return 0, from, syscall.EINVAL // urgent data always stays in the stream, as RFC 6093 says
	}
	block, peek := !s.nonblock && flags&MsgDontWait == 0, flags&MsgPeek != 0
	if block && peek && g.park == nil {
		if err := s.WaitReadable(true); err != nil {
			return 0, from, errno(err)
		}
	}
	try := func() (err error) {
		if s.dgram {
			n, _, from, err = s.TryRecvFrom(p, peek)
		} else {
			n, err = s.TryRead(p, peek)
		}
		return err
	}
	switch {
	case !block || peek || g.park != nil:
		err = g.again(block, try)
	case s.dgram:
		n, _, from, err = s.RecvFrom(p)
	default:
		n, err = s.Read(p)
	}
	if err == io.EOF {
		return 0, from, nil
	}
	return n, from, errno(err)
}

func (g *gotcpSockets) Send(fd int, p []byte, flags int, to netip.AddrPort) (int, error) {
	s := g.sock(fd)
	if flags&^(MsgDontWait|MsgNoSignal) != 0 {
		return 0, syscall.EOPNOTSUPP
	}
	if s.dgram {
		n, err := s.SendTo(p, to)
		return n, errno(err)
	}
	if s.nonblock || flags&MsgDontWait != 0 {
		n, err := s.TryWrite(p)
		return n, errno(err)
	}
	if g.park == nil {
		n, err := s.Write(p)
		return partial(n, err)
	}
	sent := 0
	for {
		var n int
		err := g.again(true, func() (err error) {
			n, err = s.TryWrite(p[sent:])
			return err
		})
		if sent += n; err != nil || sent == len(p) {
			return partial(sent, err)
		}
	}
}

// partial is the result of a write that was cut short: what it took counts, and the error is for the next one.
func partial(n int, err error) (int, error) {
	if n > 0 {
		return n, nil
	}
	return n, errno(err)
}

func (g *gotcpSockets) Shutdown(fd, how int) error { return errno(g.sock(fd).Socket.Shutdown(how)) }

func (g *gotcpSockets) Close(fd int) error {
	s := g.sock(fd)
	g.mu.Lock()
	delete(g.socks, fd)
	g.mu.Unlock()
	return errno(s.Socket.Close())
}

func (g *gotcpSockets) SetOpt(fd, level, name, value int) error {
	return errno(g.sock(fd).Socket.SetOpt(level, name, value))
}

func (g *gotcpSockets) Opt(fd, level, name int) (int, error) {
	n, err := g.sock(fd).Socket.Opt(level, name)
	return n, errno(err)
}

func (g *gotcpSockets) SetCongestion(fd int, name string) error {
	return errno(g.sock(fd).Socket.SetCongestion(name))
}

func (g *gotcpSockets) Congestion(fd int) (string, error) { return g.sock(fd).Socket.Congestion(), nil }

func (g *gotcpSockets) SetNonblock(fd int, on bool) error {
	g.sock(fd).nonblock = on
	return nil
}

func (g *gotcpSockets) Nonblock(fd int) (bool, error) { return g.sock(fd).nonblock, nil }

// Poll looks once a millisecond: virtual time costs nothing.
func (g *gotcpSockets) Poll(fds []PollFD, timeout time.Duration) (int, error) {
	for tries := timeout.Milliseconds(); ; tries-- {
		n := 0
		for i := range fds {
			fds[i].Revents = g.revents(fds[i]) & (fds[i].Events | PollHup)
			if fds[i].Revents != 0 {
				n++
			}
		}
		if n > 0 || tries == 0 {
			return n, nil
		}
		g.nap()
	}
}

// nap passes a millisecond.
func (g *gotcpSockets) nap() {
	if g.park == nil {
		time.Sleep(time.Millisecond)
		return
	}
	over := false
	g.after(time.Millisecond, func() { over = true })
	for !over {
		g.park()
	}
}

func (g *gotcpSockets) revents(f PollFD) (events int) {
	s := g.sock(f.FD)
	readable, writable := s.Ready()
	if readable {
		events |= PollIn
	}
	if writable {
		events |= PollOut
	}
	if s.dgram {
		return events
	}
	switch s.Info().State {
	case tcp.Closed:
		events |= PollHup | PollRDHup
	case tcp.CloseWait, tcp.LastAck, tcp.Closing, tcp.TimeWaitState:
		events |= PollRDHup
	}
	return events
}

// Ioctl puts the numbers together from what a socket tells.
func (g *gotcpSockets) Ioctl(fd, request int) (int, error) {
	s := g.sock(fd)
	i := s.Info()
	switch request {
	case SIOCINQ:
		n, err := s.TryRead(make([]byte, 1<<20), true)
		if err == syscall.EAGAIN || err == io.EOF {
			return 0, nil
		}
		return n, errno(err)
	case SIOCOUTQNSD:
		return int(i.NotSentBytes), nil
	case SIOCOUTQ:
		return int(i.NotSentBytes) + int(i.BytesSent-i.BytesRetrans-i.BytesAcked), nil
	}
	return 0, syscall.EINVAL
}

func (g *gotcpSockets) Info(fd int) (map[string]int64, error) {
	return InfoFields(g.sock(fd).Socket.Info()), nil
}

func (g *gotcpSockets) Peer(fd int) netip.AddrPort { return g.sock(fd).RemoteAddr() }

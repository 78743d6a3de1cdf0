package border

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/plugins/internal/pump"
)

// SocketPair makes the two ends of a carrier that passes file descriptors: one for the host, and one that a plugin
// process is to inherit (exec.Cmd's ExtraFiles), which gives it to [FD]. Both are closed when a program is executed.
func SocketPair() (host, plugin *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(fds[0]), "border-host"), os.NewFile(uintptr(fds[1]), "border-plugin"), nil
}

// FD is an end of a [SocketPair] as a carrier, which takes f over: also where there is an error f is closed.
func FD(f *os.File) (Carrier, error) {
	defer f.Close()
	unix.CloseOnExec(int(f.Fd()))
	kind, err := unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_TYPE)
	if err == nil && kind != unix.SOCK_SEQPACKET {
		err = errors.New("it is of another type")
	}
	if err != nil {
		return nil, fmt.Errorf("border: %s is no SOCK_SEQPACKET socket, which border.SocketPair makes: %w", f.Name(), err)
	}
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("border: %s: %w", f.Name(), err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, fmt.Errorf("border: %s is a %T; want a Unix socket", f.Name(), c)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		u.Close()
		return nil, fmt.Errorf("border: %s: %w", f.Name(), err)
	}
	return &fdCarrier{u: u, raw: raw}, nil
}

// fdCarrier is a carrier over a SOCK_SEQPACKET socket.
type fdCarrier struct {
	u   *net.UnixConn
	raw syscall.RawConn
}

func (c *fdCarrier) send(msg []byte, far farEnd, block bool) (err error) {
	var oob []byte
	if far != nil {
		oob = unix.UnixRights(int(far.(farFD)))
	}
	rerr := c.raw.Write(func(fd uintptr) bool {
		for {
			_, err = unix.SendmsgN(int(fd), msg, oob, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
			if err != unix.EINTR {
				return err != unix.EAGAIN || !block
			}
		}
	})
	if rerr != nil {
		return bare(rerr)
	}
	if err == nil && far != nil {
		far.Close() // the message holds a reference of its own
	}
	return err
}

// recv takes one descriptor with a message at most; others that came along are closed. The host never expects any: its
// plugin's are refused.
func (c *fdCarrier) recv(buf []byte) (n int, p pipe, err error) {
	var oob [64]byte // more than one descriptor is cut off, and closed by the kernel
	n, oobn, flags, _, err := c.u.ReadMsgUnix(buf, oob[:])
	if err != nil {
		return 0, nil, bare(err)
	}
	fds := rights(oob[:oobn])
	for i, fd := range fds {
		if i == 0 && len(fds) == 1 {
			p = newFDPipe(fd)
		} else {
			unix.Close(fd)
		}
	}
	switch {
	case n == 0 && flags&unix.MSG_TRUNC == 0 && len(fds) == 0:
		return 0, nil, io.EOF // no message is empty
	case n == 0 || flags&unix.MSG_TRUNC != 0 || len(fds) > 1:
		if p != nil {
			p.Close()
		}
		return 0, nil, errProtocol("a message that is empty, too long, or has several descriptors")
	}
	return n, p, nil
}

// rights are the descriptors in a control message.
func rights(oob []byte) (fds []int) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for i := range messages {
		if got, err := unix.ParseUnixRights(&messages[i]); err == nil {
			fds = append(fds, got...)
		}
	}
	return fds
}

// pluginBuffer is how much of what the plugin writes may wait for the host, octets; the kernel takes twice as much, its own
// records being in there, up to net.core.wmem_max. With its default of 208 KiB the two processes wait for each other more
// often, which takes a quarter of the throughput on two processors.
const pluginBuffer = 512 << 10

func (c *fdCarrier) pair(packets bool) (near pipe, far farEnd, err error) {
	typ := unix.SOCK_STREAM
	if packets {
		typ = unix.SOCK_SEQPACKET
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socket", err)
	}
	if !packets {
		_ = unix.SetsockoptInt(fds[1], unix.SOL_SOCKET, unix.SO_SNDBUF, pluginBuffer) // the default is only slower
	}
	return newFDPipe(fds[0]), farFD(fds[1]), nil
}

func (c *fdCarrier) limit(int)    {}
func (c *fdCarrier) Close() error { return c.u.Close() }

// farFD is a descriptor on its way to the plugin.
type farFD int

func (fd farFD) Close() error { return unix.Close(int(fd)) }

// fdPipe is one end of a socket pair.
type fdPipe struct {
	f   *os.File
	raw syscall.RawConn
}

// newFDPipe takes a descriptor over, which must be one that doesn't block, for os.NewFile to leave the waiting to the
// poller. The host makes them so, and that goes with them.
func newFDPipe(fd int) *fdPipe {
	f := os.NewFile(uintptr(fd), "border")
	raw, _ := f.SyscallConn() // which gives an error for no file only
	return &fdPipe{f, raw}
}

func (p *fdPipe) Read(b []byte) (int, error) {
	n, err := p.f.Read(b)
	return n, bare(err)
}

func (p *fdPipe) Write(b []byte) (int, error) {
	n, err := p.f.Write(b)
	return n, bare(err)
}

func (p *fdPipe) next() (*pump.Buffer, int, error) {
	b, n, err := pump.Next(p.raw)
	return b, n, bareRaw(err)
}

// bareRaw is bare for a file's syscall.RawConn, whose error after Close has a type that package os doesn't export.
func bareRaw(err error) error {
	err = bare(err)
	if _, ok := err.(syscall.Errno); err == nil || ok || err == io.EOF || err == os.ErrDeadlineExceeded {
		return err
	}
	return net.ErrClosed
}

func (p *fdPipe) tryRead(b []byte) (n int, err error) {
	cerr := p.raw.Control(func(fd uintptr) {
		n, _, err = unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
	})
	switch {
	case cerr != nil:
		return 0, bareRaw(cerr)
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

func (p *fdPipe) closeWrite() (err error) {
	cerr := p.raw.Control(func(fd uintptr) { err = unix.Shutdown(int(fd), unix.SHUT_WR) })
	if cerr != nil {
		return bareRaw(cerr)
	}
	return err
}

func (p *fdPipe) packets() pipe                      { return p }
func (p *fdPipe) SetReadDeadline(t time.Time) error  { return bare(p.f.SetReadDeadline(t)) }
func (p *fdPipe) SetWriteDeadline(t time.Time) error { return bare(p.f.SetWriteDeadline(t)) }
func (p *fdPipe) Close() error                       { return bare(p.f.Close()) }

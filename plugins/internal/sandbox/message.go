package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/link/netns"
	"github.com/gotcp/gotcp/stack/link/tun"
)

// The two processes talk over a SOCK_SEQPACKET pair: the sandbox tells what is to be set up, which waits in the socket
// until PID 1 reads it; PID 1 gives the TUN device; the sandbox says "go" when it has its stack on that; PID 1 starts
// the program and says how that ended. An error can be said in the place of anything. The end of the socket ends both.

// order is what the sandbox says to PID 1.
type order struct {
	Address netip.Prefix
	MTU     int
	Private bool // there is a user namespace of its own
	Try     bool // nothing but: can it be done? It ends after the device
	Files   []etcFile
	Hide    []string
	Scratch []string
	Inherit int  // descriptors that the program gets beyond the standard ones, from 4 on
	Go      bool // start the program; the rest is empty then
}

// etcFile is a file in /etc as the program sees it.
type etcFile struct {
	Path, Text string
	Needed     bool // it is an error where there is none to be replaced
}

// report is what PID 1 says.
type report struct {
	Device  string // the interface, with the descriptor of it
	MTU     int
	Started int // the program's number in its namespace
	Ended   bool
	Status  syscall.WaitStatus
	Failed  *failure
}

// failure is an error on its way across.
type failure struct {
	Op        string
	Text      string
	Errno     syscall.Errno
	Forbidden bool // netns.ErrForbidden
	NoTUN     bool // tun.ErrNoTUN
}

func newFailure(op string, err error) *failure {
	f := &failure{
		Op: op, Text: err.Error(), Forbidden: errors.Is(err, netns.ErrForbidden), NoTUN: errors.Is(err, tun.ErrNoTUN),
	}
	errors.As(err, &f.Errno)
	return f
}

// Error says why a program could not be started in a sandbox. errors.Is finds the errno in it, and [netns.ErrForbidden]
// or [tun.ErrNoTUN] where that is what it comes to.
type Error struct {
	Op  string // what failed
	Err error  // why, and where that is known what to do about it
}

func (e *Error) Error() string { return "sandbox: " + e.Op + ": " + e.Err.Error() }

// Unwrap is Err.
func (e *Error) Unwrap() error { return e.Err }

// told is an error that PID 1 has told of.
type told struct {
	text string
	is   []error
}

func (t *told) Error() string   { return t.text }
func (t *told) Unwrap() []error { return t.is }

func (f *failure) error() error {
	t := &told{text: f.Text}
	if f.Errno != 0 {
		t.is = append(t.is, f.Errno)
	}
	if f.Forbidden {
		t.is = append(t.is, netns.ErrForbidden)
	}
	if f.NoTUN {
		t.is = append(t.is, tun.ErrNoTUN)
	}
	return &Error{Op: f.Op, Err: t}
}

// maxMessage bounds a message, octets: a hosts file is most of it. An unprivileged socket takes more (net.core.wmem_max
// is 212992).
const maxMessage = 128 << 10

var errTooLong = fmt.Errorf("a sandbox's settings are limited to %d octets: make the hosts file shorter", maxMessage)

// newControl makes the socket between a sandbox and PID 1: our end, and the one that is inherited.
func newControl() (ours *net.UnixConn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "sandbox")
	mine := os.NewFile(uintptr(fds[0]), "sandbox")
	ours, err = controlConn(mine)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// controlConn makes a connection of one end and closes the file.
func controlConn(f *os.File) (*net.UnixConn, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, syscall.EPROTOTYPE
	}
	return u, nil
}

// send sends a message, with a descriptor where fd isn't negative.
func send(c *net.UnixConn, m any, fd int) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(b) > maxMessage {
		return errTooLong
	}
	var oob []byte
	if fd >= 0 {
		oob = unix.UnixRights(fd)
	}
	_, _, err = c.WriteMsgUnix(b, oob, nil)
	return err
}

// errCut says that a message isn't whole.
var errCut = errors.New("a message of the control socket was cut off")

// receive takes a message in, and the descriptor that came with it, or nil. io.EOF where the other process has ended,
// also without having read all.
func receive(c *net.UnixConn, m any) (*os.File, error) {
	b := make([]byte, maxMessage)
	oob := make([]byte, unix.CmsgSpace(4*4))
	n, oobn, flags, _, err := c.ReadMsgUnix(b, oob)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return nil, io.EOF
	case err != nil:
		return nil, err
	}
	file, err := onlyFile(oob[:oobn])
	if err == nil && flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0 {
		err = errCut
	}
	if err == nil {
		err = json.Unmarshal(b[:n], m)
	}
	if err != nil && file != nil {
		file.Close()
		file = nil
	}
	return file, err
}

// onlyFile takes the descriptors out of a message and keeps the first.
func onlyFile(oob []byte) (*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var all []int
	for i := range messages {
		if fds, err := unix.ParseUnixRights(&messages[i]); err == nil {
			all = append(all, fds...)
		}
	}
	for i, fd := range all {
		if i > 0 {
			unix.Close(fd)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return os.NewFile(uintptr(all[0]), "/dev/net/tun"), nil
}

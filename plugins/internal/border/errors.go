package border

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/netapi/likenet"
)

// ErrGone is what the plugin's calls end with when the host has gone, or has cut the border. It is also ECONNRESET, as
// programs know it.
var ErrGone error = goneError{}

type goneError struct{}

func (goneError) Error() string        { return "border: the host is gone" }
func (goneError) Is(target error) bool { return target == syscall.ECONNRESET }

// Kinds of an error on its way.
const (
	errNil byte = iota
	errOp
	errSyscall
	errErrno
	errAddr
	errDNS
	errNetwork
	errText
	errWrap
	errSentinel // and further: the errors of sentinels
)

// sentinels are errors that keep their identity: the order is part of the protocol.
var sentinels = sync.OnceValue(func() []error {
	return []error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, os.ErrDeadlineExceeded, net.ErrWriteToConnected, errors.ErrUnsupported,
		context.Canceled, context.DeadlineExceeded, os.ErrPermission, likenet.ErrCanceled(), likenet.ErrTimeout,
	}
})

// sentinelOf is the number of a sentinel, or -1. What net.Dialer gives when a dial runs out of time is the stack's.
func sentinelOf(err error) int {
	l := sentinels()
	for i, s := range l {
		if err == s {
			return i
		}
	}
	_, wraps := err.(interface{ Unwrap() error })
	t, ok := err.(interface{ Timeout() bool })
	if ok && t.Timeout() && !wraps && errors.Is(err, context.DeadlineExceeded) {
		return len(l) - 1
	}
	return -1
}

// Bounds of an error: how deep it is nested, and how long its texts are.
const (
	maxErrDepth = 8
	maxErrText  = 1 << 10
	maxErrInner = 4
)

func (c *codec) error(v *error) {
	if c.reading {
		*v = c.readError(0)
	} else {
		c.writeError(*v, 0)
	}
}

func (c *codec) put(kind byte, texts ...string) {
	c.byte(&kind)
	for _, t := range texts {
		t = t[:min(len(t), maxErrText)]
		c.string(&t)
	}
}

func (c *codec) writeError(err error, depth int) {
	if err == nil {
		c.put(errNil)
		return
	}
	if depth >= maxErrDepth {
		c.put(errText, err.Error())
		return
	}
	if i := sentinelOf(err); i >= 0 {
		c.put(errSentinel + byte(i))
		return
	}
	switch e := err.(type) {
	case *net.OpError:
		c.put(errOp, e.Op, e.Net)
		source, addr := e.Source, e.Addr
		c.netAddr(&source)
		c.netAddr(&addr)
		c.writeError(e.Err, depth+1)
	case *os.SyscallError:
		c.put(errSyscall, e.Syscall)
		c.writeError(e.Err, depth+1)
	case syscall.Errno:
		c.put(errErrno)
		n := uint64(e)
		c.uint(&n)
	case *net.AddrError:
		c.put(errAddr, e.Err, e.Addr)
	case *net.DNSError:
		c.put(errDNS, e.Err, e.Name, e.Server)
		timeout, temporary, notFound := e.IsTimeout, e.IsTemporary, e.IsNotFound
		c.bool(&timeout)
		c.bool(&temporary)
		c.bool(&notFound)
	case net.UnknownNetworkError:
		c.put(errNetwork, string(e))
	default:
		c.writeOther(err, depth)
	}
}

// writeOther takes of an error of another type what programs ask for: its text, what it wraps, and whether it is a
// timeout.
func (c *codec) writeOther(err error, depth int) {
	var inner []error
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if u := e.Unwrap(); u != nil {
			inner = []error{u}
		}
	case interface{ Unwrap() []error }:
		inner = e.Unwrap()
	}
	t, isTimeout := err.(interface{ Timeout() bool })
	if len(inner) == 0 && !isTimeout {
		c.put(errText, err.Error())
		return
	}
	inner = inner[:min(len(inner), maxErrInner)]
	c.put(errWrap, err.Error())
	timeout := isTimeout && t.Timeout()
	te, ok := err.(interface{ Temporary() bool })
	temporary := ok && te.Temporary()
	c.bool(&timeout)
	c.bool(&temporary)
	n := uint64(len(inner))
	c.uint(&n)
	for _, e := range inner {
		c.writeError(e, depth+1)
	}
}

func (c *codec) readError(depth int) error {
	var kind byte
	var s [3]string
	c.byte(&kind)
	if c.err != nil || depth > maxErrDepth {
		c.fail("an error is nested too deeply")
		return nil
	}
	texts := func(n int) {
		for i := range n {
			c.string(&s[i])
		}
	}
	switch kind {
	case errNil:
		return nil
	case errOp:
		texts(2)
		e := &net.OpError{Op: s[0], Net: s[1]}
		c.netAddr(&e.Source)
		c.netAddr(&e.Addr)
		e.Err = c.readInner(depth + 1)
		return e
	case errSyscall:
		texts(1)
		return &os.SyscallError{Syscall: s[0], Err: c.readInner(depth + 1)}
	case errErrno:
		var n uint64
		c.uint(&n)
		return syscall.Errno(n)
	case errAddr:
		texts(2)
		return &net.AddrError{Err: s[0], Addr: s[1]}
	case errDNS:
		texts(3)
		e := &net.DNSError{Err: s[0], Name: s[1], Server: s[2]}
		c.bool(&e.IsTimeout)
		c.bool(&e.IsTemporary)
		c.bool(&e.IsNotFound)
		return e
	case errNetwork:
		texts(1)
		return net.UnknownNetworkError(s[0])
	case errText:
		texts(1)
		return errors.New(s[0])
	case errWrap:
		return c.readOther(depth)
	}
	if i := int(kind - errSentinel); i < len(sentinels()) {
		return sentinels()[i]
	}
	c.fail("an error of an unknown kind")
	return nil
}

// readInner is readError where there must be an error.
func (c *codec) readInner(depth int) error {
	err := c.readError(depth)
	if err == nil {
		c.fail("an error is around none")
	}
	return err
}

func (c *codec) readOther(depth int) error {
	e := &remoteError{}
	var n uint64
	c.string(&e.text)
	c.bool(&e.timeout)
	c.bool(&e.temporary)
	if c.uint(&n); n > maxErrInner {
		c.fail("an error is around too many")
	}
	for range n {
		if c.err != nil {
			break
		}
		e.inner = append(e.inner, c.readInner(depth+1))
	}
	return e
}

// remoteError is an error of the host of a type that the plugin doesn't know.
type remoteError struct {
	text               string
	timeout, temporary bool
	inner              []error
}

func (e *remoteError) Error() string   { return e.text }
func (e *remoteError) Timeout() bool   { return e.timeout }
func (e *remoteError) Temporary() bool { return e.temporary }
func (e *remoteError) Unwrap() []error { return e.inner }

// reason is what a connection died of, bare: an errno, or another error without what package net puts around it. A
// connection that its own network has closed was aborted.
func reason(err error) error {
	for {
		switch e := err.(type) {
		case *net.OpError:
			err = e.Err
			continue
		case *os.SyscallError:
			err = e.Err
			continue
		}
		if errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
			return syscall.ECONNABORTED
		}
		return err
	}
}

// dress puts around a bare error what package net's lower layers would, had the system call of that name given it.
func dress(call string, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		return os.NewSyscallError(call, errno)
	}
	return err
}

// isDressed reports whether there is no error, or one that has all that package net puts around its errors.
func isDressed(err error) bool {
	_, ok := err.(*net.OpError)
	return err == nil || ok
}

// timeoutNow reports whether an error says that a deadline has passed.
func timeoutNow(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// left is how long a deadline is away, not 0.
func left(deadline time.Time) time.Duration {
	if d := time.Until(deadline); d != 0 {
		return d
	}
	return -1
}

package netapi

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/gotcp/gotcp/stack"
)

// Errors that package net has without exporting them. They never leave unwrapped.
var (
	errMissingAddress = errors.New("missing address")
	errNoSuitable     = "no suitable address found" // the text of a net.AddrError
)

// timeoutError ends a dial that ran out of time. Package net gives, by the outcome of a race, an error that is either
// context.DeadlineExceeded or os.ErrDeadlineExceeded; this one is both.
type timeoutError struct{}

func (timeoutError) Error() string   { return "i/o timeout" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true } // crypto/tls and others go by it

func (timeoutError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded || target == context.DeadlineExceeded
}

// errCanceled is what package net says of a dial whose context was cancelled. It doesn't export the value, but gives it
// without touching the network when it dials a literal address under a context that has been cancelled before.
var errCanceled = sync.OnceValue(func() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:1")
	if op, ok := err.(*net.OpError); ok {
		return op.Err
	}
	return context.Canceled
})

// wrap dresses a bare error of a [stack.Socket] as package net's lower layers would; call is the system call in which
// the kernel would have reported it. An OpError around it is the caller's to add.
func wrap(call string, err error) error {
	switch err {
	case stack.ErrClosed:
		return net.ErrClosed
	case context.Canceled:
		return errCanceled()
	case context.DeadlineExceeded:
		return timeoutError{}
	}
	if errno, ok := err.(syscall.Errno); ok {
		return os.NewSyscallError(call, errno)
	}
	return err
}

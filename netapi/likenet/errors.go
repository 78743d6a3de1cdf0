package likenet

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
)

// ErrMissingAddress is the error for an address that is the empty string, or a nil pointer.
var ErrMissingAddress = errors.New("missing address")

// NoSuitableAddress is the text of a net.AddrError where no address of a host is of the family that is wanted.
const NoSuitableAddress = "no suitable address found"

// ErrTimeout ends a dial that ran out of time. Package net gives, by the outcome of a race, an error that is either
// context.DeadlineExceeded or os.ErrDeadlineExceeded; this one is both.
var ErrTimeout error = timeoutError{}

type timeoutError struct{}

func (timeoutError) Error() string   { return "i/o timeout" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true } // crypto/tls and others go by it

func (timeoutError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded || target == context.DeadlineExceeded
}

// ErrCanceled is what package net says of a dial whose context was cancelled. It gives that value without touching the
// network when it dials a literal address under a context that has been cancelled before.
var ErrCanceled = sync.OnceValue(func() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:1")
	if op, ok := err.(*net.OpError); ok {
		return op.Err
	}
	return context.Canceled
})

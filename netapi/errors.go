package netapi

import (
	"context"
	"net"
	"os"
	"syscall"

	"github.com/gotcp/gotcp/netapi/likenet"
	"github.com/gotcp/gotcp/stack"
)

// wrap dresses a bare error of a [stack.Socket] as package net's lower layers would; call is the system call in which
// the kernel would have reported it. An OpError around it is the caller's to add.
func wrap(call string, err error) error {
	switch err {
	case stack.ErrClosed:
		return net.ErrClosed
	case context.Canceled:
		return likenet.ErrCanceled()
	case context.DeadlineExceeded:
		return likenet.ErrTimeout
	}
	if errno, ok := err.(syscall.Errno); ok {
		return os.NewSyscallError(call, errno)
	}
	return err
}

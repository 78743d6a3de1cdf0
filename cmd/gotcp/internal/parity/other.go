//go:build !linux

package parity

import (
	"errors"
	"net"
	"syscall"
)

// kernelStatus is for Linux, with which the stack is compared.
func kernelStatus(net.Conn) (status, error) { return status{}, errors.ErrUnsupported }

// setBacklog is for Linux.
func setBacklog(net.Listener, int) error { return errors.ErrUnsupported }

// getInt is for Linux.
func getInt(syscall.RawConn, int, int) (int, error) { return 0, errors.ErrUnsupported }

// setInt is for Linux.
func setInt(syscall.RawConn, int, int, int) error { return errors.ErrUnsupported }

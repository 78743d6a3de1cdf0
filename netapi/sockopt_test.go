package netapi

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// TestGetsockoptInt: options are those that the socket has, and errors are dressed as a setter's.
func TestGetsockoptInt(t *testing.T) {
	n := newLoop(t)
	c, _, _ := connect(t, n, n, "127.0.0.1:0")
	if v, err := c.GetsockoptInt(syscall.IPPROTO_TCP, syscall.TCP_NODELAY); v != 1 || err != nil {
		t.Errorf("no-delay is %d, %v; want it on, as package net has it", v, err)
	}
	if err := c.SetNoDelay(false); err != nil {
		t.Fatal(err)
	}
	if v, err := c.GetsockoptInt(syscall.IPPROTO_TCP, syscall.TCP_NODELAY); v != 0 || err != nil {
		t.Errorf("no-delay is %d, %v after it was switched off", v, err)
	}
	_, err := c.GetsockoptInt(syscall.IPPROTO_TCP, 9999)
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "get" || !errors.Is(err, syscall.ENOPROTOOPT) {
		t.Errorf("an option that there isn't: %v", err)
	}
	c.Close()
	if _, err := c.GetsockoptInt(syscall.IPPROTO_TCP, syscall.TCP_NODELAY); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v; want net.ErrClosed", err)
	}
	if _, err := new(TCPConn).GetsockoptInt(syscall.SOL_SOCKET, syscall.SO_TYPE); err != syscall.EINVAL {
		t.Errorf("of nothing: %v; want EINVAL", err)
	}
}

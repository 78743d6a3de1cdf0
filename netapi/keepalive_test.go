package netapi

import (
	"errors"
	"fmt"
	"math"
	"net"
	"syscall"
	"testing"
	"time"
)

// keepAlive reads what the stack was told.
func keepAlive(t *testing.T, c *TCPConn) string {
	t.Helper()
	get := func(level, name int) int {
		v, err := c.s.Opt(level, name)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if get(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE) == 0 {
		return "off"
	}
	return fmt.Sprintf("%ds %ds %d", get(syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE),
		get(syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL), get(syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT))
}

// TestKeepAliveDefaults: what package net was observed to set on Linux, dialled and accepted alike.
func TestKeepAliveDefaults(t *testing.T) {
	const s = time.Second
	n := newLoop(t)
	for _, c := range []struct {
		idle   time.Duration
		config net.KeepAliveConfig
		want   string
	}{
		{0, net.KeepAliveConfig{}, "15s 15s 9"},
		{-1, net.KeepAliveConfig{}, "off"},
		{7 * s, net.KeepAliveConfig{}, "7s 15s 9"},
		{1500 * time.Millisecond, net.KeepAliveConfig{}, "2s 15s 9"}, // whole seconds, rounded up
		{-1, net.KeepAliveConfig{Enable: true}, "15s 15s 9"},
		{0, net.KeepAliveConfig{Enable: true, Idle: 3 * s, Interval: 2 * s, Count: 4}, "3s 2s 4"},
		{0, net.KeepAliveConfig{Enable: true, Idle: -1, Interval: -1, Count: -1}, "7200s 75s 9"}, // the stack's
		{0, net.KeepAliveConfig{Idle: 3 * s, Interval: 2 * s, Count: 4}, "15s 15s 9"},
	} {
		lc := net.ListenConfig{KeepAlive: c.idle, KeepAliveConfig: c.config}
		ln, err := n.ListenWith(t.Context(), &lc, "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		d := net.Dialer{KeepAlive: c.idle, KeepAliveConfig: c.config}
		dialled, err := n.DialWith(t.Context(), &d, "tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		for what, conn := range map[string]net.Conn{"dialled": dialled, "accepted": accepted} {
			tc := conn.(*TCPConn)
			if got := keepAlive(t, tc); got != c.want {
				t.Errorf("%s, KeepAlive %v, %+v: %s; want %s", what, c.idle, c.config, got, c.want)
			}
			if v, err := tc.s.Opt(syscall.IPPROTO_TCP, syscall.TCP_NODELAY); v == 0 || err != nil {
				t.Errorf("%s: no-delay is %d, %v; want it on by default", what, v, err)
			}
			conn.Close()
		}
		ln.Close()
	}
}

// TestKeepAliveSetters: the sequence that was observed of package net on Linux.
func TestKeepAliveSetters(t *testing.T) {
	n := newLoop(t)
	c, _, _ := connect(t, n, n, "127.0.0.1:0")
	idleOnly := net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: -1, Count: -1}
	for i, s := range []struct {
		do   func() error
		want string
	}{
		{func() error { return c.SetKeepAlive(false) }, "off"},
		{func() error { return c.SetKeepAlivePeriod(9 * time.Second) }, "off"},
		{func() error { return c.SetKeepAlive(true) }, "9s 15s 9"},
		{func() error { return c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true}) }, "15s 15s 9"},
		{func() error { return c.SetKeepAliveConfig(idleOnly) }, "5s 15s 9"},
	} {
		if err := s.do(); err != nil {
			t.Errorf("step %d: %v", i, err)
		}
		if got := keepAlive(t, c); got != s.want {
			t.Errorf("step %d: %s; want %s", i, got, s.want)
		}
	}
	// The kernel's limits, beyond which it says EINVAL.
	for name, k := range map[string]net.KeepAliveConfig{
		"idle":     {Enable: true, Idle: 32768 * time.Second},
		"interval": {Enable: true, Interval: 32768 * time.Second},
		"count":    {Enable: true, Count: 128},
	} {
		if err := c.SetKeepAliveConfig(k); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s too large: %v; want EINVAL", name, err)
		}
	}
}

// TestUserTimeout: the stack counts in milliseconds, and a time that is asked for is never cut short.
func TestUserTimeout(t *testing.T) {
	c, _, _ := connectLoop(t)
	for d, want := range map[time.Duration]int{
		0: 0, 1: 1, 1500 * time.Microsecond: 2, 3 * time.Second: 3000, 1<<63 - 1: math.MaxInt32,
	} {
		if err := c.SetUserTimeout(d); err != nil {
			t.Errorf("%v: %v", d, err)
		}
		if got, err := c.s.Opt(syscall.IPPROTO_TCP, tcpUserTimeout); got != want || err != nil {
			t.Errorf("%v becomes %d ms, %v; want %d", d, got, err, want)
		}
	}
	if err := c.SetUserTimeout(-1); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a negative time: %v; want EINVAL, as Linux has it", err)
	}
}

// connectLoop makes a connection of a stack with itself.
func connectLoop(t *testing.T) (dialled, accepted *TCPConn, l *TCPListener) {
	n := newLoop(t)
	return connect(t, n, n, "127.0.0.1:0")
}

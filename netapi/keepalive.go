package netapi

import (
	"net"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/stack"
)

// Package net's keep-alive, where the caller leaves it to the library.
const (
	defaultKeepIdle     = 15 * time.Second
	defaultKeepInterval = 15 * time.Second
	defaultKeepCount    = 9
)

// keepAliveFor decides on keep-alive from the two fields that a Dialer or ListenConfig has: an enabled config wins,
// else idle >= 0 switches it on with that idle time (0: the default), and a negative one means off.
func keepAliveFor(idle time.Duration, config net.KeepAliveConfig) net.KeepAliveConfig {
	if !config.Enable && idle >= 0 {
		return net.KeepAliveConfig{Enable: true, Idle: idle}
	}
	return config
}

// setKeepAlive applies a config; a bare errno says which part was refused first.
func setKeepAlive(s stack.Socket, config net.KeepAliveConfig) error {
	if err := s.SetOpt(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, boolint(config.Enable)); err != nil {
		return err
	}
	if err := setKeepIdle(s, config.Idle); err != nil {
		return err
	}
	if err := setSeconds(s, syscall.TCP_KEEPINTVL, config.Interval, defaultKeepInterval); err != nil {
		return err
	}
	switch {
	case config.Count < 0:
		return nil
	case config.Count == 0:
		config.Count = defaultKeepCount
	}
	return s.SetOpt(syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, config.Count)
}

func setKeepIdle(s stack.Socket, d time.Duration) error {
	return setSeconds(s, syscall.TCP_KEEPIDLE, d, defaultKeepIdle)
}

// setSeconds sets an option of whole seconds, rounded up: 0 means def, a negative d leaves what there is.
func setSeconds(s stack.Socket, name int, d, def time.Duration) error {
	switch {
	case d < 0:
		return nil
	case d == 0:
		d = def
	}
	return s.SetOpt(syscall.IPPROTO_TCP, name, int((d+time.Second-1)/time.Second))
}

// tune gives a connection, or a listener for the connections that it accepts, what package net gives them: no-delay and
// keep-alive. As there, what the stack refuses is left as it is.
func tune(s stack.Socket, keep net.KeepAliveConfig) {
	s.SetOpt(syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if keep.Enable {
		setKeepAlive(s, keep)
	}
}

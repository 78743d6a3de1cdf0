//go:build !linux

package netns

import "github.com/gotcp/gotcp/stack/link/tun"

// Inside is false: network namespaces are Linux's.
func Inside() bool { return false }

// InInitialUser reports whether this process is in the initial user namespace. There is no other one here.
func InInitialUser() bool { return true }

// Enter says that there are none.
func Enter() error { return tun.Available() }

// Reexec says that there are none.
func Reexec() (status int, err error) { return 0, tun.Available() }

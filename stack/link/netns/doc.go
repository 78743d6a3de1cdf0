// Package netns gives a program a network of its own without root: it runs the program again in a fresh user, network
// and mount namespace, where it is root to the extent that it may make TUN devices, addresses and routes, and nothing
// outside notices. Real root needs no user namespace, and gets none.
package netns

import (
	"errors"

	"github.com/gotcp/gotcp/stack/link/tun"
)

// ErrForbidden says that the kernel makes no namespaces for this user.
var ErrForbidden = errors.New("no network namespace of one's own can be had")

// ErrNoTUN is tun.ErrNoTUN: there is no TUN device, in whatever namespace.
var ErrNoTUN = tun.ErrNoTUN

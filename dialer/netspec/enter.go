package netspec

import (
	"errors"
	"fmt"

	"github.com/gotcp/gotcp/stack/link/netns"
	"github.com/gotcp/gotcp/stack/link/tun"
)

// Enter moves the program to where the network can be opened. For a private one that is a user and network namespace of
// its own: the program runs again there from its beginning, with the same arguments and standard files, and this run
// only waits for it and ends with its status, so that Enter returns in the other run alone. Call it before anything
// else that is not to happen twice. For the other kinds it does nothing.
//
// The error is [ErrNoDevice] where the kernel grants no namespace or has no TUN; the program then goes on where it is.
func Enter(s Spec) error {
	if s.Kind != Private {
		return nil
	}
	return noDevice(netns.Enter())
}

// noDevice makes an error one of [ErrNoDevice] where another try here would be in vain.
func noDevice(err error) error {
	if errors.Is(err, tun.ErrNoTUN) || errors.Is(err, netns.ErrForbidden) {
		return fmt.Errorf("%w: %w", ErrNoDevice, err)
	}
	return err
}

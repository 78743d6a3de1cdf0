package link

import (
	"errors"
	"fmt"
	"syscall"
)

var (
	// ErrDropped says that a frame was not sent because a queue was full. What a network loses on the way, an
	// [Impairment] for example, nobody is told of.
	ErrDropped = errors.New("link: frame dropped")
	// ErrClosed says that the device is closed.
	ErrClosed = errors.New("link: device closed")
	// ErrAttached says that the device has its receiver already.
	ErrAttached = errors.New("link: device is attached already")
	// ErrTooLong says that a frame, or a packet cut from it, is longer than the device's MTU. It is EMSGSIZE.
	ErrTooLong = fmt.Errorf("link: packet exceeds the MTU: %w", syscall.EMSGSIZE)
	// ErrOffload says that a frame leaves work to the device, a checksum or the cutting, that it doesn't do. It is
	// EINVAL, and a mistake of the caller's, as [Device.Offload] told what the device does.
	ErrOffload = fmt.Errorf("link: frame needs an offload that the device hasn't: %w", syscall.EINVAL)
)

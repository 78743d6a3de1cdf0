package link

import "errors"

var (
	// ErrDropped says that a frame was not sent because a queue was full or an impairment ate it.
	ErrDropped = errors.New("link: frame dropped")
	// ErrClosed says that the device is closed.
	ErrClosed = errors.New("link: device closed")
)

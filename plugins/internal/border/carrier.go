package border

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/plugins/internal/pump"
)

// Carrier is one end of what connects a host process and a plugin process: [FD] or [Mux]. It carries messages, which
// have borders, in order, and hands over data paths with them, from the host to the plugin only.
type Carrier interface {
	// send sends a message, and hands over a path's far end with it where that isn't nil. Without block it may give
	// EAGAIN, having done nothing. One at a time.
	send(msg []byte, far farEnd, block bool) error
	// recv gives the next message, and the path that came with it; io.EOF where the other end is closed. One at a time.
	recv(buf []byte) (n int, p pipe, err error)
	// pair makes a data path, of octets or of packets. The far end is to be handed over by send, or closed.
	pair(packets bool) (near pipe, far farEnd, err error)
	// limit says how many paths there can be at most.
	limit(paths int)
	// Close ends the carrier, also under a call that is blocked.
	Close() error
}

// farEnd is the plugin's end of a data path before it is handed over. Its Close is the host's: of its own descriptor.
type farEnd interface{ Close() error }

// pipe is one end of a data path. Its errors are bare: io.EOF, net.ErrClosed, os.ErrDeadlineExceeded or an errno. One
// that carries packets reads and writes one per call. A deadline that has passed wins over what is there.
type pipe interface {
	io.ReadWriteCloser
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	// next waits for octets and reads them into a buffer of pump's pool, which it takes only then.
	next() (b *pump.Buffer, n int, err error)
	// tryRead reads without waiting, whatever the deadline: EAGAIN.
	tryRead(p []byte) (int, error)
	// closeWrite has the other end read io.EOF.
	closeWrite() error
	// packets makes a path that was handed over one of packets.
	packets() pipe
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// expired reports whether a deadline has passed.
func expired(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

// bare strips what the packages os, net and yamux put around an error.
func bare(err error) error {
	switch {
	case err == nil || err == io.EOF:
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return os.ErrDeadlineExceeded
	case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrClosed):
		return net.ErrClosed
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

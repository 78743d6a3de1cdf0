package stack

import (
	"errors"
	"io"
	"net/netip"
	"syscall"
)

// Errors of flows, to be matched with errors.Is. The errno that they stand for can be matched as well.
var (
	ErrTimeout = errors.New("connection attempt timed out")
	ErrRefused = errors.New("connection attempt was refused")
)

// flowError is one of the errors of a flow, and why. Its text is the former's: it is for people.
type flowError struct{ is, cause error }

func (e *flowError) Error() string   { return "stack: " + e.is.Error() }
func (e *flowError) Unwrap() []error { return []error{e.is, e.cause} }

// Flow is a TCP connection in the shape that MirageOS's has. It is a thin view of a stream [Socket].
type Flow struct{ sock *stream }

// Dst is the peer's address, Src the own one.
func (f *Flow) Dst() netip.AddrPort { return f.sock.RemoteAddr() }

// Src is the own address.
func (f *Flow) Src() netip.AddrPort { return f.sock.LocalAddr() }

// Read takes what has arrived, at least one octet, and blocks until there is something. io.EOF after the peer's FIN, or
// where the connection was given up because nothing was answered any more. ECONNRESET, once, after the peer's RST: what
// the peer wanted to say may be incomplete then. ErrClosed after Close.
func (f *Flow) Read(p []byte) (int, error) {
	n, err := f.sock.Read(p)
	if err == syscall.ETIMEDOUT {
		err = io.EOF
	}
	return n, err
}

// Write blocks until all of p has been accepted for sending. [ErrClosed] where nothing can be sent: after Close or
// CloseWrite, and once the connection has ended for whatever reason.
func (f *Flow) Write(p []byte) (int, error) {
	n, err := f.sock.Write(p)
	return n, writeError(err)
}

// Writev is Write of the concatenation of bufs; no other write comes between its pieces.
func (f *Flow) Writev(bufs [][]byte) (int64, error) {
	n, err := f.sock.Writev(bufs)
	return n, writeError(err)
}

// WriteNoDelay is Write that blocks until all of p has been sent, without waiting for more to fill a segment.
func (f *Flow) WriteNoDelay(p []byte) (int, error) {
	bufs := [1][]byte{p}
	n, err := f.sock.write(bufs[:], true)
	return int(n), writeError(err)
}

// WritevNoDelay is Writev in the manner of WriteNoDelay.
func (f *Flow) WritevNoDelay(bufs [][]byte) (int64, error) {
	n, err := f.sock.write(bufs, true)
	return n, writeError(err)
}

// writeError has every end of a connection be ErrClosed.
func writeError(err error) error {
	if err == nil || err == ErrClosed {
		return err
	}
	return &flowError{ErrClosed, err}
}

// SetNoDelay has small writes sent at once (true) or, as is the rule, kept back while others are unacknowledged (false;
// Nagle's algorithm, RFC 9293 3.7.4).
func (f *Flow) SetNoDelay(on bool) error {
	return f.sock.SetOpt(syscall.IPPROTO_TCP, syscall.TCP_NODELAY, flag(on))
}

// Close ends the flow. What was written is still delivered, in the background.
func (f *Flow) Close() error { return f.sock.Close() }

// CloseWrite sends a FIN after what was written: the peer reads io.EOF. Reading goes on.
func (f *Flow) CloseWrite() error { return f.sock.Shutdown(syscall.SHUT_WR) }

// CloseRead has Read give io.EOF once what has arrived is taken. Nothing is sent.
func (f *Flow) CloseRead() error { return f.sock.Shutdown(syscall.SHUT_RD) }

// Abort ends the flow with an RST. What was written and not acknowledged may be lost.
func (f *Flow) Abort() error { return f.sock.Abort() }

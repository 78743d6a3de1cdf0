package stack

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/gotcp/gotcp/stack/tcp"
)

// ErrClosed is what a call on a closed [Socket] gives, and what wakes those that were blocked in one when it closed.
var ErrClosed = errors.New("stack: use of closed socket")

// Socket is the one face of the stack: package netapi, the [Flow] of the MirageOS shape and emulators of system calls
// are each thin over it. A stream socket is TCP, a datagram socket UDP.
//
// Errors are bare: nil, io.EOF (stream reads only), os.ErrDeadlineExceeded, [ErrClosed], ctx.Err() (Connect only) or a
// syscall.Errno with Linux's meaning. Who wraps them is the layer above. All methods may be called concurrently. An
// expired deadline wins over data, Close wakes everyone, writes don't interleave, reads are served one at a time, and
// no method allocates per call once the connection is up.
type Socket interface {
	// Bind fixes the local address. Port 0 chooses one. EADDRINUSE, EADDRNOTAVAIL, EINVAL (bound already).
	Bind(local netip.AddrPort) error
	// Connect opens a stream and blocks until it is established, refused or ctx ends; for a datagram socket it fixes
	// the peer. 0.0.0.0 means loopback. ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EISCONN.
	Connect(ctx context.Context, remote netip.AddrPort) error
	// StartConnect is Connect that doesn't block: nil (a datagram socket), EINPROGRESS, or why not. WaitWritable and
	// then Opt(SOL_SOCKET, SO_ERROR) tell the end; Close cancels.
	StartConnect(remote netip.AddrPort) error
	// Listen makes a bound stream socket (one that isn't is bound to a free port) accept up to backlog+1 connections
	// that nobody has taken yet; further SYNs are dropped (Linux's meaning).
	Listen(backlog int) error
	// Accept takes the oldest connection, by the read deadline. EINVAL where the socket doesn't listen. A connection
	// that was reset meanwhile is still given.
	Accept() (Socket, error)
	// TryAccept is Accept that gives EAGAIN instead of blocking and ignores the deadline.
	TryAccept() (Socket, error)

	// Read takes what has arrived, at least one octet. An empty p gives 0, nil at once. Data that arrived before a FIN
	// or RST stays readable; then io.EOF, or the error once and io.EOF from there on.
	Read(p []byte) (int, error)
	// Write takes all of p, or says how much it took and why not more.
	Write(p []byte) (int, error)
	// Writev is Write of the concatenation of bufs; no other write comes between its pieces.
	Writev(bufs [][]byte) (int64, error)
	// RecvFrom takes one datagram; full is its whole length, more than n where p was too short.
	RecvFrom(p []byte) (n, full int, from netip.AddrPort, err error)
	// SendTo sends one datagram; the zero AddrPort means the connected peer.
	SendTo(p []byte, to netip.AddrPort) (int, error)

	// Shutdown closes one direction or both: syscall.SHUT_RD, SHUT_WR, SHUT_RDWR. ENOTCONN.
	Shutdown(how int) error
	// Close ends the socket: a stream's queued data and FIN are still delivered in the background (RST where received
	// data was not read), and it blocks only for SO_LINGER. The second call gives ErrClosed.
	Close() error
	// Abort is Close that sends RST and drops what is queued (RFC 9293 3.10.5).
	Abort() error

	// SetReadDeadline and SetWriteDeadline bound reads (and Accept) and writes: zero none, past at once. They act on
	// calls that are blocked already.
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error

	// SetOpt and Opt set and get an option by Linux's numbers (syscall.SOL_SOCKET/SO_..., IPPROTO_TCP/TCP_...).
	// SO_LINGER is in seconds, -1 off. ENOPROTOOPT, EINVAL.
	SetOpt(level, name, value int) error
	Opt(level, name int) (int, error)
	// SetCongestion and Congestion set and get TCP_CONGESTION, the name of what controls a stream's congestion window: one
	// that [tcp.Congestion] knows, or that the stack's Config brings. It may be set at any time; a listener's connections
	// have its. ENOENT (no such), EINVAL (empty), ENOPROTOOPT (a datagram socket, whose name is "").
	SetCongestion(name string) error
	Congestion() string

	// TryRead, TryRecvFrom and TryWrite ignore deadlines and give EAGAIN instead of blocking. peek leaves the data.
	TryRead(p []byte, peek bool) (int, error)
	TryRecvFrom(p []byte, peek bool) (n, full int, from netip.AddrPort, err error)
	TryWrite(p []byte) (int, error)
	// WaitReadable and WaitWritable block, by the deadline, until the Try call would not give EAGAIN. With block false
	// they give only ErrClosed or os.ErrDeadlineExceeded, or nil.
	WaitReadable(block bool) error
	WaitWritable(block bool) error
	// Ready says without blocking which of the two would return at once, for a caller's poll(2).
	Ready() (readable, writable bool)

	// LocalAddr and RemoteAddr stay what they were after Close; zero where there is none.
	LocalAddr() netip.AddrPort
	RemoteAddr() netip.AddrPort
	// Info is Linux's tcp_info as far as it applies; the zero Info for a datagram socket.
	Info() tcp.Info
}

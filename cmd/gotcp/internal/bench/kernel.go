package bench

import (
	"context"
	"net"
	"syscall"
)

// Kernel is the kernel's TCP as both sides use it.
type Kernel struct {
	// Congestion is the congestion control that its sockets are given; "" leaves them the namespace's.
	Congestion string
}

// Dial connects over the caller's namespace.
func (k Kernel) Dial(ctx context.Context, address string) (net.Conn, error) {
	d := net.Dialer{Control: k.control()}
	return d.DialContext(ctx, "tcp4", address)
}

// Listen announces an address in the caller's namespace. What is accepted has the listener's congestion control.
func (k Kernel) Listen(ctx context.Context, address string) (net.Listener, error) {
	lc := net.ListenConfig{Control: k.control()}
	return lc.Listen(ctx, "tcp4", address)
}

// control prepares a socket. By socket option, because the sysctl of a namespace takes only what the machine's
// administrator allows everyone, while the option asks for CAP_NET_ADMIN in the namespace, which we have there.
func (k Kernel) control() func(string, string, syscall.RawConn) error {
	if k.Congestion == "" {
		return nil
	}
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) { err = setCongestion(int(fd), k.Congestion) }); cerr != nil {
			return cerr
		}
		return err
	}
}

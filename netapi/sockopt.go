package netapi

import "syscall"

// GetsockoptInt gets an option of the connection by Linux's numbers, as package syscall has them: SOL_SOCKET and
// SO_KEEPALIVE, say, or IPPROTO_TCP and TCP_KEEPIDLE. An option that the stack hasn't is ENOPROTOOPT. What a Control
// function gets has the same method, for there is no file descriptor to ask.
func (c *conn) GetsockoptInt(level, opt int) (int, error) {
	if !c.ok() {
		return 0, syscall.EINVAL
	}
	v, err := c.s.Opt(level, opt)
	if err != nil {
		err = c.opError("get", wrap("getsockopt", err))
	}
	return v, err
}

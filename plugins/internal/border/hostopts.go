package border

import (
	"encoding/binary"
	"net"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/plugins/internal/sockopt"
)

// option does what a call on a TCP connection asks for that is a method of it.
func option(c dialer.TCPConn, m *call) ([]byte, error) {
	switch m.op {
	case opNoDelay:
		return nil, c.SetNoDelay(m.arg != 0)
	case opKeepAlive:
		return nil, c.SetKeepAlive(m.arg != 0)
	case opKeepAlivePeriod:
		return nil, c.SetKeepAlivePeriod(time.Duration(m.arg))
	case opKeepAliveConfig:
		return nil, c.SetKeepAliveConfig(m.config)
	case opReadBuffer:
		return nil, c.SetReadBuffer(bufferSize(m.arg))
	case opWriteBuffer:
		return nil, c.SetWriteBuffer(bufferSize(m.arg))
	case opUserTimeout:
		return nil, optionsOf(c).SetUserTimeout(time.Duration(m.arg))
	case opCongestionControl:
		return nil, optionsOf(c).SetCongestionControl(m.text)
	case opMultipath:
		on, err := c.MultipathTCP()
		if on {
			return []byte{1}, err
		}
		return nil, err
	case opSockopt:
		return getsockopt(c, m)
	}
	return nil, syscall.EINVAL
}

// maxBuffer is the largest buffer that a plugin may ask for, octets: it is the host's memory. Linux has a limit, too.
const maxBuffer = 4 << 20

// bufferSize is a buffer's size as it is granted. A negative one is a very large one, as for Linux.
func bufferSize(arg int64) int {
	if arg < 0 {
		return maxBuffer
	}
	return int(min(arg, maxBuffer))
}

// optionsOf are the options of a connection that dialer.TCPConn and dialer.UDPConn have no methods for.
func optionsOf(c net.Conn) sockopt.Conn {
	return sockopt.Conn{Conn: c, OpError: func(op string, err error) error {
		return &net.OpError{Op: op, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
	}}
}

// getsockopt gets an option of a connection or UDP socket by Linux's numbers, which are the two halves of arg.
func getsockopt(c net.Conn, m *call) ([]byte, error) {
	v, err := optionsOf(c).GetsockoptInt(int(m.arg>>32), int(int32(m.arg)))
	return binary.AppendVarint(nil, int64(v)), err
}

package border

import (
	"encoding/binary"
	"errors"
	"math"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/stack/tcp"
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
		return nil, setUserTimeout(c, time.Duration(m.arg))
	case opCongestionControl:
		return nil, setCongestionControl(c, m.text)
	case opMultipath:
		on, err := c.MultipathTCP()
		if on {
			return []byte{1}, err
		}
		return nil, err
	case opSockopt:
		return sockopt(c, m)
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

// errNoOption is for connections that are neither gotcp's nor the kernel's.
func errNoOption(c net.Conn) error {
	return &net.OpError{Op: "set", Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(),
		Err: errors.ErrUnsupported}
}

// onFD calls f with a kernel connection's descriptor; false: it has none.
func onFD(c net.Conn, call string, f func(fd int) error) (error, bool) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil, false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return err, true
	}
	var ferr error
	if err := raw.Control(func(fd uintptr) { ferr = f(int(fd)) }); err != nil {
		return err, true
	}
	if ferr != nil {
		ferr = &net.OpError{Op: call[:3], Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(),
			Err: os.NewSyscallError(call, ferr)}
	}
	return ferr, true
}

func setUserTimeout(c net.Conn, d time.Duration) error {
	if u, ok := c.(interface{ SetUserTimeout(time.Duration) error }); ok {
		return u.SetUserTimeout(d)
	}
	ms := -1
	if d >= 0 {
		d = min(d, math.MaxInt32*time.Millisecond)
		ms = int((d + time.Millisecond - 1) / time.Millisecond)
	}
	err, ok := onFD(c, "setsockopt", func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms)
	})
	if !ok {
		return errNoOption(c)
	}
	return err
}

func setCongestionControl(c net.Conn, name string) error {
	if u, ok := c.(interface{ SetCongestionControl(string) error }); ok {
		return u.SetCongestionControl(name)
	}
	err, ok := onFD(c, "setsockopt", func(fd int) error {
		return unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
	})
	if !ok {
		return errNoOption(c)
	}
	return err
}

// sockopt gets an option of a connection or UDP socket by Linux's numbers, which are the two halves of arg.
func sockopt(c net.Conn, m *call) ([]byte, error) {
	level, opt := int(m.arg>>32), int(int32(m.arg))
	v := 0
	var err error
	if g, ok := c.(interface {
		GetsockoptInt(level, opt int) (int, error)
	}); ok {
		v, err = g.GetsockoptInt(level, opt)
	} else if err, ok = onFD(c, "getsockopt", func(fd int) (err error) {
		v, err = unix.GetsockoptInt(fd, level, opt)
		return err
	}); !ok {
		err = errNoOption(c)
	}
	return binary.AppendVarint(nil, int64(v)), err
}

// stateOf is a connection's state; false: it doesn't tell.
func stateOf(c dialer.TCPConn) (tcp.State, bool) {
	i := infoOf(c)
	return i.State, i.State != 0
}

// infoOf is a connection's tcp_info, of a stack or the kernel; else the zero Info.
func infoOf(c dialer.TCPConn) tcp.Info {
	if i, ok := c.(interface{ Info() tcp.Info }); ok {
		return i.Info()
	}
	var k *unix.TCPInfo
	err, ok := onFD(c, "getsockopt", func(fd int) (err error) {
		k, err = unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		return err
	})
	if !ok || err != nil {
		return tcp.Info{}
	}
	return tcp.Info{
		State: tcp.State(k.State), CAState: k.Ca_state, Retransmits: k.Retransmits, Probes: k.Probes, Backoff: k.Backoff,
		Options: k.Options,
		RTO:     k.Rto, ATO: k.Ato, SndMSS: k.Snd_mss, RcvMSS: k.Rcv_mss,
		Unacked: k.Unacked, Sacked: k.Sacked, Lost: k.Lost, Retrans: k.Retrans,
		LastDataSent: k.Last_data_sent, LastDataRecv: k.Last_data_recv, LastAckRecv: k.Last_ack_recv, PMTU: k.Pmtu,
		RTT: k.Rtt, RTTVar: k.Rttvar, SndSsthresh: k.Snd_ssthresh, SndCwnd: k.Snd_cwnd,
		AdvMSS: k.Advmss, Reordering: k.Reordering, RcvSpace: k.Rcv_space, RcvSsthresh: k.Rcv_ssthresh,
		TotalRetrans: k.Total_retrans, BytesAcked: k.Bytes_acked, BytesReceived: k.Bytes_received,
		SegsOut: k.Segs_out, SegsIn: k.Segs_in, NotSentBytes: k.Notsent_bytes, MinRTT: k.Min_rtt,
		DataSegsIn: k.Data_segs_in, DataSegsOut: k.Data_segs_out, BytesSent: k.Bytes_sent, BytesRetrans: k.Bytes_retrans,
		DSACKDups: k.Dsack_dups, SndWnd: k.Snd_wnd, RcvWnd: k.Rcv_wnd, RcvOOOPack: k.Rcv_ooopack,
	}
}

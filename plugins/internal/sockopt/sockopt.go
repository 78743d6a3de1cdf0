// Package sockopt has the options of connections that package net has no methods for. A stack's connections have methods
// of their own for them; of the kernel's the descriptor is asked, which stays here.
package sockopt

import (
	"errors"
	"math"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gotcp/gotcp/stack/tcp"
)

// Conn is a TCP connection or a UDP socket of a stack or the kernel. One that is neither's, and hasn't the methods, gives
// errors that are errors.ErrUnsupported.
type Conn struct {
	Conn net.Conn
	// OpError makes an error of package net's form. An error that the connection gives itself is left as it is.
	OpError func(op string, err error) error
}

// SetUserTimeout limits how long written data may stay unacknowledged: see netapi's TCPConn.
func (c Conn) SetUserTimeout(d time.Duration) error {
	if i, ok := c.Conn.(interface{ SetUserTimeout(time.Duration) error }); ok {
		return i.SetUserTimeout(d)
	}
	ms := -1
	if d >= 0 {
		d = min(d, math.MaxInt32*time.Millisecond)
		ms = int((d + time.Millisecond - 1) / time.Millisecond)
	}
	return c.control("setsockopt", func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, ms)
	})
}

// SetCongestionControl chooses what governs the congestion window, by name.
func (c Conn) SetCongestionControl(name string) error {
	if i, ok := c.Conn.(interface{ SetCongestionControl(string) error }); ok {
		return i.SetCongestionControl(name)
	}
	return c.control("setsockopt", func(fd int) error {
		return unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
	})
}

// CongestionControl is the name of what governs the congestion window; "" where the connection doesn't say.
func (c Conn) CongestionControl() (name string) {
	if i, ok := c.Conn.(interface{ CongestionControl() string }); ok {
		return i.CongestionControl()
	}
	c.control("getsockopt", func(fd int) (err error) {
		name, err = unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
		return err
	})
	return name
}

// GetsockoptInt gets an option by Linux's numbers.
func (c Conn) GetsockoptInt(level, opt int) (v int, err error) {
	if i, ok := c.Conn.(interface {
		GetsockoptInt(level, opt int) (int, error)
	}); ok {
		return i.GetsockoptInt(level, opt)
	}
	err = c.control("getsockopt", func(fd int) (err error) {
		v, err = unix.GetsockoptInt(fd, level, opt)
		return err
	})
	return v, err
}

// Info is a TCP connection's tcp_info; the zero Info where it doesn't tell.
func (c Conn) Info() tcp.Info {
	if i, ok := c.Conn.(interface{ Info() tcp.Info }); ok {
		return i.Info()
	}
	var k *unix.TCPInfo
	err := c.control("getsockopt", func(fd int) (err error) {
		k, err = unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		return err
	})
	if err != nil {
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

// control calls a function with the descriptor of a connection of the kernel's; call is the system call that its error
// tells of.
func (c Conn) control(call string, with func(fd int) error) error {
	op := call[:3]
	var raw syscall.RawConn
	var err error
	switch c := c.Conn.(type) { // package net's types only: another one's descriptor may be anything
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UDPConn:
		raw, err = c.SyscallConn()
	default:
		err = errors.ErrUnsupported
	}
	if err != nil {
		return c.OpError(op, err)
	}
	var inside error
	if err := raw.Control(func(fd uintptr) { inside = with(int(fd)) }); err != nil {
		return err
	}
	if inside != nil {
		return c.OpError(op, os.NewSyscallError(call, inside))
	}
	return nil
}

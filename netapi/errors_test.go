package netapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack"
)

// chain lists the types of an error from the outside in.
func chain(err error) string {
	var types []string
	for ; err != nil; err = errors.Unwrap(err) {
		types = append(types, reflect.TypeOf(err).String())
	}
	return strings.Join(types, " > ")
}

// nesting is how package net nests what the layers below it report. What was observed of package net on Linux is in
// the literals; none of them is computed.
type nesting struct {
	net    string // OpError.Net
	op     string // the operation's name in OpError.Op
	call   string // the system call's name
	source string // OpError.Source and Addr, "<nil>" where nil
	addr   string
	do     func(*fakeSocket) error
}

const (
	local  = "10.0.0.1:1000"
	remote = "10.0.0.2:80"
)

// ofTCP is an operation of a connection that reports both its ends.
func ofTCP(op, call string, f func(*TCPConn) error) nesting {
	return nesting{"tcp", op, call, local, remote, func(s *fakeSocket) error { return f(&TCPConn{conn{s, &origin{net: "tcp"}}}) }}
}

// setting is an operation of a connection that reports its local end only, and as OpError.Addr.
func setting(call string, f func(*TCPConn) error) nesting {
	n := ofTCP("set", call, f)
	n.source, n.addr = "<nil>", local
	return n
}

func ofListener(op, call string, f func(*TCPListener) error) nesting {
	return nesting{"tcp", op, call, "<nil>", local, func(s *fakeSocket) error {
		s.remote = netip.AddrPort{}
		return f(&TCPListener{s, &origin{net: "tcp"}})
	}}
}

// ofUDP is an operation of a socket without a peer; to is the address that comes with the call.
func ofUDP(op, call, to string, f func(*UDPConn) error) nesting {
	return nesting{"udp", op, call, local, to, func(s *fakeSocket) error {
		s.remote = netip.AddrPort{}
		return f(&UDPConn{conn{s, &origin{net: "udp"}}})
	}}
}

func second[T any](_ T, err error) error { return err }

var (
	peerUDP = net.UDPAddrFromAddrPort(netip.MustParseAddrPort(remote))
	peer    = netip.MustParseAddrPort(remote)
	keep    = net.KeepAliveConfig{Enable: true}
)

var nestings = map[string]nesting{
	"Read":       ofTCP("read", "read", func(c *TCPConn) error { return second(c.Read(make([]byte, 1))) }),
	"Write":      ofTCP("write", "write", func(c *TCPConn) error { return second(c.Write(nil)) }),
	"Close":      ofTCP("close", "close", (*TCPConn).Close),
	"CloseRead":  ofTCP("close", "shutdown", (*TCPConn).CloseRead),
	"CloseWrite": ofTCP("close", "shutdown", (*TCPConn).CloseWrite),
	"WriteBuffers": ofTCP("writev", "writev", func(c *TCPConn) error {
		return second(c.WriteBuffers(&net.Buffers{}))
	}),

	"SetDeadline":      setting("set", func(c *TCPConn) error { return c.SetDeadline(time.Time{}) }),
	"SetReadDeadline":  setting("set", func(c *TCPConn) error { return c.SetReadDeadline(time.Time{}) }),
	"SetWriteDeadline": setting("set", func(c *TCPConn) error { return c.SetWriteDeadline(time.Time{}) }),
	"SetReadBuffer":    setting("setsockopt", func(c *TCPConn) error { return c.SetReadBuffer(1) }),
	"SetWriteBuffer":   setting("setsockopt", func(c *TCPConn) error { return c.SetWriteBuffer(1) }),

	"SetLinger":          ofTCP("set", "setsockopt", func(c *TCPConn) error { return c.SetLinger(1) }),
	"SetNoDelay":         ofTCP("set", "setsockopt", func(c *TCPConn) error { return c.SetNoDelay(true) }),
	"SetKeepAlive":       ofTCP("set", "setsockopt", func(c *TCPConn) error { return c.SetKeepAlive(true) }),
	"SetKeepAlivePeriod": ofTCP("set", "setsockopt", func(c *TCPConn) error { return c.SetKeepAlivePeriod(1) }),
	"SetKeepAliveConfig": ofTCP("set", "setsockopt", func(c *TCPConn) error { return c.SetKeepAliveConfig(keep) }),

	"SetUserTimeout": ofTCP("set", "setsockopt", func(c *TCPConn) error { return c.SetUserTimeout(1) }),
	"SetCongestionControl": ofTCP("set", "setsockopt",
		func(c *TCPConn) error { return c.SetCongestionControl("cubic") }),

	"Accept":         ofListener("accept", "accept4", func(l *TCPListener) error { return second(l.Accept()) }),
	"listener Close": ofListener("close", "close", (*TCPListener).Close),

	"UDP ReadFrom": ofUDP("read", "recvfrom", "<nil>", func(c *UDPConn) error {
		_, _, err := c.ReadFrom(nil)
		return err
	}),
	"UDP ReadMsgUDP": ofUDP("read", "recvmsg", "<nil>", func(c *UDPConn) error {
		_, _, _, _, err := c.ReadMsgUDP(nil, nil)
		return err
	}),
	"UDP Write": ofUDP("write", "write", "<nil>", func(c *UDPConn) error { return second(c.Write(nil)) }),
	"UDP WriteTo": ofUDP("write", "sendto", remote, func(c *UDPConn) error {
		return second(c.WriteTo(nil, peerUDP))
	}),
	"UDP WriteToUDP": ofUDP("write", "sendto", remote, func(c *UDPConn) error {
		return second(c.WriteToUDP(nil, peerUDP))
	}),
	"UDP WriteToUDPAddrPort": ofUDP("write", "sendto", remote, func(c *UDPConn) error {
		return second(c.WriteToUDPAddrPort(nil, peer))
	}),
	"UDP WriteMsgUDP": ofUDP("write", "sendmsg", remote, func(c *UDPConn) error {
		_, _, err := c.WriteMsgUDP(nil, nil, peerUDP)
		return err
	}),
	"UDP WriteMsgUDPAddrPort": ofUDP("write", "sendmsg", remote, func(c *UDPConn) error {
		_, _, err := c.WriteMsgUDPAddrPort(nil, nil, peer)
		return err
	}),
}

// TestErrorNesting checks every operation against every kind of error from below.
func TestErrorNesting(t *testing.T) {
	for name, n := range nestings {
		t.Run(name, func(t *testing.T) {
			n.check(t, syscall.ECONNRESET, n.call+": connection reset by peer",
				"*net.OpError > *os.SyscallError > syscall.Errno", syscall.ECONNRESET)
			n.check(t, stack.ErrClosed, "use of closed network connection",
				"*net.OpError > poll.errNetClosing", net.ErrClosed)
			n.check(t, os.ErrDeadlineExceeded, "i/o timeout",
				"*net.OpError > *poll.DeadlineExceededError", os.ErrDeadlineExceeded)
			if err := n.do(newFake(nil)); err != nil {
				t.Errorf("without an error below: %v", err)
			}
		})
	}
}

func (n nesting) check(t *testing.T, below error, text, types string, is error) {
	t.Helper()
	err := n.do(newFake(below))
	op, ok := err.(*net.OpError)
	if !ok {
		t.Fatalf("%v gives %T %v; want a *net.OpError", below, err, err)
	}
	if op.Op != n.op || op.Net != n.net || fmt.Sprint(op.Source) != n.source || fmt.Sprint(op.Addr) != n.addr {
		t.Errorf("%v gives op %q net %q source %v addr %v; want %q %q %v %v",
			below, op.Op, op.Net, op.Source, op.Addr, n.op, n.net, n.source, n.addr)
	}
	if op.Err.Error() != text {
		t.Errorf("%v gives text %q; want %q", below, op.Err, text)
	}
	if c := chain(err); c != types {
		t.Errorf("%v gives the chain %s; want %s", below, c, types)
	}
	if !errors.Is(err, is) {
		t.Errorf("%v gives an error that isn't %v", below, is)
	}
}

// TestTimeoutFlags checks what libraries ask a net.Error: crypto/tls drops a connection for good after a timeout that
// isn't temporary.
func TestTimeoutFlags(t *testing.T) {
	for _, c := range []struct {
		below   error
		timeout bool
	}{
		{os.ErrDeadlineExceeded, true},
		{syscall.ETIMEDOUT, true}, // keep-alive or user time-out
		{syscall.ECONNRESET, false},
		{syscall.EPIPE, false},
		{stack.ErrClosed, false},
	} {
		_, err := (&TCPConn{conn{newFake(c.below), &origin{net: "tcp"}}}).Read(make([]byte, 1))
		ne := err.(interface{ Timeout() bool })
		te := err.(interface{ Temporary() bool }) // deprecated in net.Error, but libraries call it
		if ne.Timeout() != c.timeout || te.Temporary() != c.timeout {
			t.Errorf("%v: Timeout %v, Temporary %v; want both %v", c.below, ne.Timeout(), te.Temporary(), c.timeout)
		}
	}
}

// TestEOFBare: callers compare with ==.
func TestEOFBare(t *testing.T) {
	if _, err := (&TCPConn{conn{newFake(io.EOF), &origin{net: "tcp"}}}).Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("Read at the end: %v; want io.EOF itself", err)
	}
}

// TestCopyErrors checks that ReadFrom and WriteTo say what they were doing around the read's or write's own error.
func TestCopyErrors(t *testing.T) {
	c := &TCPConn{conn{newFake(syscall.ECONNRESET), &origin{net: "tcp"}}}
	_, err := c.ReadFrom(io.LimitReader(strings.NewReader("abc"), 2))
	want := "readfrom tcp 10.0.0.1:1000->10.0.0.2:80: write tcp 10.0.0.1:1000->10.0.0.2:80: " +
		"write: connection reset by peer"
	if err == nil || err.Error() != want {
		t.Errorf("ReadFrom: %v; want %s", err, want)
	}
	_, err = c.WriteTo(io.Discard)
	want = "writeto tcp 10.0.0.1:1000->10.0.0.2:80: read tcp 10.0.0.1:1000->10.0.0.2:80: " +
		"read: connection reset by peer"
	if err == nil || err.Error() != want {
		t.Errorf("WriteTo: %v; want %s", err, want)
	}
	n, err := (&TCPConn{conn{newFake(io.EOF), &origin{net: "tcp"}}}).WriteTo(io.Discard)
	if n != 0 || err != nil {
		t.Errorf("WriteTo at the end: %d, %v; want 0 and no error", n, err)
	}
}

// TestDialTimeoutIsBoth: package net gives one or the other by the outcome of a race; callers test for either.
func TestDialTimeoutIsBoth(t *testing.T) {
	err := error(&net.OpError{Op: "dial", Net: "tcp", Err: wrap("connect", context.DeadlineExceeded)})
	for _, is := range []error{os.ErrDeadlineExceeded, context.DeadlineExceeded} {
		if !errors.Is(err, is) {
			t.Errorf("a dial that timed out isn't %v", is)
		}
	}
	if err.Error() != "dial tcp: i/o timeout" || !err.(net.Error).Timeout() {
		t.Errorf("%v, Timeout %v", err, err.(net.Error).Timeout())
	}
}

// TestDialCancelled checks that the error is package net's own value.
func TestDialCancelled(t *testing.T) {
	err := wrap("connect", context.Canceled)
	if chain(err) != "net.canceledError" || !errors.Is(err, context.Canceled) ||
		err.Error() != "operation was canceled" {
		t.Errorf("%s %v", chain(err), err)
	}
}

// TestNoConnection: the methods of a zero value give EINVAL, as package net's do, and don't panic.
func TestNoConnection(t *testing.T) {
	c := &TCPConn{}
	l := &TCPListener{}
	u := &UDPConn{}
	for name, err := range map[string]error{
		"Read":     second(c.Read(nil)),
		"Write":    second(c.Write(nil)),
		"Close":    c.Close(),
		"ReadFrom": second(c.ReadFrom(nil)),
		"WriteTo":  second(c.WriteTo(nil)),
		"Deadline": c.SetDeadline(time.Time{}),
		"Linger":   c.SetLinger(0),
		"UserTime": c.SetUserTimeout(0), "Congestion": c.SetCongestionControl("cubic"),
		"Accept": second(l.Accept()),
		"LClose": l.Close(),
		"UDP":    second(u.WriteTo(nil, nil)),
	} {
		if err != syscall.EINVAL {
			t.Errorf("%s of nothing: %v; want EINVAL", name, err)
		}
	}
}

// TestUDPAddressErrors checks the errors that never reach the stack.
func TestUDPAddressErrors(t *testing.T) {
	s := newFake(nil)
	connected := &UDPConn{conn{s, &origin{net: "udp"}}}
	if _, err := connected.WriteTo(nil, peerUDP); !errors.Is(err, net.ErrWriteToConnected) {
		t.Errorf("WriteTo on a connected socket: %v", err)
	}
	s2 := newFake(nil)
	s2.remote = netip.AddrPort{}
	u := &UDPConn{conn{s2, &origin{net: "udp4"}}}
	for want, to := range map[string]net.Addr{
		"write udp4 10.0.0.1:1000->10.0.0.2:80: invalid argument":           &net.TCPAddr{IP: peerUDP.IP, Port: 80},
		"write udp4 10.0.0.1:1000: invalid argument":                        nil,
		"write udp4 10.0.0.1:1000->[::1]:80: address ::1: non-IPv4 address": &net.UDPAddr{IP: net.IPv6loopback, Port: 80},
		"write udp4 10.0.0.1:1000: missing address":                         (*net.UDPAddr)(nil),
	} {
		if _, err := u.WriteTo(nil, to); err == nil || err.Error() != want {
			t.Errorf("WriteTo %v: %v; want %s", to, err, want)
		}
	}
}

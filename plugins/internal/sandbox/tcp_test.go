package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins/internal/sandbox"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// A connection goes both ways, and each end of a stream is the end of one.
func TestTCP(t *testing.T) {
	netns.Require(t)
	w := newWorld(t)
	from := make(chan net.Addr, 1)
	w.serve(t, "198.51.100.7:80", func(c *netapi.TCPConn) {
		defer c.Close()
		from <- c.RemoteAddr()
		io.WriteString(c, "welcome\n")
		b, err := io.ReadAll(c)
		fmt.Fprintf(c, "%d octets, %v\n", len(b), err)
	})
	b := start(t, sandbox.Config{Network: w.near}, "talk", "198.51.100.7:80")
	want(t, "addresses", b.line(), "from 10.78.0.2 to 198.51.100.7:80")
	io.WriteString(b.in, strings.Repeat("x", 1<<20))
	b.in.Close()
	want(t, "the rest", b.all(), "welcome\n1048576 octets, <nil>\nok\n")
	if got := (<-from).(*net.TCPAddr).IP.String(); got != "10.78.0.2" {
		t.Errorf("the server sees %s, want the network's own address", got)
	}
}

// What the network says of a dial is what the program's connect says.
func TestTCPErrors(t *testing.T) {
	netns.Require(t)
	w := newWorld(t)
	w.serve(t, "198.51.100.7:80", echo)
	n := failing{Tuned: w.near, errs: map[string]error{
		"192.0.2.1:80": syscall.EACCES, "192.0.2.2:80": syscall.ENETUNREACH, "192.0.2.3:80": syscall.EHOSTUNREACH,
		"192.0.2.4:80": syscall.EMFILE, "192.0.2.5:80": syscall.EADDRNOTAVAIL, "192.0.2.6:80": errWrap,
	}}
	b := start(t, sandbox.Config{Network: n}, "dial", "198.51.100.7:80", "198.51.100.7:81", "192.0.2.1:80",
		"192.0.2.2:80", "192.0.2.3:80", "192.0.2.4:80", "192.0.2.5:80", "192.0.2.6:80", "[2001:db8::1]:80")
	want(t, "dials", b.all(), "198.51.100.7:80 ok\n"+
		"198.51.100.7:81 connection refused\n"+ // the far stack's RST
		"192.0.2.1:80 no route to host\n"+ // ICMP "administratively prohibited" is EHOSTUNREACH in Linux
		"192.0.2.2:80 network is unreachable\n"+
		"192.0.2.3:80 no route to host\n"+
		"192.0.2.4:80 no route to host\n"+ // a quota, as a rule
		"192.0.2.5:80 network is unreachable\n"+
		"192.0.2.6:80 connection refused\n"+ // an error without an errno
		"[2001:db8::1]:80 network is unreachable\n") // there is no IPv6
}

// failing is a network some of whose addresses give an error.
type failing struct {
	netapi.Tuned
	errs map[string]error
}

func (f failing) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if err := f.errs[address]; err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", err)}
	}
	return f.Tuned.DialContext(ctx, network, address)
}

// A reset of one side is one of the other.
func TestTCPResets(t *testing.T) {
	netns.Require(t)
	w := newWorld(t)
	w.serve(t, "198.51.100.7:80", func(c *netapi.TCPConn) {
		c.Read(make([]byte, 1))
		c.SetLinger(0)
		c.Close()
	})
	b := start(t, sandbox.Config{Network: w.near}, "talk", "198.51.100.7:80")
	b.line()
	io.WriteString(b.in, "x")
	b.in.Close()
	if got := b.all(); !strings.HasSuffix(got, "connection reset by peer\n") {
		t.Errorf("the program says %q of the server's reset", got)
	}

	seen := make(chan error, 1)
	w.serve(t, "198.51.100.7:81", func(c *netapi.TCPConn) {
		io.WriteString(c, "reset me\n")
		_, err := io.Copy(io.Discard, c)
		seen <- err
		c.Close()
	})
	start(t, sandbox.Config{Network: w.near}, "abort", "198.51.100.7:81").all()
	if err := <-seen; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server sees %v of the program's reset, want ECONNRESET", err)
	}
}

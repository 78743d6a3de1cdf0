package netapi

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestDialEnds: a dial ends with its context or its Dialer's limits, with the errors that callers test for.
func TestDialEnds(t *testing.T) {
	a, b := newPair(t)
	b.Stack().Close() // nobody answers
	past := time.Now().Add(-time.Second)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	closed := make(chan struct{})
	close(closed)
	for name, c := range map[string]struct {
		ctx     context.Context
		d       net.Dialer
		is      error
		timeout bool
	}{
		"Timeout":             {t.Context(), net.Dialer{Timeout: 20 * time.Millisecond}, os.ErrDeadlineExceeded, true},
		"Deadline past":       {t.Context(), net.Dialer{Deadline: past}, context.DeadlineExceeded, true},
		"Timeout negative":    {t.Context(), net.Dialer{Timeout: -1}, context.DeadlineExceeded, true},
		"context's deadline":  {soon, net.Dialer{}, context.DeadlineExceeded, true},
		"context's cancelled": {cancelled, net.Dialer{}, context.Canceled, false},
		//lint:ignore SA1019 it is honoured, so it is tested
		"Cancel": {t.Context(), net.Dialer{Cancel: closed}, context.Canceled, false},
	} {
		_, err := a.DialWith(c.ctx, &c.d, "tcp", "10.0.0.2:80")
		op, ok := err.(*net.OpError)
		if !ok || !errors.Is(err, c.is) || op.Timeout() != c.timeout || op.Op != "dial" ||
			op.Addr.String() != "10.0.0.2:80" || op.Source != nil {
			t.Errorf("%s: %v; want a *net.OpError that is %v, Timeout %v", name, err, c.is, c.timeout)
		}
	}
}

// TestSerial: of several addresses each gets a fair share of the time, at least 2 seconds; the first one's error is
// given where none answers.
func TestSerial(t *testing.T) {
	addrs := []netip.AddrPort{
		netip.MustParseAddrPort("10.0.0.3:80"), // in the network, but nobody is there
		netip.MustParseAddrPort("10.0.0.4:80"),
		netip.MustParseAddrPort("10.0.0.2:80"),
	}
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		ln, err := b.Listen(t.Context(), "tcp", "10.0.0.2:80")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		sd := dialing{n: a, d: &net.Dialer{}, network: "tcp"}
		start := time.Now()
		c, err := sd.serial(ctx, addrs)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if took := time.Since(start); took != 6*time.Second { // 9/3, then 6/2
			t.Errorf("the third address was connected after %v; want 6 s", took)
		}
		ln.Close()
		ctx, cancel = context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start = time.Now()
		_, err = sd.serial(ctx, addrs)
		var op *net.OpError
		if !errors.As(err, &op) || op.Addr.String() != "10.0.0.3:80" || !op.Timeout() {
			t.Errorf("no address answers: %v; want the time-out of the first one", err)
		}
		if took := time.Since(start); took != 3*time.Second { // 2, the least, then the 1 that is left
			t.Errorf("no address answers: took %v; want 3 s", took)
		}
	})
}

// TestControl: the function is called with the family's name, can set options, and its error ends the call.
func TestControl(t *testing.T) {
	n := newLoop(t)
	var saw string
	control := func(network, address string, c syscall.RawConn) error {
		saw += network + " " + address + ";"
		if err := c.Control(func(uintptr) {}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Control: %v; there is no file descriptor", err)
		}
		o := c.(interface {
			SetsockoptInt(level, opt, value int) error
			GetsockoptInt(level, opt int) (int, error)
		})
		if err := o.SetsockoptInt(syscall.IPPROTO_TCP, syscall.TCP_DEFER_ACCEPT, -1); err == nil {
			t.Error("an option that makes no sense was taken")
		}
		if err := o.SetsockoptInt(syscall.SOL_SOCKET, syscall.SO_RCVBUF, 50000); err != nil {
			t.Error(err)
		}
		if v, err := o.GetsockoptInt(syscall.SOL_SOCKET, syscall.SO_RCVBUF); v < 50000 || err != nil {
			t.Errorf("the option is %d, %v; want at least 50000", v, err)
		}
		return nil
	}
	ln, err := n.ListenWith(t.Context(), &net.ListenConfig{Control: control}, "tcp", "127.0.0.1:9000")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := n.DialWith(t.Context(), &net.Dialer{Control: control}, "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if saw != "tcp4 127.0.0.1:9000;tcp4 127.0.0.1:9000;" {
		t.Errorf("Control saw %s", saw)
	}
	refuse := func(context.Context, string, string, syscall.RawConn) error { return syscall.EACCES }
	_, err = n.DialWith(t.Context(), &net.Dialer{Control: control, ControlContext: refuse}, "tcp", ln.Addr().String())
	if chain(err) != "*net.OpError > syscall.Errno" || !errors.Is(err, syscall.EACCES) {
		t.Errorf("an error of ControlContext: %s %v", chain(err), err)
	}
}

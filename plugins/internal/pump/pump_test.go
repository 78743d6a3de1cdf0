package pump

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
)

// networks are what connections are made on that are joined: they must not be felt by those who talk through a joint.
var networks = map[string]func(t *testing.T) netapi.Network{
	"stack": func(t *testing.T) netapi.Network {
		s := stack.New(stack.Config{})
		t.Cleanup(func() { s.Close() })
		return netapi.NewStack(s)
	},
	"kernel": func(*testing.T) netapi.Network { return netapi.Kernel{} },
}

// pair is a connection's two ends.
func pair(t *testing.T, n netapi.Network) (a, b dialer.TCPConn) {
	t.Helper()
	ln, err := n.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	d, err := n.DialContext(t.Context(), "tcp4", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close(); c.Close() })
	return d.(dialer.TCPConn), c.(dialer.TCPConn)
}

// joined is two connections with a joint between them.
type joined struct {
	left, right dialer.TCPConn // the outer ends
	a, b        dialer.TCPConn // the inner ends
	cancel      context.CancelCauseFunc
	result      chan Result
}

// eachJoint runs a test with each two networks.
func eachJoint(t *testing.T, test func(t *testing.T, j *joined)) {
	for left, from := range networks {
		for right, to := range networks {
			t.Run(left+" to "+right, func(t *testing.T) {
				j := &joined{result: make(chan Result, 1)}
				j.left, j.a = pair(t, from(t))
				j.b, j.right = pair(t, to(t))
				ctx, cancel := context.WithCancelCause(t.Context())
				j.cancel = cancel
				go func() { j.result <- Join(ctx, j.a, j.b) }()
				test(t, j)
			})
		}
	}
}

// TestJoinCarriesBothWays: octets go both ways, a half-close is one on the other side, and the end of both closes both.
func TestJoinCarriesBothWays(t *testing.T) {
	eachJoint(t, func(t *testing.T, j *joined) {
		request := bytes.Repeat([]byte("request "), 1<<17)
		go func() {
			j.left.ReadFrom(bytes.NewReader(request))
			j.left.CloseWrite()
		}()
		got, err := io.ReadAll(j.right)
		if err != nil || !bytes.Equal(got, request) {
			t.Fatalf("%d octets, %v; want %d and the end", len(got), err, len(request))
		}
		io.WriteString(j.right, "reply") // after the other direction has ended
		j.right.Close()
		if got, err := io.ReadAll(j.left); string(got) != "reply" || err != nil {
			t.Errorf("%q, %v; want the reply and the end", got, err)
		}
		want := Result{AtoB: int64(len(request)), BtoA: 5}
		if r := <-j.result; r != want {
			t.Errorf("%+v; want %+v", r, want)
		}
		if _, err := j.a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a write to the joined connection gives %v; want net.ErrClosed", err)
		}
	})
}

// TestJoinCarriesReset: a reset on one side is one on the other, and whose it was is told.
func TestJoinCarriesReset(t *testing.T) {
	eachJoint(t, func(t *testing.T, j *joined) {
		io.WriteString(j.left, "x")
		if _, err := io.ReadFull(j.right, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		Reset(j.right)
		if _, err := j.left.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the other side reads %v; want a reset", err)
		}
		if r := <-j.result; r.A != nil || !errors.Is(r.B, syscall.ECONNRESET) || r.Err != nil || r.AtoB != 1 {
			t.Errorf("%+v; want a reset as B's end, and one octet to it", r)
		}
	})
}

// TestJoinCarriesResetAfterHalfClose: who has ended its stream and dies while the other still sends is found out by
// writing to it.
func TestJoinCarriesResetAfterHalfClose(t *testing.T) {
	eachJoint(t, func(t *testing.T, j *joined) {
		j.right.CloseWrite()
		if _, err := j.left.Read(make([]byte, 1)); err != io.EOF {
			t.Fatalf("the other side reads %v; want the end", err)
		}
		Reset(j.right)
		for {
			if _, err := j.left.Write(make([]byte, 1<<10)); err != nil {
				break // which is a reset or, as the peer's stream has ended, EPIPE
			}
		}
		if r := <-j.result; r.B == nil || r.A != nil {
			t.Errorf("%+v; want an error of B's", r)
		}
	})
}

// TestJoinEndsWithContext: the context's end resets both sides, whatever they are doing, and its cause is told.
func TestJoinEndsWithContext(t *testing.T) {
	eachJoint(t, func(t *testing.T, j *joined) {
		go j.left.Write(make([]byte, 64<<20)) // of which nobody reads more than one octet
		if _, err := io.ReadFull(j.right, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		why := errors.New("killed")
		j.cancel(why)
		if r := <-j.result; r.Err != why || r.A != nil || r.B != nil {
			t.Errorf("%+v; want %v only", r, why)
		}
		if _, err := io.Copy(io.Discard, j.right); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a side reads until %v; want a reset", err)
		}
	})
}

// TestJoinCarriesOwnClose: that a joined connection is closed from elsewhere, a plugin's by its guard, ends both.
func TestJoinCarriesOwnClose(t *testing.T) {
	eachJoint(t, func(t *testing.T, j *joined) {
		j.a.Close()
		if _, err := j.right.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the other side reads %v; want a reset", err)
		}
		if r := <-j.result; r.A == nil {
			t.Errorf("%+v; want an error of A's", r)
		}
	})
}

// TestCopyTellsWhoseError: a reader's failure is not a writer's.
func TestCopyTellsWhoseError(t *testing.T) {
	full := errors.New("full")
	if n, src, dst := Copy(failing{full}, strings.NewReader("text")); n != 0 || src != nil || dst != full {
		t.Errorf("%d, %v, %v; want the writer's error", n, src, dst)
	}
	if _, src, dst := Copy(failing{}, strings.NewReader("text")); src != nil || dst != io.ErrShortWrite {
		t.Errorf("%v, %v; want io.ErrShortWrite of who writes less than told", src, dst)
	}
	if n, src, dst := Copy(io.Discard, strings.NewReader("text")); n != 4 || src != nil || dst != nil {
		t.Errorf("%d, %v, %v; want 4 and no error", n, src, dst)
	}
	a, _ := pair(t, netapi.Kernel{})
	a.Close()
	if _, src, dst := Copy(io.Discard, Source(a)); src == nil || dst != nil {
		t.Errorf("%v, %v; want the reader's error", src, dst)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

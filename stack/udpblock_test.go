package stack

import (
	"errors"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// Blocking, as the net facade needs it: deadlines act on who waits, win over data, can be revived; Close wakes
// everyone.
func TestUDPBlocking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		sock, _ := s.Socket(syscall.SOCK_DGRAM)
		sock.Bind(local(53))
		sender, _ := s.Socket(syscall.SOCK_DGRAM)
		read := func(n int) <-chan error {
			c := make(chan error, n)
			for range n {
				go func() {
					_, _, _, err := sock.RecvFrom(make([]byte, 10))
					c <- err
				}()
			}
			synctest.Wait()
			return c
		}
		errs := read(3)
		for range 3 {
			sender.SendTo([]byte("x"), local(53))
		}
		for range 3 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		errs = read(2)
		start := time.Now()
		sock.SetReadDeadline(start.Add(3 * time.Second))
		for range 2 {
			if err := <-errs; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 3*time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		}
		sender.SendTo([]byte("x"), local(53))
		if err := <-read(1); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a passed deadline must win over data: %v", err)
		}
		if _, _, _, err := sock.TryRecvFrom(nil, true); err != nil {
			t.Errorf("a Try call must not heed it: %v", err)
		}
		if err := sock.WaitReadable(true); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		sock.SetReadDeadline(time.Time{})
		if err := sock.WaitReadable(true); err != nil {
			t.Error(err)
		}
		if err := <-read(1); err != nil {
			t.Errorf("without a deadline: %v", err)
		}
		sender.SetWriteDeadline(time.Now())
		if _, err := sender.SendTo(nil, local(53)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a write after its deadline: %v", err)
		}
		if err := sender.WaitWritable(true); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		sender.SetWriteDeadline(time.Time{})
		if err := sender.WaitWritable(true); err != nil {
			t.Error(err)
		}
		errs = read(4)
		sock.Close()
		for range 4 {
			if err := <-errs; err != ErrClosed {
				t.Error(err)
			}
		}
		if sock.LocalAddr() != local(53) {
			t.Errorf("the address after close is %v", sock.LocalAddr())
		}
		s.Close()
	})
}

// Every method of a closed socket says so, and nothing else happens.
func TestUDPClosed(t *testing.T) {
	r := newRig(t, Config{}, nil)
	d := r.datagram(ours(2000))
	d.Close()
	p := make([]byte, 1)
	for name, err := range map[string]error{
		"Close":        d.Close(),
		"Abort":        d.Abort(),
		"Connect":      d.Connect(t.Context(), theirs(1)),
		"Shutdown":     d.Shutdown(syscall.SHUT_RD),
		"deadline":     d.SetReadDeadline(time.Now()),
		"SetOpt":       d.SetOpt(syscall.SOL_SOCKET, syscall.SO_BROADCAST, 1),
		"WaitReadable": d.WaitReadable(false),
		"WaitWritable": d.WaitWritable(false),
		"Read":         second(d.Read(p)),
		"Read of none": second(d.Read(nil)),
		"TryRead":      second(d.TryRead(p, false)),
		"Write":        second(d.Write(p)),
		"TryWrite":     second(d.TryWrite(p)),
		"SendTo":       second(d.SendTo(p, theirs(1))),
		"Opt":          second(d.Opt(syscall.SOL_SOCKET, syscall.SO_TYPE)),
		"TryRecvFrom":  fourth(d.TryRecvFrom(p, false)),
		"RecvFrom":     fourth(d.RecvFrom(p)),
	} {
		if err != ErrClosed {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.dev.inject(udpPacket(theirs(1), ours(2000), nil))
	r.counted(DropUDPNoPort, 1)
	if len(r.udp.m) != 0 || len(r.udp.open) != 0 || len(r.udpPorts.list()) != 0 {
		t.Error("the stack still knows it")
	}
}

func second[T any](_ T, err error) error                 { return err }
func fourth(_, _ int, _ netip.AddrPort, err error) error { return err }

package stack

import (
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{EphemeralFirst: 40000, EphemeralLast: 40000})
		defer s.Close()
		ln, _ := s.Socket(syscall.SOCK_STREAM)
		ln.Bind(anyPort(80))
		ln.Listen(1)
		d, _ := s.Socket(syscall.SOCK_DGRAM)
		d.Bind(local(53))
		c, _ := s.Socket(syscall.SOCK_STREAM)
		if err := c.Connect(t.Context(), local(80)); err != nil {
			t.Fatal(err)
		}
		use := func(network string, at netip.AddrPort, state PortState) PortUse {
			return PortUse{network, at, state, 1}
		}
		want := []PortUse{
			use("tcp", local(80), PortAccepted), use("tcp", anyPort(80), PortListening),
			use("tcp", local(40000), PortDialled), use("udp", local(53), PortBound),
		}
		if got := s.Ports(); !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		a, _ := ln.Accept()
		c.Close()
		a.Close()
		ln.Close()
		d.Close()
		synctest.Wait()
		if got := s.Ports(); len(got) != 1 || got[0].State != PortDialled {
			t.Errorf("%v, want the side that closed first, in TIME-WAIT", got)
		}
		time.Sleep(2 * time.Minute)
		if got := s.Ports(); len(got) != 0 {
			t.Errorf("left: %v", got)
		}
	})
}

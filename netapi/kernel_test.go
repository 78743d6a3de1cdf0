package netapi

import (
	"io"
	"net"
	"testing"

	"github.com/gotcp/gotcp/stack"
)

// TestKernel: the same calls give package net's own connections.
func TestKernel(t *testing.T) {
	var n Network = Kernel{}
	ln, err := n.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := n.DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.(*net.TCPConn); !ok {
		t.Errorf("a %T; want package net's", c)
	}
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "hello")
	c.Close()
	if got, err := io.ReadAll(s); string(got) != "hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	s.Close()
	pc, err := n.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pc.Close()
	if n.Resolver() != net.DefaultResolver {
		t.Error("the kernel's names are not package net's")
	}
	asked := false
	Kernel{}.Input(func(uint16) *stack.Listener { asked = true; return nil })([]byte{0x45})
	if asked {
		t.Error("the kernel's Input looked at a packet")
	}
}

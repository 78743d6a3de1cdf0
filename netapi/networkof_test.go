package netapi

import (
	"crypto/tls"
	"net"
	"testing"
)

// TestNetworkOf: each end of each kind of connection tells where it is from, also from under another one.
func TestNetworkOf(t *testing.T) {
	n, other := newLoop(t), newLoop(t)
	ln, err := n.Listen(t.Context(), "tcp4", "127.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := n.DialContext(t.Context(), "tcp", "127.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	pc, err := other.ListenPacket(t.Context(), "udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	kernel, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Close()
	pipe, _ := net.Pipe()
	for _, x := range []struct {
		name string
		conn any
		want Network
	}{
		{"dialled", c, n}, {"accepted", a, n}, {"listener", ln, n}, {"UDP of another stack", pc, other},
		{"under TLS", tls.Client(c, &tls.Config{}), n}, {"kernel", kernel, Kernel{}},
		{"net.Pipe", pipe, nil}, {"nil", nil, nil}, {"zero TCPConn", &TCPConn{}, nil},
	} {
		if got := NetworkOf(x.conn); got != x.want {
			t.Errorf("%s: %v; want %v", x.name, got, x.want)
		}
	}
}

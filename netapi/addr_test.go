package netapi

import (
	"net"
	"net/netip"
	"testing"
)

// TestAddresses: types and lengths are package net's, and stay after Close.
func TestAddresses(t *testing.T) {
	a, b := newPair(t)
	d, s, ln := connect(t, a, b, "10.0.0.2:80")
	if got := ln.Addr().String(); got != "10.0.0.2:80" {
		t.Errorf("listener's address %s", got)
	}
	d.Close()
	s.Close()
	for _, c := range []struct {
		what string
		addr net.Addr
		want string
	}{
		{"dialled, remote", d.RemoteAddr(), "10.0.0.2:80"},
		{"accepted, local", s.LocalAddr(), "10.0.0.2:80"},
		{"dialled, local", d.LocalAddr(), s.RemoteAddr().String()},
	} {
		ta, ok := c.addr.(*net.TCPAddr)
		if !ok || len(ta.IP) != 4 || ta.String() != c.want || ta.Network() != "tcp" {
			t.Errorf("%s: %T %v; want a *net.TCPAddr %s with 4 octets", c.what, c.addr, c.addr, c.want)
		}
	}
}

// TestListenAddresses: what can be listened on, and the address that is then told.
func TestListenAddresses(t *testing.T) {
	n := newLoop(t)
	for address, want := range map[string]string{
		":8001":          "0.0.0.0:8001",
		"0.0.0.0:8002":   "0.0.0.0:8002",
		"[::]:8003":      "0.0.0.0:8003", // a stack has IPv4 only
		"localhost:8004": "127.0.0.1:8004",
		"127.0.0.1:http": "127.0.0.1:80",
	} {
		ln, err := n.Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if ln.Addr().String() != want {
			t.Errorf("%s: %v; want %s", address, ln.Addr(), want)
		}
		ln.Close()
	}
	ln, err := n.Listen(t.Context(), "tcp", "")
	if err != nil {
		t.Fatalf("an empty address: %v; package net takes it", err)
	}
	defer ln.Close()
	if ln.Addr().(*net.TCPAddr).Port == 0 {
		t.Error("no port was chosen")
	}
}

// TestAddressErrors are those that need no packet, or none but a reset. The texts are package net's.
func TestAddressErrors(t *testing.T) {
	n := newLoop(t)
	ln, err := n.Listen(t.Context(), "tcp", "127.0.0.1:9000")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dial := func(network, address string) error {
		return second(n.DialContext(t.Context(), network, address))
	}
	dialFrom := func(local, network, address string) error {
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort(local))}
		return second(n.DialWith(t.Context(), &d, network, address))
	}
	listen := func(network, address string) error { return second(n.Listen(t.Context(), network, address)) }
	for want, err := range map[string]error{
		"dial tcp: missing address":                           dial("tcp", ""),
		"dial tcp: address 10.0.0.1: missing port in address": dial("tcp", "10.0.0.1"),
		"dial tcp: address 99999: invalid port":               dial("tcp", "10.0.0.1:99999"),
		"dial tcp: lookup tcp/nosuchservice: unknown port":    dial("tcp", "10.0.0.1:nosuchservice"),
		"dial tcp: address [::1: missing ']' in address":      dial("tcp", "[::1"),
		"dial tcp5: unknown network tcp5":                     dial("tcp5", "10.0.0.1:1"),
		"dial: unknown network ":                              dial("", "10.0.0.1:1"),

		"dial tcp6: address 10.0.0.1: no suitable address found":             dial("tcp6", "10.0.0.1:1"),
		"dial tcp [::1]:1: socket: address family not supported by protocol": dial("tcp", "[::1]:1"),

		"dial tcp: address [::1]:0: no suitable address found":         dialFrom("[::1]:0", "tcp", "127.0.0.1:1"),
		"dial udp: address 127.0.0.1:0: mismatched local address type": dialFrom("127.0.0.1:0", "udp", "127.0.0.1:1"),
		"dial tcp 10.9.9.9:0->127.0.0.1:1: bind: cannot assign requested address": dialFrom(
			"10.9.9.9:0", "tcp", "127.0.0.1:1"),
		"dial tcp 127.0.0.1:9000->127.0.0.1:1: bind: address already in use": dialFrom(
			"127.0.0.1:9000", "tcp", "127.0.0.1:1"),

		"dial tcp 127.0.0.1:1: connect: connection refused":     dial("tcp", "127.0.0.1:1"),
		"dial tcp4 127.0.0.1:1: connect: connection refused":    dial("tcp4", "localhost:1"),
		"dial tcp :1: connect: connection refused":              dial("tcp", ":1"),
		"dial tcp 192.0.2.1:1: connect: network is unreachable": dial("tcp", "192.0.2.1:1"),

		"listen tcp 127.0.0.1:9000: bind: address already in use":       listen("tcp", "127.0.0.1:9000"),
		"listen tcp4 0.0.0.0:9000: bind: address already in use":        listen("tcp4", "0.0.0.0:9000"),
		"listen tcp4 10.9.9.9:0: bind: cannot assign requested address": listen("tcp4", "10.9.9.9:0"),
		"listen tcp4: address 70000: invalid port":                      listen("tcp4", "127.0.0.1:70000"),
		"listen tcp4: address 127.0.0.1: missing port in address":       listen("tcp4", "127.0.0.1"),
		"listen foo: unknown network foo":                               listen("foo", "127.0.0.1:0"),

		"listen udp 127.0.0.1:0: address 127.0.0.1:0: unexpected address type": listen("udp", "127.0.0.1:0"),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("%v; want %s", err, want)
		}
		if _, ok := err.(*net.OpError); !ok {
			t.Errorf("%v is a %T; want a *net.OpError", err, err)
		}
	}
}

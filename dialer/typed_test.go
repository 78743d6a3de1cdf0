package dialer

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/netapi"
)

var (
	_ TCPConn          = (*netapi.TCPConn)(nil)
	_ UDPConn          = (*netapi.UDPConn)(nil)
	_ deadlineListener = (*netapi.TCPListener)(nil)
)

// TestMethods: the interfaces lack no method of package net's types but those about file descriptors, so that a program
// that names *net.TCPConn needs the other name and no other change.
func TestMethods(t *testing.T) {
	for ours, theirs := range map[reflect.Type]reflect.Type{
		reflect.TypeFor[TCPConn]():      reflect.TypeFor[*net.TCPConn](),
		reflect.TypeFor[UDPConn]():      reflect.TypeFor[*net.UDPConn](),
		reflect.TypeFor[*TCPListener](): reflect.TypeFor[*net.TCPListener](),
		reflect.TypeFor[*Dialer]():      reflect.TypeFor[*net.Dialer](),
	} {
		for i := range theirs.NumMethod() {
			name := theirs.Method(i).Name
			switch name {
			case "File", "SyscallConn", "DialIP", "DialUnix": // a stack has neither
				continue
			}
			if _, ok := ours.MethodByName(name); !ok {
				t.Errorf("%v lacks %s", ours, name)
			}
		}
	}
}

// both runs a test on the kernel and on a stack, as the default network: the answers are to be the same.
func both(t *testing.T, test func(t *testing.T)) {
	for name, n := range map[string]netapi.Network{"kernel": netapi.Kernel{}, "stack": newLoop(t)} {
		t.Run(name, func(t *testing.T) {
			useDefault(t, n)
			test(t)
		})
	}
}

// TestTypedTCP: the functions with addresses in their types, as a program calls them.
func TestTypedTCP(t *testing.T) {
	both(t, func(t *testing.T) {
		la, err := ResolveTCPAddr("tcp", "localhost:0")
		if err != nil {
			t.Fatal(err)
		}
		ln, err := ListenTCP("tcp", la)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		c, err := DialTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, ln.Addr().(*net.TCPAddr))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		a, err := ln.AcceptTCP()
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		if err := errors.Join(c.SetNoDelay(false), a.SetLinger(3), a.SetKeepAlive(false)); err != nil {
			t.Error(err)
		}
		io.WriteString(c, "half of it")
		c.CloseWrite()
		if text, err := io.ReadAll(a); string(text) != "half of it" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		port := ln.Addr().(*net.TCPAddr).AddrPort()
		d, err := new(Dialer).DialTCP(t.Context(), "tcp4", netip.AddrPort{}, port)
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
	})
}

// TestTypedUDP likewise.
func TestTypedUDP(t *testing.T) {
	both(t, func(t *testing.T) {
		server, err := ListenUDP("udp4", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), server.LocalAddr().(*net.UDPAddr).AddrPort().Port())
		c, err := DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		d, err := new(Dialer).DialUDP(t.Context(), "udp", netip.AddrPort{}, to)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for _, c := range []UDPConn{c, d} {
			io.WriteString(c, "ask")
			buf := make([]byte, 9)
			n, from, err := server.ReadFromUDPAddrPort(buf)
			if string(buf[:n]) != "ask" || err != nil {
				t.Fatalf("%q, %v", buf[:n], err)
			}
			if want := c.LocalAddr().(*net.UDPAddr).AddrPort(); from != want {
				t.Errorf("from %v; want %v", from, want)
			}
		}
	})
}

// TestTypedErrors: wrong calls get the same error, to its text, on both networks.
func TestTypedErrors(t *testing.T) {
	one := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
	both(t, func(t *testing.T) {
		for _, c := range []struct {
			call func() error
			want string
			is   error
		}{
			{func() error { _, err := DialTCP("udp", nil, one); return err },
				"dial udp 127.0.0.1:1: unknown network udp", net.UnknownNetworkError("udp")},
			{func() error { _, err := DialTCP("tcp", one, nil); return err }, "dial tcp 127.0.0.1:1: missing address", nil},
			{func() error { _, err := DialUDP("udp", nil, nil); return err }, "dial udp: missing address", nil},
			{func() error { _, err := ListenTCP("ip", nil); return err },
				"listen ip: unknown network ip", net.UnknownNetworkError("ip")},
			{func() error { _, err := ListenUDP("tcp", nil); return err },
				"listen tcp: unknown network tcp", net.UnknownNetworkError("tcp")},
			{func() error { _, err := ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}); return err },
				"listen tcp 192.0.2.1:0: bind: cannot assign requested address", syscall.EADDRNOTAVAIL},
			{func() error { _, err := ResolveTCPAddr("udp", ":1"); return err },
				"unknown network udp", net.UnknownNetworkError("udp")},
			{func() error { _, err := ResolveUDPAddr("udp", "localhost"); return err },
				"address localhost: missing port in address", nil},
			{func() error { _, err := DialTCP("tcp", nil, one); return err },
				"dial tcp 127.0.0.1:1: connect: connection refused", syscall.ECONNREFUSED},
		} {
			err := c.call()
			if err == nil || err.Error() != c.want || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v; want %s", err, c.want)
			}
		}
	})
}

// TestResolve: the address is what package net gives for the same string.
func TestResolve(t *testing.T) {
	useDefault(t, newLoop(t))
	for _, address := range []string{"127.0.0.1:80", "10.1.2.3:https", ":domain", "", "[::1]:80", "localhost:1"} {
		got, err := ResolveTCPAddr("", address)
		want, werr := net.ResolveTCPAddr("", address)
		if (err == nil) != (werr == nil) || got.String() != want.String() || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %#v, %v; want %#v, %v", address, got, err, want, werr)
		}
		ugot, _ := ResolveUDPAddr("udp", strings.Replace(address, "https", "80", 1))
		uwant, _ := net.ResolveUDPAddr("udp", strings.Replace(address, "https", "80", 1))
		if !reflect.DeepEqual(ugot, uwant) {
			t.Errorf("%q: %#v; want %#v", address, ugot, uwant)
		}
	}
}

// TestMultipath: what was asked for reaches package net; until then its default stands.
func TestMultipath(t *testing.T) {
	var d Dialer
	var lc ListenConfig
	if d.MultipathTCP() != new(net.Dialer).MultipathTCP() || lc.MultipathTCP() != new(net.ListenConfig).MultipathTCP() {
		t.Error("the defaults aren't package net's")
	}
	for _, use := range []bool{true, false} {
		d.SetMultipathTCP(use)
		lc.SetMultipathTCP(use)
		if d.settings().MultipathTCP() != use || lc.settings().MultipathTCP() != use {
			t.Errorf("SetMultipathTCP(%v) was lost", use)
		}
	}
}

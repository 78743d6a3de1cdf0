package netapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer runs a name server that knows one name.
func nameServer(t testing.TB, n *Stack, at, name, addr string) netip.AddrPort {
	t.Helper()
	pc, err := n.ListenPacket(t.Context(), "udp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			k, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if err := m.Unpack(buf[:k]); err != nil {
				t.Error(err)
				continue
			}
			m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
			switch q := m.Questions[0]; {
			case q.Name.String() != name:
				m.RCode = dnsmessage.RCodeNameError
			case q.Type == dnsmessage.TypeA:
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60},
					Body:   &dnsmessage.AResource{A: netip.MustParseAddr(addr).As4()},
				}}
			}
			text, err := m.Pack()
			if err != nil {
				t.Error(err)
			}
			pc.WriteTo(text, from)
		}
	}()
	return netip.MustParseAddrPort(at)
}

// hello runs a server that says a word to who connects.
func hello(t testing.TB, n *Stack, at, word string) {
	t.Helper()
	ln, err := n.Listen(t.Context(), "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, word)
			c.Close()
		}
	}()
}

// hear connects and gives what is said there.
func hear(t testing.TB, n *Stack, addr string) string {
	t.Helper()
	c, err := n.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	word, err := io.ReadAll(c)
	if err != nil {
		t.Error(err)
	}
	return string(word)
}

// TestNames: two networks in one process reach different servers by one name: the first by its hosts table, the second
// by its name server.
func TestNames(t *testing.T) {
	for range 2 { // look-ups in one bubble must not spoil those in the next
		synctest.Test(t, func(t *testing.T) {
			one, servers := newPair(t)
			two, other := newPair(t)
			hello(t, servers, "10.0.0.2:80", "one")
			hello(t, other, "10.0.0.2:81", "two")
			one.SetNames(Names{Hosts: map[string][]netip.Addr{"Web.Example.": {netip.MustParseAddr("10.0.0.2")}}})
			two.SetNames(Names{Servers: []netip.AddrPort{nameServer(t, other, "10.0.0.2:5353", "web.example.", "10.0.0.2")}})
			if got := hear(t, one, "WEB.example:80"); got != "one" {
				t.Errorf("the network with a hosts table: %s", got)
			}
			if got := hear(t, two, "web.example.:81"); got != "two" {
				t.Errorf("the network with a name server: %s", got)
			}
			for _, n := range []*Stack{one, two} {
				if got, err := n.Resolver().LookupHost(t.Context(), "web.example."); fmt.Sprint(got, err) != "[10.0.0.2] <nil>" {
					t.Errorf("Resolver: %v, %v", got, err)
				}
				if got, err := Resolve(t.Context(), n, "tcp", "web.example.:http"); fmt.Sprint(got, err) != "[10.0.0.2:80] <nil>" {
					t.Errorf("Resolve: %v, %v", got, err)
				}
			}
		})
	}
}

// TestSetNames: names change while a network and its resolver are in use, and go again.
func TestSetNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, servers := newPair(t)
		hello(t, servers, "10.0.0.2:80", "here")
		r := n.Resolver() // from before
		hosts := func(addr string) Names {
			return Names{Hosts: map[string][]netip.Addr{"web.example": {netip.MustParseAddr(addr)}}}
		}
		own := hosts("10.0.0.3")
		n.SetNames(own)
		own.Hosts["web.example"][0] = netip.MustParseAddr("10.0.0.4") // the caller's map is the caller's
		if got, err := r.LookupHost(t.Context(), "web.example."); fmt.Sprint(got, err) != "[10.0.0.3] <nil>" {
			t.Errorf("%v, %v", got, err)
		}
		n.SetNames(hosts("10.0.0.2"))
		if got := hear(t, n, "web.example.:80"); got != "here" {
			t.Errorf("after a change: %s", got)
		}
		ln, err := n.Listen(t.Context(), "tcp", "web.example:0")
		if op, ok := err.(*net.OpError); !ok || op.Addr.String() != "10.0.0.2:0" {
			t.Errorf("Listen found another address: %v, %v", ln, err)
		}
		n.SetNames(Names{})
		r.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("the system's server") }
		if got := hear(t, n, "web.example.:80"); !strings.HasSuffix(got, "the system's server") {
			t.Errorf("without names: %s", got)
		}
	})
}

// TestNamesFirst: dials look into the network's own table before anything of the system's, hosts file included; but
// localhost itself stays what it is (RFC 6761), and a Dialer's own Resolver is all that is asked.
func TestNamesFirst(t *testing.T) {
	n := newLoop(t)
	n.SetNames(Names{Hosts: map[string][]netip.Addr{
		"localhost": {netip.MustParseAddr("10.9.9.9")},
		"six":       {netip.MustParseAddr("2001:db8::7")},
		"db":        {netip.MustParseAddr("10.9.9.8")},
	}})
	if got, err := Resolve(t.Context(), n, "tcp", "localhost:80"); fmt.Sprint(got, err) != "[127.0.0.1:80] <nil>" {
		t.Errorf("localhost is %v, %v", got, err)
	}
	withoutSystem := hostsFirst{nil, n} // it would panic if it asked net.Resolver, which reads the system's file first
	got, err := resolve(t.Context(), portsOnly{withoutSystem}, "tcp", "db.:80")
	if fmt.Sprint(got, err) != "[10.9.9.8:80] <nil>" {
		t.Errorf("db is %v, %v", got, err)
	}
	_, err = n.DialContext(t.Context(), "tcp", "six:80")
	if ae, ok := errors.AsType[*net.AddrError](err); !ok || ae.Err != "no suitable address found" {
		t.Errorf("a name with IPv6 addresses only: %v; want what package net says", err)
	}
	d := net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("the Dialer's resolver")
	}}}
	if _, err := n.DialWith(t.Context(), &d, "tcp", "six:80"); err == nil ||
		!strings.HasSuffix(err.Error(), "the Dialer's resolver") {
		t.Errorf("a Dialer with a Resolver: %v", err)
	}
}

// portsOnly leaves ports to package net.
type portsOnly struct{ hostsFirst }

func (portsOnly) LookupPort(ctx context.Context, network, service string) (int, error) {
	return net.DefaultResolver.LookupPort(ctx, network, service)
}

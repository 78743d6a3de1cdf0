package dialer

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
)

// newLoop makes a stack that can reach itself.
func newLoop(t testing.TB) *netapi.Stack {
	t.Helper()
	s := stack.New(stack.Config{})
	t.Cleanup(func() { s.Close() })
	return netapi.NewStack(s)
}

// useDefault makes n the default network for a test.
func useDefault(t testing.TB, n netapi.Network) {
	t.Helper()
	SetDefault(n)
	t.Cleanup(func() { SetDefault(nil) })
}

// TestFields: a Dialer and a ListenConfig have all the exported fields of package net's, with their types, so that a
// literal can be changed by its package's name alone.
func TestFields(t *testing.T) {
	for _, c := range []struct{ ours, theirs reflect.Type }{
		{reflect.TypeFor[Dialer](), reflect.TypeFor[net.Dialer]()},
		{reflect.TypeFor[ListenConfig](), reflect.TypeFor[net.ListenConfig]()},
	} {
		for i := range c.theirs.NumField() {
			f := c.theirs.Field(i)
			if !f.IsExported() {
				continue
			}
			if g, ok := c.ours.FieldByName(f.Name); !ok || g.Type != f.Type {
				t.Errorf("%v lacks %s %v", c.ours, f.Name, f.Type)
			}
		}
	}
}

// TestSettings: no field is forgotten on the way to the network.
func TestSettings(t *testing.T) {
	d := Dialer{
		Timeout: 1, Deadline: time.Unix(1, 0), LocalAddr: &net.TCPAddr{}, FallbackDelay: 1, KeepAlive: 1,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true}, Resolver: &net.Resolver{}, Cancel: make(chan struct{}),
		Control:        func(string, string, syscall.RawConn) error { return nil },
		ControlContext: func(context.Context, string, string, syscall.RawConn) error { return nil },
	}
	lc := ListenConfig{KeepAlive: 1, KeepAliveConfig: net.KeepAliveConfig{Enable: true},
		Control: func(string, string, syscall.RawConn) error { return nil }}
	for _, v := range []reflect.Value{reflect.ValueOf(*d.settings()), reflect.ValueOf(*lc.settings())} {
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.IsExported() && f.Name != "DualStack" && v.Field(i).IsZero() {
				t.Errorf("%v.%s was lost", v.Type(), f.Name)
			}
		}
	}
}

// TestDefault: the package's functions use the network that was set.
func TestDefault(t *testing.T) {
	n := newLoop(t)
	useDefault(t, n)
	ln, err := Listen("tcp", "127.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if _, ok := ln.(*netapi.TCPListener); !ok {
		t.Errorf("listening by a %T; want the stack's", ln)
	}
	for name, dial := range map[string]func() (net.Conn, error){
		"Dial":        func() (net.Conn, error) { return Dial("tcp", "127.0.0.1:80") },
		"DialTimeout": func() (net.Conn, error) { return DialTimeout("tcp", "127.0.0.1:80", time.Minute) },
		"DialContext": func() (net.Conn, error) { return DialContext(t.Context(), "tcp", "127.0.0.1:80") },
	} {
		c, err := dial()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, ok := c.(*netapi.TCPConn); !ok {
			t.Errorf("%s: a %T; want the stack's", name, c)
		}
		c.Close()
	}
	pc, err := ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	pc.Close()
	if Resolver() != n.Resolver() {
		t.Error("Resolver isn't the default network's")
	}
	if _, err := DialTimeout("tcp", "127.0.0.1:80", -1); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("DialTimeout in the past: %v", err)
	}
}

// TestEnvironment: without SetDefault the environment decides, and a mistake in it is told by each call.
func TestEnvironment(t *testing.T) {
	SetDefault(nil)
	t.Cleanup(func() { SetDefault(nil) })
	t.Setenv(EnvNet, "")
	if n, err := Default(); n != (netapi.Kernel{}) || err != nil {
		t.Errorf("no variable: %v, %v; want the kernel", n, err)
	}
	SetDefault(nil)
	t.Setenv(EnvNet, "loopback")
	n, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	defer n.(io.Closer).Close()
	if again, _ := Default(); again != n {
		t.Error("the second call opened another network")
	}
	if _, err := Dial("tcp", "127.0.0.1:80"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialling the stack in memory: %v; want ECONNREFUSED", err)
	}
	SetDefault(nil)
	t.Setenv(EnvNet, "loopback,loss=x")
	_, err = Dial("tcp", "127.0.0.1:80")
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "dial" || !strings.Contains(err.Error(), `GOTCP_NET=loopback,loss=x: `) {
		t.Errorf("a mistake in the variable: %v", err)
	}
	if _, err := Listen("tcp", ":0"); err == nil {
		t.Error("the mistake was forgotten")
	}
	if _, err := Resolver().LookupHost(t.Context(), "www.gotcp.example"); err == nil {
		t.Error("names were found somewhere else")
	}
}

// TestHTTPTransport: net/http's client over a network.
func TestHTTPTransport(t *testing.T) {
	n := newLoop(t)
	ln, err := (&ListenConfig{Network: n}).Listen(t.Context(), "tcp", "127.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "over the stack")
	})}
	go srv.Serve(ln)
	defer srv.Close()
	client := &http.Client{Transport: HTTPTransport(n)}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://localhost/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); string(body) != "over the stack" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
}

// TestPlain: a network of somebody else's, without settings, works, and says which it cannot have.
func TestPlain(t *testing.T) {
	type bare struct{ netapi.Network } // hides what makes it Tuned
	n := bare{newLoop(t)}
	ln, err := (&ListenConfig{Network: n}).Listen(t.Context(), "tcp", "127.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	d := Dialer{Network: n, Timeout: time.Minute, Deadline: time.Now().Add(time.Minute)}
	c, err := d.Dial("tcp", "127.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	d.Timeout = -1
	if _, err := d.Dial("tcp", "127.0.0.1:80"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a Timeout in the past: %v", err)
	}
	control := func(string, string, syscall.RawConn) error { return nil }
	for _, d := range []Dialer{
		{Network: n, LocalAddr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0"))},
		{Network: n, Control: control},
	} {
		if _, err := d.Dial("tcp", "127.0.0.1:80"); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("a setting that the network cannot have: %v", err)
		}
	}
	lc := ListenConfig{Network: n, Control: control}
	if _, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:81"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Listen with Control: %v", err)
	}
	if _, err := lc.ListenPacket(t.Context(), "udp", "127.0.0.1:81"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("ListenPacket with Control: %v", err)
	}
}

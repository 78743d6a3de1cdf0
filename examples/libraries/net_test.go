package libraries

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	randv2 "math/rand/v2"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
)

var netFlag = flag.String("net", "pipe", "the network under test: kernel, loopback or pipe")

// nets is what a test runs on: where its client is, where its server is, and the server's address.
type nets struct {
	client, server netapi.Network
	host           string
}

// open makes the networks that -net asks for, anew for each test, and closes them at its end.
func open(t testing.TB) nets {
	t.Helper()
	switch *netFlag {
	case "kernel":
		return nets{netapi.Kernel{}, netapi.Kernel{}, "127.0.0.1"}
	case "loopback":
		n := newStack(t, nil, "")
		return nets{n, n, "127.0.0.1"}
	case "pipe":
		a, b := link.Pipe(link.DefaultMTU)
		return nets{newStack(t, a, "10.0.0.1/24"), newStack(t, b, "10.0.0.2/24"), "10.0.0.2"}
	}
	t.Fatalf("-net %s: want kernel, loopback or pipe", *netFlag)
	return nets{}
}

func newStack(t testing.TB, d link.Device, addr string) netapi.Network {
	t.Helper()
	s := stack.New(stack.Config{})
	t.Cleanup(func() { s.Close() })
	if d != nil {
		if _, err := s.AddDevice(d, netip.MustParsePrefix(addr)); err != nil {
			t.Fatal(err)
		}
	}
	return netapi.NewStack(s)
}

// listen announces a TCP port on the server's network.
func (n nets) listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := n.server.Listen(t.Context(), "tcp", n.host+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// packetConn announces a UDP port on a network.
func packetConn(t testing.TB, n netapi.Network, address string) net.PacketConn {
	t.Helper()
	pc, err := n.ListenPacket(t.Context(), "udp4", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	return pc
}

// dial connects the client's network to a listener.
func (n nets) dial(t testing.TB, to net.Addr) net.Conn {
	t.Helper()
	c, err := n.client.DialContext(t.Context(), "tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// forward accepts connections and joins each to one of backend's, until the listener closes: for servers that insist on
// sockets of their own. An end of stream is passed on as such, so that half-closes survive.
func forward(ln net.Listener, backend func() (net.Conn, error)) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		b, err := backend()
		if err != nil {
			c.Close()
			continue
		}
		go join(c, b)
	}
}

func join(a, b net.Conn) {
	defer a.Close()
	defer b.Close()
	done := make(chan struct{}, 2)
	pass := func(to, from net.Conn) {
		io.Copy(to, from)
		if h, ok := to.(interface{ CloseWrite() error }); !ok || h.CloseWrite() != nil {
			to.Close()
		}
		done <- struct{}{}
	}
	go pass(a, b)
	go pass(b, a)
	<-done
	<-done
}

// certificate makes a self-signed one for the server's address, and what the client is to know of it. protos are the
// protocols to be negotiated.
func (n nets) certificate(t testing.TB, protos ...string) (server, client *tls.Config) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gotcp"}, IPAddresses: []net.IP{net.ParseIP(n.host)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}, NextProtos: protos},
		&tls.Config{RootCAs: roots, ServerName: n.host, NextProtos: protos}
}

// noise is n octets that no two of which can be guessed, the same each time.
func noise(n int) []byte {
	b := make([]byte, n)
	randv2.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// within is a context for what must not take long: a bound, not an expectation.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// must ends the test at an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestTLSSurvivesDeadline: crypto/tls gives a connection up for good at the first error of a Read that is not a net.Error
// with Temporary() true; a deadline's must be.
func TestTLSSurvivesDeadline(t *testing.T) {
	n := open(t)
	server, client := n.certificate(t)
	ln := tls.NewListener(n.listen(t), server)
	c := tls.Client(n.dial(t, ln.Addr()), client)
	accepted := make(chan net.Conn, 1)
	go func() {
		s, err := ln.Accept()
		if err == nil {
			err = s.(*tls.Conn).Handshake()
		}
		if err != nil {
			t.Error(err)
		}
		accepted <- s
	}()
	must(t, c.HandshakeContext(within(t)))
	s := <-accepted
	defer s.Close()
	must(t, c.SetReadDeadline(time.Now().Add(-time.Second)))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read past the deadline: %v", err)
	}
	must(t, c.SetReadDeadline(time.Time{}))
	go fmt.Fprint(s, "still here")
	b := make([]byte, 10)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "still here" {
		t.Errorf("after the deadline: %q, %v", b, err)
	}
}

package netapi

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// random is a body that no two octets of which are guessed, the same each time.
func random(n int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), n)
}

// hashServer answers with the SHA-256 of what it is sent, or with as many octets as the path says.
func hashServer(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		var n int64
		fmt.Sscan(strings.TrimPrefix(r.URL.Path, "/"), &n)
		io.Copy(w, random(n))
		return
	}
	h := sha256.New()
	io.Copy(h, r.Body)
	fmt.Fprintf(w, "%x", h.Sum(nil))
}

func sum(t testing.TB, r io.Reader) string {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// serve runs an unmodified net/http server, with TLS and HTTP/2 where asked for, and gives a client from elsewhere.
func serve(t testing.TB, from, to *Stack, addr string, secure bool) (url string, client *http.Client) {
	t.Helper()
	ln, err := to.Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(hashServer))
	s.Listener.Close()
	s.Listener = ln
	if secure {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	client = s.Client()
	tr := client.Transport.(*http.Transport)
	tr.DialContext = from.DialContext
	if secure {
		tr.TLSClientConfig.ServerName = "example.com" // what httptest's certificate is for, besides 127.0.0.1
	}
	t.Cleanup(tr.CloseIdleConnections)
	return s.URL, client
}

// exchange does a download and an upload of size octets and compares the hashes.
func exchange(t testing.TB, url string, client *http.Client, size int64) {
	t.Helper()
	want := sum(t, random(size))
	resp, err := client.Get(fmt.Sprintf("%s/%d", url, size))
	if err != nil {
		t.Fatal(err)
	}
	if got := sum(t, resp.Body); got != want {
		t.Errorf("download: hash %s; want %s", got, want)
	}
	resp.Body.Close()
	resp, err = client.Post(url, "application/octet-stream", random(size))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(resp.Body); string(got) != want || err != nil {
		t.Errorf("upload: hash %s, %v; want %s", got, err, want)
	}
	resp.Body.Close()
}

// TestHTTP: net/http's client and server, as they are, with and without TLS.
func TestHTTP(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("loopback, TLS %v", secure), func(t *testing.T) {
			n := newLoop(t)
			url, client := serve(t, n, n, "127.0.0.1:0", secure)
			exchange(t, url, client, 3<<20)
		})
		t.Run(fmt.Sprintf("pipe, TLS %v", secure), func(t *testing.T) {
			a, b := newPair(t)
			url, client := serve(t, a, b, "10.0.0.2:0", secure)
			exchange(t, url, client, 3<<20)
			if resp, err := client.Get(url); err != nil || secure != (resp.ProtoMajor == 2) {
				t.Errorf("%v, %v; TLS is to negotiate HTTP/2", resp, err)
			}
		})
	}
}

// TestHTTPInBubble: a whole net/http client and server run in virtual time, which package net's cannot.
func TestHTTPInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPair(t)
		ln, err := b.Listen(t.Context(), "tcp", "10.0.0.2:80")
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(30 * time.Minute)
			io.WriteString(w, "at last")
		})}
		go srv.Serve(ln)
		tr := &http.Transport{DialContext: a.DialContext}
		start := time.Now()
		_, err = (&http.Client{Transport: tr, Timeout: time.Minute}).Get("http://10.0.0.2/")
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != time.Minute {
			t.Errorf("after %v: %v; want a time-out after a minute", took, err)
		}
		start = time.Now()
		resp, err := (&http.Client{Transport: tr}).Get("http://10.0.0.2/")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if took := time.Since(start); string(body) != "at last" || err != nil || took != 30*time.Minute {
			t.Errorf("after %v: %q, %v; want the answer after half an hour", took, body, err)
		}
		tr.CloseIdleConnections()
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestTLSAfterTimeout: a read deadline that passes leaves a TLS connection usable, for the error is temporary.
func TestTLSAfterTimeout(t *testing.T) {
	n := newLoop(t)
	d, s, _ := connect(t, n, n, "127.0.0.1:0")
	ts := httptest.NewUnstartedServer(nil)
	ts.StartTLS() // for its certificate only
	defer ts.Close()
	server := tls.Server(s, ts.TLS)
	client := tls.Client(d, &tls.Config{InsecureSkipVerify: true})
	handshake := make(chan error, 1)
	go func() { handshake <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-handshake); err != nil {
		t.Fatal(err)
	}
	client.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read after the deadline: %v", err)
	}
	client.SetReadDeadline(time.Time{})
	server.Write([]byte("still here"))
	buf := make([]byte, 100)
	if k, err := client.Read(buf); string(buf[:k]) != "still here" || err != nil {
		t.Errorf("Read after a time-out: %q, %v", buf[:k], err)
	}
}

// TestHTTPServerShutdown: Serve ends with http.ErrServerClosed, for Accept's error is net.ErrClosed.
func TestHTTPServerShutdown(t *testing.T) {
	n := newLoop(t)
	ln, err := n.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	c, err := n.DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	srv.Close()
	if err := <-served; err != http.ErrServerClosed {
		t.Errorf("Serve: %v", err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v; want net.ErrClosed", err)
	}
	c.Close()
}

// TestResolver: names are asked of a DNS server over the stack, by UDP.
func TestResolver(t *testing.T) {
	n := newLoop(t)
	pc, err := n.ListenPacket(t.Context(), "udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	go answerDNS(pc, [4]byte{127, 0, 0, 9})
	n.res.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) { // instead of resolv.conf's server
		return n.DialContext(ctx, network, "127.0.0.1:53")
	}
	ln, err := n.Listen(t.Context(), "tcp", "127.0.0.9:80")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := n.DialContext(t.Context(), "tcp", "www.gotcp.example.:80")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.RemoteAddr().String() != "127.0.0.9:80" {
		t.Errorf("connected to %v", c.RemoteAddr())
	}
}

// answerDNS answers each query with one address.
func answerDNS(pc net.PacketConn, addr [4]byte) {
	buf := make([]byte, 1500)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		end := 12 // behind the header comes the question: a name, a type and a class
		for end < n && buf[end] != 0 {
			end += 1 + int(buf[end])
		}
		reply := append([]byte{buf[0], buf[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0}, buf[12:end+5]...)
		reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
		pc.WriteTo(append(reply, addr[:]...), from)
	}
}

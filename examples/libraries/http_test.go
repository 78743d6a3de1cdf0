//lint:file-ignore SA1019 golang.org/x/net/http2 is deprecated in favour of net/http, but programs use it, so it is tested.

package libraries

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/http2"
)

// serveHTTP runs a server on a listener until the test ends.
func serveHTTP(t testing.TB, s *http.Server, ln net.Listener) {
	go func() {
		serve := s.Serve
		if s.TLSConfig != nil {
			serve = func(ln net.Listener) error { return s.ServeTLS(ln, "", "") }
		}
		if err := serve(ln); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	}()
	t.Cleanup(func() { s.Close() })
}

// echo answers with what it is sent, while it is still being sent.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	http.NewResponseController(w).EnableFullDuplex()
	io.Copy(w, r.Body)
})

// exchange posts body and wants it back.
func exchange(t testing.TB, client *http.Client, url string, body []byte, major int) {
	t.Helper()
	resp, err := client.Post(url, "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(got, body) || resp.ProtoMajor != major {
		t.Errorf("%s: %d octets of %d, %v; or they differ", resp.Proto, len(got), len(body), err)
	}
}

// TestHTTPKeepAlive: the requests of one client travel on one connection. Leans on SetReadDeadline waking the server's
// background read between requests, and on deadline errors.
func TestHTTPKeepAlive(t *testing.T) {
	n := open(t)
	ln := n.listen(t)
	conns := 0
	s := &http.Server{Handler: echo, ConnState: func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			conns++ // one goroutine accepts
		}
	}}
	serveHTTP(t, s, ln)
	tr := &http.Transport{DialContext: n.client.DialContext}
	for _, size := range []int{0, 1, 100_000, 2 << 20} {
		exchange(t, &http.Client{Transport: tr}, "http://"+ln.Addr().String(), noise(size), 1)
	}
	tr.CloseIdleConnections()
	must(t, s.Shutdown(within(t)))
	if conns != 1 {
		t.Errorf("%d connections; want the first one kept for all requests", conns)
	}
}

// TestHTTPEarlyAnswer: a server that answers before it has read the whole body closes only its way of sending, waits a
// little, and then closes: so the answer is not lost to a reset. Leans on CloseWrite.
func TestHTTPEarlyAnswer(t *testing.T) {
	n := open(t)
	ln := n.listen(t)
	serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "too much", http.StatusRequestEntityTooLarge)
	})}, ln)
	c := n.dial(t, ln.Addr())
	go fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", 1<<20, noise(1<<20))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Fatalf("%v, %v", resp, err)
	}
	if body, err := io.ReadAll(resp.Body); string(body) != "too much\n" {
		t.Errorf("%q, %v", body, err)
	}
}

// TestHTTPGone: a handler's context ends when the client goes away. Leans on the background read seeing the end of the
// connection.
func TestHTTPGone(t *testing.T) {
	n := open(t)
	ln := n.listen(t)
	came, gone := make(chan bool, 1), make(chan error, 1)
	serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came <- true
		<-r.Context().Done()
		gone <- r.Context().Err()
	})}, ln)
	ctx, cancel := context.WithCancel(within(t))
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+ln.Addr().String(), nil)
	must(t, err)
	go func() { <-came; cancel() }()
	client := &http.Client{Transport: &http.Transport{DialContext: n.client.DialContext}}
	if _, err := client.Do(req); !errors.Is(err, context.Canceled) {
		t.Errorf("client: %v", err)
	}
	select {
	case err := <-gone:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("handler: %v", err)
		}
	case <-within(t).Done():
		t.Error("the handler was not told")
	}
}

// TestHTTPHijack: a handler takes the connection over and talks another protocol, a half-close included. Leans on
// SetReadDeadline(past) waking the background read, and on CloseWrite by type assertion.
func TestHTTPHijack(t *testing.T) {
	n := open(t)
	ln := n.listen(t)
	serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: upper\r\n\r\n")
		all, err := io.ReadAll(rw) // ends with the client's half-close
		if err != nil {
			t.Error(err)
		}
		fmt.Fprint(c, strings.ToUpper(string(all)))
	})}, ln)
	c := n.dial(t, ln.Addr())
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: upper\r\n\r\n")
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", resp, err)
	}
	fmt.Fprint(c, "a quiet voice")
	must(t, c.(interface{ CloseWrite() error }).CloseWrite())
	if got, err := io.ReadAll(r); string(got) != "A QUIET VOICE" {
		t.Errorf("%q, %v", got, err)
	}
}

// concurrently has 20 requests at a time on their way.
func concurrently(t testing.TB, client *http.Client, url string) {
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() { exchange(t, client, url, noise(i*20_000), 2) })
	}
	wg.Wait()
}

// TestHTTP2: net/http's own HTTP/2, negotiated in TLS. Leans on concurrent Read, Write and Close, and on error identities.
func TestHTTP2(t *testing.T) {
	n := open(t)
	ln := n.listen(t)
	server, client := n.certificate(t, "h2", "http/1.1")
	s := &http.Server{Handler: echo, TLSConfig: server}
	serveHTTP(t, s, ln)
	tr := &http.Transport{DialContext: n.client.DialContext, TLSClientConfig: client, ForceAttemptHTTP2: true}
	concurrently(t, &http.Client{Transport: tr}, "https://"+ln.Addr().String())
	tr.CloseIdleConnections()
	must(t, s.Shutdown(within(t)))
}

// TestXNetHTTP2: golang.org/x/net/http2 without TLS, over connections that it is handed, with its pings and its limit on
// a write without progress. Leans on write deadlines that say os.ErrDeadlineExceeded.
func TestXNetHTTP2(t *testing.T) {
	n := open(t)
	ln := n.listen(t)
	go func() {
		h2 := &http2.Server{WriteByteTimeout: 20e9}
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go h2.ServeConn(c, &http2.ServeConnOpts{Handler: echo, BaseConfig: &http.Server{}})
		}
	}()
	c := n.dial(t, ln.Addr())
	tr := &http2.Transport{AllowHTTP: true, WriteByteTimeout: 20e9, ReadIdleTimeout: 1e9}
	cc, err := tr.NewClientConn(c)
	must(t, err)
	must(t, cc.Ping(within(t)))
	concurrently(t, &http.Client{Transport: cc}, "http://"+ln.Addr().String())
	must(t, cc.Shutdown(within(t)))
}

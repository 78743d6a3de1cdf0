package libraries

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// TestWebSocket: gorilla/websocket by a net/http server: messages of all frame sizes, prepared ones (which it writes by
// net.Buffers), pings, and the closing handshake. Leans on Hijack, deadlines and net.Buffers on a foreign connection.
func TestWebSocket(t *testing.T) {
	n := open(t)
	ln := n.listen(t)
	closed := make(chan error, 1)
	serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for {
			kind, b, err := c.ReadMessage()
			if err != nil {
				closed <- err
				return
			}
			if len(b)%2 == 0 {
				err = c.WriteMessage(kind, b)
			} else if m, e := websocket.NewPreparedMessage(kind, b); e == nil {
				err = c.WritePreparedMessage(m)
			}
			if err != nil {
				t.Error(err)
			}
		}
	})}, ln)
	d := websocket.Dialer{NetDialContext: n.client.DialContext}
	c, _, err := d.DialContext(within(t), "ws://"+ln.Addr().String(), nil)
	must(t, err)
	defer c.Close()
	pong := ""
	c.SetPongHandler(func(s string) error { pong = s; return nil })
	must(t, c.WriteControl(websocket.PingMessage, []byte("there?"), time.Now().Add(10*time.Second)))
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, 1<<20 + 1} {
		must(t, c.WriteMessage(websocket.BinaryMessage, noise(size)))
		if _, got, err := c.ReadMessage(); err != nil || !bytes.Equal(got, noise(size)) {
			t.Fatalf("message of %d octets: %v", size, err)
		}
	}
	if pong != "there?" {
		t.Errorf("pong %q", pong)
	}
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "bye")
	must(t, c.WriteControl(websocket.CloseMessage, bye, time.Now().Add(10*time.Second)))
	for _, side := range []func() error{func() error { return <-closed }, func() error { _, _, err := c.ReadMessage(); return err }} {
		if err := side(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			t.Errorf("closing handshake: %v", err)
		}
	}
}

// TestWebSocketDeadline: a read deadline gives the net.Error that programs look for (the library hides what is in it, as
// long as it is Temporary).
func TestWebSocketDeadline(t *testing.T) {
	n := open(t)
	ln := n.listen(t)
	done := make(chan struct{})
	serveHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := (&websocket.Upgrader{}).Upgrade(w, r, nil); err == nil {
			<-done // says nothing
			c.Close()
		}
	})}, ln)
	defer close(done)
	d := websocket.Dialer{NetDialContext: n.client.DialContext}
	c, _, err := d.DialContext(within(t), "ws://"+ln.Addr().String(), nil)
	must(t, err)
	defer c.Close()
	must(t, c.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	if _, _, err := c.ReadMessage(); !isTimeout(err) {
		t.Errorf("%v", err)
	}
}

package libraries

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// natsDialer is a nats.go CustomDialer over a network, which remembers the last connection.
type natsDialer struct {
	n    nets
	mu   sync.Mutex
	last net.Conn
}

func (d *natsDialer) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := d.n.client.DialContext(ctx, network, address)
	d.mu.Lock()
	d.last = c
	d.mu.Unlock()
	return c, err
}

// startNATS runs an embedded nats-server. It makes its listeners itself and takes none, so what arrives on the network is
// joined to its in-process connections; no socket of the kernel's is made.
func startNATS(t *testing.T, n nets) (url string) {
	s, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true})
	must(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	ln := n.listen(t)
	go forward(ln, s.InProcessConn)
	return "nats://" + ln.Addr().String()
}

func natsConnect(t *testing.T, url string, d *natsDialer, opts ...nats.Option) *nats.Conn {
	nc, err := nats.Connect(url, append(opts, nats.SetCustomDialer(d))...)
	must(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// TestNATS: 20,000 messages from one client to another, in order; requests; a large message. Leans on one write at a time
// per flush, and on deadlines for the flush.
func TestNATS(t *testing.T) {
	n := open(t)
	url := startNATS(t, n)
	a, b := natsConnect(t, url, &natsDialer{n: n}), natsConnect(t, url, &natsDialer{n: n})
	const count = 20_000
	next, done := 0, make(chan struct{})
	_, err := b.Subscribe("numbers", func(m *nats.Msg) {
		if len(m.Data) != next%300 {
			t.Errorf("message %d has %d octets", next, len(m.Data))
		}
		if next++; next == count {
			close(done)
		}
	})
	must(t, err)
	_, err = b.Subscribe("echo", func(m *nats.Msg) { m.Respond(m.Data) })
	must(t, err)
	must(t, b.FlushWithContext(within(t))) // the server has the subscriptions
	body := noise(300)
	for i := range count {
		must(t, a.Publish("numbers", body[:i%300]))
	}
	select {
	case <-done:
	case <-within(t).Done():
		t.Fatal("not all came")
	}
	for _, size := range []int{0, 100, 1 << 20} {
		r, err := a.RequestWithContext(within(t), "echo", noise(size))
		if err != nil || !bytes.Equal(r.Data, noise(size)) {
			t.Errorf("request of %d octets: %v", size, err)
		}
	}
	if _, err := a.Request("nobody", nil, 10*time.Second); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("request to nobody: %v", err)
	}
}

// TestNATSReconnect: a client whose connection breaks dials again and keeps its subscriptions. Leans on Close waking the
// blocked read.
func TestNATSReconnect(t *testing.T) {
	n := open(t)
	d := &natsDialer{n: n}
	again := make(chan struct{}, 1)
	nc := natsConnect(t, startNATS(t, n), d, nats.ReconnectWait(time.Millisecond),
		nats.ReconnectHandler(func(*nats.Conn) { again <- struct{}{} }))
	sub, err := nc.SubscribeSync("news")
	must(t, err)
	must(t, nc.FlushWithContext(within(t)))
	d.mu.Lock()
	d.last.Close()
	d.mu.Unlock()
	select {
	case <-again:
	case <-within(t).Done():
		t.Fatal("no new connection")
	}
	must(t, nc.Publish("news", []byte("x")))
	if _, err := sub.NextMsgWithContext(within(t)); err != nil {
		t.Error(err)
	}
}

package libraries

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/quic-go/quic-go"
)

// TestQUIC: quic-go over the facade's UDP: its handshake, 2 MiB each way on a stream, a datagram, and an end by
// the application. It uses a connection with SyscallConn by raw system calls, and any other as a net.PacketConn.
func TestQUIC(t *testing.T) {
	n := open(t)
	tlsServer, tlsClient := n.certificate(t, "echo")
	config := &quic.Config{EnableDatagrams: true}
	ln, err := quic.Listen(packetConn(t, n.server, n.host+":0"), tlsServer, config)
	must(t, err)
	defer ln.Close()
	ended := make(chan error, 1)
	go func() { ended <- quicEcho(t, ln) }()

	c, err := quic.Dial(within(t), packetConn(t, n.client, "0.0.0.0:0"), ln.Addr(), tlsClient, config)
	must(t, err)
	must(t, c.SendDatagram([]byte("ping")))
	if b, err := c.ReceiveDatagram(within(t)); err != nil || string(b) != "ping" {
		t.Errorf("datagram: %q, %v", b, err)
	}
	s, err := c.OpenStreamSync(within(t))
	must(t, err)
	body := noise(2 << 20)
	go func() {
		if _, err := s.Write(body); err != nil {
			t.Error(err)
		}
		s.Close()
	}()
	if got, err := io.ReadAll(s); err != nil || !bytes.Equal(got, body) {
		t.Errorf("stream: %d octets of %d, %v", len(got), len(body), err)
	}
	must(t, c.CloseWithError(42, "enough"))
	var appErr *quic.ApplicationError
	if err := <-ended; !errors.As(err, &appErr) || appErr.ErrorCode != 42 {
		t.Errorf("the server saw %v", err)
	}
}

// quicEcho sends a datagram and a stream of one connection back, and says how it ended.
func quicEcho(t *testing.T, ln *quic.Listener) error {
	c, err := ln.Accept(within(t))
	if err != nil {
		return err
	}
	d, err := c.ReceiveDatagram(within(t))
	if err != nil {
		return err
	}
	if err := c.SendDatagram(d); err != nil {
		return err
	}
	s, err := c.AcceptStream(within(t))
	if err != nil {
		return err
	}
	if _, err := io.Copy(s, s); err != nil {
		return err
	}
	s.Close()
	_, err = c.AcceptStream(within(t))
	return err
}

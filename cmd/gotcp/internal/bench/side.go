package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Side is one of the two that are compared: a way from a client to a server.
type Side struct {
	// Name says what it is.
	Name string
	// Listen announces a port at the server's end.
	Listen func(ctx context.Context) (net.Listener, error)
	// Dial connects from the client's end to an address that Listen announced.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// dialTimeout is long enough for a lost SYN to be sent again a few times.
const dialTimeout = 15 * time.Second

// pair is a connection, both ends of it.
type pair struct {
	client, server net.Conn
	unwatch        func() bool // of the context that closes them, too
}

// close ends the connection. Closing twice does no harm.
func (p pair) close() {
	p.unwatch()
	p.client.Close()
	p.server.Close()
}

// connect makes a connection. Both ends are closed once ctx is done, so that whoever waits there returns.
func (s Side) connect(ctx context.Context) (p pair, err error) {
	l, err := s.Listen(ctx)
	if err != nil {
		return p, err
	}
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var server net.Conn
	accepted := make(chan error, 1)
	go func() {
		var err error
		server, err = l.Accept()
		accepted <- err
	}()
	client, err := s.dial(ctx, l.Addr().String())
	if err != nil {
		l.Close()
		if <-accepted == nil {
			server.Close()
		}
		return p, err
	}
	if err := <-accepted; err != nil {
		client.Close()
		return p, err
	}
	p.client, p.server = client, server
	p.unwatch = context.AfterFunc(ctx, func() {
		client.Close()
		server.Close()
	})
	return p, nil
}

// dial is Dial with a limit in time.
func (s Side) dial(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return s.Dial(ctx, address)
}

// halfCloser is what package net's TCP connections and the stack's have beyond net.Conn.
type halfCloser interface{ CloseWrite() error }

// closeWrite ends one direction of c.
func closeWrite(c net.Conn) error {
	h, ok := c.(halfCloser)
	if !ok {
		return fmt.Errorf("bench: a %T cannot end one direction: %w", c, errors.ErrUnsupported)
	}
	return h.CloseWrite()
}

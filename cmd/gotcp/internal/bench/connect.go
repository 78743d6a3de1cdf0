package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// connects opens connections one after the other, and counts how many come to their end in a second. On either side
// the server closes first and at once, and the client closes when it has read the end of the stream. So each connection
// has been accepted, ends with a FIN either way, and leaves its TIME-WAIT at the server's end, where no ports run out;
// that the client's port is taken again while it lasts is what RFC 6191 is for.
func connects(ctx context.Context, s Side, d time.Duration) (rate []float64, connections float64, err error) {
	l, err := s.Listen(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer l.Close()
	v := visitor{Side: s, address: l.Addr().String()}
	stop := context.AfterFunc(ctx, func() {
		l.Close()
		v.leave()
	})
	defer stop()
	served := make(chan error, 1)
	go func() { served <- hangUp(l) }()
	var n float64
	start := time.Now()
	for n == 0 || time.Since(start) < d {
		// Not ctx: package net has another goroutine watch a context that can end, for each dial. Most programs' can't.
		if err = v.visit(context.WithoutCancel(ctx)); err != nil {
			break
		}
		n++
	}
	elapsed := time.Since(start)
	l.Close()
	if serr := <-served; !errors.Is(serr, net.ErrClosed) {
		err = errors.Join(err, serr)
	}
	if err != nil {
		return nil, 0, err
	}
	return []float64{n / elapsed.Seconds()}, n, nil
}

// hangUp accepts connections and closes them. Where it fails it closes the listener, which resets who waits there.
func hangUp(l net.Listener) error {
	defer l.Close()
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		if err := c.Close(); err != nil {
			return err
		}
	}
}

// visitor is the client of connects.
type visitor struct {
	Side
	address string

	mu   sync.Mutex
	gone bool
	conn net.Conn // the connection that is open
}

// visit makes a connection, waits until the server ends it and closes it.
func (v *visitor) visit(ctx context.Context) error {
	c, err := v.Dial(ctx, v.address)
	if err != nil {
		return err
	}
	defer c.Close()
	v.mu.Lock()
	v.conn = c
	gone := v.gone
	v.mu.Unlock()
	if gone {
		return net.ErrClosed
	}
	var b [1]byte
	switch n, err := c.Read(b[:]); {
	case err == io.EOF:
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("bench: %d octets from a server that sends none", n)
	}
}

// leave ends the visit under way and all later ones.
func (v *visitor) leave() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.gone = true
	if v.conn != nil {
		v.conn.Close()
	}
}

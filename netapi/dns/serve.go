package dns

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	maxQueries  = 64 // queries by UDP that are being answered: more are lost, as a full socket loses them
	maxConns    = 64 // TCP connections: more are closed at once
	maxPipeline = 8  // queries of one connection that are being answered: the next is read when one is done

	serveLimit = 20 * time.Second // for an answer: nobody waits longer
	idleLimit  = 10 * time.Second // between queries, and for a client to take an answer ("a few seconds", RFC 7766 6.2.3)
)

// ServePacket answers the queries that come to a UDP socket, up to 64 at a time, until the socket is closed; then it
// ends what it is at and returns nil. It returns earlier with an error that reading has.
func (s *Server) ServePacket(pc net.PacketConn) error {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	room := make(chan struct{}, maxQueries)
	buf := make([]byte, maxUDP)
	return untilClosed(func() error {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return err
		}
		select {
		case room <- struct{}{}:
		default:
			return nil
		}
		query := append([]byte(nil), buf[:n]...)
		running.Go(func() {
			defer func() { <-room }()
			ctx, cancel := context.WithTimeout(ctx, serveLimit)
			defer cancel()
			if answer, err := s.Exchange(ctx, query, false); err == nil {
				pc.WriteTo(answer, from) // who doesn't get it asks again
			}
		})
		return nil
	})
}

// Serve answers the queries that come over TCP connections (RFC 7766) until the listener is closed; then it closes them
// and returns nil. It returns earlier with an error that accepting has. There are up to 64 connections, and 8 queries
// being answered on each, in the order in which answers come; one that has been idle for 10 seconds is closed.
func (s *Server) Serve(l net.Listener) error {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	room := make(chan struct{}, maxConns)
	return untilClosed(func() error {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		select {
		case room <- struct{}{}:
		default:
			c.Close()
			return nil
		}
		running.Go(func() {
			defer func() { <-room }()
			s.serveConn(ctx, c)
		})
		return nil
	})
}

// untilClosed takes one thing after the other from a socket until that is closed (nil), or has an error that doesn't say
// that it will pass. After one that does it waits, longer each time.
func untilClosed(take func() error) error {
	const shortest, longest = 5 * time.Millisecond, time.Second
	var wait time.Duration
	for {
		err := take()
		switch ne, ok := errors.AsType[net.Error](err); {
		case err == nil:
			wait = 0
		case errors.Is(err, net.ErrClosed):
			return nil
		//lint:ignore SA1019 net/http's server goes by it, too: there is nothing else that tells EMFILE apart
		case ok && ne.Temporary():
			wait = min(max(2*wait, shortest), longest)
			<-time.After(wait)
		default:
			return err
		}
	}
}

// stream is a TCP connection that queries come over.
type stream struct {
	s    *Server
	c    net.Conn
	room chan struct{} // has an element for each query that is read or being answered
	turn chan struct{} // has one while an answer is written: a mutex must not be held over that (in a bubble)
}

// serveConn answers queries until the client has no more, is idle or breaks a rule, or ctx ends.
func (s *Server) serveConn(ctx context.Context, c net.Conn) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	st := stream{s: s, c: c, room: make(chan struct{}, maxPipeline), turn: make(chan struct{}, 1)}
	var running sync.WaitGroup
	for {
		st.room <- struct{}{}
		c.SetReadDeadline(time.Now().Add(idleLimit))
		query, err := readFrame(c)
		if err != nil {
			if ne, ok := errors.AsType[net.Error](err); err != io.EOF && !(ok && ne.Timeout()) {
				cancel() // the client is gone
			}
			break
		}
		running.Go(func() {
			defer func() { <-st.room }()
			st.answer(ctx, query)
		})
	}
	running.Wait() // a client may have closed its side only
}

// answer answers one query. What is no query, or an answer that isn't taken, ends the connection.
func (st *stream) answer(ctx context.Context, query []byte) {
	ctx, cancel := context.WithTimeout(ctx, serveLimit)
	defer cancel()
	answer, err := st.s.Exchange(ctx, query, true)
	st.turn <- struct{}{}
	defer func() { <-st.turn }()
	if err == nil {
		st.c.SetWriteDeadline(time.Now().Add(idleLimit))
		err = writeFrame(st.c, answer)
	}
	if err != nil {
		st.c.Close()
	}
}

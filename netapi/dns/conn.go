package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Resolver is Go's own resolver with s in the place of all name servers. It asks by UDP, and by TCP where an answer
// was cut. Its errors have the cause in words: Allow's, or what became of the servers.
//
// What net.Resolver does by itself it still does: names in the system's hosts file are found there, and never asked
// for, and resolv.conf says which domains are searched, and how often and how long is tried.
func (s *Server) Resolver() *net.Resolver { return NewResolver(s.exchange) }

// NewResolver is [Server.Resolver] for something else that answers queries, by a function as [Server.Exchange]. An error
// of it, with or without an answer, is the look-up's, in words.
func NewResolver(exchange func(ctx context.Context, query []byte, tcp bool) ([]byte, error)) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: exchanger(exchange).dial}
}

// exchanger answers queries.
type exchanger func(ctx context.Context, query []byte, tcp bool) ([]byte, error)

// dial makes a connection to it in memory. For net.Resolver that must be a net.PacketConn where it is to have no frames.
func (exchange exchanger) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	tcp := strings.HasPrefix(network, "tcp")
	c := &conn{exchange: exchange, network: "udp", written: make(chan struct{}, 1)}
	if tcp {
		c.network = "tcp"
	}
	c.life, c.end = context.WithCancel(context.Background())
	c.epoch, c.endEpoch = context.WithCancel(c.life)
	if tcp {
		return c, nil
	}
	return packetConn{c}, nil
}

// maxWritten is how many queries may wait for their answers' being read.
const maxWritten = 16

// conn is a connection to who answers queries, in memory. It has no goroutine: a query is answered in the Read that gets
// the answer.
type conn struct {
	exchange exchanger
	network  string // "tcp": messages have their length before them
	life     context.Context
	end      context.CancelFunc // of life: Close
	written  chan struct{}      // has an element where there may be queries

	mu       sync.Mutex
	queries  [][]byte
	in, out  []byte // tcp: what of a query was written yet; what of an answer was not read yet
	deadline time.Time
	epoch    context.Context // ends with life, and when the deadline is changed
	endEpoch context.CancelFunc
}

// packetConn is a conn of UDP.
type packetConn struct{ *conn }

// addr is the address of both ends.
type addr string

func (a addr) Network() string { return string(a) }
func (a addr) String() string  { return "dns" }

func (c *conn) LocalAddr() net.Addr  { return addr(c.network) }
func (c *conn) RemoteAddr() net.Addr { return addr(c.network) }

func (c *conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: c.network, Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// Write takes a query, or octets of a stream of them. It doesn't block.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.Err() != nil {
		return 0, c.opError("write", net.ErrClosed)
	}
	if len(c.queries) >= maxWritten {
		return 0, c.opError("write", os.NewSyscallError("write", syscall.ENOBUFS))
	}
	if c.network == "udp" {
		c.queries = append(c.queries, append([]byte(nil), p...))
	} else {
		c.in = append(c.in, p...)
		for len(c.in) >= 2 && len(c.in)-2 >= int(binary.BigEndian.Uint16(c.in)) {
			n := 2 + int(binary.BigEndian.Uint16(c.in))
			c.queries = append(c.queries, c.in[2:n:n])
			c.in = c.in[n:]
		}
	}
	c.wake()
	return len(p), nil
}

// wake lets a reader look for queries. The caller holds the mutex.
func (c *conn) wake() {
	if len(c.queries) == 0 {
		return
	}
	select {
	case c.written <- struct{}{}:
	default:
	}
}

// Read answers the next query and gives the answer, or why there is none.
func (c *conn) Read(p []byte) (int, error) {
	if c.network == "udp" {
		answer, err := c.next()
		if err != nil {
			return 0, err
		}
		return copy(p, answer), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.out) == 0 {
		c.mu.Unlock()
		answer, err := c.next()
		c.mu.Lock()
		if err != nil {
			return 0, err
		}
		c.out = append(binary.BigEndian.AppendUint16(c.out, uint16(len(answer))), answer...)
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}

// next waits for a query and answers it; where the answer tells of a failure the error is its cause. Where the deadline
// is changed meanwhile the query is asked again.
func (c *conn) next() ([]byte, error) {
	var query []byte
	for {
		ctx, cancel := c.reading()
		if query == nil {
			query = c.take(ctx)
		}
		var answer []byte
		var err error
		if ctx.Err() == nil {
			answer, err = c.exchange(ctx, query, c.network == "tcp")
		}
		end := over(ctx)
		cancel()
		switch {
		case c.life.Err() != nil:
			return nil, c.opError("read", net.ErrClosed)
		case end == context.DeadlineExceeded && isTimeout(err):
			return nil, err // which says who didn't answer
		case end == context.DeadlineExceeded:
			return nil, c.opError("read", os.ErrDeadlineExceeded)
		case answer != nil:
			return answer, err
		case end != nil: // there is another deadline now
		case err == errNoQuery:
			query = nil // nothing is said to that, as a server would do
		default:
			return nil, c.opError("read", err)
		}
	}
}

// reading is a context that ends with the time that a Read has, or where that changes.
func (c *conn) reading() (context.Context, context.CancelFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline.IsZero() {
		return context.WithCancel(c.epoch)
	}
	return context.WithDeadline(c.epoch, c.deadline)
}

// take waits for a query; nil where ctx ends.
func (c *conn) take(ctx context.Context) []byte {
	for ctx.Err() == nil {
		c.mu.Lock()
		if len(c.queries) > 0 {
			q := c.queries[0]
			c.queries = c.queries[1:]
			c.wake() // another reader
			c.mu.Unlock()
			return q
		}
		c.mu.Unlock()
		select {
		case <-c.written:
		case <-ctx.Done():
		}
	}
	return nil
}

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

// SetDeadline is SetReadDeadline: writes don't block.
func (c *conn) SetDeadline(t time.Time) error { return c.setDeadline(t) }

// SetReadDeadline limits the Reads that are to come and those that are under way.
func (c *conn) SetReadDeadline(t time.Time) error { return c.setDeadline(t) }

// SetWriteDeadline has nothing to limit.
func (c *conn) SetWriteDeadline(time.Time) error {
	if c.life.Err() != nil {
		return c.opError("set", net.ErrClosed)
	}
	return nil
}

func (c *conn) setDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.Err() != nil {
		return c.opError("set", net.ErrClosed)
	}
	c.deadline = t
	c.endEpoch()
	c.epoch, c.endEpoch = context.WithCancel(c.life)
	return nil
}

// Close ends Reads that are under way, and the look-ups behind them.
func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.Err() != nil {
		return c.opError("close", net.ErrClosed)
	}
	c.end()
	return nil
}

// ReadFrom is Read; the sender is the other end.
func (c packetConn) ReadFrom(p []byte) (int, net.Addr, error) {
	n, err := c.Read(p)
	if err != nil {
		return n, nil, err
	}
	return n, c.RemoteAddr(), nil
}

// WriteTo is Write; there is one receiver only.
func (c packetConn) WriteTo(p []byte, _ net.Addr) (int, error) { return c.Write(p) }

var _ net.PacketConn = packetConn{}

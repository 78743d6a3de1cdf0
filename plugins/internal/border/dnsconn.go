package border

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// dialDNS makes the connection over which net.Resolver asks, whatever server it names: each query is sent to the host.
func (n *Network) dialDNS(ctx context.Context, network, _ string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &dnsConn{n: n, network: "tcp"}
	c.ctx, c.end = context.WithCancel(context.Background())
	if strings.HasPrefix(network, "tcp") {
		return c, nil
	}
	c.network = "udp"
	return dnsPacketConn{c}, nil
}

// dnsConn is a connection to the host's resolver. It has no goroutine: a query is sent, and its answer waited for, in
// the Read that gets the answer. A resolver uses it as it uses all: it writes a query and reads its answer, one by one.
type dnsConn struct {
	n       *Network
	network string // "tcp": messages have their length before them
	ctx     context.Context
	end     context.CancelFunc

	mu       sync.Mutex
	in, out  []byte // a query, or part of it; what of an answer wasn't read
	deadline time.Time
}

// dnsPacketConn is what net.Resolver knows a connection without framing by.
type dnsPacketConn struct{ *dnsConn }

// maxQuery bounds a query, in octets.
const maxQuery = 4 << 10

// Write takes a query, or a part of one.
func (c *dnsConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ctx.Err() != nil:
		return 0, c.opError("write", net.ErrClosed)
	case c.network == "udp":
		c.in = c.in[:0] // which takes the place of one that wasn't answered
	}
	if len(c.in)+len(b) > maxQuery {
		return 0, c.opError("write", os.NewSyscallError("write", syscall.EMSGSIZE))
	}
	c.in = append(c.in, b...)
	return len(b), nil
}

// Read gives the answer.
func (c *dnsConn) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.out) == 0 {
		answer, err := c.exchange()
		if err != nil {
			return 0, c.opError("read", err)
		}
		c.out = answer
	}
	n := copy(b, c.out)
	c.out = c.out[n:]
	if c.network == "udp" {
		c.out = nil
	}
	return n, nil
}

// exchange has the query answered. The caller holds the mutex, which is released meanwhile.
func (c *dnsConn) exchange() ([]byte, error) {
	m := &exchange{query: c.in, tcp: c.network == "tcp"}
	c.in = nil
	if m.tcp {
		if len(m.query) < 2 || len(m.query)-2 != int(binary.BigEndian.Uint16(m.query)) {
			return nil, os.NewSyscallError("read", syscall.EINVAL) // there is no query, or not all of it
		}
		m.query = m.query[2:]
	}
	ctx, stop := c.ctx, func() {}
	if !c.deadline.IsZero() {
		ctx, stop = context.WithDeadline(ctx, c.deadline)
		m.timeout = left(c.deadline)
	}
	defer stop()
	c.mu.Unlock()
	answer, err := c.n.exchange(ctx, m)
	c.mu.Lock()
	switch {
	case c.ctx.Err() != nil:
		return nil, net.ErrClosed
	case ctx.Err() != nil:
		return nil, os.ErrDeadlineExceeded
	case err != nil:
		return nil, err
	case m.tcp:
		answer = append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)
	}
	return answer, nil
}

// exchange has the host answer a query.
func (n *Network) exchange(ctx context.Context, m *exchange) ([]byte, error) {
	r, err := n.begin("", m, func(req uint64) { m.req = req })
	if err != nil {
		return nil, err
	}
	select {
	case a := <-r.answer:
		return a.value, a.err
	case <-ctx.Done():
		n.send(&cancel{m.req})
		<-r.answer
		return nil, ctx.Err()
	}
}

func (c *dnsConn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: c.network, Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// Close ends the connection, also under a Read.
func (c *dnsConn) Close() error {
	c.end()
	return nil
}

func (c *dnsConn) LocalAddr() net.Addr  { return textAddr{c.network, "border"} }
func (c *dnsConn) RemoteAddr() net.Addr { return textAddr{c.network, "host"} }

// SetDeadline bounds the Reads that follow.
func (c *dnsConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return nil
}

func (c *dnsConn) SetReadDeadline(t time.Time) error { return c.SetDeadline(t) }
func (c *dnsConn) SetWriteDeadline(time.Time) error  { return nil } // it never waits

// ReadFrom is Read.
func (c dnsPacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := c.Read(b)
	return n, c.RemoteAddr(), err
}

// WriteTo is Write.
func (c dnsPacketConn) WriteTo(b []byte, _ net.Addr) (int, error) { return c.Write(b) }

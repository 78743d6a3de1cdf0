package guard

import (
	"errors"
	"io"
	"net"

	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/likenet"
	"github.com/gotcp/gotcp/stack/tcp"
)

// tcpConn is the user's TCP connection: the inner one's methods, with what is read and written counted. What isn't
// defined here is the inner one's. The inner type itself stays hidden: its file descriptor would be a way around.
type tcpConn struct {
	dialer.TCPConn
	f *flow
}

// Read reads what has arrived, as far as the quota has room for it.
func (c *tcpConn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if n > 0 {
		had := c.f.chargeIn(n)
		c.f.in.Add(int64(had))
		if had < n {
			return had, c.f.exhausted("read", quotaBytesIn)
		}
	}
	if err != nil {
		err = c.f.failed("read", err)
	}
	return n, err
}

// Write writes b, as far as the quota has room for it.
func (c *tcpConn) Write(b []byte) (n int, err error) {
	room := c.f.chargeOut(len(b))
	if room > 0 || len(b) == 0 {
		n, err = c.TCPConn.Write(b[:room])
	}
	c.f.sent(int64(room), int64(n))
	switch {
	case err != nil:
		err = c.f.failed("write", err)
	case room < len(b):
		err = c.f.exhausted("write", quotaBytesOut)
	}
	return n, err
}

// ReadFrom writes what r gives until io.EOF.
func (c *tcpConn) ReadFrom(r io.Reader) (int64, error) {
	counted := countedReader{r: r, f: c.f}
	n, err := c.TCPConn.ReadFrom(&counted)
	c.f.sent(counted.charged, n)
	return n, c.copied("readfrom", err, counted.full, quotaBytesOut)
}

// WriteTo writes to w what arrives until the peer ends its stream.
func (c *tcpConn) WriteTo(w io.Writer) (int64, error) {
	counted := countedWriter{w: w, f: c.f}
	n, err := c.TCPConn.WriteTo(&counted)
	return n, c.copied("writeto", err, counted.full, quotaBytesIn)
}

// copied is the error of a copy that ended so. full says that it ended since the quota is used up.
func (c *tcpConn) copied(op string, err error, full bool, quota string) error {
	switch {
	case full:
		return c.f.exhausted(op, quota)
	case err != nil:
		return c.f.failed(op, err)
	}
	return nil
}

// errFull ends a copy. Nobody sees it.
var errFull = errors.New("guard: quota")

// countedReader charges what is read from r to what the connection may send.
type countedReader struct {
	r       io.Reader
	f       *flow
	charged int64
	full    bool
}

func (r *countedReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	room := r.f.chargeOut(n)
	r.charged += int64(room)
	if room < n {
		r.full = true
		err = errFull
	}
	return room, err
}

// countedWriter charges what is written to w, which the connection has received.
type countedWriter struct {
	w    io.Writer
	f    *flow
	full bool
}

func (w *countedWriter) Write(b []byte) (n int, err error) {
	room := w.f.chargeIn(len(b))
	w.f.in.Add(int64(room))
	if room > 0 {
		n, err = w.w.Write(b[:room])
	}
	if err == nil && room < len(b) {
		w.full = true
		err = errFull
	}
	return n, err
}

// WriteBuffers writes all of v and consumes it, as one write that no other can come between.
func (c *tcpConn) WriteBuffers(v *net.Buffers) (int64, error) {
	write := c.writev()
	if write == nil {
		return 0, c.f.opError("writev", errors.ErrUnsupported)
	}
	total := 0
	for _, b := range *v {
		total += len(b)
	}
	room := c.f.chargeOut(total)
	part := v
	if room < total {
		part = firstOf(*v, room)
	}
	n, err := write(part)
	c.f.sent(int64(room), n)
	if part != v {
		likenet.Consume(v, n)
	}
	switch {
	case err != nil:
		err = c.f.failed("writev", err)
	case room < total:
		err = c.f.exhausted("writev", quotaBytesOut)
	}
	return n, err
}

// writev is the inner connection's way to write buffers in one go, nil where it has none.
func (c *tcpConn) writev() func(*net.Buffers) (int64, error) {
	switch inner := c.TCPConn.(type) {
	case interface {
		WriteBuffers(*net.Buffers) (int64, error)
	}:
		return inner.WriteBuffers
	case *net.TCPConn:
		return func(v *net.Buffers) (int64, error) { return v.WriteTo(inner) }
	}
	return nil
}

// firstOf is the first n octets of v.
func firstOf(v net.Buffers, n int) *net.Buffers {
	var first net.Buffers
	for _, b := range v {
		b = b[:min(n, len(b))]
		first = append(first, b)
		n -= len(b)
	}
	return &first
}

// Close closes the connection.
func (c *tcpConn) Close() error { return c.f.close() }

// Network is the guard.
func (c *tcpConn) Network() netapi.Network { return c.f.n }

// Info is Linux's tcp_info of the connection; zero where the inner one has none.
func (c *tcpConn) Info() tcp.Info {
	if i, ok := c.TCPConn.(interface{ Info() tcp.Info }); ok {
		return i.Info()
	}
	return tcp.Info{}
}

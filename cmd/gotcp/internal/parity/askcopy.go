package parity

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// copyQuestions are about writing what another one gives.
var copyQuestions = []question{
	{"write.buffers", needNothing, func(q *asking) {
		c, peer := q.dialled()
		v := net.Buffers{[]byte("one "), []byte("two "), nil, []byte("three")}
		n, err := v.WriteTo(c)
		q.n("Buffers.WriteTo", int(n), err)
		q.value("left", "%d", len(v))
		q.awaitState(peer, "data", func(s status) bool { return s.received == 13 })
		q.read("peer's Read", peer, 99)
		v = net.Buffers{[]byte("four "), []byte("five")}
		n, err = io.Copy(c, &v)
		q.n("Copy from Buffers", int(n), err)
		n2, err := io.ReadFull(peer, make([]byte, 9))
		q.n("peer's ReadFull", n2, err)
		v = net.Buffers{}
		n, err = v.WriteTo(c)
		q.n("none", int(n), err)
	}},
	{"write.buffers.errors", needNothing, func(q *asking) {
		c, _ := q.dialled()
		q.must(c.SetWriteDeadline(expired()))
		v := net.Buffers{[]byte("one"), []byte("two")}
		n, err := writeBuffers(c, &v)
		q.n("expired", int(n), err)
		q.value("left", "%d", len(v))
		q.must(c.SetWriteDeadline(time.Time{}))
		q.must(c.CloseWrite())
		n, err = writeBuffers(c, &v)
		q.n("after CloseWrite", int(n), err)
		q.must(c.Close())
		n, err = writeBuffers(c, &v)
		q.n("after Close", int(n), err)
		q.value("left", "%d", len(v))
	}},
	{"write.copy", needNothing, func(q *asking) {
		c, peer := q.dialled()
		n, err := io.Copy(c, strings.NewReader("plain"))
		q.n("Copy", int(n), err)
		n, err = c.ReadFrom(io.LimitReader(strings.NewReader("limited"), 3))
		q.n("ReadFrom a part", int(n), err)
		n, err = c.ReadFrom(strings.NewReader(""))
		q.n("ReadFrom nothing", int(n), err)
		n, err = c.ReadFrom(failing{})
		q.n("ReadFrom a reader that fails", int(n), err)
		f := q.file("from a file")
		n, err = io.Copy(c, f)
		q.n("Copy from a file", int(n), err)
		n2, err := io.ReadFull(peer, make([]byte, 5+3+11))
		q.n("peer's ReadFull", n2, err)
	}},
	{"write.copy.conn", needNothing, func(q *asking) {
		from, peer := q.dialled()
		to, peer2 := q.accepted()
		q.write("first peer's Write", peer, "from one to another")
		q.must(peer.Close())
		n, err := io.Copy(to, from)
		q.n("Copy", int(n), err)
		q.must(to.CloseWrite())
		b, err := io.ReadAll(peer2)
		q.n("second peer's ReadAll", len(b), err)
	}},
	{"write.copy.closed", needNothing, func(q *asking) {
		c, _ := q.dialled()
		q.must(c.CloseWrite())
		n, err := io.Copy(c, strings.NewReader("x"))
		q.n("Copy after CloseWrite", int(n), err)
		n, err = c.ReadFrom(strings.NewReader("x"))
		q.n("ReadFrom", int(n), err)
		n, err = c.ReadFrom(strings.NewReader(""))
		q.n("ReadFrom nothing", int(n), err)
	}},
	{"write.copy.reset", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.reset(peer, c)
		n, err := io.Copy(c, strings.NewReader("x"))
		q.n("Copy to a reset connection", int(n), err)
		n, err = io.Copy(io.Discard, c)
		q.n("Copy from it then", int(n), err)
	}},
	{"write.systemcall", needNothing, func(q *asking) {
		c, _ := q.dialled()
		from, peer := q.accepted()
		q.must(c.CloseWrite())
		v := net.Buffers{[]byte("one"), []byte("two")}
		n, err := v.WriteTo(c)
		q.n("Buffers.WriteTo after CloseWrite", int(n), err)
		q.must(c.SetWriteDeadline(expired()))
		n, err = v.WriteTo(c)
		q.n("Buffers.WriteTo, expired", int(n), err)
		q.must(c.SetWriteDeadline(time.Time{}))
		n, err = c.ReadFrom(q.file("some"))
		q.n("ReadFrom a file", int(n), err)
		q.send(peer, from, "some")
		n, err = c.ReadFrom(from)
		q.n("ReadFrom a connection", int(n), err)
	}},
}

// writeBuffers writes v as package net does it: where the connection has a method for that, by that.
func writeBuffers(c tcpConn, v *net.Buffers) (int64, error) {
	if c, ok := c.(interface {
		WriteBuffers(*net.Buffers) (int64, error)
	}); ok {
		return c.WriteBuffers(v)
	}
	return v.WriteTo(c)
}

// errFailing is what failing gives.
var errFailing = errors.New("does not work")

// failing is a reader and a writer that fails.
type failing struct{}

func (failing) Read([]byte) (int, error)  { return 0, errFailing }
func (failing) Write([]byte) (int, error) { return 0, errFailing }

// short is a writer that takes too little without saying why.
type short struct{}

func (short) Write(b []byte) (int, error) { return len(b) - 1, nil }

// file is one with a content.
func (q *asking) file(content string) *os.File {
	f, err := os.CreateTemp("", "gotcp-parity-")
	q.must(err)
	q.cleanup(f.Close)
	q.must(os.Remove(f.Name()))
	_, err = io.WriteString(f, content)
	q.must(err)
	_, err = f.Seek(0, io.SeekStart)
	q.must(err)
	return f
}

package netapi

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"unsafe"
)

// TestCopy: io.Copy takes the ways by ReadFrom and WriteTo, and every octet arrives.
func TestCopy(t *testing.T) {
	a, b := newPair(t)
	d, s, _ := connect(t, a, b, "10.0.0.2:0")
	want := strings.Repeat("0123456789abcdef", 1<<16)
	go func() {
		io.Copy(s, s) // the echo
		s.CloseWrite()
	}()
	go func() {
		io.Copy(d, io.LimitReader(strings.NewReader(want), int64(len(want))))
		d.CloseWrite()
	}()
	var got bytes.Buffer
	if n, err := io.Copy(&got, d); n != int64(len(want)) || err != nil || got.String() != want {
		t.Errorf("%d of %d octets came back, %v", n, len(want), err)
	}
}

// TestCopyWays: what io.Copy looks for is there, and so is what net/http's server does.
func TestCopyWays(t *testing.T) {
	var c any = &TCPConn{}
	if _, ok := c.(io.ReaderFrom); !ok {
		t.Error("no io.ReaderFrom")
	}
	if _, ok := c.(io.WriterTo); !ok {
		t.Error("no io.WriterTo")
	}
	if _, ok := c.(interface{ CloseWrite() error }); !ok {
		t.Error("no CloseWrite: net/http would cut the last response off")
	}
	if _, ok := c.(interface{ SyscallConn() }); ok {
		t.Error("SyscallConn without a descriptor: pools would take every connection for dead")
	}
}

// TestBuffers: a net.Buffers arrives whole, both by its own method and by ours, which consumes it alike.
func TestBuffers(t *testing.T) {
	n := newLoop(t)
	d, s, _ := connect(t, n, n, "127.0.0.1:0")
	bufs := net.Buffers{[]byte("one "), nil, []byte("two "), []byte("three")}
	if k, err := d.WriteBuffers(&bufs); k != 13 || err != nil || len(bufs) != 0 {
		t.Errorf("WriteBuffers: %d, %v, %d left", k, err, len(bufs))
	}
	bufs = net.Buffers{[]byte(" four"), []byte(" five")}
	if k, err := bufs.WriteTo(d); k != 10 || err != nil {
		t.Errorf("WriteTo: %d, %v", k, err)
	}
	d.CloseWrite()
	if got, err := io.ReadAll(s); string(got) != "one two three four five" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestSize: of the 1 KiB that an idle connection may cost the facade takes next to nothing.
func TestSize(t *testing.T) {
	if size := unsafe.Sizeof(TCPConn{}); size > 48 {
		t.Errorf("a TCPConn is %d octets; the budget is 48", size)
	}
}

// TestDataPathAllocates checks that Read and Write add nothing for the garbage collector.
func TestDataPathAllocates(t *testing.T) {
	c := &TCPConn{conn{newFake(nil), &origin{net: "tcp"}}}
	buf := make([]byte, 1)
	if n := testing.AllocsPerRun(100, func() { c.Read(buf); c.Write(buf) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

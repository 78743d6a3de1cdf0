package stack

import (
	"bytes"
	"io"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

func TestReadZeroLength(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		read := func(what string) {
			t.Helper()
			if n, err := c.Read(nil); n != 0 || err != nil {
				t.Errorf("zero-length Read %s: %d, %v; want 0, nil at once", what, n, err)
			}
		}
		read("with nothing there")
		must(t, c.SetReadDeadline(time.Now().Add(-1)))
		read("beyond the deadline")
		must(t, d.Abort())
		read("after a reset")
		must(t, c.Close())
		_, err := c.Read(nil)
		wantErr(t, "zero-length Read after Close", err, ErrClosed)
	})
}

// Data that came before an RST is still read, then the error, once, then EOF.
func TestReadReset(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		_, err := d.Write([]byte("hello world!"))
		must(t, err)
		synctest.Wait()
		must(t, d.Abort())
		b := make([]byte, 5)
		for _, want := range []string{"hello", " worl", "d!"} {
			n, err := c.Read(b)
			if string(b[:n]) != want || err != nil {
				t.Errorf("Read gives %q, %v; want %q", b[:n], err, want)
			}
		}
		_, err = c.Read(b)
		wantErr(t, "Read of a reset connection", err, syscall.ECONNRESET)
		for range 2 {
			_, err = c.Read(b)
			wantErr(t, "Read after the error", err, io.EOF)
		}
		_, err = c.Write(b)
		wantErr(t, "Write after the error", err, syscall.EPIPE)
		wantErr(t, "Shutdown of a reset connection", c.Shutdown(syscall.SHUT_WR), syscall.ENOTCONN)
		wantErr(t, "Shutdown of a reset connection", c.Shutdown(syscall.SHUT_RD), syscall.ENOTCONN)
	})
}

// A zero-length Write takes the pending error; a zero-length Read doesn't.
func TestWriteReset(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		must(t, d.Abort())
		c.Read(nil)
		_, err := c.Write(nil)
		wantErr(t, "zero-length Write", err, syscall.ECONNRESET)
		_, err = c.Write(nil)
		wantErr(t, "zero-length Write again", err, syscall.EPIPE)
		_, err = c.Read(make([]byte, 1))
		wantErr(t, "Read", err, io.EOF)
	})
}

func TestReadDeadline(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		b := make([]byte, 10)
		start := time.Now()
		must(t, c.SetReadDeadline(start.Add(time.Second)))
		_, err := c.Read(b)
		wantErr(t, "Read", err, os.ErrDeadlineExceeded)
		if e := time.Since(start); e != time.Second {
			t.Errorf("took %v, want 1 s", e)
		}
		_, err = d.Write([]byte("data"))
		must(t, err)
		_, err = c.Read(b)
		wantErr(t, "Read with data queued, deadline past", err, os.ErrDeadlineExceeded)
		_, err = c.Write([]byte("x"))
		wantErr(t, "Write with the read deadline past", err, nil)
		must(t, c.SetReadDeadline(time.Now().Add(time.Hour)))
		n, err := c.Read(b)
		if string(b[:n]) != "data" || err != nil {
			t.Errorf("Read after the deadline was moved: %q, %v", b[:n], err)
		}

		// A deadline that is set while a Read waits applies to it: later, then to the past.
		errs := make(chan error)
		go func() {
			_, err := c.Read(b)
			errs <- err
		}()
		synctest.Wait()
		must(t, c.SetReadDeadline(time.Now().Add(2*time.Hour)))
		time.Sleep(time.Hour + time.Minute)
		select {
		case err := <-errs:
			t.Fatalf("the Read ended by the deadline that was replaced: %v", err)
		default:
		}
		must(t, c.SetReadDeadline(time.Unix(1, 0)))
		wantErr(t, "Read when the deadline was set to the past", <-errs, os.ErrDeadlineExceeded)
	})
}

// A Write that ends by its deadline says exactly how much it took, and the connection goes on.
func TestWriteDeadlineIsExact(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		data := tcpPattern(8 << 20)
		must(t, c.SetWriteDeadline(time.Now().Add(time.Second)))
		n, err := c.Write(data) // which nobody reads: it fills both buffers
		wantErr(t, "Write", err, os.ErrDeadlineExceeded)
		if n < 1<<20 || n >= len(data) {
			t.Errorf("took %d octets, want what the buffers hold", n)
		}
		m, err := c.Write([]byte("x"))
		if wantErr(t, "Write again", err, os.ErrDeadlineExceeded); m != 0 {
			t.Errorf("took %d octets beyond the deadline", m)
		}
		_, err = c.Write(nil)
		wantErr(t, "zero-length Write beyond the deadline", err, os.ErrDeadlineExceeded)
		must(t, c.SetWriteDeadline(time.Time{}))
		go func() {
			_, err := c.Write([]byte("more"))
			must(t, err)
			c.Close()
		}()
		want := append(data[:n:n], "more"...)
		if got := readAll(t, d); !bytes.Equal(got, want) {
			t.Errorf("the peer got %d octets, want the %d that were taken", len(got), len(want))
		}
	})
}

// Four writers of 300,000 octets each: no write comes in the middle of another.
func TestWritesDontInterleave(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		must(t, c.SetOpt(syscall.SOL_SOCKET, syscall.SO_SNDBUF, 50_000)) // so that each write waits several times
		done := make(chan struct{})
		for i := range 4 {
			go func() {
				b := bytes.Repeat([]byte{byte('a' + i)}, 300_000)
				if i%2 == 0 {
					_, err := c.Write(b)
					must(t, err)
				} else {
					_, err := c.Writev([][]byte{b[:1], nil, b[1:100_000], b[100_000:]})
					must(t, err)
				}
				done <- struct{}{}
			}()
		}
		go func() {
			for range 4 {
				<-done
			}
			c.Close()
		}()
		got := readAll(t, d)
		changes := 0
		for i := 1; i < len(got); i++ {
			if got[i] != got[i-1] {
				changes++
			}
		}
		if len(got) != 1_200_000 || changes != 3 {
			t.Errorf("got %d octets with %d changes of octet, want 1200000 with 3", len(got), changes)
		}
	})
}

// What ends a Write that waits for room.
func TestBlockedWrite(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(t *testing.T, c, d *stream)
		want error
	}{
		"own Close":      {func(t *testing.T, c, d *stream) { must(t, c.Close()) }, ErrClosed},
		"own CloseWrite": {func(t *testing.T, c, d *stream) { must(t, c.Shutdown(syscall.SHUT_WR)) }, syscall.EPIPE},
		"peer's reset":   {func(t *testing.T, c, d *stream) { must(t, d.Abort()) }, syscall.ECONNRESET},
		"peer's Close":   {func(t *testing.T, c, d *stream) { must(t, d.Close()) }, syscall.ECONNRESET}, // it has unread data
		"deadline": {func(t *testing.T, c, d *stream) { must(t, c.SetWriteDeadline(time.Unix(1, 0))) },
			os.ErrDeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, p *pair) {
				a, b := p.connect()
				errs := make(chan error)
				for range 3 { // one has the turn, two wait for it
					go func() {
						_, err := a.Write(make([]byte, 8<<20))
						errs <- err
					}()
				}
				synctest.Wait()
				c.end(t, a, b)
				wantErr(t, "blocked Write", <-errs, c.want)
				for range 2 { // the error is told once
					err := <-errs
					if c.want == syscall.ECONNRESET {
						wantErr(t, "next Write", err, syscall.EPIPE)
					} else {
						wantErr(t, "next Write", err, c.want)
					}
				}
			})
		})
	}
}

func TestCloseWakesReaders(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, _ := p.connect()
		errs := make(chan error)
		for range 3 {
			go func() {
				_, err := c.Read(make([]byte, 1))
				errs <- err
			}()
			go func() { errs <- c.WaitReadable(true) }()
		}
		synctest.Wait()
		must(t, c.Close())
		for range 6 {
			wantErr(t, "blocked at Close", <-errs, ErrClosed)
		}
	})
}

func TestConcurrentClose(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, _ := p.connect()
		errs := make(chan error)
		for range 8 {
			go func() { errs <- c.Close() }()
		}
		closed := 0
		for range 8 {
			if err := <-errs; err != nil {
				wantErr(t, "Close", err, ErrClosed)
				closed++
			}
		}
		if closed != 7 {
			t.Errorf("%d of 8 got ErrClosed, want 7", closed)
		}
	})
}

func TestShutdownRead(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		errs := make(chan error)
		go func() {
			_, err := c.Read(make([]byte, 1))
			errs <- err
		}()
		synctest.Wait()
		must(t, c.Shutdown(syscall.SHUT_RD))
		wantErr(t, "blocked Read", <-errs, io.EOF)
		_, err := d.Write([]byte("late")) // nothing has gone on the wire: the peer may go on
		must(t, err)
		synctest.Wait()
		b := make([]byte, 10)
		if n, err := c.Read(b); string(b[:n]) != "late" || err != nil {
			t.Errorf("Read of what came later: %q, %v", b[:n], err)
		}
		_, err = c.Read(b)
		wantErr(t, "Read of nothing", err, io.EOF)
		_, err = c.Write([]byte("x"))
		wantErr(t, "Write", err, nil)
		must(t, c.Shutdown(syscall.SHUT_RD)) // again
	})
}

func TestShutdownWrite(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		must(t, c.Shutdown(syscall.SHUT_WR))
		for _, b := range [][]byte{[]byte("x"), nil} {
			_, err := c.Write(b)
			wantErr(t, "Write", err, syscall.EPIPE)
		}
		must(t, c.Shutdown(syscall.SHUT_WR)) // again
		if got := readAll(t, d); len(got) != 0 {
			t.Errorf("the peer read %q", got)
		}
		_, err := d.Write([]byte("reply"))
		must(t, err)
		must(t, d.Close())
		if got := string(readAll(t, c)); got != "reply" {
			t.Errorf("got %q", got)
		}
		wantErr(t, "Shutdown after both FINs", c.Shutdown(syscall.SHUT_WR), syscall.ENOTCONN)
		wantErr(t, "Shutdown of a fresh socket", p.stream(p.a).Shutdown(syscall.SHUT_WR), syscall.ENOTCONN)
		wantErr(t, "Shutdown of nothing", c.Shutdown(7), syscall.EINVAL)
	})
}

func TestFreshSocketIO(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c := p.stream(p.a)
		_, err := c.Read(make([]byte, 1))
		wantErr(t, "Read", err, syscall.ENOTCONN)
		_, err = c.Write([]byte("x"))
		wantErr(t, "Write", err, syscall.EPIPE)
		if a := c.LocalAddr(); a.IsValid() {
			t.Errorf("local address %v", a)
		}
		if a := c.RemoteAddr(); a.IsValid() {
			t.Errorf("remote address %v", a)
		}
	})
}

func TestTryAndWait(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		b := make([]byte, 10)
		_, err := c.TryRead(b, false)
		wantErr(t, "TryRead of nothing", err, syscall.EAGAIN)
		must(t, c.WaitReadable(false))
		if r, w := c.Ready(); r || !w {
			t.Errorf("Ready is %v, %v; want false, true", r, w)
		}
		go func() {
			time.Sleep(time.Second)
			d.Write([]byte("hello"))
		}()
		must(t, c.WaitReadable(true))
		for range 2 {
			if n, err := c.TryRead(b, true); string(b[:n]) != "hello" || err != nil {
				t.Errorf("peek: %q, %v", b[:n], err)
			}
		}
		if n, full, from, err := c.TryRecvFrom(b, false); n != 5 || full != 5 || from.IsValid() || err != nil {
			t.Errorf("TryRecvFrom: %d, %d, %v, %v", n, full, from, err)
		}
		for full := 0; full < 2; full++ { // the peer's delayed ACKs may make room once more
			var err error
			for n := 1; err == nil; {
				if n, err = c.TryWrite(make([]byte, 100_000)); n > 0 {
					full = 0
				}
			}
			wantErr(t, "TryWrite", err, syscall.EAGAIN)
			time.Sleep(time.Second)
		}
		if _, w := c.Ready(); w {
			t.Error("writable with no room")
		}
		must(t, c.SetWriteDeadline(time.Now().Add(time.Second)))
		wantErr(t, "WaitWritable", c.WaitWritable(true), os.ErrDeadlineExceeded)
		wantErr(t, "WaitWritable(false)", c.WaitWritable(false), os.ErrDeadlineExceeded)
		must(t, c.SetWriteDeadline(time.Time{}))
		go io.Copy(io.Discard, struct{ io.Reader }{d})
		must(t, c.WaitWritable(true))
		must(t, c.Close())
		_, err = c.TryRead(b, false)
		wantErr(t, "TryRead after Close", err, ErrClosed)
		_, err = c.TryWrite(b)
		wantErr(t, "TryWrite after Close", err, ErrClosed)
	})
}

// Small writes that wait while a segment is on its way out leave in one segment, without anybody holding them back.
func TestAutocork(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		must(t, c.SetOpt(syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1))
		var segs []int
		first := true
		p.c.dropping(func(from int, seg *wire.Segment) bool {
			if n := seg.Payload.Len(); from == 0 && n > 0 {
				segs = append(segs, n)
				if first {
					first = false
					for range 10 { // the link is busy with the first segment
						c.Write([]byte("0123456789"))
					}
				}
			}
			return false
		})
		c.Write([]byte("first"))
		must(t, c.Close())
		if got := readAll(t, d); len(got) != 105 {
			t.Errorf("got %d octets", len(got))
		}
		if len(segs) != 2 || segs[1] != 100 {
			t.Errorf("segments of %v octets, want 5 and 100", segs)
		}
	})
}

func TestWritevIsOneSegment(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		must(t, c.SetOpt(syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1))
		n, err := c.Writev([][]byte{[]byte("one "), []byte("two "), nil, []byte("three")})
		if n != 13 || err != nil {
			t.Errorf("Writev: %d, %v", n, err)
		}
		b := make([]byte, 100)
		m, err := d.Read(b)
		if string(b[:m]) != "one two three" || err != nil {
			t.Errorf("one Read gives %q, %v", b[:m], err)
		}
		n, err = c.Writev(nil)
		if n != 0 || err != nil {
			t.Errorf("Writev of nothing: %d, %v", n, err)
		}
	})
}

// Readers and writers that wait at the same time are each woken by what concerns them, at the time when it happens.
func TestWaitersOfBothSides(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, p *pair) {
		c, d := p.connect()
		type end struct {
			what string
			err  error
			at   time.Duration
		}
		start := time.Now()
		ends := make(chan end, 10)
		call := func(what string, f func() error) {
			go func() {
				err := f()
				ends <- end{what, err, time.Since(start)}
			}()
			synctest.Wait() // so that they wait in this order
		}
		write := func() error { _, err := c.Write(make([]byte, 4<<20)); return err }
		read := func() error { _, err := c.Read(make([]byte, 1)); return err }
		call("read", read)
		call("write", write)
		call("read", read)
		call("write", write)
		call("wait", func() error { return c.WaitReadable(true) })
		must(t, c.SetReadDeadline(start.Add(time.Second)))
		time.Sleep(2 * time.Second)
		must(t, c.SetReadDeadline(time.Time{}))
		call("late read", read)
		_, err := d.Write([]byte("x"))
		must(t, err)
		synctest.Wait()
		call("late read", read)
		must(t, c.SetWriteDeadline(start.Add(3*time.Second)))
		time.Sleep(2 * time.Second)
		must(t, c.Close())
		synctest.Wait()
		want := map[end]int{
			{"read", os.ErrDeadlineExceeded, time.Second}: 2, {"wait", os.ErrDeadlineExceeded, time.Second}: 1,
			{"late read", nil, 2 * time.Second}: 1, {"late read", ErrClosed, 4 * time.Second}: 1,
			{"write", os.ErrDeadlineExceeded, 3 * time.Second}: 2,
		}
		for len(ends) > 0 {
			want[<-ends]--
		}
		for e, n := range want {
			if n != 0 {
				t.Errorf("%s that ends at %v with %v: %d are missing (less than 0: too many)", e.what, e.at, e.err, n)
			}
		}
	})
}

package tcp

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// TestWriteFillsBuffer: Write takes what there is room for, then EAGAIN; a stopped writer goes on when a third is free
// (Linux).
func TestWriteFillsBuffer(t *testing.T) {
	d := start(t, setup{snd: 9000})
	if n, err := d.tcb.Write(d.now, patternBytes(0, 10000)); n != 9000 || err != nil {
		t.Fatalf("Write of 10000 into room for 9000: %d, %v", n, err)
	}
	if n, err := d.tcb.Write(d.now, []byte{1}); n != 0 || err != syscall.EAGAIN {
		t.Errorf("Write into a full buffer: %d, %v; want 0, EAGAIN", n, err)
	}
	if n, err := d.tcb.Write(d.now, nil); n != 0 || err != nil {
		t.Errorf("an empty Write: %d, %v; want 0, nil", n, err)
	}
	d.drain()
	d.tcb.Events()
	if d.tcb.Ready()&Writable != 0 {
		t.Error("a full buffer is ready to be written")
	}
	d.in("A 1 ack 2001")
	if e := d.tcb.Events(); e&Writable != 0 {
		t.Error("Writable with 2000 of 9000 free")
	}
	d.in("A 1 ack 3001")
	if e := d.tcb.Events(); e&Writable == 0 {
		t.Error("not Writable with a third free")
	}
	d.in("A 1 ack 4001")
	if e := d.tcb.Events(); e&Writable != 0 {
		t.Error("Writable is told twice")
	}
	d.in("A 1 ack 9001")
	if e := d.tcb.Events(); e&Writable == 0 {
		t.Error("not told that everything is acknowledged: who lingers waits for that")
	}
}

// TestWriteErrors: after CloseWrite and after the end.
func TestWriteErrors(t *testing.T) {
	write := func(d *dut) error { _, err := d.tcb.Write(d.now, []byte{1}); return err }
	d := start(t, setup{})
	d.closeWrite()
	if err := write(d); err != syscall.EPIPE {
		t.Errorf("Write after CloseWrite: %v, want EPIPE", err)
	}
	d = start(t, setup{})
	d.in("R 1")
	for _, want := range []error{syscall.ECONNRESET, syscall.EPIPE, syscall.EPIPE} {
		if err := write(d); err != want {
			t.Errorf("Write after a reset: %v, want %v: the error once, then EPIPE", err, want)
		}
	}
	d.fails(ErrEOF)
	d = start(t, setup{})
	d.close()
	if err := write(d); err != syscall.EPIPE {
		t.Errorf("Write after Close: %v, want EPIPE", err)
	}
}

// TestReadOrder: data, then the end or the error, once, then the end.
//
// RFC 9293 MUST-47: errors are reported.
func TestReadOrder(t *testing.T) {
	d := start(t, setup{})
	d.again()
	d.in("A 1:11 ack 1", "R 11")
	d.state(Closed)
	d.get(10) // data before a RST stays readable
	d.fails(syscall.ECONNRESET)
	d.fails(ErrEOF)

	d = start(t, setup{})
	d.in("FA 1:11 ack 1")
	d.get(10)
	d.fails(ErrEOF)
	d.fails(ErrEOF)

	d = start(t, setup{})
	d.in("A 1:11 ack 1")
	p := make([]byte, 20)
	for range 3 {
		if n, err := d.tcb.Peek(p); n != 10 || err != nil {
			t.Errorf("Peek: %d, %v", n, err)
		}
	}
	if n := d.tcb.Queued(); n != 10 {
		t.Errorf("Queued is %d after Peek", n)
	}
	if n, err := d.tcb.Read(d.now, nil); n != 0 || err != nil {
		t.Errorf("an empty Read: %d, %v", n, err)
	}
	d.get(10)
	d.in("R 11")
	for range 2 {
		if _, err := d.tcb.Peek(p); err != syscall.ECONNRESET {
			t.Errorf("Peek: %v; it must not take the error", err)
		}
	}
	if err := d.tcb.Err(); err != syscall.ECONNRESET {
		t.Errorf("Err: %v", err)
	}
	if err := d.tcb.Err(); err != 0 {
		t.Errorf("Err gives the error twice: %v", err)
	}
}

// TestCloseRead: EOF where nothing is queued; what comes later can still be read, as with Linux's SHUT_RD.
func TestCloseRead(t *testing.T) {
	d := start(t, setup{})
	d.in("A 1:11 ack 1")
	d.skip()
	if err := d.tcb.CloseRead(d.now); err != nil {
		t.Fatal(err)
	}
	if e := d.tcb.Events(); e&Readable == 0 {
		t.Error("who waits in Read isn't told")
	}
	d.drain()
	d.out()
	d.get(10)
	d.fails(ErrEOF)
	d.in("A 11:21 ack 1")
	d.get(10)
	d.fails(ErrEOF)
}

// TestEvents: each change is told once.
func TestEvents(t *testing.T) {
	d := newDUT(t, setup{})
	expect := func(what string, want, not Events) {
		t.Helper()
		e := d.tcb.Events()
		if e&want != want || e&not != 0 {
			t.Errorf("%s: events %05b, want %05b and not %05b", what, e, want, not)
		}
	}
	d.connect()
	expect("SYN-SENT", 0, Opened|Writable|Readable|Dead)
	d.in("SA 0 ack 1")
	expect("ESTABLISHED", Opened|Writable, Readable|Dead)
	expect("nothing new", 0, Opened|Writable|Readable|Dead)
	d.in("A 1:11 ack 1")
	expect("data", Readable, Opened|Writable|Dead)
	d.in("A 21:31 ack 1")
	expect("data behind a hole", 0, Readable)
	d.in("A 11:21 ack 1")
	expect("the hole filled", Readable, 0)
	d.in("FA 31 ack 1")
	expect("FIN", Readable, Dead)
	d.closeWrite()
	d.in("A 32 ack 2")
	expect("the end", Dead|Readable|Writable, 0)
	if r := d.tcb.Ready(); r != Dead|Readable|Writable|Opened {
		t.Errorf("Ready is %05b at the end", r)
	}
}

// TestCounters of what is where: Queued, Unsent, Unacked.
func TestCounters(t *testing.T) {
	d := start(t, setup{win: 3000})
	check := func(queued, unsent, unacked int) {
		t.Helper()
		if q, u, a := d.tcb.Queued(), d.tcb.Unsent(), d.tcb.Unacked(); q != queued || u != unsent || a != unacked {
			t.Errorf("Queued %d, Unsent %d, Unacked %d; want %d, %d, %d", q, u, a, queued, unsent, unacked)
		}
	}
	check(0, 0, 0)
	d.write(5000)
	check(0, 2000, 5000)
	d.in("A 1:101 ack 1001")
	check(100, 1000, 4000)
	d.closeWrite()
	d.in("A 101 ack 4001", "A 101 ack 5001")
	check(100, 0, 0)
	if d.tcb.FinAcked() {
		t.Error("FinAcked before the FIN's ACK")
	}
	d.in("A 101 ack 5002")
	check(100, 0, 0)
	if !d.tcb.FinAcked() {
		t.Error("not FinAcked after the FIN's ACK")
	}
}

// TestWriteBeforeEstablished: data is queued in SYN-SENT and SYN-RECEIVED, and leaves with the handshake's end
// (3.10.2).
func TestWriteBeforeEstablished(t *testing.T) {
	for _, simultaneous := range []bool{false, true} {
		d := newDUT(t, setup{})
		d.connect()
		d.write(1500)
		if d.tcb.Ready()&Writable != 0 {
			t.Error("Writable in SYN-SENT: connect would seem to be complete")
		}
		if simultaneous {
			d.in("S 0 mss 1000")
			d.out("SA 0 ack 1")
			d.in("A 1 ack 1")
		} else {
			d.in("SA 0 ack 1 mss 1000")
		}
		d.out("A 1:1001 ack 1", "PA 1001:1501 ack 1")
	}
}

// TestHalfClose: one direction ends, the other goes on (MAY-1).
//
// RFC 9293 MAY-1
func TestHalfClose(t *testing.T) {
	d := start(t, setup{})
	d.closeWrite()
	d.out("FA 1 ack 1")
	d.in("A 1 ack 2")
	d.state(FinWait2)
	for at := 1; at < 5000; at += 500 {
		d.in(fmt.Sprintf("A %d:%d ack 2", at, at+500))
		d.get(500)
		d.elapse(time.Minute)
	}
	d.state(FinWait2) // no time-out as long as the user may read
	d.skip()
	d.in("FA 5001 ack 2")
	d.out("A 2 ack 5002")
	d.state(TimeWaitState)
	d.fails(ErrEOF)
}

// TestFinWait2Timeout: nobody can read any more, so FIN-WAIT-2 doesn't last (Linux's tcp_fin_timeout, TCP_LINGER2).
func TestFinWait2Timeout(t *testing.T) {
	for _, c := range []struct {
		opt, want time.Duration
	}{{0, time.Minute}, {5 * time.Second, 5 * time.Second}} {
		d := start(t, setup{user: UserOptions{FinTimeout: c.opt}})
		d.close()
		d.in("A 1 ack 2")
		d.skip()
		d.tick(c.want)
		d.state(Closed)
		d.out()
	}
	d := start(t, setup{user: UserOptions{FinTimeout: -time.Second}}) // TCP_LINGER2 < 0: no FIN-WAIT-2 at all
	d.close()
	d.in("A 1 ack 2")
	d.state(Closed)
}

// TestLingerZero is Abort with unsent data: everything is dropped, the peer is reset.
//
// RFC 9293 MUST-12: the peer's user learns of it.
func TestLingerZero(t *testing.T) {
	d := start(t, setup{win: 1000})
	d.write(5000)
	d.skip()
	d.call(func(t *TCB) { t.Abort(d.now, syscall.ECONNABORTED) })
	d.out("RA 1001 ack 1")
	d.state(Closed)
	d.fails(syscall.ECONNABORTED)
	d.fails(ErrEOF)
	d.idle()
}

// TestSetBuffers: more room wakes a writer; a smaller receive buffer takes nothing back.
func TestSetBuffers(t *testing.T) {
	d := start(t, setup{snd: 1000, rcv: 30000})
	d.write(1000)
	if _, err := d.tcb.Write(d.now, []byte{1}); err != syscall.EAGAIN {
		t.Fatal(err)
	}
	d.tcb.Events()
	d.call(func(t *TCB) { t.SetBuffers(d.now, 3000, 5000) })
	if e := d.tcb.Events(); e&Writable == 0 {
		t.Error("room for 2000 octets, and no Writable")
	}
	if s, r := d.tcb.Buffers(); s != 3000 || r != 5000 {
		t.Errorf("Buffers gives %d, %d", s, r)
	}
	d.in("A 1:30001 ack 1001") // offered, so taken
	d.get(30000)
	if !errors.Is(d.tcb.readError(false), syscall.EAGAIN) {
		t.Error("the connection has suffered")
	}
}

// TestReady: what Ready tells holds now, no more and no less.
func TestReady(t *testing.T) {
	d := newDUT(t, setup{})
	d.connect()
	ready := func(when string, want Events) {
		t.Helper()
		if got := d.tcb.Ready(); got != want {
			t.Errorf("%s: %b, want %b", when, got, want)
		}
	}
	ready("SYN-SENT", 0)
	d.in("SA 0 ack 1" + d.synOptions())
	ready("ESTABLISHED", Opened|Writable)
	d.in("PA 1:11 ack 1")
	ready("with data", Opened|Writable|Readable)
	d.get(10)
	ready("after Read", Opened|Writable)
	d.in("FA 11 ack 1")
	ready("after the peer's FIN", Opened|Writable|Readable)
}

// TestAbortOfDead: an Abort of a dead connection leaves its error to the user, for whom none was pending.
func TestAbortOfDead(t *testing.T) {
	d := start(t, setup{})
	d.in("R 1")
	d.tcb.Abort(d.now, 0)
	d.holds("err ECONNRESET")
	d.tcb.Abort(d.now, syscall.ECONNABORTED)
	if err := d.tcb.Err(); err != syscall.ECONNABORTED {
		t.Errorf("the pending error is %v, want ECONNABORTED", err)
	}
}

// TestSetBuffersOne: 0 leaves a limit as it is.
func TestSetBuffersOne(t *testing.T) {
	d := start(t, setup{snd: 5000, rcv: 6000})
	for _, c := range [][4]int{{0, 7000, 5000, 7000}, {8000, 0, 8000, 7000}} {
		d.tcb.SetBuffers(d.now, c[0], c[1])
		if snd, rcv := d.tcb.Buffers(); snd != c[2] || rcv != c[3] {
			t.Errorf("SetBuffers(%d, %d): limits %d, %d; want %d, %d", c[0], c[1], snd, rcv, c[2], c[3])
		}
	}
}

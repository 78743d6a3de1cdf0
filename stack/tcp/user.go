package tcp

import (
	"errors"
	"syscall"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/wire"
)

// ErrEOF is the end of the peer's data: its FIN, or a connection that is dead and has told why.
var ErrEOF = errors.New("tcp: end of data")

// Read takes received octets (3.10.3): data first; then ErrEOF after the peer's FIN; the pending error, once; ErrEOF
// where nothing can come any more; EAGAIN where there is nothing yet.
func (t *TCB) Read(now Time, p []byte) (int, error) {
	if t.rcv.buf.len() == 0 {
		return 0, t.readError(true)
	}
	n := t.rcv.buf.read(p)
	t.rcv.urgent = t.UrgentData() > 0
	t.windowUpdate()
	return n, nil
}

// Peek is Read that leaves everything in place.
func (t *TCB) Peek(p []byte) (int, error) {
	if t.rcv.buf.len() == 0 {
		return 0, t.readError(false)
	}
	return t.rcv.buf.peek(p), nil
}

func (t *TCB) readError(take bool) error {
	switch {
	case t.finRcvd:
		return ErrEOF
	case t.err != 0:
		err := syscall.Errno(t.err)
		if take {
			t.err = 0
		}
		return err
	case t.rcvClosed || t.dead():
		return ErrEOF
	}
	return syscall.EAGAIN
}

func (t *TCB) readable() bool {
	return t.rcv.buf.len() > 0 || t.finRcvd || t.err != 0 || t.rcvClosed || t.dead()
}

// Write takes as much of p as there is room for (3.10.2). EAGAIN: there is none; EPIPE: after CloseWrite or the end of
// the connection; the pending error, once. An empty p gives 0 and nil or the error. In SYN-SENT and SYN-RECEIVED data is
// queued for transmission after the handshake.
func (t *TCB) Write(now Time, p []byte) (int, error) {
	if err := t.writeError(); err != nil || len(p) == 0 {
		return 0, err
	}
	room := int(t.snd.limit) - t.snd.buf.len()
	if room <= 0 {
		t.snd.full = true
		return 0, syscall.EAGAIN
	}
	if len(p) > room {
		t.snd.full = true
		p = p[:room]
	}
	t.snd.buf.append(p)
	return len(p), nil
}

// WriteUrgent is Write that marks the end of what it took as urgent (SEND with the URGENT flag, RFC 9293 3.10.2). New
// programs should not use it (RFC 6093 section 5).
func (t *TCB) WriteUrgent(now Time, p []byte) (int, error) {
	n, err := t.Write(now, p)
	if n > 0 {
		t.snd.up, t.snd.urgent = t.dataEnd(), true
	}
	return n, err
}

func (t *TCB) writeError() error {
	switch {
	case t.err != 0:
		return t.Err()
	case t.dead() || t.snd.fin || t.userClosed:
		return syscall.EPIPE
	}
	return nil
}

// writable is Linux's rule: a writer that was stopped goes on when a third of the store is free.
func (t *TCB) writable() bool {
	if t.err != 0 || t.dead() || t.snd.fin {
		return true
	}
	free := int(t.snd.limit) - t.snd.buf.len()
	return t.state != SynSent && t.state != SynReceived && free > 0 && free*3 >= int(t.snd.limit)
}

// Push lets everything written so far leave without Nagle's delay.
func (t *TCB) Push(now Time) { t.snd.push = t.dataEnd() }

// Queued is the number of octets that Read could take now (SIOCINQ).
func (t *TCB) Queued() int { return t.rcv.buf.len() }

// Unsent is the number of octets that were written and not sent yet (SIOCOUTQNSD).
func (t *TCB) Unsent() int { return max(0, t.dataEnd().Minus(seq.Max(t.snd.nxt, t.snd.base))) }

// Unacked is the number of octets that were written and not acknowledged yet (SIOCOUTQ).
func (t *TCB) Unacked() int { return t.snd.buf.len() }

// FinAcked reports whether our FIN and everything before it was acknowledged.
func (t *TCB) FinAcked() bool { return t.snd.fin && t.snd.una.After(t.finSeq()) }

// UrgentData tells where urgent data ends: how many octets up to and including the last urgent one Read has still to
// give (RFC 9293 MUST-33), 0 where none is pending. It lies in the stream, as RFC 6093 says, and is never taken out.
func (t *TCB) UrgentData() int {
	if !t.rcv.urgent {
		return 0
	}
	first := t.rcv.nxt.Add(-t.rcv.buf.len()) // the next octet that Read gives
	return max(0, t.rcv.up.Minus(first))
}

// CloseWrite queues a FIN behind what was written (CLOSE, 3.10.4). ENOTCONN where the connection is not open.
func (t *TCB) CloseWrite(now Time) error {
	switch t.state {
	case 0, Closed, TimeWaitState, SynSent, Listen:
		return syscall.ENOTCONN
	case SynReceived, Established:
		t.snd.fin = true
		if t.state == Established {
			t.state = FinWait1
		}
	case CloseWait:
		t.snd.fin = true
		t.state = LastAck
	}
	t.events |= Writable
	return nil
}

// CloseRead makes Read give ErrEOF where no data is queued. Nothing goes on the wire, and what the peer sends later can
// still be read (Linux's SHUT_RD). ENOTCONN where the connection is not open.
func (t *TCB) CloseRead(now Time) error {
	if t.dead() || t.state == SynSent {
		return syscall.ENOTCONN
	}
	t.rcvClosed = true
	t.events |= Readable
	return nil
}

// Close is the user's last call: a FIN behind what was written, or RST where received data was not read (RFC 1122
// 4.2.2.13). Data that arrives later draws RST.
func (t *TCB) Close(now Time) {
	if t.userClosed {
		return
	}
	t.userClosed = true
	switch {
	case t.dead():
		t.retire()
	case t.state == SynSent:
		t.toClosed(0)
	case t.rcv.buf.len() > 0 || t.outOfOrder() > 0:
		t.Abort(now, 0)
	default:
		_ = t.CloseWrite(now)
		if t.state == FinWait2 {
			t.startFinTimeout(now)
		}
	}
}

// Abort drops everything and sends RST where the peer may know of the connection (ABORT, 3.10.5). errno becomes the
// pending error where it is not 0.
func (t *TCB) Abort(now Time, errno syscall.Errno) {
	if t.dead() {
		if errno != 0 {
			t.err = errno16(errno)
		}
		return
	}
	t.sendReset()
	t.rcv.buf.clear(nil)
	t.toClosed(errno)
}

// sendReset has the next Poll give <SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>, where the peer may know of the connection.
func (t *TCB) sendReset() {
	if t.state == Closing || t.state == LastAck && !t.hasUnsent() {
		return // both FINs are on their way: "delete the TCB" is all that 3.10.5 asks for
	}
	if t.state == SynReceived || t.state.synchronized() {
		t.rst = pendingReset{seq: t.snd.nxt, ack: t.rcv.nxt, flags: wire.RST | wire.ACK}
	}
}

// Err returns and clears the pending error (SO_ERROR); 0 where there is none.
func (t *TCB) Err() syscall.Errno {
	err := syscall.Errno(t.err)
	t.err = 0
	return err
}

// startFinTimeout bounds FIN-WAIT-2 once nobody reads: Linux's tcp_fin_timeout. A negative one doesn't wait at all.
func (t *TCB) startFinTimeout(now Time) {
	d := orDuration(fromMS(t.user.finTimeout), t.cfg.FinTimeout)
	if d < 0 {
		t.sendReset()
		t.toClosed(0)
		return
	}
	t.rtxAt = now.Add(d)
}

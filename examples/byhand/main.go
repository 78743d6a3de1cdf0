// Byhand drives two TCP engines by hand: a client and a server, joined by a wire that takes 10 ms and loses one packet.
//
// A tcp.TCB is a connection as a pure state machine: it has no clock, no goroutine, no socket. Whoever drives it tells
// it the time, gives it the segments that arrive, calls Tick when its Deadline has come, and polls it for segments to
// send. That is all a stack does, too. Here time is a number that jumps to whatever happens next, so that the dozen
// round trips take no time at all, and come out the same each time.
//
//	$ go run ./examples/byhand
//
// prints each segment as tcpdump would: when, from whom to whom, flags, sequence numbers that count from the ISN, the
// octets, the acknowledgment, the window and the options.
package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

const oneWay = 10 * time.Millisecond

// host is one end: a connection, or what will become one.
type host struct {
	name string
	iss  seq.Num
	cfg  tcp.Config
	tcb  tcp.TCB
	half *tcp.HalfOpen // the server's, from SYN to the ACK of its SYN-ACK
	open bool
}

func (h *host) params() tcp.Params {
	return tcp.Params{Config: &h.cfg, ISS: h.iss, MSS: 1460, SndBuf: 1 << 16, RcvBuf: 1 << 16}
}

// arrival is a segment on the wire.
type arrival struct {
	at  tcp.Time
	to  *host
	seg wire.Segment
}

// world is both ends, the wire between them and the time.
type world struct {
	now            tcp.Time
	client, server *host
	wire           []arrival // in the order in which they arrive
	sent           int
	lose           int // the number, from 1, of the segment with data that the wire loses
	out            io.Writer
}

func main() {
	run(os.Stdout)
}

// run plays the conversation: connect, a request of 6 octets, a reply of 8,000 of which a packet is lost, close.
func run(out io.Writer) {
	w := &world{out: out, lose: 4,
		client: &host{name: "client", iss: 0xfffffff0, open: true}, // close to the wrap, for numbers must not care
		server: &host{name: "server", iss: 7000}}
	w.client.cfg.Default()
	w.server.cfg.Default()

	w.client.tcb.Connect(w.now, w.client.params())
	w.until(func() bool { return w.client.tcb.State() == tcp.Established && w.server.open })

	w.say("the client asks, and says that it will not ask again")
	w.client.tcb.Write(w.now, []byte("hello\n"))
	w.client.tcb.CloseWrite(w.now)
	w.until(func() bool { return w.server.tcb.Queued() == 6 })

	w.say("the server replies and closes")
	w.server.tcb.Write(w.now, make([]byte, 8000))
	w.server.tcb.CloseWrite(w.now)
	got := 0
	w.until(func() bool {
		for {
			var buf [4096]byte
			n, err := w.client.tcb.Read(w.now, buf[:])
			got += n
			if err != nil { // EAGAIN, until there is more, or the end
				return err == tcp.ErrEOF
			}
		}
	})
	w.say(fmt.Sprintf("the client has all %d octets and the server's FIN", got))
	w.until(func() bool { return w.server.tcb.State() == tcp.Closed })
	w.say(fmt.Sprintf("server %v, client %v", w.server.tcb.State(), w.client.tcb.State()))
}

// until lets things happen until cond holds.
func (w *world) until(cond func() bool) {
	for {
		w.poll(w.client, w.server)
		w.poll(w.server, w.client)
		if cond() {
			return
		}
		w.step()
	}
}

// poll puts on the wire whatever h has to send.
func (w *world) poll(h, peer *host) {
	var seg wire.Segment
	for h.open && h.tcb.Poll(w.now, &seg) {
		w.send(h, peer, &seg)
	}
}

// send copies a segment, for it is lent, and prints it.
func (w *world) send(h, peer *host, seg *wire.Segment) {
	lost := ""
	if seg.Payload.Len() > 0 {
		if w.sent++; w.sent == w.lose {
			lost = "   LOST"
		}
	}
	fmt.Fprintf(w.out, "%9.6f %s > %s: %s%s\n", time.Duration(w.now).Seconds(), h.name, peer.name,
		seg.StringRelative(h.iss, peer.iss), lost)
	if lost != "" {
		return
	}
	a := arrival{at: w.now.Add(oneWay), to: peer, seg: *seg}
	data := slices.Clone(seg.Payload.Bytes())
	a.seg.Payload.Reset()
	a.seg.Payload.Append(data)
	w.wire = append(w.wire, a)
}

// step has time jump to the next arrival or deadline, and lets that happen.
func (w *world) step() {
	next := min(w.client.deadline(), w.server.deadline())
	if len(w.wire) > 0 && w.wire[0].at <= next {
		a := w.wire[0]
		w.wire = w.wire[1:]
		w.now = a.at
		w.arrive(a.to, &a.seg)
		return
	}
	if next == tcp.Never {
		panic("nothing will ever happen any more")
	}
	w.now = max(w.now, next)
	for _, h := range []*host{w.client, w.server} {
		if h.deadline() <= w.now {
			h.tcb.Tick(w.now)
		}
	}
}

func (h *host) deadline() tcp.Time {
	if !h.open {
		return tcp.Never // nothing gets lost before: the record's own timer is not needed
	}
	return h.tcb.Deadline()
}

// arrive gives a segment to the connection, or to what is to become one.
func (w *world) arrive(h *host, seg *wire.Segment) {
	var reply wire.Segment
	switch {
	case h.open:
		h.tcb.Segment(w.now, seg)
	case h.half == nil: // LISTEN, and this is the SYN
		p := h.params()
		h.half = new(tcp.HalfOpen)
		h.half.Open(w.now, &p, seg)
		h.half.SYNACK(w.now, &h.cfg, &reply)
		w.send(h, w.client, &reply)
	case h.half.Segment(w.now, &h.cfg, seg, &reply) == tcp.Promote: // the ACK of our SYN-ACK
		h.tcb.Accept(w.now, h.params(), h.half)
		h.tcb.Segment(w.now, seg)
		h.open = true
	}
}

func (w *world) say(what string) {
	fmt.Fprintf(w.out, "%9.6f # %s\n", time.Duration(w.now).Seconds(), what)
}

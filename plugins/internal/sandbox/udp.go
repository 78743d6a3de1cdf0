package sandbox

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/wire"
)

// ForwardUDP implements [stack.Forwarder]: the program sends to somebody it has no flow with.
func (t *terminator) ForwardUDP(f *stack.ForwardUDP) {
	if !t.enter(&t.flows, t.cfg.Limits.Flows) {
		t.refused("udp", f.Local, errTooMany) // it is lost, as a full socket loses it
		return
	}
	defer t.leave(&t.flows)
	out, err := t.dial("udp", f.Local)
	if err != nil {
		t.refused("udp", f.Local, err)
		f.Reject(answerTo(err))
		return
	}
	s, err := f.Accept()
	if err != nil {
		out.Close()
		return
	}
	r := relay{in: t.face.UDPConn(s), out: out, idle: t.idle(f.Local.Port())}
	r.failed = func(err error) bool {
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return false // a later datagram begins a new flow, and is refused as that may be
		}
		t.unreachable(f.Remote, f.Local)
		return true
	}
	r.run(t.ctx)
}

// idle is how long a flow to a port may be so.
func (t *terminator) idle(port uint16) time.Duration {
	if port == 53 {
		return t.cfg.Limits.IdleDNS
	}
	return t.cfg.Limits.Idle
}

// relay passes datagrams between two connected sockets, until both have been idle for a time or one has failed.
type relay struct {
	in     net.Conn // the program's side
	out    io.ReadWriteCloser
	idle   time.Duration
	failed func(err error) (goOn bool) // called with an error of out; nil: no going on

	last atomic.Int64 // when the last datagram passed, in nanoseconds
}

// passed notes that a datagram has passed.
func (r *relay) passed() { r.last.Store(time.Now().UnixNano()) }

// run relays until the end, and closes both sockets.
func (r *relay) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { closeBoth(r.in, r.out) })
	defer stop()
	var back sync.WaitGroup
	back.Go(func() {
		r.back()
		closeBoth(r.in, r.out)
	})
	r.forth()
	closeBoth(r.in, r.out)
	back.Wait()
}

// maxDatagram is the largest that IPv4 has, octets.
const maxDatagram = 65535 - wire.IPv4MinHeader - wire.UDPHeaderLen

// datagrams are the buffers of relays. A flow holds two as long as it lasts; what of one isn't used takes no memory.
var datagrams = sync.Pool{New: func() any { return new([maxDatagram]byte) }}

// forth relays what comes in, and notices that the flow is idle.
func (r *relay) forth() {
	buf := datagrams.Get().(*[maxDatagram]byte)
	defer datagrams.Put(buf)
	r.passed()
	for wait := r.idle; wait > 0; {
		r.in.SetReadDeadline(time.Now().Add(wait))
		for {
			n, err := r.in.Read(buf[:])
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return
			}
			r.passed()
			if _, err := r.out.Write(buf[:n]); err != nil && !r.goOn(err) {
				return
			}
		}
		wait = r.idle - time.Since(time.Unix(0, r.last.Load()))
	}
}

// back relays the answers.
func (r *relay) back() {
	buf := datagrams.Get().(*[maxDatagram]byte)
	defer datagrams.Put(buf)
	for {
		n, err := r.out.Read(buf[:])
		switch {
		case err == nil:
			r.passed()
			r.in.Write(buf[:n]) // what doesn't fit the program's link is lost, as on any
		case !r.goOn(err):
			return
		}
	}
}

// goOn reports whether a flow outlives an error of out.
func (r *relay) goOn(err error) bool {
	if errors.Is(err, syscall.EMSGSIZE) {
		return true // a datagram is lost
	}
	return r.failed != nil && r.failed(err)
}

// unreachable tells the program what its network was told: nobody has the port that a flow of its goes to. The quoted
// packet is like the one that the program has sent, as far as its kernel looks at it.
func (t *terminator) unreachable(program, remote netip.AddrPort) {
	var quoted [wire.IPv4MinHeader + wire.UDPHeaderLen]byte
	h := wire.IPv4Header{TTL: 64, Protocol: wire.ProtoUDP, Src: program.Addr(), Dst: remote.Addr()}
	n := h.Put(quoted[:], wire.UDPHeaderLen)
	wire.UDPHeader{SrcPort: program.Port(), DstPort: remote.Port()}.Put(quoted[n:], 0)

	e := wire.Unreachable(wire.CodePortUnreachable)
	packet := make([]byte, wire.IPv4MinHeader+e.Len(quoted[:]))
	h = wire.IPv4Header{TTL: 64, Protocol: wire.ProtoICMP, Src: remote.Addr(), Dst: program.Addr()}
	n = h.Put(packet, len(packet)-wire.IPv4MinHeader)
	e.Put(packet[n:], quoted[:])
	_ = t.dev.Write(&link.Frame{Head: packet}) // it may be lost, as any
}

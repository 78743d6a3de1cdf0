package stack

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/seq"
	"github.com/gotcp/gotcp/stack/tcp"
	"github.com/gotcp/gotcp/stack/wire"
)

// talk is a conversation with a stack that a fuzzer leads: what the peer sends, near the sequence numbers that belong
// there, and what the users of the sockets do, in any order.
type talk struct {
	r        *rig
	ln       Socket
	socks    []Socket
	snd, rcv seq.Num // the peer's next, and what it has to acknowledge
	port     uint16  // the stack's in the conversation
}

// hear takes note of what the stack says.
func (k *talk) hear() {
	for _, f := range k.r.dev.take() {
		ip := mustIPv4(k.r.t, f.packet)
		var seg wire.Segment
		if ip.Protocol() != wire.ProtoTCP || wire.ParseSegment(ip.Payload(), &seg) != nil {
			continue
		}
		k.port = seg.SrcPort
		if seg.Flags&wire.RST == 0 {
			k.rcv = seg.End()
		}
		if seg.Flags&wire.ACK != 0 {
			k.snd = seg.Ack
		}
	}
}

// send has the stack get a segment: op gives flags, payload and how far it is beside what is due.
func (k *talk) send(op [4]byte) {
	near := func(b byte) int { return []int{0, 0, 0, 1, -1, 1000, -70000, 1 << 30}[b%8] }
	seg := wire.Segment{
		SrcPort: 4000, DstPort: k.port, Flags: wire.Flags(op[1]), Window: uint16(op[3]) << (op[3] % 9),
		Seq: k.snd.Add(near(op[2])), Ack: k.rcv.Add(near(op[2] / 8)), Urgent: uint16(op[2]),
	}
	o := &seg.Options
	o.HasMSS, o.MSS = op[3]&1 != 0, uint16(op[2])<<3
	o.HasTS, o.TSVal = op[3]&2 != 0, uint32(op[2])
	o.HasWScale, o.WScale = op[3]&4 != 0, op[2]
	o.SACKPermitted = op[3]&8 != 0
	if op[3]&16 != 0 {
		o.NSACK, o.SACK[0] = 1, seq.Span{Start: k.rcv.Add(near(op[2])), End: k.rcv.Add(near(op[3]))}
	}
	b := make([]byte, seg.HeaderLen(), 2000)
	b = append(b, make([]byte, []int{0, 1, 500, 1400}[op[2]%4])...)
	seg.PutHeader(b)
	wire.SetTransportChecksum(theirIP, ourIP, wire.ProtoTCP, b, nil)
	k.r.dev.recv(frameOf(packet(header(wire.ProtoTCP), b)))
}

// call has a user do something with a socket that doesn't block.
func (k *talk) call(op [4]byte) {
	if op[1]%16 == 0 {
		c, err := k.r.Socket(syscall.SOCK_STREAM)
		if err == nil {
			c.Bind(netip.AddrPortFrom(ourIP, 80+uint16(op[2]%2)))
			c.StartConnect(theirs(4000))
			k.socks = append(k.socks, c)
		}
	}
	if c, err := k.ln.TryAccept(); err == nil {
		k.socks = append(k.socks, c)
	}
	if len(k.socks) == 0 {
		return
	}
	c := k.socks[int(op[3])%len(k.socks)]
	switch op[1] % 16 {
	case 1, 2, 3:
		c.TryWrite(make([]byte, int(op[2])*100))
	case 4, 5:
		c.TryRead(make([]byte, int(op[2])*20), op[2]&1 != 0)
	case 6:
		c.Shutdown(int(op[2] % 4))
	case 7:
		c.Close()
	case 8:
		c.Abort()
	case 9:
		c.SetOpt(syscall.SOL_SOCKET, syscall.SO_RCVBUF, int(op[2])*100)
	case 10:
		c.SetOpt(syscall.IPPROTO_TCP, int(op[2])%20, int(op[3]))
	case 11:
		c.SetOpt(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1)
	case 12:
		key := flowKey{addrOf(ourIP), addrOf(theirIP), k.port, 4000}
		k.r.tcpICMP(key, k.snd, icmpEvent{errno: syscall.EMSGSIZE, mtu: 68 + int(op[2])*5})
	default:
		c.Info()
		c.Ready()
	}
}

// FuzzConversation: no conversation may make the stack panic, break the engine's invariants, or leave anything behind.
func FuzzConversation(f *testing.F) {
	const syn, ack, fin, rst = byte(wire.SYN), byte(wire.ACK), byte(wire.FIN), byte(wire.RST)
	f.Add([]byte{0, syn, 0, 0xff, 0, ack, 0, 0xff, 1, 1, 50, 0, 0, ack, 2, 0xff, 0, ack | fin, 0, 9, 1, 7, 0, 0, 2, 1, 0, 0})
	f.Add([]byte{1, 0, 0, 0, 0, syn | ack, 0, 0xff, 1, 1, 200, 0, 2, 0, 9, 0, 0, ack, 0, 0x81, 1, 7, 0, 0, 0, rst, 0, 0})
	f.Add([]byte{1, 0, 0, 0, 0, syn, 0, 0xff, 0, ack, 0, 8, 1, 6, 1, 0, 0, ack | fin, 0, 7, 2, 0xff, 0, 0, 0, syn, 3, 7})
	f.Fuzz(func(t *testing.T, prog []byte) {
		r := newRig(t, Config{TCP: tcp.Config{Check: true}, MaxHalfOpen: 3}, nil)
		k := &talk{r: r, port: 80, snd: 0xfffffff0}
		k.ln, _ = r.Socket(syscall.SOCK_STREAM)
		k.ln.Bind(ours(80))
		k.ln.Listen(2)
		for ; len(prog) >= 4 && len(k.socks) < 20; prog = prog[4:] {
			op := [4]byte(prog)
			switch op[0] % 3 {
			case 0:
				k.send(op)
			case 1:
				k.call(op)
			case 2:
				r.clock.advance(time.Duration(op[1])*100*time.Millisecond + time.Duration(op[2])*10*time.Second)
			}
			k.hear()
		}
		for _, c := range k.socks {
			c.Close()
		}
		k.ln.Close()
		r.clock.advance(3 * time.Hour) // whatever goes on in the background has given up by then
		st := &r.tcp
		if n := int(st.conns.Load()+st.orphans.Load()+st.open.Load()+st.texts.Load()) + st.halfOpen.len() + st.timeWait.len(); n != 0 {
			t.Errorf("%d connections, sockets and records are left", n)
		}
		if l := r.tcpPorts.list(); len(l) != 0 {
			t.Errorf("ports are left: %v", l)
		}
		must(t, r.Close())
	})
}

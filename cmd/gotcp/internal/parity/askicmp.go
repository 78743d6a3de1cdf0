package parity

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/gotcp/gotcp/stack/wire"
)

// messages are what a router may say about a packet that it cannot deliver.
var messages = []wire.ICMPError{
	wire.Unreachable(wire.CodeNetUnreachable), wire.Unreachable(wire.CodeHostUnreachable),
	wire.Unreachable(wire.CodeProtocolUnreachable), wire.Unreachable(wire.CodePortUnreachable),
	wire.Unreachable(wire.CodeSourceRouteFailed), wire.Unreachable(wire.CodeNetUnknown),
	wire.Unreachable(wire.CodeHostUnknown), wire.Unreachable(wire.CodeSourceHostIsolated),
	wire.Unreachable(wire.CodeNetProhibited), wire.Unreachable(wire.CodeHostProhibited),
	wire.Unreachable(wire.CodeNetUnreachableForTOS), wire.Unreachable(wire.CodeHostUnreachableForTOS),
	wire.Unreachable(wire.CodeAdminProhibited), wire.Unreachable(wire.CodeHostPrecedence),
	wire.Unreachable(wire.CodePrecedenceCutoffEffect),
	wire.TimeExceeded(wire.CodeTTLExceeded), wire.ParameterProblem(20),
}

// icmpQuestions are about what routers say. There is no ARP on a link between two, so this is what a host that cannot
// be reached looks like there.
var icmpQuestions = []question{
	{"dial.icmp", needLink, func(q *asking) {
		errs := q.ofEach(func(_ int, far netip.AddrPort) error {
			c, err := q.h.Net.DialContext(q.ctx, "tcp", far.String())
			if err == nil {
				c.Close()
			}
			return err
		})
		for i, m := range messages {
			q.err(fmt.Sprintf("dial, answered by %d/%d", m.Type, m.Code), errs[i])
		}
	}},
	{"dial.icmp.ignored", needLink, func(q *asking) {
		for _, m := range []wire.ICMPError{
			{Type: wire.ICMPSourceQuench}, wire.Redirect(wire.CodeRedirectNet, q.h.Void),
			wire.Unreachable(16),
		} {
			far := q.farPort()
			q.doom(far, &fate{answer: m})
			d := &net.Dialer{Control: controlInt(syscall.TCP_SYNCNT, 1)}
			if m.Type != wire.ICMPSourceQuench { // once is enough for waiting until the end
				d.Timeout = 200 * time.Millisecond
			}
			_, err := q.h.Net.DialWith(q.ctx, d, "tcp", far.String())
			ne, ok := err.(net.Error)
			q.value(fmt.Sprintf("dial, answered by %d/%d, times out", m.Type, m.Code), "%t", ok && ne.Timeout())
		}
	}},
	{"read.icmp", needLink, func(q *asking) {
		for _, m := range messages {
			c, peer := q.dialled()
			pass := q.unreachable(c, m)
			q.write(fmt.Sprintf("Write, answered by %d/%d", m.Type, m.Code), c, "late")
			q.awaitLost(q.farOf(c), 1)
			q.must(c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)))
			q.read("Read", c, 9)
			q.must(c.SetReadDeadline(time.Time{}))
			pass() // and what was lost is sent again
			n, err := io.ReadFull(peer, make([]byte, 4))
			q.n("peer's Read", n, err)
			q.send(peer, c, "fine")
			q.read("Read then", c, 9)
		}
	}},
	{"write.icmp.toobig", needLink, func(q *asking) {
		c, peer := q.connect(q.h.Net, &net.Dialer{}, "tcp", q.listen(q.h.Peer, q.h.Link.spare))
		far := q.farOf(c)
		q.doom(far, &fate{answer: wire.FragmentationNeeded(700), above: 700})
		q.write("Write", c, string(make([]byte, 50_000)))
		n, err := io.ReadFull(peer, make([]byte, 50_000))
		q.n("peer's Read", n, err)
		q.value("some packets were too long", "%t", q.h.Link.hits(far) > 0)
		mss, err := optionOf(c, syscall.IPPROTO_TCP, syscall.TCP_MAXSEG)
		q.must(err)
		q.value("segments fit", "%t", mss <= 700-wire.IPv4MinHeader-wire.TCPMinHeader)
	}},
	{"udp.icmp", needLink, func(q *asking) {
		conns := make([]net.Conn, len(messages))
		errs := q.ofEach(func(i int, far netip.AddrPort) error {
			c, err := q.h.Net.DialContext(q.ctx, "udp", far.String())
			if err != nil {
				return err
			}
			q.cleanup(c.Close)
			conns[i] = c
			if _, err = c.Write([]byte("x")); err != nil {
				return err
			}
			if err = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
				return err
			}
			_, err = c.Read(make([]byte, 9))
			return err
		})
		for i, m := range messages {
			q.err(fmt.Sprintf("Read, answered by %d/%d", m.Type, m.Code), errs[i])
		}
		for i, m := range messages {
			q.must(conns[i].SetReadDeadline(time.Now().Add(time.Millisecond)))
			q.read(fmt.Sprintf("Read again after %d/%d", m.Type, m.Code), conns[i], 9)
		}
	}},
	{"udp.icmp.write", needLink, func(q *asking) {
		for _, m := range messages {
			far := q.farPort()
			pass := q.doom(far, &fate{answer: m})
			c, err := q.h.Net.DialContext(q.ctx, "udp", far.String())
			q.must(err)
			q.cleanup(c.Close)
			q.write("Write", c, "x")
			q.awaitLost(far, 1)
			q.pause(10 * time.Millisecond) // for the answer
			pass()
			q.doom(far, &fate{})
			q.write(fmt.Sprintf("Write after %d/%d", m.Type, m.Code), c, "x")
			q.write("Write again", c, "x")
		}
	}},
	{"udp.icmp.toobig", needLink, func(q *asking) {
		far := q.h.Link.nowhere() // for MTUs are remembered by address
		q.doom(far, &fate{answer: wire.FragmentationNeeded(700), above: 700})
		c, err := q.h.Net.DialContext(q.ctx, "udp", far.String())
		q.must(err)
		q.cleanup(c.Close)
		q.write("Write", c, string(make([]byte, 1000)))
		q.awaitLost(far, 1)
		q.must(c.SetReadDeadline(time.Now().Add(time.Second)))
		q.read("Read", c, 9)
		q.write("Write of what fits", c, string(make([]byte, 600)))
		q.write("Write of what is sent in fragments", c, string(make([]byte, 1000)))
	}},
	{"udp.icmp.unconnected", needLink, func(q *asking) {
		c := q.packetConn(q.h.Net.ListenPacket(q.ctx, "udp4", netip.AddrPortFrom(q.h.Addr, 0).String()))
		for _, m := range []wire.ICMPError{
			wire.Unreachable(wire.CodePortUnreachable), wire.Unreachable(wire.CodeAdminProhibited),
		} {
			far := q.farPort()
			q.doom(far, &fate{answer: m})
			q.writeTo("WriteTo", c, 1, net.UDPAddrFromAddrPort(far))
			q.awaitLost(far, 1)
			q.pause(10 * time.Millisecond) // for the answer, of which nobody is told
			q.writeTo("WriteTo again", c, 1, net.UDPAddrFromAddrPort(far))
		}
		q.must(c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)))
		n, _, err := c.ReadFrom(make([]byte, 9))
		q.n("ReadFrom", n, err)
	}},
}

// farPort is an address at the far end that nobody uses.
func (q *asking) farPort() netip.AddrPort { return netip.AddrPortFrom(q.h.To, q.h.Link.port()) }

// ofEach does something for each of the messages at the same time, with an address from which that one comes.
func (q *asking) ofEach(do func(i int, far netip.AddrPort) error) []error {
	errs := make([]error, len(messages))
	var wg sync.WaitGroup
	for i, m := range messages {
		far := q.farPort()
		q.doom(far, &fate{answer: m})
		wg.Go(func() { errs[i] = do(i, far) })
	}
	wg.Wait()
	return errs
}

// controlInt is a Control function that sets an option of TCP.
func controlInt(opt, v int) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error { return setInt(c, syscall.IPPROTO_TCP, opt, v) }
}

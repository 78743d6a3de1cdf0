package parity

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// moreQuestions are about several things at a time.
var moreQuestions = []question{
	{"dial.syn.timeout", needVoid, func(q *asking) {
		d := &net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
			return setInt(c, syscall.IPPROTO_TCP, syscall.TCP_SYNCNT, 1) // one second, and two more
		}}
		q.dial("dial", d, "tcp", netip.AddrPortFrom(q.h.Void, 9).String())
	}},
	{"dial.cancel.after", needNothing, func(q *asking) {
		l := q.listen(q.h.Peer, q.h.To)
		ctx, cancel := context.WithCancel(q.ctx)
		c, err := q.h.Net.DialContext(ctx, "tcp", l.Addr().String())
		cancel()
		q.must(err)
		q.cleanup(c.Close)
		q.write("Write", c, "x")
	}},
	{"dial.emptyhost", needNothing, func(q *asking) {
		l, err := q.h.Net.Listen(q.ctx, "tcp4", "0.0.0.0:0")
		q.must(err)
		q.cleanup(l.Close)
		for _, host := range []string{"", "0.0.0.0", "127.0.0.1", "localhost"} {
			_, port, _ := net.SplitHostPort(l.Addr().String())
			c, err := q.h.Net.DialContext(q.ctx, "tcp4", net.JoinHostPort(host, port))
			q.err("dial "+host, err)
			q.must(err)
			q.value("remote", "%s", addrText(c.RemoteAddr()))
			q.must(c.Close())
		}
	}},
	{"listen.reuse", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		peer, c := q.connect(q.h.Peer, "tcp4", l)
		q.must(l.Close())
		q.listenAt("while a connection lives", "tcp4", l.Addr().String())
		q.must(c.Close())
		q.must(peer.Close())
		q.listenAt("in TIME-WAIT", "tcp4", l.Addr().String())
	}},
	{"accept.reset", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		peer, err := q.h.Peer.DialContext(q.ctx, "tcp4", l.Addr().String())
		q.must(err)
		q.cleanup(peer.Close)
		q.must(peer.(tcpConn).SetLinger(0))
		q.must(peer.Close())
		q.pause(100 * time.Millisecond)
		a, err := l.Accept()
		q.err("Accept", err)
		q.must(err)
		q.cleanup(a.Close)
		q.read("Read", a, 1)
		q.write("Write", a, "x")
		q.value("remote", "%s", addrText(a.RemoteAddr()))
	}},
	{"write.atomic", needNothing, func(q *asking) {
		c, peer := q.dialled()
		done := make(chan error)
		for i := range byte(4) {
			go func() {
				_, err := c.Write(bytes.Repeat([]byte{i}, 300_000))
				done <- err
			}()
		}
		go func() {
			for range 4 {
				<-done
			}
			c.CloseWrite()
		}()
		b, err := io.ReadAll(peer)
		q.n("peer's ReadAll", len(b), err)
		changes := 0
		for i := range b {
			if i > 0 && b[i] != b[i-1] {
				changes++
			}
		}
		q.value("changes of octet", "%d", changes)
	}},
	{"close.late", needNothing, func(q *asking) {
		c, peer := q.dialled()
		q.must(c.Close())
		q.awaitState(peer, "FIN", func(s status) bool { return s.state != stateEstablished })
		q.write("peer's Write", peer, "late")
		q.awaitState(peer, "reset", func(s status) bool { return s.state == stateClosed })
		q.write("peer's Write again", peer, "late")
	}},
	{"udp.messages", needNothing, func(q *asking) {
		c := q.packetConn(q.h.Net.ListenPacket(q.ctx, "udp4", netip.AddrPortFrom(q.h.Addr, 0).String())).(udpConn)
		to := netip.AddrPortFrom(q.h.To, 0)
		n, err := c.WriteToUDPAddrPort([]byte("x"), to)
		q.n("WriteToUDPAddrPort port 0", n, err)
		n, err = c.WriteToUDPAddrPort([]byte("x"), netip.MustParseAddrPort("[::1]:9"))
		q.n("WriteToUDPAddrPort IPv6", n, err)
		n, err = c.WriteToUDPAddrPort([]byte("x"), netip.AddrPort{})
		q.n("WriteToUDPAddrPort nobody", n, err)
		n, _, err = c.WriteMsgUDP([]byte("x"), nil, net.UDPAddrFromAddrPort(to))
		q.n("WriteMsgUDP port 0", n, err)
		n, _, err = c.WriteMsgUDP([]byte("x"), nil, nil)
		q.n("WriteMsgUDP nobody", n, err)
		n, _, err = c.WriteMsgUDPAddrPort([]byte("x"), nil, to)
		q.n("WriteMsgUDPAddrPort port 0", n, err)
		n, err = c.WriteToUDP([]byte("x"), nil)
		q.n("WriteToUDP nobody", n, err)
		own := netip.MustParseAddrPort(c.LocalAddr().String())
		_, err = c.WriteToUDPAddrPort([]byte("0123456789"), own)
		q.must(err)
		n, _, flags, from, err := c.ReadMsgUDPAddrPort(make([]byte, 4), nil)
		q.n("ReadMsgUDPAddrPort", n, err)
		q.value("its flags and sender", "%#x %v", flags, from)
		q.must(c.SetReadDeadline(expired()))
		n, _, _, _, err = c.ReadMsgUDP(make([]byte, 4), nil)
		q.n("ReadMsgUDP, expired", n, err)
		n, _, err = c.ReadFromUDPAddrPort(make([]byte, 4))
		q.n("ReadFromUDPAddrPort, expired", n, err)
		n, _, err = c.ReadFromUDP(make([]byte, 4))
		q.n("ReadFromUDP, expired", n, err)
	}},
}

// udpConn is what is asked of a UDP socket of either network.
type udpConn interface {
	net.PacketConn
	ReadFromUDP(b []byte) (n int, from *net.UDPAddr, err error)
	ReadFromUDPAddrPort(b []byte) (n int, from netip.AddrPort, err error)
	ReadMsgUDP(b, oob []byte) (n, oobn, flags int, from *net.UDPAddr, err error)
	ReadMsgUDPAddrPort(b, oob []byte) (n, oobn, flags int, from netip.AddrPort, err error)
	WriteToUDP(b []byte, to *net.UDPAddr) (int, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error)
	WriteMsgUDPAddrPort(b, oob []byte, to netip.AddrPort) (n, oobn int, err error)
}

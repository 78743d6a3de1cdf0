package parity

import (
	"net"
	"net/netip"
	"time"

	"github.com/gotcp/gotcp/dialer"
)

var udpMoreQuestions = []question{
	{"udp.addr", needNothing, func(q *asking) {
		for _, a := range [][2]string{
			{"udp4", netip.AddrPortFrom(q.h.Addr, 0).String()}, {"udp", netip.AddrPortFrom(q.h.Addr, 0).String()},
			{"udp4", ":0"}, {"udp4", ""}, {"udp4", "0.0.0.0:0"}, {"udp4", "localhost:0"},
		} {
			q.packetAt(a[0], a[1])
		}
	}},
	{"udp.addr.wildcard", needNothing, func(q *asking) {
		q.packetAt("udp", ":0")
		q.packetAt("udp", "0.0.0.0:0")
	}},
	{"udp.laddr", needNothing, func(q *asking) {
		own := q.packet()
		peer := q.packetConn(q.h.Peer.ListenPacket(q.ctx, "udp4", netip.AddrPortFrom(q.h.To, 0).String()))
		to := peer.LocalAddr().String()
		q.dial("in use", &net.Dialer{LocalAddr: own.LocalAddr()}, "udp", to)
		q.dial("not local", &net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(198, 51, 100, 1)}}, "udp", to)
		q.dial("wrong type", &net.Dialer{LocalAddr: &net.TCPAddr{}}, "udp", to)
		q.must(own.Close())
		c, err := q.h.Net.DialWith(q.ctx, &net.Dialer{LocalAddr: own.LocalAddr()}, "udp", to)
		q.err("free again", err)
		q.must(err)
		q.cleanup(c.Close)
		q.value("is the one wanted", "%t", c.LocalAddr().String() == own.LocalAddr().String())
		q.value("addresses", "%s %s", addrText(c.LocalAddr()), addrText(c.RemoteAddr()))
	}},
	{"udp.dial", needNothing, func(q *asking) {
		for _, address := range []string{":9", "0.0.0.0:9", "127.0.0.1:0", netip.AddrPortFrom(q.h.To, 0).String()} {
			c, err := q.h.Net.DialContext(q.ctx, "udp4", address)
			q.err("dial "+address, err)
			if err != nil {
				continue
			}
			q.cleanup(c.Close)
			q.value("addresses", "%s %s", addrText(c.LocalAddr()), addrText(c.RemoteAddr()))
			if portOfUDP(c.RemoteAddr()) == 0 {
				q.write("Write to port 0", c, "x")
			}
		}
	}},
	{"udp.filter", needNothing, func(q *asking) {
		peer := q.packetConn(q.h.Peer.ListenPacket(q.ctx, "udp4", netip.AddrPortFrom(q.h.To, 0).String()))
		other := q.packetConn(q.h.Peer.ListenPacket(q.ctx, "udp4", netip.AddrPortFrom(q.h.To, 0).String()))
		c, err := q.h.Net.DialContext(q.ctx, "udp", peer.LocalAddr().String())
		q.must(err)
		q.cleanup(c.Close)
		for _, p := range []net.PacketConn{other, peer} {
			_, err = p.WriteTo([]byte(p.LocalAddr().String()), c.LocalAddr())
			q.must(err)
		}
		b := make([]byte, 99)
		n, err := c.Read(b)
		q.value("Read gives the peer's", "%t %v", string(b[:n]) == peer.LocalAddr().String(), err)
		q.must(c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)))
		q.read("Read again", c, 9)
	}},
	{"udp.from", needNothing, func(q *asking) {
		c := q.packet()
		peer := q.packetConn(q.h.Peer.ListenPacket(q.ctx, "udp4", netip.AddrPortFrom(q.h.To, 0).String()))
		send := func(text string) {
			_, err := peer.WriteTo([]byte(text), c.LocalAddr())
			q.must(err)
		}
		send("for ReadFrom")
		n, from, err := c.ReadFrom(make([]byte, 99))
		q.n("ReadFrom", n, err)
		q.value("its sender", "%s %t", addrText(from), from.String() == peer.LocalAddr().String())
		send("for ReadFromUDP")
		n, udp, err := c.ReadFromUDP(make([]byte, 99))
		q.n("ReadFromUDP", n, err)
		q.value("its sender", "%s", addrText(udp))
		send("for ReadFromUDPAddrPort")
		n, ap, err := c.ReadFromUDPAddrPort(make([]byte, 99))
		q.n("ReadFromUDPAddrPort", n, err)
		q.value("its sender", "%v %t", ap, ap.Addr().Is4())
		send("for Read")
		q.read("Read", c, 99)
		send("longer than the buffer")
		n, _, err = c.ReadFrom(make([]byte, 6))
		q.n("ReadFrom of a part", n, err)
		send("for ReadMsgUDP")
		n, oobn, flags, udp, err := c.ReadMsgUDP(make([]byte, 99), nil)
		q.n("ReadMsgUDP", n, err)
		q.value("its flags and sender", "%d %#x %s", oobn, flags, addrText(udp))
		send("")
		n, _, err = c.ReadFrom(make([]byte, 9))
		q.n("ReadFrom of an empty one", n, err)
	}},
	{"udp.connected.messages", needNothing, func(q *asking) {
		peer := q.packetConn(q.h.Peer.ListenPacket(q.ctx, "udp4", netip.AddrPortFrom(q.h.To, 0).String()))
		conn, err := q.h.Net.DialContext(q.ctx, "udp", peer.LocalAddr().String())
		q.must(err)
		q.cleanup(conn.Close)
		c, to := conn.(dialer.UDPConn), peer.LocalAddr().(*net.UDPAddr)
		n, err := c.WriteToUDP([]byte("x"), to)
		q.n("WriteToUDP", n, err)
		n, err = c.WriteToUDPAddrPort([]byte("x"), to.AddrPort())
		q.n("WriteToUDPAddrPort", n, err)
		n, _, err = c.WriteMsgUDP([]byte("x"), nil, to)
		q.n("WriteMsgUDP", n, err)
		n, _, err = c.WriteMsgUDPAddrPort([]byte("x"), nil, to.AddrPort())
		q.n("WriteMsgUDPAddrPort", n, err)
		n, _, err = c.WriteMsgUDP([]byte("first"), nil, nil)
		q.n("WriteMsgUDP to nobody", n, err)
		n, _, err = c.WriteMsgUDPAddrPort([]byte("second"), nil, netip.AddrPort{})
		q.n("WriteMsgUDPAddrPort to nobody", n, err)
		for range 2 {
			n, _, err = peer.ReadFrom(make([]byte, 9))
			q.n("peer's ReadFrom", n, err)
		}
	}},
	{"udp.deadline", needNothing, func(q *asking) {
		c := q.packet()
		to := c.LocalAddr()
		q.must(c.SetDeadline(expired()))
		q.writeTo("WriteTo, expired", c, 1, to)
		n, _, err := c.ReadFrom(make([]byte, 9))
		q.n("ReadFrom, expired", n, err)
		q.must(c.SetDeadline(time.Time{}))
		q.writeTo("WriteTo", c, 1, to)
		q.must(c.SetReadDeadline(expired()))
		n, _, err = c.ReadFrom(make([]byte, 9))
		q.n("ReadFrom with one there, expired", n, err)
		q.must(c.SetReadDeadline(time.Time{}))
		n, _, err = c.ReadFrom(make([]byte, 9))
		q.n("ReadFrom after clearing", n, err)
		blocked := make(chan error, 1)
		go func() { _, _, err := c.ReadFrom(make([]byte, 9)); blocked <- err }()
		q.pause(20 * time.Millisecond)
		q.must(c.SetReadDeadline(expired()))
		q.err("blocked ReadFrom", <-blocked)
	}},
	{"udp.close", needNothing, func(q *asking) {
		c := q.packet()
		good, closed := together(8, func(int) error { return c.Close() })
		q.value("Close without an error, and with net.ErrClosed", "%d, %d", good, closed)
		q.err("SetDeadline", c.SetDeadline(time.Time{}))
		q.err("SetReadBuffer", c.SetReadBuffer(1))
		q.err("SetWriteBuffer", c.SetWriteBuffer(1))
		q.value("addresses", "%s %s", addrText(c.LocalAddr()), addrText(c.RemoteAddr()))
		q.write("Write", c, "x")
		n, _, err := c.WriteMsgUDP([]byte("x"), nil, &net.UDPAddr{IP: q.h.To.AsSlice(), Port: 9})
		q.n("WriteMsgUDP", n, err)
		n, _, _, _, err = c.ReadMsgUDP(make([]byte, 9), nil)
		q.n("ReadMsgUDP", n, err)
		l, err := q.h.Net.ListenPacket(q.ctx, "udp4", c.LocalAddr().String())
		q.err("its port is free", err)
		if err == nil {
			q.must(l.Close())
		}
	}},
	{"udp.settings", needNothing, func(q *asking) {
		c := q.packet()
		for _, size := range []int{0, 1, 65536, 1 << 30, -1} {
			q.err("SetReadBuffer", c.SetReadBuffer(size))
			q.err("SetWriteBuffer", c.SetWriteBuffer(size))
		}
	}},
	{"udp.group", needNone, func(q *asking) {
		c := q.packet()
		q.writeTo("broadcast", c, 1, &net.UDPAddr{IP: net.IPv4bcast, Port: 9})
	}},
}

// packet is a socket of the subject's.
func (q *asking) packet() dialer.UDPConn {
	return q.packetConn(q.h.Net.ListenPacket(q.ctx, "udp4", netip.AddrPortFrom(q.h.Addr, 0).String())).(dialer.UDPConn)
}

// packetAt records how announcing a UDP address ends.
func (q *asking) packetAt(network, address string) {
	c, err := q.h.Net.ListenPacket(q.ctx, network, address)
	if err != nil {
		q.err(network+" "+address, err)
		return
	}
	q.value(network+" "+q.normal(address), "%s", addrText(c.LocalAddr()))
	c.Close()
}

func portOfUDP(a net.Addr) int { return a.(*net.UDPAddr).Port }

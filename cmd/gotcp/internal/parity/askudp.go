package parity

import (
	"net"
	"net/netip"
	"time"
)

var udpQuestions = []question{
	{"udp.connected", needNothing, func(q *asking) {
		peer := q.packetConn(q.h.Peer.ListenPacket(q.ctx, "udp4", netip.AddrPortFrom(q.h.To, 0).String()))
		c, err := q.h.Net.DialContext(q.ctx, "udp", peer.LocalAddr().String())
		q.must(err)
		q.cleanup(c.Close)
		q.value("addresses", "%s %s", addrText(c.LocalAddr()), addrText(c.RemoteAddr()))
		q.write("Write", c, "hello")
		b := make([]byte, 64)
		n, from, err := peer.ReadFrom(b)
		q.n("peer's ReadFrom", n, err)
		for _, text := range []string{"0123456789", "", "abc"} {
			_, err := peer.WriteTo([]byte(text), from)
			q.must(err)
		}
		q.read("Read into 4 octets of 10", c, 4)
		q.read("Read of an empty one", c, 9)
		q.read("Read of none, one there", c, 0)
		q.read("Read then", c, 9)
		q.write("Write of none", c, "")
		n, err = c.Write(make([]byte, 65508))
		q.n("Write 65508", n, err)
		n, err = c.Write(make([]byte, 65507))
		q.n("Write 65507", n, err)
		n, err = c.(net.PacketConn).WriteTo([]byte("x"), peer.LocalAddr())
		q.n("WriteTo", n, err)
		q.must(c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)))
		q.read("Read, expired", c, 9)
		q.must(c.Close())
		q.read("Read after Close", c, 9)
		q.write("Write after Close", c, "x")
		q.err("Close again", c.Close())
	}},
	{"udp.refused", needNothing, func(q *asking) {
		peer := q.packetConn(q.h.Peer.ListenPacket(q.ctx, "udp4", netip.AddrPortFrom(q.h.To, 0).String()))
		c, err := q.h.Net.DialContext(q.ctx, "udp", peer.LocalAddr().String())
		q.must(err)
		q.cleanup(c.Close)
		q.must(peer.Close())
		q.write("Write", c, "x")
		q.read("Read", c, 9)
		q.must(c.SetReadDeadline(time.Now().Add(20 * time.Millisecond)))
		q.read("Read again", c, 9)
		q.write("Write", c, "x")
		q.pause(100 * time.Millisecond)
		q.write("Write again", c, "x")
		q.write("Write then", c, "x")
	}},
	{"udp.packetconn", needNothing, func(q *asking) {
		c := q.packetConn(q.h.Net.ListenPacket(q.ctx, "udp4", netip.AddrPortFrom(q.h.Addr, 0).String()))
		_, err := q.h.Net.ListenPacket(q.ctx, "udp4", c.LocalAddr().String())
		q.err("in use", err)
		to := &net.UDPAddr{IP: q.h.To.AsSlice(), Port: 9}
		q.writeTo("a TCPAddr", c, 1, &net.TCPAddr{IP: to.IP, Port: 9})
		q.writeTo("port 0", c, 1, &net.UDPAddr{IP: to.IP})
		q.writeTo("IPv6", c, 1, &net.UDPAddr{IP: net.IPv6loopback, Port: 9})
		q.writeTo("nobody", c, 1, nil)
		q.writeTo("70000 octets", c, 70000, to)
		q.writeTo("a closed port", c, 1, to)
		n, err := c.(net.Conn).Write([]byte("x"))
		q.n("Write", n, err)
		q.must(c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)))
		n, _, err = c.ReadFrom(make([]byte, 9))
		q.n("ReadFrom", n, err)
		q.must(c.SetReadDeadline(time.Time{}))
		blocked := make(chan error, 1)
		go func() { _, _, err := c.ReadFrom(make([]byte, 9)); blocked <- err }()
		q.pause(20 * time.Millisecond)
		q.err("Close", c.Close())
		q.err("blocked ReadFrom", <-blocked)
		n, _, err = c.ReadFrom(make([]byte, 9))
		q.n("ReadFrom after Close", n, err)
		q.writeTo("after Close", c, 1, to)
	}},
	{"udp.messages", needNothing, func(q *asking) {
		c := q.packet()
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
	{"udp.noroute", needNone, func(q *asking) {
		c := q.packetConn(q.h.Net.ListenPacket(q.ctx, "udp4", netip.AddrPortFrom(q.h.Addr, 0).String()))
		q.writeTo("WriteTo", c, 1, &net.UDPAddr{IP: q.h.None.AsSlice(), Port: 9})
		q.dial("dial", &net.Dialer{}, "udp", netip.AddrPortFrom(q.h.None, 9).String())
	}},
}

// packetConn is a socket for one question.
func (q *asking) packetConn(c net.PacketConn, err error) net.PacketConn {
	q.must(err)
	q.cleanup(c.Close)
	return c
}

// writeTo records how sending a number of octets ends.
func (q *asking) writeTo(step string, c net.PacketConn, octets int, to net.Addr) {
	n, err := c.WriteTo(make([]byte, octets), to)
	q.n(step, n, err)
}

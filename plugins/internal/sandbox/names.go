package sandbox

import (
	"net"
	"net/netip"
)

// serveNames answers the program's DNS queries.
func (t *terminator) serveNames() error {
	at := netip.AddrPortFrom(Gateway, 53).String()
	pc, err := t.face.ListenPacket(t.ctx, "udp4", at)
	if err != nil {
		return err
	}
	l, err := t.face.Listen(t.ctx, "tcp4", at)
	if err != nil {
		return err
	}
	serve := func(err error) {
		if err != nil {
			t.log.Error("the DNS of a sandbox has ended", "error", err)
		}
	}
	t.work.Go(func() { serve(t.cfg.DNS.ServePacket(pacedPackets{pc, t})) })
	t.work.Go(func() { serve(t.cfg.DNS.Serve(pacedListener{l, t})) })
	return nil
}

// pacedPackets are the program's queries by UDP. They are read slowly where the program goes on asking for what is
// refused.
type pacedPackets struct {
	net.PacketConn
	t *terminator
}

// ReadFrom implements net.PacketConn.
func (p pacedPackets) ReadFrom(b []byte) (int, net.Addr, error) {
	p.t.pace.Wait(p.t.ctx.Done())
	return p.PacketConn.ReadFrom(b)
}

// WriteTo implements net.PacketConn.
func (p pacedPackets) WriteTo(b []byte, to net.Addr) (int, error) {
	p.t.pace.Answered(b)
	return p.PacketConn.WriteTo(b, to)
}

// pacedListener is the same for queries by TCP.
type pacedListener struct {
	net.Listener
	t *terminator
}

// Accept implements net.Listener.
func (l pacedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return pacedConn{c, l.t}, nil
}

type pacedConn struct {
	net.Conn
	t *terminator
}

// frameHead is how many octets of length go before a message (RFC 1035, 4.2.2).
const frameHead = 2

// Read implements net.Conn.
func (c pacedConn) Read(b []byte) (int, error) {
	c.t.pace.Wait(c.t.ctx.Done())
	return c.Conn.Read(b)
}

// Write implements net.Conn. An answer is written at once, with its length.
func (c pacedConn) Write(b []byte) (int, error) {
	if len(b) > frameHead {
		c.t.pace.Answered(b[frameHead:])
	}
	return c.Conn.Write(b)
}

package parity

import (
	"net"
	"net/netip"
	"syscall"
	"time"
)

var listenQuestions = []question{
	{"listen.addr", needNothing, func(q *asking) {
		q.listenAt("tcp4 SUBJ", "tcp4", netip.AddrPortFrom(q.h.Addr, 0).String())
		q.listenAt("tcp SUBJ", "tcp", netip.AddrPortFrom(q.h.Addr, 0).String())
		q.listenAt("tcp4 0.0.0.0", "tcp4", "0.0.0.0:0")
		q.listenAt("tcp4 :0", "tcp4", ":0")
		q.listenAt("tcp4 nothing", "tcp4", "")
		q.listenAt("localhost", "tcp4", "localhost:0")
	}},
	{"listen.addr.wildcard", needNothing, func(q *asking) {
		q.listenAt("tcp 0.0.0.0", "tcp", "0.0.0.0:0")
		q.listenAt("tcp :0", "tcp", ":0")
		q.listenAt("tcp [::]:0", "tcp", "[::]:0")
		q.listenAt("tcp nothing", "tcp", "")
	}},
	{"listen.inuse", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		wildcard := netip.AddrPortFrom(netip.IPv4Unspecified(), portOf(l.Addr())).String()
		q.listenAt("same", "tcp4", l.Addr().String())
		q.listenAt("same, tcp", "tcp", l.Addr().String())
		q.listenAt("wildcard", "tcp4", wildcard)
		q.must(l.Close())
		q.listenAt("after Close", "tcp4", l.Addr().String())
		w, err := q.h.Net.Listen(q.ctx, "tcp4", wildcard)
		q.must(err)
		q.cleanup(w.Close)
		q.listenAt("below a wildcard", "tcp4", l.Addr().String())
		q.listenAt("two wildcards", "tcp4", wildcard)
		p, err := q.h.Net.ListenPacket(q.ctx, "udp4", l.Addr().String())
		q.err("the same of UDP", err)
		if err == nil {
			q.must(p.Close())
		}
	}},
	{"listen.bad", needNothing, func(q *asking) {
		for _, a := range [][2]string{
			{"tcp4", "198.51.100.1:0"}, {"tcp4", "10.0.0.1:70000"}, {"tcp4", "10.0.0.1"}, {"udp", "10.0.0.1:0"},
			{"foo", "10.0.0.1:0"}, {"tcp6", "10.0.0.1:0"}, {"tcp4", "10.0.0.1:-1"}, {"tcp4", "10.0.0.1:nosuchservice"},
			{"", "10.0.0.1:0"}, {"tcp4", "[::1]:0"}, {"tcp", "198.51.100.1:0"},
		} {
			q.listenAt(a[0]+" "+a[1], a[0], a[1])
		}
		_, err := q.h.Net.ListenPacket(q.ctx, "tcp", "10.0.0.1:0")
		q.err("ListenPacket tcp", err)
		_, err = q.h.Net.ListenPacket(q.ctx, "udp4", "198.51.100.1:0")
		q.err("ListenPacket not local", err)
	}},
	{"listen.group", needNothing, func(q *asking) {
		q.listenAt("multicast", "tcp4", "224.0.0.9:0")
		q.listenAt("broadcast", "tcp4", "255.255.255.255:0")
	}},
	{"listen.control", needControl, func(q *asking) {
		var got string // the last time: the kernel has two tries, the first of which is for Multipath TCP
		var fail error
		lc := &net.ListenConfig{Control: func(network, address string, _ syscall.RawConn) error {
			got = network + " " + address
			return fail
		}}
		at := netip.AddrPortFrom(q.h.Addr, 0).String()
		l, err := q.h.Net.ListenWith(q.ctx, lc, "tcp", at)
		q.err("Listen", err)
		q.value("Control got", "%s", got)
		q.must(err)
		q.cleanup(l.Close)
		got = "nothing"
		_, c := q.connect(q.h.Peer, &net.Dialer{}, "tcp4", l)
		q.must(c.Close())
		q.value("Control for an accepted connection", "%s", got)
		fail = syscall.EACCES
		_, err = q.h.Net.ListenWith(q.ctx, lc, "tcp", at)
		q.err("Control's error", err)
		q.value("Control got", "%s", got)
		_, err = q.h.Net.ListenPacketWith(q.ctx, lc, "udp", at)
		q.err("Control's error for UDP", err)
		q.value("Control got", "%s", got)
	}},
	{"listen.reuse", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		peer, c := q.connect(q.h.Peer, &net.Dialer{}, "tcp4", l)
		q.must(l.Close())
		q.listenAt("while a connection lives", "tcp4", l.Addr().String())
		q.must(c.Close())
		q.must(peer.Close())
		q.listenAt("in TIME-WAIT", "tcp4", l.Addr().String())
	}},
	{"listen.reuse.serves", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		peer, c := q.connect(q.h.Peer, &net.Dialer{}, "tcp4", l)
		q.must(l.Close())
		l2, err := q.h.Net.Listen(q.ctx, "tcp4", l.Addr().String())
		q.must(err)
		q.cleanup(l2.Close)
		peer2, c2 := q.connect(q.h.Peer, &net.Dialer{}, "tcp4", l2)
		q.write("first peer's Write", peer, "old")
		q.write("second peer's Write", peer2, "newer")
		q.read("first Read", c, 9)
		q.read("second Read", c2, 9)
	}},
	{"listen.close", needNothing, func(q *asking) {
		l := q.listen(q.h.Net, q.h.Addr)
		good, closed := together(8, func(int) error { return l.Close() })
		q.value("Close without an error, and with net.ErrClosed", "%d, %d", good, closed)
	}},
}

func portOf(a net.Addr) uint16 { return uint16(a.(*net.TCPAddr).Port) }

// listenAt records how listening ends.
func (q *asking) listenAt(step, network, address string) {
	l, err := q.h.Net.Listen(q.ctx, network, address)
	if err != nil {
		q.err(step, err)
		return
	}
	q.value(step, "%s", addrText(l.Addr()))
	l.Close()
}

// acceptDeadline is the setter of a listener of either network.
func acceptDeadline(l net.Listener) func(time.Time) error {
	return l.(interface{ SetDeadline(time.Time) error }).SetDeadline
}

package border

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/dialer"
)

// datagrams makes a UDP socket of the plugin's and one of its peer's.
func datagrams(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) (n *served, own, peer dialer.UDPConn) {
	t.Helper()
	a, b := stacks(t)
	n = serve(t, pair, a, Limits{}, Hooks{})
	pc, err := n.ListenPacket(t.Context(), "udp4", ownIP+":0")
	if err != nil {
		t.Fatal(err)
	}
	qc, err := b.ListenPacket(t.Context(), "udp4", peerIP+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close(); qc.Close() })
	return n, pc.(dialer.UDPConn), qc.(dialer.UDPConn)
}

// TestDatagrams: borders between datagrams, their senders and their lengths are kept.
func TestDatagrams(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		_, own, peer := datagrams(t, pair)
		to, from := addrPortOf(peer.LocalAddr()), addrPortOf(own.LocalAddr())
		for _, size := range []int{0, 1, 1000, maxDatagram} {
			n, err := own.WriteToUDPAddrPort(make([]byte, size), to)
			if n != size || err != nil {
				t.Fatalf("sending %d octets gives %d, %v", size, n, err)
			}
			buf := make([]byte, 1<<16)
			n, addr, err := peer.ReadFromUDPAddrPort(buf)
			if n != size || addr != from || err != nil {
				t.Fatalf("the peer gets %d octets of %v, %v; want %d of %v", n, addr, err, size, from)
			}
			if _, err := peer.WriteToUDPAddrPort(buf[:n], from); err != nil {
				t.Fatal(err)
			}
			n, _, flags, addr, err := own.ReadMsgUDPAddrPort(make([]byte, 500), nil)
			if n != min(size, 500) || (flags == syscall.MSG_TRUNC) != (size > 500) || addr != to || err != nil {
				t.Fatalf("what comes back is %d octets of %v, flags %#x, %v", n, addr, flags, err)
			}
		}
	})
}

// TestDatagramErrors: errors are the call's own, as far as the network tells at once.
func TestDatagramErrors(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		n, own, peer := datagrams(t, pair)
		to := peer.LocalAddr().(*net.UDPAddr)
		send := func(size int, a net.Addr) func() (int, error) {
			return func() (int, error) { return own.WriteTo(make([]byte, size), a) }
		}
		for _, s := range []step{
			{"without a route", send(1, &net.UDPAddr{IP: net.IPv4(203, 0, 113, 1), Port: 9}), 0, syscall.ENETUNREACH},
			{"to port 0", send(1, &net.UDPAddr{IP: to.IP}), 0, syscall.EINVAL},
			{"to a TCPAddr", send(1, &net.TCPAddr{IP: to.IP, Port: 9}), 0, syscall.EINVAL},
			{"too much", send(maxDatagram+1, to), 0, syscall.EMSGSIZE},
			{"to nobody", write(own, "x"), 0, syscall.EDESTADDRREQ},
			{"good", send(1, to), 1, nil},
			{"SetDeadline", does(func() error { return own.SetDeadline(past) }), 0, nil},
			{"Read, expired", read(own, 1), 0, os.ErrDeadlineExceeded},
			{"Write, expired", send(1, to), 0, os.ErrDeadlineExceeded},
			{"SetReadBuffer", does(func() error { return own.SetReadBuffer(1 << 16) }), 0, nil},
			{"Close", does(own.Close), 0, nil}, {"Close again", does(own.Close), 0, net.ErrClosed},
			{"Read", read(own, 1), 0, net.ErrClosed}, {"Read of nothing", read(own, 0), 0, net.ErrClosed},
			{"Write", send(1, to), 0, net.ErrClosed},
		} {
			s.check(t)
		}
		if again, err := n.ListenPacket(t.Context(), "udp4", own.LocalAddr().String()); err != nil {
			t.Errorf("the port isn't free when Close has returned: %v", err)
		} else {
			again.Close()
		}
	})
}

// TestConnectedDatagrams: that nobody listens a connected socket is told once, by whichever call comes next; a blocked
// Read is woken for it.
func TestConnectedDatagrams(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		n, _, peer := datagrams(t, pair)
		c, err := n.DialContext(t.Context(), "udp", peer.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		u := c.(*UDPConn)
		step{"Write", write(c, "x"), 1, nil}.check(t)
		step{"WriteTo", func() (int, error) { return u.WriteTo(nil, peer.LocalAddr()) }, 0, net.ErrWriteToConnected}.check(t)
		buf := make([]byte, 9)
		_, from, err := peer.ReadFrom(buf)
		if err != nil {
			t.Fatal(err)
		}
		peer.WriteTo([]byte("abc"), from)
		step{"Read of nothing", read(c, 0), 0, nil}.check(t)
		step{"Read", read(c, 9), 3, nil}.check(t)
		peer.Close()
		for range 3 {
			done := make(chan error, 1)
			go func() { _, err := c.Read(make([]byte, 1)); done <- err }()
			step{"Write", write(c, "x"), 1, nil}.check(t)
			step{"blocked Read", does(func() error { return <-done }), 0, syscall.ECONNREFUSED}.check(t)
		}
		c.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
		step{"Read then", read(c, 9), 0, os.ErrDeadlineExceeded}.check(t)
	})
}

// TestDatagramsBlocked: Close wakes who reads, and who waits until something is sent.
func TestDatagramsBlocked(t *testing.T) {
	onEach(t, func(t *testing.T, pair func(testing.TB) (host, plugin Carrier)) {
		_, own, peer := datagrams(t, pair)
		done := make(chan error, 2)
		for range 2 {
			go func() { _, _, err := own.ReadFrom(make([]byte, 1)); done <- err }()
		}
		if _, err := own.WriteTo([]byte("x"), peer.LocalAddr()); err != nil { // which has the readers on their way
			t.Fatal(err)
		}
		own.Close()
		for range 2 {
			step{"blocked ReadFrom", does(func() error { return <-done }), 0, net.ErrClosed}.check(t)
		}
	})
}

// TestNetworkClosesSocket: a socket that the network itself has closed says so, and doesn't hang.
func TestNetworkClosesSocket(t *testing.T) {
	n, own, peer := datagrams(t, fdPair)
	n.host.object(own.(*UDPConn).id).(*hostUDP).c.Close()
	if _, _, err := own.ReadFrom(make([]byte, 1)); !errors.Is(err, syscall.ECONNABORTED) {
		t.Errorf("ReadFrom gives %v; want ECONNABORTED", err)
	}
	if _, err := own.WriteTo([]byte("x"), peer.LocalAddr()); !errors.Is(err, syscall.ECONNABORTED) {
		t.Errorf("WriteTo gives %v; want ECONNABORTED", err)
	}
}

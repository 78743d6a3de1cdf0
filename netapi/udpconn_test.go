package netapi

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// TestUDP: a connected socket and one that isn't.
func TestUDP(t *testing.T) {
	a, b := newPair(t)
	pc, err := b.ListenPacket(t.Context(), "udp", "10.0.0.2:53")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	conn, err := a.DialContext(t.Context(), "udp", "10.0.0.2:53")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	u, buf := pc.(*UDPConn), make([]byte, 100)
	if _, ok := conn.(net.PacketConn); !ok {
		t.Error("a dialled UDP connection is no net.PacketConn: resolvers would take it for TCP")
	}
	conn.Write([]byte("question"))
	n, from, err := u.ReadFrom(buf)
	if string(buf[:n]) != "question" || err != nil || from.String() != conn.LocalAddr().String() {
		t.Fatalf("%q from %v, %v", buf[:n], from, err)
	}
	if _, err := u.WriteTo([]byte("answer"), from); err != nil {
		t.Error(err)
	}
	if n, err := conn.Read(buf); string(buf[:n]) != "answer" || err != nil {
		t.Errorf("%q, %v", buf[:n], err)
	}
	// A datagram longer than the buffer: the rest is lost; ReadMsgUDP says so.
	u.WriteToUDPAddrPort([]byte("0123456789"), conn.LocalAddr().(*net.UDPAddr).AddrPort())
	n, _, flags, _, err := conn.(*UDPConn).ReadMsgUDP(buf[:4], nil)
	if n != 4 || flags != syscall.MSG_TRUNC || err != nil {
		t.Errorf("ReadMsgUDP: %d, flags %x, %v", n, flags, err)
	}
	if err := second(pc.WriteTo(make([]byte, 65508), from)); !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("65508 octets: %v; want EMSGSIZE", err)
	}
	if err := second(u.Write([]byte("x"))); !errors.Is(err, syscall.EDESTADDRREQ) {
		t.Errorf("Write without a peer: %v; want EDESTADDRREQ", err)
	}
}

// TestUDPZeroLengthRead: it gives 0 at once and leaves a datagram that waits, which an empty datagram's end isn't.
func TestUDPZeroLengthRead(t *testing.T) {
	n := newLoop(t)
	pc, err := n.ListenPacket(t.Context(), "udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	conn, err := n.DialContext(t.Context(), "udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, data := range []string{"abc", ""} {
		pc.WriteTo([]byte(data), conn.LocalAddr())
	}
	for i, want := range []string{"", "abc", ""} {
		buf := make([]byte, min(i, 1)*10)
		if n, err := conn.Read(buf); string(buf[:n]) != want || err != nil {
			t.Errorf("read %d: %q, %v; want %q", i, buf[:n], err, want)
		}
	}
}

// TestUDPRefused: the ICMP error of a port where nobody listens comes with a later call, once.
func TestUDPRefused(t *testing.T) {
	a, _ := newPair(t)
	conn, err := a.DialContext(t.Context(), "udp", "10.0.0.2:54")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte("x"))
	_, err = conn.Read(make([]byte, 1))
	if !errors.Is(err, syscall.ECONNREFUSED) || chain(err) != "*net.OpError > *os.SyscallError > syscall.Errno" {
		t.Errorf("Read after an ICMP error: %v; want ECONNREFUSED", err)
	}
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Errorf("Write after the error was told: %v", err)
	}
}

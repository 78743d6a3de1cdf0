package stack

import (
	"io"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotcp/gotcp/stack/link"
)

// Law 2: no lock is held while a device is called, or user code. A lock that is held then can be waited for by what the
// device calls in turn: two stacks back to back would come to a stand, and in a testing/synctest bubble so would time.

// lockWatch is a loopback that looks, whenever it is written to, whether every lock that there is can be taken.
type lockWatch struct {
	*loopback
	t       *testing.T
	s       *Stack
	sockets []Socket
	writes  int
}

func (w *lockWatch) Write(f *link.Frame) error {
	w.writes++
	if w.s != nil {
		w.look()
	}
	return w.loopback.Write(f)
}

type tryLocker interface {
	TryLock() bool
	Unlock()
}

func (w *lockWatch) look() {
	s := w.s
	locks := map[string]tryLocker{
		"Stack.mu": &s.mu, "reassembly.mu": &s.frag.mu, "pmtuCache.mu": &s.pmtu.mu, "icmpState.mu": &s.icmp.mu,
		"udpState.mu": &s.udp.mu, "portTable.mu of TCP": &s.tcpPorts.mu, "portTable.mu of UDP": &s.udpPorts.mu,
		"listenTable.mu": &s.tcp.listeners.mu, "forwardTable.mu": &s.forward.mu,
	}
	for i := range s.tcp.shards {
		locks["tcpShard.mu "+string(rune('0'+i))] = &s.tcp.shards[i].mu
	}
	for i, sock := range w.sockets {
		var mu *sync.Mutex
		switch sock := sock.(type) {
		case *stream:
			mu = &sock.mu
		case *udpSocket:
			mu = &sock.mu
		}
		locks["mu of socket "+string(rune('0'+i))] = mu
	}
	for name, l := range locks {
		if !patientTryLock(l) {
			w.t.Errorf("%s is held at a device's Write", name)
		}
	}
}

// patientTryLock reports whether a lock can be had. Another goroutine may have it at the moment; the caller, if he has
// it, never gives it up while he waits here.
func patientTryLock(l tryLocker) bool {
	for range 100_000 {
		if l.TryLock() {
			l.Unlock()
			return true
		}
		runtime.Gosched()
	}
	return false
}

func TestLawNoLockAtTheDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &lockWatch{loopback: newLoopback(), t: t}
		s := New(Config{Loopback: w})
		w.s = s
		socket := func(typ int) Socket {
			sock, err := s.Socket(typ)
			if err != nil {
				t.Fatal(err)
			}
			w.sockets = append(w.sockets, sock)
			return sock
		}
		// UDP with an answer, an ICMP error and fragments; a ping.
		a, b := socket(syscall.SOCK_DGRAM), socket(syscall.SOCK_DGRAM)
		a.Bind(local(53))
		b.StartConnect(local(53))
		b.Write(pattern(1000))
		b.SendTo(nil, local(9))
		if _, err := s.Ping(t.Context(), loopbackAddr, PingOptions{Size: 100}); err != nil {
			t.Error(err)
		}
		// TCP from the handshake to TIME-WAIT, refused and reset.
		ln := socket(syscall.SOCK_STREAM)
		ln.Bind(local(80))
		ln.Listen(5)
		c, refused := socket(syscall.SOCK_STREAM), socket(syscall.SOCK_STREAM)
		if err := c.Connect(t.Context(), local(80)); err != nil {
			t.Fatal(err)
		}
		if err := refused.Connect(t.Context(), local(81)); err != syscall.ECONNREFUSED {
			t.Error(err)
		}
		d, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		w.sockets = append(w.sockets, d)
		transfer(t, c, d, 300_000)
		transfer(t, d, c, 300_000)
		c.Close()
		d.Close()
		time.Sleep(5 * time.Minute)
		before := w.writes
		s.Close()
		if before < 20 {
			t.Errorf("only %d packets were looked at", before)
		}
	})
}

// transfer sends n octets from one socket to another one.
func transfer(t *testing.T, from, to Socket, n int) {
	t.Helper()
	data := pattern(n)
	go from.Write(data)
	got := make([]byte, n)
	if _, err := io.ReadFull(to, got); err != nil || string(got) != string(data) {
		t.Errorf("%v, or the octets differ", err)
	}
	synctest.Wait()
}

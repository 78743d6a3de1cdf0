package dns_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/dns"
)

// TestServePacket: queries come by UDP at the same time as others, and those in flight end with the socket.
func TestServePacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, servers := newPair(t)
		s := alone(t)
		asking := countAsking(s, servers)
		s.Servers = []netip.AddrPort{nameServer(t, servers, "10.0.0.2:1053", silent)}
		pc, err := servers.ListenPacket(t.Context(), "udp", "10.0.0.2:53")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- s.ServePacket(pc) }()
		c, err := client.DialContext(t.Context(), "udp", "10.0.0.2:53")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte("no query"))
		synctest.Wait()
		for range 63 { // one less than there is room for; these wait for a server that's silent
			c.Write(pack(t, question("slow.example.", dnsmessage.TypeA)))
		}
		synctest.Wait()
		c.Write(pack(t, question("db.example.", dnsmessage.TypeA)))
		buf := make([]byte, 512)
		n, err := c.Read(buf)
		if err != nil || !slices.Equal(addrs(unpack(t, buf[:n])), []string{"10.1.2.3", "10.1.2.4"}) {
			t.Errorf("an own name: %v", err)
		}
		for range 2 {
			c.Write(pack(t, question("slow.example.", dnsmessage.TypeA)))
		}
		synctest.Wait()
		c.Write(pack(t, question("db.example.", dnsmessage.TypeA)))
		synctest.Wait()
		c.SetDeadline(time.Now().Add(time.Second))
		if n, err := c.Read(buf); err == nil {
			t.Errorf("the 65th query at a time was answered: %v", unpack(t, buf[:n]))
		}
		start := time.Now()
		pc.Close()
		if err := <-ended; err != nil || time.Since(start) != 0 {
			t.Errorf("ServePacket of a closed socket: %v after %v; want nil at once", err, time.Since(start))
		}
		if n := asking.Load(); n != 0 {
			t.Errorf("ServePacket has returned, and %d look-ups go on", n)
		}
	})
}

// countAsking has a server ask others over a network, and counts how many it is asking.
func countAsking(s *dns.Server, n netapi.Network) *atomic.Int64 {
	asking := new(atomic.Int64)
	s.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := n.DialContext(ctx, network, address)
		if err == nil {
			asking.Add(1)
		}
		return asker{c, asking}, err
	}
	return asking
}

type asker struct {
	net.Conn
	asking *atomic.Int64
}

func (a asker) Close() error {
	a.asking.Add(-1)
	return a.Conn.Close()
}

// serveOver serves on one network and dials from another one.
func serveOver(t *testing.T, s *dns.Server, there, here *netapi.Stack) (net.Listener, <-chan error, func() net.Conn) {
	t.Helper()
	ln, err := there.Listen(t.Context(), "tcp", "10.0.0.2:53")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln) }()
	return ln, ended, func() net.Conn {
		c, err := here.DialContext(t.Context(), "tcp", "10.0.0.2:53")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
}

// TestServe: a connection has several queries, whose answers come as they are found (RFC 7766 7).
func TestServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, servers := newPair(t)
		s := alone(t)
		asking := countAsking(s, servers)
		h := func(n string, q dnsmessage.Message) []dnsmessage.Message {
			time.Sleep(2 * time.Second)
			return knows("192.0.2.80")(n, q)
		}
		s.Servers = []netip.AddrPort{nameServer(t, servers, "10.0.0.2:1053", h)}
		ln, ended, dial := serveOver(t, s, servers, client)
		expect := func(c net.Conn, name string) {
			t.Helper()
			msg, err := readFrame(c)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got := unpack(t, msg).Questions[0].Name.String(); got != name {
				t.Errorf("the answer is to %s; want %s", got, name)
			}
		}
		slow := frame(pack(t, question("slow.example.", dnsmessage.TypeA)))
		fast := frame(pack(t, question("db.example.", dnsmessage.TypeA)))
		c := dial()
		c.Write(append(slow, fast...))
		expect(c, "db.example.")
		expect(c, "slow.example.")

		c.Write(slow) // and no more: who closes his side gets his answers still
		c.(interface{ CloseWrite() error }).CloseWrite()
		expect(c, "slow.example.")
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after the last answer: %v; want EOF", err)
		}

		c = dial()
		c.Write(fast[:5])
		start := time.Now()
		if _, err := c.Read(make([]byte, 1)); err != io.EOF || time.Since(start) != 10*time.Second {
			t.Errorf("half a query: %v after %v; want EOF after 10 s", err, time.Since(start))
		}
		c = dial()
		c.Write(frame([]byte("no query")))
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("no query: %v; want EOF", err)
		}
		c = dial()
		c.Write(slow)
		synctest.Wait()
		start = time.Now()
		ln.Close()
		if err := <-ended; err != nil || time.Since(start) != 0 {
			t.Errorf("Serve of a closed listener: %v after %v; want nil at once", err, time.Since(start))
		}
		if n := asking.Load(); n != 0 {
			t.Errorf("Serve has returned, and %d look-ups go on", n)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a connection outlives the listener")
		}
	})
}

// TestServeBounds: connections beyond the 64th are closed at once, a client that takes no answers is given up, and
// neither keeps others from being served afterwards.
func TestServeBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, servers := newPair(t)
		s := alone(t)
		for i := range 2000 {
			s.Hosts["many"] = append(s.Hosts["many"], netip.AddrFrom4([4]byte{10, 2, byte(i >> 8), byte(i)}))
		}
		ln, ended, dial := serveOver(t, s, servers, client)
		greedy := dial() // it asks for 32,000 octets as often as it can, and reads none of them
		many := frame(pack(t, question("many.", dnsmessage.TypeA)))
		start := time.Now()
		greedy.SetWriteDeadline(start.Add(time.Minute))
		var err error
		for err == nil {
			_, err = greedy.Write(many)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("a client that takes no answers is served for ever")
		}
		synctest.Wait() // until its place is free
		var idle []net.Conn
		for range 64 {
			idle = append(idle, dial())
		}
		synctest.Wait()
		start = time.Now()
		if _, err := dial().Read(make([]byte, 1)); err == nil || time.Since(start) != 0 {
			t.Errorf("the 65th connection: %v after %v; want it closed at once", err, time.Since(start))
		}
		idle[0].Close()
		synctest.Wait()
		c := dial()
		c.Write(frame(pack(t, question("db.example.", dnsmessage.TypeA))))
		if _, err := readFrame(c); err != nil {
			t.Errorf("where one has gone there's room: %v", err)
		}
		ln.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// tired is a listener and a packet socket that fail a few times, and then for good.
type tired struct {
	net.Listener
	net.PacketConn
	errs []error
}

func (l *tired) next() error {
	err := l.errs[0]
	l.errs = l.errs[1:]
	return err
}

func (l *tired) Accept() (net.Conn, error)              { return nil, l.next() }
func (l *tired) ReadFrom([]byte) (int, net.Addr, error) { return 0, nil, l.next() }
func (l *tired) Close() error                           { return nil }
func (l *tired) Addr() net.Addr                         { return nil }

// TestServeErrors: an error that will pass is waited out, longer each time; another one ends the service.
func TestServeErrors(t *testing.T) {
	full := &net.OpError{Op: "accept", Err: os.NewSyscallError("accept", syscall.EMFILE)}
	broken := errors.New("broken")
	for _, end := range []error{broken, net.ErrClosed} {
		want := end
		if end == net.ErrClosed {
			want = nil
		}
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			if err := alone(t).Serve(&tired{errs: []error{full, full, full, end}}); err != want {
				t.Errorf("Serve: %v; want %v", err, want)
			}
			if err := alone(t).ServePacket(&tired{errs: []error{full, full, full, end}}); err != want {
				t.Errorf("ServePacket: %v; want %v", err, want)
			}
			if took := time.Since(start); took != 2*(5+10+20)*time.Millisecond {
				t.Errorf("took %v; want 5, 10 and 20 ms, twice", took)
			}
			start = time.Now()
			if err := alone(t).ServePacket(&tired{errs: []error{full, full, nil, full, end}}); err != want {
				t.Errorf("ServePacket: %v; want %v", err, want)
			}
			if took := time.Since(start); took != (5+10+5)*time.Millisecond {
				t.Errorf("took %v; want 5 and 10 ms and, after one that was read, 5 again", took)
			}
		})
	}
}

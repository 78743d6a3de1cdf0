package dns_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gotcp/gotcp/netapi/dns"
)

// TestResolver: Go's own resolver finds own names, names of servers, and answers that are too long for a datagram.
func TestResolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, servers := newPair(t)
		s := alone(t)
		s.Dial = client.DialContext
		h := func(n string, q dnsmessage.Message) []dnsmessage.Message {
			name := q.Questions[0].Name.String()
			switch {
			case strings.HasPrefix(name, "no."):
				return fails(dnsmessage.RCodeNameError)(n, q)
			case q.Questions[0].Type == dnsmessage.TypeTXT:
				return response(q, txt(name, 60))
			case q.Questions[0].Type == dnsmessage.TypeA:
				return response(q, cname(name, "end.example."), a("end.example.", "192.0.2.80"))
			}
			return response(q)
		}
		s.Servers = []netip.AddrPort{nameServer(t, servers, "10.0.0.2:53", h)}
		r := s.Resolver()
		if got, err := r.LookupHost(t.Context(), "db.example."); fmt.Sprint(got, err) != "[10.1.2.3 10.1.2.4] <nil>" {
			t.Errorf("an own name is %v, %v", got, err)
		}
		if got, err := r.LookupHost(t.Context(), "www.example."); fmt.Sprint(got, err) != "[192.0.2.80] <nil>" {
			t.Errorf("a server's name is %v, %v", got, err)
		}
		if got, err := r.LookupAddr(t.Context(), "10.1.2.3"); fmt.Sprint(got, err) != "[alias. db.example.] <nil>" {
			t.Errorf("an own address is %v, %v", got, err)
		}
		if got, err := r.LookupCNAME(t.Context(), "www.example."); got != "end.example." || err != nil {
			t.Errorf("a canonical name is %v, %v", got, err)
		}
		// 3000 octets: more than net.Resolver takes by UDP, so it comes again by TCP.
		if got, err := r.LookupTXT(t.Context(), "long.example."); err != nil || len(got) != 1 || len(got[0]) != 60*49 {
			t.Errorf("a long answer: %d, %v", len(got), err)
		}
		_, err := r.LookupHost(t.Context(), "no.example.")
		if de, ok := errors.AsType[*net.DNSError](err); !ok || !de.IsNotFound {
			t.Errorf("a name that isn't there: %v; want IsNotFound", err)
		}
	})
}

// TestResolverErrors: a *net.DNSError says why there's no answer, and that it was for want of time.
func TestResolverErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, servers := newPair(t)
		s := &dns.Server{Dial: client.DialContext}
		look := func(at netip.AddrPort) *net.DNSError {
			s.Servers = []netip.AddrPort{at}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := s.Resolver().LookupNetIP(ctx, "ip4", "www.example.")
			de, _ := errors.AsType[*net.DNSError](err)
			if de == nil {
				t.Fatalf("%v is no *net.DNSError", err)
			}
			return de
		}
		if e := look(netip.MustParseAddrPort("10.0.0.2:9")); !e.IsTemporary ||
			!strings.Contains(e.Error(), "->10.0.0.2:9: read: connection refused") {
			t.Errorf("nobody at the port: %v", e)
		}
		if e := look(nameServer(t, servers, "10.0.0.2:1053", silent)); !e.IsTimeout {
			t.Errorf("a server that's silent: %v; want a time-out", e)
		}
		if e := look(nameServer(t, servers, "10.0.0.2:2053", fails(dnsmessage.RCodeServerFailure))); !e.IsTemporary ||
			!strings.Contains(e.Error(), "server 10.0.0.2:2053 failed (SERVFAIL)") {
			t.Errorf("a server that fails: %v", e)
		}
		if e := look(nameServer(t, servers, "10.0.0.2:3053", fails(dnsmessage.RCodeRefused))); e.Temporary() ||
			!strings.Contains(e.Error(), "server 10.0.0.2:3053 refuses to answer (REFUSED)") {
			t.Errorf("a server that refuses: %v", e)
		}
		s.Allow = func(name string) error { return fmt.Errorf("rules refuse the name %s", name) }
		if e := look(s.Servers[0]); e.Temporary() || !strings.HasSuffix(e.Error(), ": rules refuse the name www.example") {
			t.Errorf("a name that isn't allowed: %v", e)
		}
	})
}

// open makes a connection such as net.Resolver uses.
func open(t testing.TB, s *dns.Server, network string) net.Conn {
	t.Helper()
	c, err := s.Resolver().Dial(t.Context(), network, "192.0.2.1:53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestConnPacket: over UDP a message is a datagram, and what is no query is passed over.
func TestConnPacket(t *testing.T) {
	pc, ok := open(t, alone(t), "udp").(net.PacketConn)
	if !ok {
		t.Fatal("it is no net.PacketConn: net.Resolver would frame its queries")
	}
	db, six := pack(t, question("db.example.", dnsmessage.TypeA)), pack(t, question("six.", dnsmessage.TypeA))
	for _, msg := range [][]byte{{1, 2, 3}, db, six} {
		if n, err := pc.WriteTo(msg, pc.LocalAddr()); n != len(msg) || err != nil {
			t.Fatal(n, err)
		}
	}
	buf := make([]byte, 512)
	for _, name := range []string{"db.example.", "six."} { // in the order in which they were asked
		n, from, err := pc.ReadFrom(buf)
		if err != nil || from == nil {
			t.Fatal(from, err)
		}
		if got := unpack(t, buf[:n]).Questions[0].Name.String(); got != name {
			t.Errorf("the answer is to %s; want %s", got, name)
		}
	}
	for i := range 100 {
		if _, err := pc.WriteTo(buf, nil); err != nil {
			if i != 16 {
				t.Errorf("there was room for %d queries; want 16", i)
			}
			return
		}
	}
	t.Error("queries that nobody reads the answers of pile up")
}

// TestConnStream: over TCP messages have their length before them, however the octets are cut.
func TestConnStream(t *testing.T) {
	c := open(t, alone(t), "tcp")
	if _, ok := c.(net.PacketConn); ok {
		t.Fatal("it is a net.PacketConn: net.Resolver would not frame its queries")
	}
	q := frame(pack(t, question("db.example.", dnsmessage.TypeA)))
	for _, octet := range append(q, q...) {
		if _, err := c.Write([]byte{octet}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		msg, err := readFrame(trickle{c})
		if err != nil {
			t.Fatal(err)
		}
		if got := addrs(unpack(t, msg)); len(got) != 2 {
			t.Errorf("the answer is %v", got)
		}
	}
}

// TestConnReadFirst: Reads that wait already are woken by queries, each by one, also where one Write has several.
func TestConnReadFirst(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		synctest.Test(t, func(t *testing.T) {
			c, q := open(t, alone(t), network), pack(t, question("db.example.", dnsmessage.TypeA))
			answered := make(chan int)
			for range 2 {
				go func() {
					n, err := c.Read(make([]byte, 512))
					if err != nil {
						t.Errorf("%s: %v", network, err)
					}
					answered <- n
				}()
			}
			synctest.Wait()
			if network == "tcp" {
				c.Write(append(frame(q), frame(q)...))
			} else {
				c.Write(q)
				c.Write(q)
			}
			for range 2 {
				if n := <-answered; n <= len(q) {
					t.Errorf("%s: an answer of %d octets to a question of %d", network, n, len(q))
				}
			}
		})
	}
}

// trickle reads one octet at a time.
type trickle struct{ net.Conn }

func (c trickle) Read(p []byte) (int, error) { return c.Conn.Read(p[:1]) }

// setDeadlines set a deadline of one second, each in another way.
var setDeadlines = map[string]func(c net.Conn){
	"before": func(c net.Conn) { c.SetDeadline(time.Now().Add(time.Second)) },
	"while":  func(c net.Conn) { time.AfterFunc(time.Second, func() { c.SetReadDeadline(time.Unix(1, 0)) }) },
	"shorter": func(c net.Conn) {
		c.SetDeadline(time.Now().Add(time.Hour))
		time.AfterFunc(1, func() { c.SetDeadline(time.Now().Add(time.Second - 1)) })
	},
}

// TestConnDeadline: deadlines end a Read whether it waits for a query or for a server, also when they are set while it
// waits; one that is taken away in time doesn't.
func TestConnDeadline(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		synctest.Test(t, func(t *testing.T) {
			client, servers := newPair(t)
			slow := nameServer(t, servers, "10.0.0.2:53", func(n string, q dnsmessage.Message) []dnsmessage.Message {
				time.Sleep(3 * time.Second)
				return knows("192.0.2.80")(n, q)
			})
			s := &dns.Server{Dial: client.DialContext, Servers: []netip.AddrPort{slow}}
			query := pack(t, question("www.example.", dnsmessage.TypeA))
			if network == "tcp" {
				query = frame(query)
			}
			buf := make([]byte, 512)
			for name, asked := range map[string]bool{"for a query": false, "for a server": true} {
				for when, set := range setDeadlines {
					c := open(t, s, network)
					if asked {
						c.Write(query)
					}
					set(c)
					start := time.Now()
					_, err := c.Read(buf)
					if ne, ok := err.(net.Error); !ok || !ne.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) ||
						time.Since(start) != time.Second {
						t.Errorf("%s, waiting %s, %s: %v after %v; want a time-out after 1 s",
							network, name, when, err, time.Since(start))
					}
				}
			}
			c := open(t, s, network)
			c.Write(query)
			c.SetDeadline(time.Now().Add(time.Second))
			time.AfterFunc(time.Second/2, func() { c.SetDeadline(time.Time{}) })
			if n, err := c.Read(buf); n == 0 || err != nil {
				t.Errorf("%s: a deadline that was taken away: %d, %v; want the answer", network, n, err)
			}
		})
	}
}

// TestConnClose: Close ends a Read and the look-up behind it, and nothing goes on (the bubble tells).
func TestConnClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, servers := newPair(t)
		s := &dns.Server{Dial: client.DialContext, Servers: []netip.AddrPort{nameServer(t, servers, "10.0.0.2:53", silent)}}
		c := open(t, s, "udp")
		c.Write(pack(t, question("www.example.", dnsmessage.TypeA)))
		ended := make(chan error)
		for range 2 {
			go func() {
				_, err := c.Read(make([]byte, 512))
				ended <- err
			}()
		}
		synctest.Wait()
		c.Close()
		for range 2 {
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Errorf("Read ended by Close: %v", err)
			}
		}
		_, werr := c.Write([]byte{1})
		_, rerr := c.Read([]byte{1})
		for _, err := range []error{werr, rerr, c.SetDeadline(time.Time{}), c.SetWriteDeadline(time.Time{}), c.Close()} {
			if op, ok := err.(*net.OpError); !ok || !errors.Is(op, net.ErrClosed) || op.Addr.String() == "" {
				t.Errorf("after Close: %v; want a *net.OpError around net.ErrClosed", err)
			}
		}
	})
}

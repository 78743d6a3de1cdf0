package dns_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/dns"
	"github.com/gotcp/gotcp/stack"
	"github.com/gotcp/gotcp/stack/link"
)

// newPair makes two stacks back to back: 10.0.0.1, where look-ups are made, and 10.0.0.2, where name servers are.
func newPair(t testing.TB) (client, servers *netapi.Stack) {
	t.Helper()
	x, y := link.Pipe(1500)
	a, b := stack.New(stack.Config{}), stack.New(stack.Config{})
	t.Cleanup(func() { a.Close(); b.Close() })
	if _, err := a.AddDevice(x, netip.MustParsePrefix("10.0.0.1/24")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddDevice(y, netip.MustParsePrefix("10.0.0.2/24")); err != nil {
		t.Fatal(err)
	}
	return netapi.NewStack(a), netapi.NewStack(b)
}

// A handler is a name server's mind: the messages with which it answers one.
type handler func(network string, q dnsmessage.Message) []dnsmessage.Message

// nameServer runs a name server on UDP and TCP at an address of a network.
func nameServer(t testing.TB, n *netapi.Stack, at string, h handler) netip.AddrPort {
	t.Helper()
	pc, err := n.ListenPacket(t.Context(), "udp", at)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := n.Listen(t.Context(), "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() { pc.Close(); ln.Close(); running.Wait() })
	running.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			q := unpack(t, buf[:n])
			running.Go(func() {
				for _, m := range h("udp", q) {
					pc.WriteTo(pack(t, m), from)
				}
			})
		}
	})
	running.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if q, err := readFrame(c); err == nil {
				for _, m := range h("tcp", unpack(t, q)) {
					c.Write(frame(pack(t, m)))
				}
			}
			c.Close()
		}
	})
	return netip.MustParseAddrPort(at)
}

// response begins the answer to a message, as a recursive server gives it.
func response(q dnsmessage.Message, records ...dnsmessage.Resource) []dnsmessage.Message {
	h := dnsmessage.Header{ID: q.ID, Response: true, RecursionDesired: q.RecursionDesired, RecursionAvailable: true}
	return []dnsmessage.Message{{Header: h, Questions: q.Questions, Answers: records}}
}

// record makes a resource record that lives 300 seconds.
func record(name string, body dnsmessage.ResourceBody) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{
		Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET, TTL: 300,
	}, Body: body}
}

func a(name, addr string) dnsmessage.Resource {
	return record(name, &dnsmessage.AResource{A: netip.MustParseAddr(addr).As4()})
}

func cname(name, target string) dnsmessage.Resource {
	return record(name, &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(target)})
}

func txt(name string, n int) dnsmessage.Resource {
	var body dnsmessage.TXTResource
	for range n {
		body.TXT = append(body.TXT, "0123456789012345678901234567890123456789012345678") // 50 octets each with its length
	}
	return record(name, &body)
}

// opt is an OPT record that says how much the sender can take.
func opt(size int) dnsmessage.Resource {
	var h dnsmessage.ResourceHeader
	if err := h.SetEDNS0(size, 0, false); err != nil {
		panic(err)
	}
	return dnsmessage.Resource{Header: h, Body: &dnsmessage.OPTResource{}}
}

// question makes a query with the ID 4711.
func question(name string, typ dnsmessage.Type, additionals ...dnsmessage.Resource) dnsmessage.Message {
	return dnsmessage.Message{
		Header: dnsmessage.Header{ID: 4711, RecursionDesired: true},
		Questions: []dnsmessage.Question{{
			Name: dnsmessage.MustNewName(name), Type: typ, Class: dnsmessage.ClassINET,
		}},
		Additionals: additionals,
	}
}

// exchange has a query answered; what holds for each answer is checked.
func exchange(t testing.TB, s *dns.Server, q dnsmessage.Message, tcp bool) dnsmessage.Message {
	t.Helper()
	text, err := s.Exchange(t.Context(), pack(t, q), tcp)
	if err != nil {
		t.Fatal(err)
	}
	m := unpack(t, text)
	if !m.Response || !m.RecursionAvailable || m.ID != q.ID || len(m.Questions) != 1 || m.Questions[0] != q.Questions[0] {
		t.Fatalf("%+v is no response to %+v", m, q)
	}
	return m
}

// addrs are the addresses in an answer section.
func addrs(m dnsmessage.Message) (l []string) {
	for _, r := range m.Answers {
		switch b := r.Body.(type) {
		case *dnsmessage.AResource:
			l = append(l, netip.AddrFrom4(b.A).String())
		case *dnsmessage.AAAAResource:
			l = append(l, netip.AddrFrom16(b.AAAA).String())
		}
	}
	return l
}

func pack(t testing.TB, m dnsmessage.Message) []byte {
	t.Helper()
	text, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func unpack(t testing.TB, text []byte) (m dnsmessage.Message) {
	t.Helper()
	if err := m.Unpack(text); err != nil {
		t.Errorf("% x: %v", text, err)
	}
	return m
}

func frame(msg []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
}

func readFrame(c net.Conn) ([]byte, error) {
	var n [2]byte
	if _, err := io.ReadFull(c, n[:]); err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(n[:]))
	_, err := io.ReadFull(c, msg)
	return msg, err
}

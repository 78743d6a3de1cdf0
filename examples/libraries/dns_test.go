package libraries

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// answer gives the address 192.0.2.7, and for TXT 100 strings of 200 octets, which UDP has no room for.
func answer(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	h := dns.RR_Header{Name: q.Question[0].Name, Rrtype: q.Question[0].Qtype, Class: dns.ClassINET, Ttl: 1}
	switch h.Rrtype {
	case dns.TypeA:
		m.Answer = append(m.Answer, &dns.A{Hdr: h, A: net.IPv4(192, 0, 2, 7)})
	case dns.TypeTXT:
		for range 100 {
			m.Answer = append(m.Answer, &dns.TXT{Hdr: h, Txt: []string{strings.Repeat("x", 200)}})
		}
	}
	if w.RemoteAddr().Network() == "udp" {
		m.Truncate(dns.MinMsgSize)
	}
	w.WriteMsg(m)
}

// serveDNS runs miekg/dns's server on a UDP and a TCP port of the same number. On UDP it wants a *net.UDPConn for
// out-of-band data, and takes any other net.PacketConn without.
func serveDNS(t *testing.T, n nets) (addr string) {
	pc := packetConn(t, n.server, n.host+":0")
	ln, err := n.server.Listen(t.Context(), "tcp", pc.LocalAddr().String())
	must(t, err)
	for _, s := range []*dns.Server{{PacketConn: pc}, {Listener: ln}} {
		s.Handler = dns.HandlerFunc(answer)
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() {
			if err := s.ActivateAndServe(); err != nil {
				t.Errorf("DNS server: %v", err)
			}
		}()
		<-started
		t.Cleanup(func() { s.Shutdown() })
	}
	return ln.Addr().String()
}

// TestDNS: miekg/dns asks its own server by UDP, and by TCP where the answer was cut. Its client frames messages as TCP
// does unless the connection is a net.PacketConn.
func TestDNS(t *testing.T) {
	n := open(t)
	addr := serveDNS(t, n)
	ask := func(network string, kind uint16) *dns.Msg {
		c, err := n.client.DialContext(t.Context(), network, addr)
		must(t, err)
		defer c.Close()
		q := new(dns.Msg).SetQuestion("gotcp.example.", kind)
		r, _, err := new(dns.Client).ExchangeWithConnContext(within(t), q, &dns.Conn{Conn: c})
		must(t, err)
		return r
	}
	if r := ask("udp", dns.TypeA); len(r.Answer) != 1 || !strings.HasSuffix(r.Answer[0].String(), "192.0.2.7") {
		t.Errorf("A: %v", r)
	}
	if r := ask("udp", dns.TypeTXT); !r.Truncated {
		t.Errorf("UDP had room for %d strings", len(r.Answer))
	}
	if r := ask("tcp", dns.TypeTXT); len(r.Answer) != 100 {
		t.Errorf("TCP gave %d strings of 100", len(r.Answer))
	}
}

// TestResolver: Go's own resolver over the network, from UDP to TCP by itself.
func TestResolver(t *testing.T) {
	n := open(t)
	addr := serveDNS(t, n)
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return n.client.DialContext(ctx, network, addr)
	}}
	if ips, err := r.LookupNetIP(within(t), "ip4", "gotcp.example."); err != nil || len(ips) != 1 || ips[0].String() != "192.0.2.7" {
		t.Errorf("addresses: %v, %v", ips, err)
	}
	if txt, err := r.LookupTXT(within(t), "gotcp.example."); err != nil || len(txt) != 100 {
		t.Errorf("%d strings, %v", len(txt), err)
	}
}

package parity

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strings"
	"time"
)

var nameQuestions = []question{
	{"names.dial", needNothing, func(q *asking) {
		l := q.listen(q.h.Peer, q.h.To)
		d := &net.Dialer{Resolver: q.resolver()}
		for _, host := range []string{"peer.test.", "PEER.test.", "large.test."} {
			c, err := q.h.Net.DialWith(q.ctx, d, "tcp", hostPort(host, l))
			q.err("dial "+host, err)
			if err == nil {
				q.cleanup(c.Close)
				q.value("remote", "%s", addrText(c.RemoteAddr()))
			}
		}
		q.must(l.Close())
		q.dial("refused at the only address", d, "tcp", hostPort("peer.test.", l))
		q.dial("refused at both", d, "tcp", hostPort("closed.test.", l))
		q.forgetLengths()
		q.dial("UDP", d, "udp", "peer.test.:9")
		q.dial("a service's name", d, "tcp", "peer.test.:nosuchservice")
	}},
	{"names.unknown", needNothing, func(q *asking) {
		d := &net.Dialer{Resolver: q.resolver()}
		for _, name := range []string{"nosuchname.test.", "nothing.test.", "broken.test."} {
			c, err := q.h.Net.DialWith(q.ctx, d, "tcp", name+":9")
			if err == nil {
				q.cleanup(c.Close)
			}
			q.err("dial "+name, err)
			var dns *net.DNSError
			if errors.As(err, &dns) {
				q.value("its fields", "%s %q notfound=%t temporary=%t timeout=%t",
					dns.Name, dns.Err, dns.IsNotFound, dns.IsTemporary, dns.IsTimeout)
			}
		}
		q.dial("an impossible name", d, "tcp", "two..dots.test:9")
		q.dial("a name that is too long", d, "tcp", strings.Repeat("x", 64)+".test.:9")
		q.dial("tcp6", d, "tcp6", "peer.test.:9")
	}},
	{"names.timeout", needNothing, func(q *asking) {
		r := q.resolver()
		q.dial("Timeout", &net.Dialer{Resolver: r, Timeout: 50 * time.Millisecond}, "tcp", "silent.test.:9")
		q.dial("negative Timeout", &net.Dialer{Resolver: r, Timeout: -1}, "tcp", "peer.test.:9")
		ctx, cancel := context.WithCancel(q.ctx)
		time.AfterFunc(50*time.Millisecond, cancel)
		_, err := q.h.Net.DialWith(ctx, &net.Dialer{Resolver: r}, "tcp", "silent.test.:9")
		q.err("cancelled", err)
	}},
	{"names.partial", needVoid, func(q *asking) {
		l := q.listen(q.h.Peer, q.h.To)
		d := &net.Dialer{Resolver: q.resolver(), Timeout: 3 * time.Second}
		start := time.Now()
		c, err := q.h.Net.DialWith(q.ctx, d, "tcp", hostPort("void-peer.test.", l))
		q.err("dial of a silent address and one more", err)
		q.took("it", start, 2*time.Second) // which is more than half of the time, but the least that is fair
		if err == nil {
			q.cleanup(c.Close)
			q.value("remote", "%s", addrText(c.RemoteAddr()))
		}
		q.must(l.Close())
		start = time.Now()
		_, err = q.h.Net.DialWith(q.ctx, d, "tcp", hostPort("void-peer.test.", l))
		var ne net.Error
		q.value("dial of a silent address and a closed port times out", "%t", errors.As(err, &ne) && ne.Timeout())
		q.took("it", start, 2*time.Second)
	}},
	{"names.services", needNothing, func(q *asking) {
		for _, service := range []string{
			"http", "https", "HTTP", "domain", "nosuchservice", "0", "00080", "65535", "65536", "-1", "", "+80", " 80", "80 ",
			"0x50",
		} {
			at := net.JoinHostPort("198.51.100.1", service) // not local: what it is bound to is in the error
			_, err := q.h.Net.Listen(q.ctx, "tcp4", at)
			q.err("Listen "+service, err)
			q.value("port", "%s", portInError(err))
			_, err = q.h.Net.ListenPacket(q.ctx, "udp", at)
			q.err("ListenPacket "+service, err)
			q.value("port", "%s", portInError(err))
		}
		for _, a := range [][2]string{
			{"tcp", "http"}, {"tcp4", "https"}, {"udp", "domain"}, {"tcp", "65536"}, {"tcp", "-1"}, {"tcp", "0"}, {"tcp", ""},
			{"ip", "http"}, {"foo", "http"},
		} {
			n, err := q.h.Net.Resolver().LookupPort(q.ctx, a[0], a[1])
			q.n("LookupPort "+a[0]+" "+a[1], n, err)
		}
	}},
	{"names.hosts", needNothing, func(q *asking) {
		r := q.h.Net.Resolver()
		for _, host := range []string{"localhost", "127.0.0.1", "10.1.2.3", "::1", ""} {
			addrs, err := r.LookupNetIP(q.ctx, "ip4", host)
			q.err("LookupNetIP "+host, err)
			for _, a := range addrs {
				q.value("address", "%v", a.Unmap())
			}
		}
		l, err := q.h.Net.Listen(q.ctx, "tcp4", "localhost:0")
		q.must(err)
		q.cleanup(l.Close)
		for _, host := range []string{"localhost", "LOCALHOST"} {
			c, err := q.h.Net.DialContext(q.ctx, "tcp4", hostPort(host, l))
			q.err("dial "+host, err)
			if err == nil {
				q.cleanup(c.Close)
				q.value("remote", "%s", addrText(c.RemoteAddr()))
			}
		}
	}},
	{"names.resolver", needNothing, func(q *asking) {
		r := q.resolver()
		for _, host := range []string{"peer.test.", "large.test.", "nosuchname.test.", "nothing.test."} {
			addrs, err := r.LookupHost(q.ctx, host)
			q.err("LookupHost "+host, err)
			q.value("addresses", "%v", addrs)
		}
	}},
}

// forgetLengths takes the lengths of addresses out of errors: an IPv4 address that was found by a name has 4 octets or 16
// with package net itself, by who has found it.
func (q *asking) forgetLengths() {
	for i := range q.answers {
		q.answers[i].Op = ipLength.ReplaceAllString(q.answers[i].Op, "")
	}
}

var ipLength = regexp.MustCompile(` len (4|16)`)

// portInError is the port of an OpError's address, which normal would take away.
func portInError(err error) string {
	if op, ok := err.(*net.OpError); ok && op.Addr != nil {
		_, port, _ := net.SplitHostPort(op.Addr.String())
		return port
	}
	return "none"
}

// hostPort is a host with the port of a listener.
func hostPort(host string, l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return net.JoinHostPort(host, port)
}

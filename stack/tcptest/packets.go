package tcptest

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/gotcp/gotcp/stack/tcptest/script"
)

// flow returns the flow of a pair of ports, a new one where there is none.
func (r *runner) flow(p ports) *flow {
	f := r.flows[p]
	if f == nil {
		f = &flow{remote: p.remote, local: p.local, remoteBase: r.cfg.RemoteISN}
		r.flows[p] = f
	}
	return f
}

// flowOf returns the flow that a line of the script is about.
func (r *runner) flowOf(pk *script.Packet) *flow {
	if pk.IP.RemotePort == 0 && pk.IP.LocalPort == 0 {
		return r.main
	}
	p := ports{pk.IP.RemotePort, pk.IP.LocalPort}
	if p.remote == 0 {
		p.remote = r.main.remote
	}
	if p.local == 0 {
		p.local = r.main.local
	}
	return r.flow(p)
}

// flowSent returns the flow of a packet that the host sent. The first packet to the port to which the host connects
// tells the port that it chose.
func (r *runner) flowSent(p ports) *flow {
	if f := r.flows[p]; f != nil {
		return f
	}
	unknown := ports{remote: p.remote}
	if f := r.flows[unknown]; f != nil && r.main == f {
		delete(r.flows, unknown)
		f.local = p.local
		r.flows[p] = f
		return f
	}
	return r.flow(p)
}

// inject sends the packet of an event to the host.
func (r *runner) inject(e *script.Event) error {
	pk := e.Packet
	f := r.flowOf(pk)
	if f.local == 0 {
		return r.fail(e, "the host's port is not known before its first packet")
	}
	p := &packet{
		Packet: script.Packet{In: true, IP: pk.IP, UDP: pk.UDP, ICMP: pk.ICMP},
		src:    netip.AddrPortFrom(RemoteAddr, f.remote), dst: netip.AddrPortFrom(LocalAddr, f.local),
	}
	if a := pk.IP.Src; a.IsValid() {
		p.src = netip.AddrPortFrom(a, p.src.Port())
	}
	if a := pk.IP.Dst; a.IsValid() {
		p.dst = netip.AddrPortFrom(a, p.dst.Port())
	}
	switch {
	case pk.TCP != nil:
		f.injected(pk.TCP)
		p.TCP = f.toWire(pk.TCP)
		first := pk.TCP.Seq
		if pk.TCP.Flags&script.SYN != 0 {
			first++
		}
		p.payload = patternBytes(first, pk.TCP.Len)
	case pk.UDP != nil:
		p.payload = patternBytes(0, pk.UDP.Len)
	case pk.ICMP.Quote != nil || pk.ICMP.QuoteUDP != nil:
		p.quoteSrc, p.quoteDst = p.dst, p.src
		if q := pk.ICMP.Quote; q != nil {
			m, quote := *pk.ICMP, *q
			quote.Seq += f.localBase
			m.Quote = &quote
			p.ICMP = &m
		}
	}
	r.note(r.host.Now(), pk)
	if err := r.host.Inject(p.encode()); err != nil {
		return r.fail(e, fmt.Sprintf("the packet cannot be sent to the host: %v", err))
	}
	return nil
}

// translate gives a packet that the host sent in the script's numbers, and its flow.
func (r *runner) translate(p *packet) (*flow, *script.Packet) {
	pp := ports{p.dst.Port(), p.src.Port()}
	if p.ICMP != nil {
		pp = ports{p.quoteSrc.Port(), p.quoteDst.Port()} // the packet that it is about was ours
	}
	if p.ICMP != nil && p.ICMP.Quote == nil && p.ICMP.QuoteUDP == nil {
		pp = ports{r.main.remote, r.main.local}
	}
	f := r.flowSent(pp)
	got := &script.Packet{IP: p.IP, UDP: p.UDP}
	if f != r.main {
		got.IP.RemotePort, got.IP.LocalPort = f.remote, f.local
	}
	switch {
	case p.TCP != nil:
		got.TCP = f.toScript(p.TCP)
	case p.ICMP != nil:
		m := *p.ICMP
		if m.Quote != nil {
			q := *m.Quote
			q.Seq -= f.remoteBase
			m.Quote = &q
		}
		got.ICMP = &m
	}
	return f, got
}

// expect waits for the packet of an event and compares it.
func (r *runner) expect(e *script.Event, from, to time.Time) error {
	switch e.Time.Kind {
	case script.At:
		to = from
	case script.AnyTime:
		to = from.Add(r.cfg.Patience)
	}
	latest := to.Add(r.drift + r.cfg.late(to.Sub(r.prev)))
	p, err := r.collect(e.Packet, latest)
	if err != nil {
		return r.fail(e, err.Error())
	}
	if p == nil {
		return r.fail(e, "the host has not sent this by "+r.clock(latest))
	}
	wantFlow := r.flowOf(e.Packet)
	if p.TCP != nil && e.Packet.TCP != nil && r.flowSent(ports{p.dst.Port(), p.src.Port()}) == wantFlow {
		wantFlow.bind(e.Packet.TCP, p.TCP)
	}
	f, got := r.translate(p)
	diff := r.differences(e.Packet, wantFlow, p, f, got)
	switch {
	case p.at.Before(from.Add(-r.cfg.Early)):
		diff = append(diff, fmt.Sprintf("time (too early by %v)", from.Sub(p.at)))
	case p.at.After(latest):
		diff = append(diff, fmt.Sprintf("time (too late by %v)", p.at.Sub(to)))
	}
	if len(diff) > 0 {
		fail := r.fail(e, "the packet differs in "+strings.Join(diff, ", "))
		fail.Expected = r.clock(from) + " " + e.Packet.String()
		fail.Actual = r.clock(p.at) + " " + mask(e.Packet, got).String()
		return fail
	}
	r.note(p.at, mask(&brief, got))
	r.prev = from
	if e.Time.Kind == script.AnyTime || e.Time.Kind == script.Between {
		r.prev = p.at
	}
	r.late(r.prev, p.at)
	return nil
}

// brief is what a packet shows in a message where no line says it: the window, but no IP fields.
var brief = script.Packet{TCP: &script.TCP{HasWin: true}}

// collect takes the next packet that the host sends until a time; nil where there is none. Segments that go on where
// the last one ended are taken together as long as the script expects one that is longer than what has come.
func (r *runner) collect(want *script.Packet, latest time.Time) (*packet, error) {
	r.host.Wait(latest, r.waiting)
	s := r.pop()
	if s == nil {
		return nil, nil
	}
	p, err := decodeSent(s)
	if err != nil || want.TCP == nil || p.TCP == nil || r.cfg.Strict {
		return p, err
	}
	for p.TCP.Len < want.TCP.Len {
		r.host.Wait(latest, r.waiting)
		s := r.peek()
		if s == nil {
			break
		}
		after, err := decodeSent(s)
		if err != nil {
			return nil, err
		}
		if !p.join(after) {
			break
		}
		r.pop()
	}
	return p, nil
}

func decodeSent(s *Sent) (*packet, error) {
	p, err := decode(s.Packet)
	if err != nil {
		return nil, fmt.Errorf("the host has sent a malformed packet: %w", err)
	}
	p.at = s.At
	return p, nil
}

// differences compares all of a packet: addresses, fields, timestamps, and the data.
func (r *runner) differences(want *script.Packet, wantFlow *flow, p *packet, f *flow, got *script.Packet) []string {
	var diff []string
	if p.src.Addr() != LocalAddr || p.dst.Addr() != RemoteAddr {
		diff = append(diff, fmt.Sprintf("addresses (%v > %v)", p.src.Addr(), p.dst.Addr()))
	}
	if f != wantFlow {
		diff = append(diff, fmt.Sprintf("ports (remote %d, local %d)", f.remote, f.local))
	}
	var raw uint32
	if p.TCP != nil {
		raw = p.TCP.Seq
	}
	diff = append(diff, compare(want, got, raw)...)
	if len(diff) > 0 || want.TCP == nil {
		return diff
	}
	for i, o := range want.TCP.Options {
		if o.Kind != script.TS || o.AnyValue {
			continue
		}
		if d := f.ts.check(o.Value, p.TCP.Options[i].Value, r.cfg.TSTick, r.cfg.Late); d != "" {
			diff = append(diff, d)
		}
		got.TCP.Options[i].Value = f.ts.script(p.TCP.Options[i].Value)
	}
	if d := f.checkData(got.TCP, p.payload); d != "" {
		diff = append(diff, d)
	}
	return diff
}

// checkData compares a segment's payload with what the host's user has written; "" if it is that.
func (f *flow) checkData(t *script.TCP, payload []byte) string {
	pos := int(int32(t.Seq - f.localISN - 1))
	if !f.bound || len(payload) == 0 || pos < 0 {
		return "" // a keep-alive probe may have an octet of garbage before the data (RFC 1122 4.2.3.6)
	}
	if pos+len(payload) > len(f.written) {
		return fmt.Sprintf("data (only %d octets were written)", len(f.written))
	}
	if !bytes.Equal(payload, f.written[pos:pos+len(payload)]) {
		return "data (not what was written)"
	}
	return ""
}

package tcptest

import (
	"bytes"
	"slices"

	"github.com/gotcp/gotcp/stack/tcptest/script"
)

// compare returns the names of what differs between a packet that the script expects and the one that came, which is in
// the script's numbers. Only what the script gives is compared. raw is the sequence number on the wire.
func compare(want, got *script.Packet, raw uint32) []string {
	diff := compareIP(&want.IP, &got.IP)
	add := func(differs bool, what string) {
		if differs {
			diff = append(diff, what)
		}
	}
	if (want.TCP == nil) != (got.TCP == nil) || (want.UDP == nil) != (got.UDP == nil) {
		return append(diff, "protocol")
	}
	switch {
	case want.TCP != nil:
		diff = append(diff, compareTCP(want.TCP, got.TCP, raw)...)
	case want.UDP != nil:
		add(want.UDP.Len != got.UDP.Len, "length")
	case want.ICMP != nil:
		w, g := want.ICMP, got.ICMP
		add(w.Type != g.Type || w.Code != g.Code, "type")
		add(w.MTU != 0 && w.MTU != g.MTU, "mtu")
		add(w.Quote != nil && (g.Quote == nil || w.Quote.Seq != g.Quote.Seq || w.Quote.Len != g.Quote.Len), "quote")
		add(w.QuoteUDP != nil && (g.QuoteUDP == nil || *w.QuoteUDP != *g.QuoteUDP), "quote")
	}
	return diff
}

func compareIP(want, got *script.IP) (diff []string) {
	add := func(differs bool, what string) {
		if differs {
			diff = append(diff, what)
		}
	}
	add(want.HasECN && want.ECN != got.ECN, "ECN")
	add(want.HasTOS && want.TOS != got.TOS, "tos")
	add(want.HasTTL && want.TTL != got.TTL, "ttl")
	add(want.HasDF && want.DF != got.DF, "df")
	return diff
}

func compareTCP(want, got *script.TCP, raw uint32) (diff []string) {
	add := func(differs bool, what string) {
		if differs {
			diff = append(diff, what)
		}
	}
	ignore := script.Flags(0)
	if want.AnyPush {
		ignore = script.PSH
	}
	add(want.Flags&^ignore != got.Flags&^ignore, "flags")
	// A reset of what is no connection has the sequence number 0 itself (RFC 9293 3.10.7.1).
	add(want.Seq != got.Seq && (want.Flags&script.RST == 0 || want.Seq != raw), "seq")
	add(want.Len != got.Len, "length")
	add(want.HasAck && want.Ack != got.Ack, "ack")
	add(want.HasWin && want.Win != got.Win, "win")
	add(want.HasUrg && want.Urg != got.Urg, "urg")
	add(!want.AnyOptions && !slices.EqualFunc(want.Options, got.Options, sameOption), "options")
	return diff
}

// sameOption leaves the values of timestamps out: [stamps] knows what they are.
func sameOption(want, got script.Option) bool {
	return want.Kind == got.Kind && (want.Kind == script.TS || want.Value == got.Value) &&
		(want.Kind != script.TS || want.AnyEcr || want.Ecr == got.Ecr) &&
		slices.Equal(want.Blocks, got.Blocks) && bytes.Equal(want.Raw, got.Raw)
}

// mask takes out of a packet that came what the script doesn't give, so that the two look alike in a message.
func mask(want, got *script.Packet) *script.Packet {
	g := *got
	g.IP = script.IP{
		HasECN: want.IP.HasECN, ECN: got.IP.ECN, HasTOS: want.IP.HasTOS, TOS: got.IP.TOS, HasTTL: want.IP.HasTTL,
		TTL: got.IP.TTL, HasDF: want.IP.HasDF, DF: got.IP.DF, RemotePort: got.IP.RemotePort, LocalPort: got.IP.LocalPort,
	}
	if want.TCP == nil || got.TCP == nil {
		return &g
	}
	t := *got.TCP
	t.HasWin = want.TCP.HasWin
	t.HasUrg = want.TCP.HasUrg || t.HasUrg
	if want.TCP.AnyOptions {
		t.AnyOptions, t.Options = true, nil
	}
	g.TCP = &t
	return &g
}

// join appends the segment after to p, where the two could have been sent as one: same headers, no gap, nothing that
// ends the data in between. It reports whether it did. That the first one was pushed is forgotten.
func (p *packet) join(after *packet) bool {
	a, b := p.TCP, after.TCP
	const ends = script.FIN | script.SYN | script.RST | script.URG
	if a == nil || b == nil || p.src != after.src || p.dst != after.dst ||
		a.Flags&ends != 0 || b.Flags&(ends&^script.FIN) != 0 ||
		a.End() != b.Seq || a.Ack != b.Ack || a.Win != b.Win || a.Len == 0 || b.Len == 0 {
		return false
	}
	same := func(x, y script.Option) bool { return x.Kind == y.Kind && sameOption(x, y) }
	if !slices.EqualFunc(a.Options, b.Options, same) {
		return false
	}
	t := *a
	t.Flags = b.Flags
	t.Len += b.Len
	p.TCP = &t
	p.payload = append(slices.Clip(p.payload), after.payload...)
	p.at = after.at
	return true
}

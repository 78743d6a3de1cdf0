package script

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// String prints the packet in the notation, from the direction on.
func (pk *Packet) String() string {
	var b strings.Builder
	if pk.In {
		b.WriteString("<")
	} else {
		b.WriteString(">")
	}
	if f := pk.IP.fields(); len(f) > 0 {
		fmt.Fprintf(&b, " [%s]", strings.Join(f, ", "))
	}
	switch {
	case pk.TCP != nil:
		fmt.Fprintf(&b, " %v", pk.TCP)
	case pk.UDP != nil:
		fmt.Fprintf(&b, " udp (%d)", pk.UDP.Len)
	case pk.ICMP != nil:
		fmt.Fprintf(&b, " %v", pk.ICMP)
	}
	return b.String()
}

func (ip *IP) fields() []string {
	var f []string
	add := func(set bool, format string, args ...any) {
		if set {
			f = append(f, fmt.Sprintf(format, args...))
		}
	}
	add(ip.RemotePort != 0, "port %d", ip.RemotePort)
	add(ip.LocalPort != 0, "local %d", ip.LocalPort)
	for name, ecn := range ecnNames {
		add(ip.HasECN && ecn == ip.ECN, "%s", name)
	}
	add(ip.HasTOS, "tos %d", ip.TOS)
	add(ip.HasTTL, "ttl %d", ip.TTL)
	add(ip.HasDF && ip.DF, "df")
	add(ip.HasDF && !ip.DF, "nodf")
	add(ip.BadSum, "badsum")
	add(ip.Src.IsValid(), "src %q", ip.Src)
	add(ip.Dst.IsValid(), "dst %q", ip.Dst)
	add(ip.Options != nil, "ipopt %q", hex.EncodeToString(ip.Options))
	return f
}

// String prints the letters, "-" for none.
func (f Flags) String() string {
	if f == 0 {
		return "-"
	}
	const order = "FSRPUEW." // the dot last, as everybody writes it
	var b strings.Builder
	for _, c := range order {
		if f&(1<<strings.IndexRune(flagLetters, c)) != 0 {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// String prints the segment in the notation.
func (t *TCP) String() string {
	var b strings.Builder
	flags := t.Flags.String()
	if t.AnyPush {
		flags = "p" + strings.TrimPrefix(flags, "-")
	}
	fmt.Fprintf(&b, "%s %d:%d(%d)", flags, t.Seq, t.End(), t.Len)
	if t.HasAck {
		fmt.Fprintf(&b, " ack %d", t.Ack)
	}
	if t.HasWin {
		fmt.Fprintf(&b, " win %d", t.Win)
	}
	if t.HasUrg {
		fmt.Fprintf(&b, " urg %d", t.Urg)
	}
	if t.AnyOptions {
		b.WriteString(" <...>")
	} else if len(t.Options) > 0 {
		list := make([]string, len(t.Options))
		for i := range t.Options {
			list[i] = t.Options[i].String()
		}
		fmt.Fprintf(&b, " <%s>", strings.Join(list, ","))
	}
	return b.String()
}

// String prints the option in the notation.
func (o *Option) String() string {
	switch o.Kind {
	case EOL:
		return "eol"
	case NOP:
		return "nop"
	case MSS:
		return fmt.Sprintf("mss %d", o.Value)
	case WScale:
		return fmt.Sprintf("wscale %d", o.Value)
	case SACKOK:
		return "sackOK"
	case TS:
		return fmt.Sprintf("TS val %s ecr %s", stampText(o.Value, o.AnyValue), stampText(o.Ecr, o.AnyEcr))
	case SACK:
		text := "sack"
		for _, b := range o.Blocks {
			text += fmt.Sprintf(" %d:%d", b[0], b[1])
		}
		return text
	}
	return fmt.Sprintf("raw %q", hex.EncodeToString(o.Raw))
}

func stampText(n uint32, anything bool) string {
	if anything {
		return "..."
	}
	return strconv.FormatUint(uint64(n), 10)
}

// String prints the message in the notation; a type or code without a name as a number.
func (m *ICMP) String() string {
	var b strings.Builder
	i := slices.IndexFunc(icmpTypes, func(t icmpType) bool { return t.number == m.Type })
	switch {
	case i < 0:
		fmt.Fprintf(&b, "icmp %d %d", m.Type, m.Code)
	case int(m.Code) < len(icmpTypes[i].codes):
		fmt.Fprintf(&b, "icmp %s %s", icmpTypes[i].name, icmpTypes[i].codes[m.Code])
	case icmpTypes[i].codes == nil && m.Code == 0:
		fmt.Fprintf(&b, "icmp %s", icmpTypes[i].name)
	default:
		fmt.Fprintf(&b, "icmp %s %d", icmpTypes[i].name, m.Code)
	}
	if m.MTU != 0 {
		fmt.Fprintf(&b, " mtu %d", m.MTU)
	}
	if m.QuoteUDP != nil {
		fmt.Fprintf(&b, " [udp (%d)]", m.QuoteUDP.Len)
	}
	if q := m.Quote; q != nil {
		fmt.Fprintf(&b, " [%v]", q)
	}
	return b.String()
}

// String prints the time in the notation.
func (t Time) String() string {
	plus := ""
	if t.Relative {
		plus = "+"
	}
	switch t.Kind {
	case AnyTime:
		return "*"
	case Between:
		return plus + Seconds(t.From) + "~" + plus + Seconds(t.To)
	case Blocking:
		return plus + Seconds(t.From) + "..." + Seconds(t.To)
	}
	return plus + Seconds(t.From)
}

// Seconds prints a time in seconds with as many decimals as it needs.
func Seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

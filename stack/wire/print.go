package wire

import (
	"strconv"

	"github.com/gotcp/gotcp/stack/seq"
)

// flagLetters are the control bits as packetdrill prints them, ACK's dot last.
var flagLetters = []struct {
	flag   Flags
	letter byte
}{{FIN, 'F'}, {SYN, 'S'}, {RST, 'R'}, {PSH, 'P'}, {URG, 'U'}, {ECE, 'E'}, {CWR, 'W'}, {ACK, '.'}}

// String gives the flags in packetdrill's letters, such as "S." for a SYN with ACK; "-" where there are none.
func (f Flags) String() string { return string(f.append(nil)) }

func (f Flags) append(b []byte) []byte {
	if f == 0 {
		return append(b, '-')
	}
	for _, l := range flagLetters {
		if f.Has(l.flag) {
			b = append(b, l.letter)
		}
	}
	return b
}

// String gives the options in packetdrill's notation and in the order in which they are sent, such as
// "mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7"; empty where there are none.
func (o *Options) String() string { return string(o.append(nil, 0)) }

// append appends the options' text to b; SACK blocks are relative to origin.
func (o *Options) append(b []byte, origin seq.Num) []byte {
	start := len(b)
	item := func(text string) {
		if len(b) > start {
			b = append(b, ',')
		}
		b = append(b, text...)
	}
	number := func(text string, n uint32) {
		b = append(b, text...)
		b = strconv.AppendUint(b, uint64(n), 10)
	}
	if o.HasMSS {
		item("mss ")
		number("", uint32(o.MSS))
	}
	if o.HasTS != o.SACKPermitted {
		item("nop,nop")
	}
	if o.SACKPermitted {
		item("sackOK")
	}
	if o.HasTS {
		item("TS ")
		number("val ", o.TSVal)
		number(" ecr ", o.TSEcr)
	}
	if o.HasWScale {
		item("nop,wscale ")
		number("", uint32(o.WScale))
	}
	if o.NSACK > 0 {
		item("nop,nop,sack")
		for _, s := range o.SACK[:min(int(o.NSACK), len(o.SACK))] {
			number(" ", uint32(s.Start-origin))
			number(":", uint32(s.End-origin))
		}
	}
	return b
}

// String gives the segment in packetdrill's notation with its absolute numbers, such as
// "S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>".
func (s *Segment) String() string { return s.StringRelative(0, 0) }

// StringRelative is as String, but its sequence numbers count from seqOrigin, and the acknowledgment number and SACK
// blocks from ackOrigin: with the two ISNs, that of the sender first, the SYNs have number 0 and the first octets 1.
func (s *Segment) StringRelative(seqOrigin, ackOrigin seq.Num) string {
	return string(s.append(make([]byte, 0, 128), seqOrigin, ackOrigin))
}

func (s *Segment) append(b []byte, seqOrigin, ackOrigin seq.Num) []byte {
	n := s.Payload.Len()
	b = append(s.Flags.append(b), ' ')
	b = strconv.AppendUint(b, uint64(s.Seq-seqOrigin), 10)
	b = append(b, ':')
	b = strconv.AppendUint(b, uint64(s.Seq.Add(n)-seqOrigin), 10)
	b = append(b, '(')
	b = strconv.AppendInt(b, int64(n), 10)
	b = append(b, ')')
	if s.Flags.Has(ACK) {
		b = append(b, " ack "...)
		b = strconv.AppendUint(b, uint64(s.Ack-ackOrigin), 10)
	}
	b = append(b, " win "...)
	b = strconv.AppendUint(b, uint64(s.Window), 10)
	if s.Flags.Has(URG) {
		b = append(b, " urg "...)
		b = strconv.AppendUint(b, uint64(s.Urgent), 10)
	}
	if s.Options.Len() > 0 {
		b = append(b, " <"...)
		b = s.Options.append(b, ackOrigin)
		b = append(b, '>')
	}
	return b
}

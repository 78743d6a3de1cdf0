package wire

import (
	"encoding/binary"

	"github.com/gotcp/gotcp/stack/seq"
)

// Kinds of TCP options (RFC 9293 section 3.2, RFC 7323, RFC 2018).
const (
	optEOL           = 0
	optNOP           = 1
	optMSS           = 2
	optWScale        = 3
	optSACKPermitted = 4
	optSACK          = 5
	optTimestamps    = 8
)

// Lengths of options in octets, kind and length included.
const (
	lenMSS           = 4
	lenWScale        = 3
	lenSACKPermitted = 2
	lenTimestamps    = 10
	lenSACKHead      = 2
	lenSACKBlock     = 8

	maxOptions = TCPMaxHeader - TCPMinHeader
)

// parse reads the options in b, in any order and on any segment (RFC 9293 MUST-5). An option of unknown kind, or of a
// known kind with another length than its own, is skipped by its length (MUST-6, MUST-68). Where a length is below 2 or
// reaches past b there's no telling where the next option starts: the rest is ignored (MUST-7). Of an option that
// occurs twice the last one counts.
func (o *Options) parse(b []byte) {
	for len(b) > 0 {
		switch b[0] {
		case optEOL:
			return
		case optNOP:
			b = b[1:]
			continue
		}
		if len(b) < 2 {
			return
		}
		n := int(b[1])
		if n < 2 || n > len(b) {
			return
		}
		o.parseOne(b[0], b[2:n])
		b = b[n:]
	}
}

// parseOne reads the option of the given kind; data is what follows its length.
func (o *Options) parseOne(kind uint8, data []byte) {
	switch kind {
	case optMSS:
		if len(data) == lenMSS-2 {
			o.HasMSS, o.MSS = true, binary.BigEndian.Uint16(data)
		}
	case optWScale:
		if len(data) == lenWScale-2 {
			o.HasWScale, o.WScale = true, data[0]
		}
	case optSACKPermitted:
		if len(data) == lenSACKPermitted-2 {
			o.SACKPermitted = true
		}
	case optTimestamps:
		if len(data) == lenTimestamps-2 {
			o.HasTS = true
			o.TSVal, o.TSEcr = binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])
		}
	case optSACK:
		o.parseSACK(data)
	}
}

// parseSACK reads a SACK option's blocks (RFC 2018 section 3).
func (o *Options) parseSACK(data []byte) {
	n := len(data) / lenSACKBlock
	if n == 0 || n > len(o.SACK) || len(data)%lenSACKBlock != 0 {
		return
	}
	for i := range n {
		at := data[i*lenSACKBlock:]
		o.SACK[i] = seq.Span{
			Start: seq.Num(binary.BigEndian.Uint32(at)),
			End:   seq.Num(binary.BigEndian.Uint32(at[4:])),
		}
	}
	clear(o.SACK[n:])
	o.NSACK = uint8(n)
}

// Len is how many octets the options take in a header, padding included: a multiple of 4, at most 40.
func (o *Options) Len() int {
	n := o.fixedLen()
	if blocks := o.sackRoom(n); blocks > 0 {
		n += 2 + lenSACKHead + blocks*lenSACKBlock
	}
	return n
}

// fixedLen is the length of all but SACK.
func (o *Options) fixedLen() int {
	n := 0
	if o.HasMSS {
		n += lenMSS
	}
	switch {
	case o.HasTS:
		n += 2 + lenTimestamps // SACK-permitted takes the place of the padding
	case o.SACKPermitted:
		n += 2 + lenSACKPermitted
	}
	if o.HasWScale {
		n += 1 + lenWScale
	}
	return n
}

// sackRoom is how many of the SACK blocks are sent after used octets of other options: 3 with timestamps, 4 without
// (RFC 2018 section 3).
func (o *Options) sackRoom(used int) int {
	room := (maxOptions - used - 2 - lenSACKHead) / lenSACKBlock
	return max(0, min(int(o.NSACK), len(o.SACK), room))
}

// put writes the options at the start of b and returns how many octets they take. Order and padding are those of
// Linux, which middleboxes have seen most: MSS, SACK permitted, timestamps, window scale, SACK, each on a word's
// boundary.
func (o *Options) put(b []byte) int {
	n := 0
	if o.HasMSS {
		b[n], b[n+1] = optMSS, lenMSS
		binary.BigEndian.PutUint16(b[n+2:], o.MSS)
		n += lenMSS
	}
	if o.HasTS || o.SACKPermitted {
		if o.HasTS && o.SACKPermitted {
			b[n], b[n+1] = optSACKPermitted, lenSACKPermitted
		} else {
			b[n], b[n+1] = optNOP, optNOP
		}
		n += 2
	}
	if o.HasTS {
		b[n], b[n+1] = optTimestamps, lenTimestamps
		binary.BigEndian.PutUint32(b[n+2:], o.TSVal)
		binary.BigEndian.PutUint32(b[n+6:], o.TSEcr)
		n += lenTimestamps
	} else if o.SACKPermitted {
		b[n], b[n+1] = optSACKPermitted, lenSACKPermitted
		n += lenSACKPermitted
	}
	if o.HasWScale {
		b[n], b[n+1], b[n+2], b[n+3] = optNOP, optWScale, lenWScale, o.WScale
		n += 1 + lenWScale
	}
	return n + o.putSACK(b[n:], o.sackRoom(n))
}

// putSACK writes the first blocks of o's SACK blocks and returns the length.
func (o *Options) putSACK(b []byte, blocks int) int {
	if blocks == 0 {
		return 0
	}
	b[0], b[1], b[2] = optNOP, optNOP, optSACK
	b[3] = uint8(lenSACKHead + blocks*lenSACKBlock)
	n := 2 + lenSACKHead
	for _, s := range o.SACK[:blocks] {
		binary.BigEndian.PutUint32(b[n:], uint32(s.Start))
		binary.BigEndian.PutUint32(b[n+4:], uint32(s.End))
		n += lenSACKBlock
	}
	return n
}

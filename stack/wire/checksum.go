package wire

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Checksum is an Internet checksum in the making (RFC 1071): octets are added piece by piece, and a piece of odd length
// may be followed by another one. The zero value is ready to use, and a copy goes on by itself.
type Checksum struct {
	// sum is of the 16-bit words read in little-endian order. The sum doesn't depend on the order but for a swap at the
	// end (RFC 1071 section 2 (B)), and this order lets the loop below read eight octets at a time.
	sum uint64
	odd bool // an odd number of octets so far
}

// Add adds the octets of b after those that were added before.
func (c *Checksum) Add(b []byte) {
	part := sumWords(b)
	if c.odd {
		part = swapLanes(part) // each octet of b has the other half of its word
	}
	c.add(part)
	if len(b)%2 != 0 {
		c.odd = !c.odd
	}
}

// AddUint16 adds two octets: v in network order.
func (c *Checksum) AddUint16(v uint16) {
	part := uint64(bits.ReverseBytes16(v))
	if c.odd {
		part = uint64(v)
	}
	c.add(part)
}

// Partial returns the sum so far, folded to 16 bits and not complemented: what a checksum field holds while somebody
// else is to complete it, where the sum is of the pseudo-header.
func (c *Checksum) Partial() uint16 {
	s := c.sum>>32 + c.sum&0xffff_ffff
	s = s>>32 + s&0xffff_ffff
	s = s>>16 + s&0xffff
	s = s>>16 + s&0xffff
	return bits.ReverseBytes16(uint16(s))
}

// Fold returns the checksum: the complement of the sum. Over octets that include a correct checksum it is 0.
func (c *Checksum) Fold() uint16 { return ^c.Partial() }

func (c *Checksum) add(part uint64) {
	s, carry := bits.Add64(c.sum, part, 0)
	c.sum = s + carry // the end-around carry; it can't carry again
}

// swapLanes exchanges the two octets of each 16-bit word of v.
func swapLanes(v uint64) uint64 {
	const low = 0x00ff_00ff_00ff_00ff
	return v>>8&low | v&low<<8
}

// sumWords returns the one's-complement sum of b's words, where the last octet of an odd b is followed by a zero. The
// four lanes of the result are yet to be folded.
func sumWords(b []byte) uint64 {
	var s, c uint64
	for len(b) >= 64 {
		// One chain of additions with carry, which the compiler keeps in the processor's flag.
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[0:8]), 0)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[8:16]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[16:24]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[24:32]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[32:40]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[40:48]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[48:56]), c)
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b[56:64]), c)
		s += c
		b = b[64:]
	}
	for len(b) >= 8 {
		s, c = bits.Add64(s, binary.LittleEndian.Uint64(b), 0)
		s += c
		b = b[8:]
	}
	var tail uint64
	if len(b) >= 4 {
		tail = uint64(binary.LittleEndian.Uint32(b))
		b = b[4:]
	}
	if len(b) >= 2 {
		tail += uint64(binary.LittleEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		tail += uint64(b[0])
	}
	s, c = bits.Add64(s, tail, 0)
	return s + c
}

// PseudoHeader returns the sum of the pseudo-header that TCP and UDP put before their own octets (RFC 9293 section
// 3.1): length counts the transport header and its payload. src and dst must be IPv4 addresses.
func PseudoHeader(src, dst netip.Addr, proto uint8, length int) Checksum {
	var c Checksum
	s, d := src.As4(), dst.As4()
	c.sum = uint64(binary.LittleEndian.Uint32(s[:])) + uint64(binary.LittleEndian.Uint32(d[:]))
	c.AddUint16(uint16(proto))
	c.AddUint16(uint16(length >> 16))
	c.AddUint16(uint16(length))
	return c
}

package border

import (
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"net/netip"
	"time"
)

// errProtocol is what is wrong with a message, or with when it came. It ends the border.
type errProtocol string

func (e errProtocol) Error() string {
	return "border: the other end breaks the protocol: " + string(e)
}

var errShort = errProtocol("a message ends too early")

// codec writes the fields of a message one by one, or reads them: the same function of a message says for both what
// its fields are. After an error it does nothing. Numbers are varints; what has a length has it in front.
type codec struct {
	b       []byte // what was written, or what is still to be read
	reading bool
	err     error
}

func (c *codec) uint(v *uint64) {
	switch {
	case c.err != nil:
	case !c.reading:
		c.b = binary.AppendUvarint(c.b, *v)
	default:
		n := 0
		if *v, n = binary.Uvarint(c.b); n <= 0 {
			c.err = errShort
			return
		}
		c.b = c.b[n:]
	}
}

func (c *codec) int(v *int64) {
	u := uint64(*v)<<1 ^ uint64(*v>>63) // zigzag
	c.uint(&u)
	*v = int64(u>>1) ^ -int64(u&1)
}

func (c *codec) duration(v *time.Duration) { c.int((*int64)(v)) }

// small is an int that fits into 32 bits.
func (c *codec) small(v *int) {
	i := int64(*v)
	c.int(&i)
	if i < math.MinInt32 || i > math.MaxInt32 {
		c.fail("a number is too large")
		return
	}
	*v = int(i)
}

func (c *codec) bool(v *bool) {
	u := uint64(0)
	if *v {
		u = 1
	}
	c.uint(&u)
	*v = u == 1
}

func (c *codec) byte(v *byte) {
	u := uint64(*v)
	c.uint(&u)
	if u > math.MaxUint8 {
		c.fail("a number is too large")
		return
	}
	*v = byte(u)
}

// bytes reads into memory of its own, not longer than what came.
func (c *codec) bytes(v *[]byte) {
	if text, ok := octets(c, *v); ok {
		*v = append([]byte(nil), text...)
	}
}

func (c *codec) string(v *string) {
	if text, ok := octets(c, *v); ok {
		*v = string(text)
	}
}

// octets writes v with its length in front, or reads what has one: ok, and a part of the message.
func octets[T string | []byte](c *codec, v T) (text []byte, ok bool) {
	n := uint64(len(v))
	c.uint(&n)
	switch {
	case c.err != nil:
	case !c.reading:
		c.b = append(c.b, v...)
	case n > uint64(len(c.b)):
		c.err = errShort
	default:
		text, c.b = c.b[:n], c.b[n:]
		return text, true
	}
	return nil, false
}

// addrPort keeps whether an IPv4 address has 4 octets or 16.
func (c *codec) addrPort(v *netip.AddrPort) {
	ip, zone, port := v.Addr().WithZone("").AsSlice(), v.Addr().Zone(), uint64(v.Port())
	c.bytes(&ip)
	c.uint(&port)
	c.string(&zone)
	if c.err != nil || !c.reading {
		return
	}
	a, ok := netip.AddrFromSlice(ip)
	if !ok && len(ip) > 0 || port > math.MaxUint16 {
		c.fail("an address is none")
		return
	}
	*v = netip.AddrPortFrom(a.WithZone(zone), uint16(port))
}

// Kinds of a net.Addr.
const (
	addrNil = iota
	addrTCP
	addrUDP
	addrOther
)

// netAddr is an address of package net, its IP's length included.
func (c *codec) netAddr(v *net.Addr) {
	kind, ip, port, zone, text := byte(addrNil), net.IP(nil), 0, "", ""
	switch a := (*v).(type) {
	case nil:
	case *net.TCPAddr:
		if a != nil {
			kind, ip, port, zone = addrTCP, a.IP, a.Port, a.Zone
		}
	case *net.UDPAddr:
		if a != nil {
			kind, ip, port, zone = addrUDP, a.IP, a.Port, a.Zone
		}
	default:
		kind, zone, text = addrOther, a.Network(), a.String()
	}
	c.byte(&kind)
	switch kind {
	case addrNil:
		*v = nil
	case addrTCP, addrUDP:
		c.bytes((*[]byte)(&ip))
		c.small(&port)
		c.string(&zone)
		if len(ip) > net.IPv6len {
			c.fail("an address is none")
		}
		if kind == addrTCP {
			*v = &net.TCPAddr{IP: ip, Port: port, Zone: zone}
		} else {
			*v = &net.UDPAddr{IP: ip, Port: port, Zone: zone}
		}
	case addrOther:
		c.string(&zone)
		c.string(&text)
		*v = textAddr{zone, text}
	default:
		c.fail("an address of an unknown kind")
	}
}

// textAddr is an address of a type that doesn't cross the border.
type textAddr struct{ network, text string }

func (a textAddr) Network() string { return a.network }
func (a textAddr) String() string  { return a.text }

func (c *codec) keepAlive(v *net.KeepAliveConfig) {
	c.bool(&v.Enable)
	c.duration(&v.Idle)
	c.duration(&v.Interval)
	count := int64(v.Count)
	c.int(&count)
	v.Count = int(count)
}

func (c *codec) fail(what string) {
	if c.err == nil {
		c.err = errProtocol(what)
	}
}

// encode appends a message to b.
func encode(b []byte, m message) ([]byte, error) {
	c := codec{b: append(b, byte(m.kind()))}
	m.fields(&c)
	if c.err == nil && len(c.b) > maxMessage {
		c.err = fmt.Errorf("border: a message of %d octets: at most %d can be sent", len(c.b), maxMessage)
	}
	return c.b, c.err
}

// decode makes a message of its octets, of which it keeps none.
func decode(b []byte) (message, error) {
	if len(b) == 0 || int(b[0]) >= len(messages) || messages[b[0]] == nil {
		return nil, errProtocol("a message of an unknown kind")
	}
	m := messages[b[0]]()
	c := codec{b: b[1:], reading: true}
	m.fields(&c)
	if c.err == nil && len(c.b) > 0 {
		c.err = errProtocol("a message has too many octets")
	}
	if c.err != nil {
		return nil, c.err
	}
	return m, nil
}

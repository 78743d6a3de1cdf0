package stack

import (
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/tcp"
)

// Config says how a stack behaves. The zero Config is a good one: each field that is zero gets the default named.
type Config struct {
	Clock  Clock          // source of all time; the wall's clock
	Rand   func(p []byte) // fills p with random bytes (keys, ports, initial sequence numbers, IP ids); crypto/rand
	Logger *slog.Logger   // events an operator wants to see; none
	TCP    tcp.Config     // tunables of the TCP engine; its Default is applied

	// Loopback carries the packets to 127.0.0.0/8 and to own addresses. Default: an in-memory link made by the stack.
	// An impaired link can be given instead. The stack attaches and closes it.
	Loopback link.Device

	SndBuf, RcvBuf int // initial buffer limits of a stream socket, octets; 1 MiB each

	MaxConns    int // connections that are not in the two small states below; 1 Mi
	MaxHalfOpen int // half-open connections of all listeners together (SYN cookies beyond); 4096
	MaxTimeWait int // connections in TIME-WAIT (the oldest goes first); 65536
	MaxForwards int // flows that wait for a [Forwarder]'s decision, of TCP and of UDP each; 1024

	UDPRcvBuf, UDPSndBuf int // buffer limits of a datagram socket, octets; 212992, as Linux

	FragBytes   int           // memory that half-arrived IP datagrams may hold, octets; 4 MiB, as Linux
	FragTimeout time.Duration // how long one may take to arrive; 30 s, as Linux

	// ICMPRate is how many ICMP error messages the stack sends per second, in bursts of up to ICMPBurst; so many echo
	// replies likewise, by an account of their own. 1000 and 50, as Linux.
	ICMPRate, ICMPBurst int

	TTL int // time to live of what is sent, hops; 64

	// EphemeralFirst and EphemeralLast bound the ports that the stack chooses; 32768 and 60999, as Linux.
	EphemeralFirst, EphemeralLast uint16
}

// orDefault sets *p to def where it is zero.
func orDefault[T comparable](p *T, def T) {
	var zero T
	if *p == zero {
		*p = def
	}
}

// fill puts the defaults in.
func (c *Config) fill() {
	if c.Clock == nil {
		c.Clock = wallClock{}
	}
	if c.Rand == nil {
		c.Rand = func(p []byte) { rand.Read(p) } // which never fails: it crashes the program instead
	}
	c.TCP.Default()
	orDefault(&c.SndBuf, 1<<20)
	orDefault(&c.RcvBuf, 1<<20)
	orDefault(&c.MaxConns, 1<<20)
	orDefault(&c.MaxHalfOpen, 4096)
	orDefault(&c.MaxTimeWait, 65536)
	orDefault(&c.MaxForwards, 1024)
	orDefault(&c.UDPRcvBuf, 212992)
	orDefault(&c.UDPSndBuf, 212992)
	orDefault(&c.FragBytes, 4<<20)
	orDefault(&c.FragTimeout, 30*time.Second)
	orDefault(&c.ICMPRate, 1000)
	orDefault(&c.ICMPBurst, 50)
	orDefault(&c.TTL, 64)
	orDefault(&c.EphemeralFirst, 32768)
	orDefault(&c.EphemeralLast, 60999)
}

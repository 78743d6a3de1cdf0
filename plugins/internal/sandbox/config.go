package sandbox

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/dns"
	"github.com/gotcp/gotcp/stack/link"
)

// Config says what a program's network is like. Network and Address must be set.
type Config struct {
	// Network is where the program's connections are made, and its published ports announced: a guard's, most often.
	Network netapi.Tuned
	// Address is the program's own, with the length of the prefix that it takes for its network; IPv4. All that it
	// reaches goes to Network all the same, also within that prefix.
	Address netip.Prefix
	// DNS answers the program's queries. Default: Network, if it is one; else the system's servers, asked over Network.
	DNS DNS
	// Hosts are the lines of /etc/hosts as the program sees it, after those for localhost and for its own name.
	Hosts string
	// Publish are ports of the program that are announced on Network, whose rules must allow that. Who connects to one
	// is connected to the program, which sees his true address.
	Publish []Port
	// Hide are directories that are empty for the program: those with sockets, say, by which somebody of its user can be
	// told to do what the program may not.
	Hide []string
	// Scratch are directories that the sandbox removes at its end, also where that is our process's death.
	Scratch []string
	// Files are open in the program as descriptors 3 and on. Without them it has the standard files only.
	Files []*os.File
	// MTU is that of the program's interface, octets; 1500.
	MTU int
	// Wrap may put impairments or a capture around the device; the result owns it. nil: nothing.
	Wrap   func(link.Device) (link.Device, error)
	Limits Limits
	Logger *slog.Logger // what an operator may want to see; none
}

// Limits bound what a program can claim. Fields that are zero get the default named.
type Limits struct {
	Conns    int           // TCP connections, both ways, those that are being dialled included; 1024
	Flows    int           // flows of datagrams, both ways; 256
	Buffer   int           // memory of a connection, for each direction, octets; 256 KiB
	Dial     time.Duration // for a connection to be made; 30 s. A program that goes on trying is dialled for anew
	Idle     time.Duration // after which a flow of datagrams ends; 30 s
	IdleDNS  time.Duration // the same for those to port 53; 10 s
	Fragment int           // memory of fragments that wait for others, octets; 256 KiB
}

// DNS answers queries that come by UDP and TCP until the socket is closed. *dns.Server is one.
type DNS interface {
	ServePacket(pc net.PacketConn) error
	Serve(l net.Listener) error
}

var _ DNS = (*dns.Server)(nil)

// Port is one of a program's.
type Port struct {
	Network string // "tcp" or "udp"
	Number  uint16 // of the program and on the network alike
}

func (p Port) String() string { return fmt.Sprintf("%s port %d", p.Network, p.Number) }

// Gateway is the address at the program's end of the world: its name server. It is a link-local one, which nobody
// routes, so that it hides no host that the program might want to reach. Echo requests to it are answered.
var Gateway = netip.AddrFrom4([4]byte{169, 254, 53, 53})

// orDefault sets *p to def where it is zero.
func orDefault[T comparable](p *T, def T) {
	var zero T
	if *p == zero {
		*p = def
	}
}

// fill puts the defaults in.
func (c *Config) fill() {
	orDefault(&c.MTU, 1500)
	l := &c.Limits
	orDefault(&l.Conns, 1024)
	orDefault(&l.Flows, 256)
	orDefault(&l.Buffer, 256<<10)
	orDefault(&l.Dial, 30*time.Second)
	orDefault(&l.Idle, 30*time.Second)
	orDefault(&l.IdleDNS, 10*time.Second)
	orDefault(&l.Fragment, 256<<10)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.DNS == nil && c.Network != nil {
		if d, ok := c.Network.(DNS); ok {
			c.DNS = d
		} else {
			c.DNS = &dns.Server{Dial: c.Network.DialContext}
		}
	}
}

// check says what of the settings can't be.
func (c *Config) check() error {
	a := c.Address.Addr()
	switch {
	case c.Network == nil:
		return fmt.Errorf("a sandbox needs a Network on which its program's connections are made")
	case !c.Address.IsValid() || !a.Is4() || a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a == Gateway:
		return fmt.Errorf("%v can't be a program's address: give an IPv4 address of its own with a prefix, such as "+
			"10.77.0.2/24", c.Address)
	case c.MTU < 68 || c.MTU > 65535: // RFC 791's least; the field's most
		return fmt.Errorf("an MTU is 68 to 65535 octets, and not %d", c.MTU)
	}
	for _, p := range c.Publish {
		if p.Network != "tcp" && p.Network != "udp" || p.Number == 0 {
			return fmt.Errorf("%v can't be published: there are ports 1 to 65535 of tcp and udp", p)
		}
	}
	return nil
}

// Package netspec is the grammar by which a user names a network: the flag --net of the programs of this module and the
// environment variable GOTCP_NET.
//
//	SPEC     = KIND [ (":" | ",") SETTING { "," SETTING } ]
//	KIND     = "private" | "tun" | "loopback" | "kernel"
//	SETTING  = KEY "=" VALUE
//
// Kinds:
//
//	private   a TUN device in a user and network namespace of the program's own, for which nobody needs to be root:
//	          the stack is 10.77.0.2, the kernel at the other end 10.77.0.1
//	tun       a TUN device in the namespace that the program is in
//	loopback  a stack in memory without a link: it can reach itself only
//	kernel    no stack: the operating system's own network
//
// Settings of private and tun:
//
//	addr=10.77.0.2/24   the stack's address, with the length of the network's prefix
//	peer=10.77.0.1      the kernel's address at the other end
//	dev=NAME            the device, at most 15 characters (tun only)
//	mtu=1500            the largest packet, in octets (loopback, too)
//	path=fast           the way to the device: fast (offloading) or portable; chosen where not given
//
// Settings of all kinds with a stack: the impairments that package link has, each applied to both directions, and
//
//	pcap=FILE           write all packets to a file that Wireshark reads
//	dns=10.77.0.53      the name servers, instead of the system's: addresses with or without a port, several as A+B
//	hosts=FILE          a hosts file whose names come before all others
//
// For example:
//
//	private,loss=1%,delay=20ms,rate=100mbit,seed=7
//	tun:dev=tun0,addr=192.0.2.2/30,peer=192.0.2.1,mtu=9000
package netspec

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/gotcp/gotcp/stack/link"
)

// Kind is a kind of network.
type Kind string

// The kinds.
const (
	Private  Kind = "private"
	TUN      Kind = "tun"
	Loopback Kind = "loopback"
	Kernel   Kind = "kernel"
)

// Path is a way to a TUN device.
type Path string

// The ways; the zero Path is for the program to choose.
const (
	Fast     Path = "fast"
	Portable Path = "portable"
)

// Spec is a network as a user described it. Fields that are zero were not given.
type Spec struct {
	Kind   Kind
	Dev    string
	Addr   netip.Prefix
	Peer   netip.Addr
	MTU    int // octets
	Path   Path
	Impair link.Impairment
	PCAP   string // a file's name
	DNS    []netip.AddrPort
	Hosts  string // a file's name
}

// Usage is one line about the grammar for a flag's help text.
const Usage = "private, tun:dev=NAME,addr=A/LEN,peer=B,mtu=N, loopback or kernel; " +
	"with a stack also loss=1%,delay=20ms,rate=100mbit,seed=7,pcap=FILE,dns=A+B,hosts=FILE"

// Parse reads a description. The error names the piece that is wrong and what would be right.
func Parse(text string) (Spec, error) {
	kind, settings := text, ""
	if i := strings.IndexAny(text, ":,"); i >= 0 {
		kind, settings = text[:i], text[i+1:]
		if settings == "" {
			return Spec{}, fmt.Errorf("network %q: a setting such as mtu=1500 must follow the %q", text, text[i:])
		}
	}
	s := Spec{Kind: Kind(kind)}
	switch s.Kind {
	case Private, TUN, Loopback, Kernel:
	default:
		return Spec{}, fmt.Errorf("network %q: no kind is called %q: use private, tun, loopback or kernel", text, kind)
	}
	seen := map[string]bool{}
	for piece := range strings.SplitSeq(settings, ",") {
		if settings == "" {
			break
		}
		key, value, ok := strings.Cut(piece, "=")
		switch {
		case !ok || key == "" || value == "":
			return Spec{}, fmt.Errorf("network %q: %q is no setting: write KEY=VALUE, such as mtu=1500", text, piece)
		case seen[once(key, value)]:
			return Spec{}, fmt.Errorf("network %q: %s is given twice: leave one out", text, key)
		}
		seen[once(key, value)] = true
		if err := s.set(key, value); err != nil {
			return Spec{}, fmt.Errorf("network %q: %w", text, err)
		}
	}
	if err := s.consistent(); err != nil {
		return Spec{}, fmt.Errorf("network %q: %w", text, err)
	}
	return s, nil
}

// once is what can be given once: a queue has a limit in packets and one in octets.
func once(key, value string) string {
	if key == "queue" && strings.Trim(value, "0123456789") == "" {
		return "queue in packets"
	}
	return key
}

// set takes one setting. The error begins with it.
func (s *Spec) set(key, value string) error {
	err := s.suits(key)
	if err == nil {
		known, ierr := s.Impair.Set(key, value)
		if known {
			return ierr // which begins with the setting
		}
		err = s.setOwn(key, value)
	}
	if err != nil {
		return fmt.Errorf("%s=%s: %w", key, value, err)
	}
	return nil
}

// setOwn takes a setting that isn't an impairment.
func (s *Spec) setOwn(key, value string) error {
	switch key {
	case "dev":
		return s.setDev(value)
	case "addr":
		return s.setAddr(value)
	case "peer":
		a, err := netip.ParseAddr(value)
		if err != nil || !a.Is4() {
			return fmt.Errorf("%q is no IPv4 address: write peer=10.77.0.1", value)
		}
		s.Peer = a
	case "mtu":
		n, err := strconv.Atoi(value)
		if err != nil || n < 68 || n > 65535 { // RFC 791's least; the field's most
			return fmt.Errorf("an MTU is 68 to 65535 octets: write mtu=1500")
		}
		s.MTU = n
	case "path":
		if s.Path = Path(value); s.Path != Fast && s.Path != Portable {
			return fmt.Errorf("no path is called %q: write path=fast or path=portable", value)
		}
	case "pcap":
		s.PCAP = value
	case "dns":
		return s.setDNS(value)
	case "hosts":
		s.Hosts = value
	default:
		return fmt.Errorf("no setting is called %q: there are addr, peer, dev, mtu, path, pcap, dns, hosts, "+
			"and of impairments %s", key, impairmentKeys())
	}
	return nil
}

// suits says whether a network of this kind has a setting.
func (s *Spec) suits(key string) error {
	device := s.Kind == Private || s.Kind == TUN
	switch key {
	case "dev":
		if s.Kind == TUN {
			return nil
		}
		return fmt.Errorf("a %s network has no device to name: leave it out, or use tun:dev=NAME", s.Kind)
	case "addr", "peer", "path":
		if device {
			return nil
		}
		return fmt.Errorf("a %s network has no %s: leave it out, or use private or tun", s.Kind, key)
	case "dns", "hosts":
		if s.Kind == Kernel {
			return fmt.Errorf("the kernel network goes by the system's names: leave it out, or use another network")
		}
	}
	if s.Kind == Kernel {
		return fmt.Errorf("packets of the kernel network don't pass here: leave it out, or use another network")
	}
	return nil
}

func (s *Spec) setDev(value string) error {
	if len(value) > 15 || strings.ContainsAny(value, "/ \t\n:%\x00") || value == "." || value == ".." {
		return fmt.Errorf("a device's name has at most 15 characters and no space, slash, colon or percent: " +
			"write dev=tun0")
	}
	s.Dev = value
	return nil
}

func (s *Spec) setAddr(value string) error {
	p, err := netip.ParsePrefix(value)
	switch {
	case err != nil || !p.Addr().Is4():
		return fmt.Errorf("%q is no IPv4 address with the length of a prefix: write addr=10.77.0.2/24", value)
	case p.Bits() > 31 || p.Bits() < 1:
		return fmt.Errorf("a network of /%d has no room for two ends, or is everything: write addr=10.77.0.2/24", p.Bits())
	}
	s.Addr = p
	return nil
}

// impairmentKeys lists the settings of package link.
func impairmentKeys() string {
	var keys []string
	for line := range strings.Lines(link.ImpairmentUsage) {
		key, _, _ := strings.Cut(line, "=")
		keys = append(keys, key)
	}
	return strings.Join(keys, ", ")
}

// consistent checks the settings against each other.
func (s *Spec) consistent() error {
	if err := s.Impair.Validate(); err != nil {
		return err
	}
	if s.Kind != Private && s.Kind != TUN {
		return nil
	}
	addr, peer := s.addrs()
	switch {
	case !addr.Contains(peer):
		return fmt.Errorf("peer=%v is not in the network of addr=%v: give both, in one network", peer, addr)
	case addr.Addr() == peer:
		return fmt.Errorf("addr and peer are the same address: the two ends need one each")
	}
	return nil
}

// addrs are the two ends, with what is chosen where nothing was given: the peer is the network's first address, or the
// second where that is the stack's.
func (s *Spec) addrs() (addr netip.Prefix, peer netip.Addr) {
	addr, peer = s.Addr, s.Peer
	if !addr.IsValid() {
		addr = netip.MustParsePrefix("10.77.0.2/24")
	}
	if !peer.IsValid() {
		peer = addr.Masked().Addr()
		if addr.Bits() < 31 { // there the first address is the network's own
			peer = peer.Next()
		}
		if peer == addr.Addr() {
			peer = peer.Next()
		}
	}
	return addr, peer
}

// String is the description in one fixed form, from which Parse makes the same Spec.
func (s Spec) String() string {
	var settings []string
	add := func(key, value string) { settings = append(settings, key+"="+value) }
	if s.Dev != "" {
		add("dev", s.Dev)
	}
	if s.Addr.IsValid() {
		add("addr", s.Addr.String())
	}
	if s.Peer.IsValid() {
		add("peer", s.Peer.String())
	}
	if s.MTU != 0 {
		add("mtu", strconv.Itoa(s.MTU))
	}
	if s.Path != "" {
		add("path", string(s.Path))
	}
	if imp := s.Impair.String(); imp != "" {
		settings = append(settings, imp)
	}
	if s.PCAP != "" {
		add("pcap", s.PCAP)
	}
	if len(s.DNS) > 0 {
		add("dns", s.dnsText())
	}
	if s.Hosts != "" {
		add("hosts", s.Hosts)
	}
	if len(settings) == 0 {
		return string(s.Kind)
	}
	sep := ","
	if s.Kind == TUN {
		sep = ":"
	}
	return string(s.Kind) + sep + strings.Join(settings, ",")
}

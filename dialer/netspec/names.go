package netspec

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/netapi/dns"
)

const dnsPort = 53

// setDNS takes name servers: addresses with or without a port, "+" between them.
func (s *Spec) setDNS(value string) error {
	for piece := range strings.SplitSeq(value, "+") {
		server, err := netip.ParseAddrPort(piece)
		if err != nil {
			var a netip.Addr
			a, err = netip.ParseAddr(piece)
			server = netip.AddrPortFrom(a, dnsPort)
		}
		if err != nil || !server.Addr().Is4() || server.Port() == 0 {
			return fmt.Errorf("%q is no IPv4 address, with or without a port: write dns=10.77.0.53, and more after \"+\"", piece)
		}
		s.DNS = append(s.DNS, server)
	}
	return nil
}

// dnsText is the value that setDNS takes, with ports only where they aren't DNS's.
func (s *Spec) dnsText() string {
	var pieces []string
	for _, server := range s.DNS {
		if server.Port() == dnsPort {
			pieces = append(pieces, server.Addr().String())
		} else {
			pieces = append(pieces, server.String())
		}
	}
	return strings.Join(pieces, "+")
}

// Names are the network's own names, by the settings dns and hosts: what [Open] gives the stack. Where there is a hosts
// file it is read now.
func (s *Spec) Names() (netapi.Names, error) {
	own := netapi.Names{Servers: s.DNS}
	if s.Hosts == "" {
		return own, nil
	}
	f, err := os.Open(s.Hosts)
	if err != nil {
		return netapi.Names{}, fmt.Errorf("hosts=%s: %w", s.Hosts, err)
	}
	defer f.Close()
	if own.Hosts, err = dns.ParseHosts(f); err != nil {
		return netapi.Names{}, fmt.Errorf("hosts=%s: %w", s.Hosts, err)
	}
	return own, nil
}

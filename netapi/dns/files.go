package dns

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/gotcp/gotcp/netapi/likenet"
)

const dnsPort = 53

// ParseHosts reads a hosts file: lines of an address and its names, and comments from "#" on. A name on several lines
// has all their addresses.
//
// As the system does it passes over lines that it doesn't understand; the error tells of the first one, and the table
// has all others. An error of r is returned as it is.
func ParseHosts(r io.Reader) (map[string][]netip.Addr, error) {
	hosts := map[string][]netip.Addr{}
	var bad error
	number := 0
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		number++
		line, _, _ := strings.Cut(lines.Text(), "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		a, err := netip.ParseAddr(f[0])
		if err != nil || len(f) == 1 {
			if bad == nil {
				bad = fmt.Errorf("line %d: %q is no address with a name: write ADDRESS NAME, such as 10.77.0.9 db",
					number, strings.TrimSpace(line))
			}
			continue
		}
		for _, name := range f[1:] {
			key := likenet.Name(name)
			if a := a.Unmap(); !slices.Contains(hosts[key], a) {
				hosts[key] = append(hosts[key], a)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return hosts, err
	}
	return hosts, bad
}

// maxServers is how many name servers a resolv.conf can name (resolv.conf(5)): more are ignored.
const maxServers = 3

// ParseServers reads the name servers of a resolv.conf, three at most. Lines that aren't understood are passed over;
// the error is r's.
func ParseServers(r io.Reader) ([]netip.AddrPort, error) {
	var servers []netip.AddrPort
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 2 || f[0] != "nameserver" || len(servers) == maxServers {
			continue
		}
		if a, err := netip.ParseAddr(f[1]); err == nil {
			servers = append(servers, netip.AddrPortFrom(a, dnsPort))
		}
	}
	return servers, lines.Err()
}

// systemServers are the name servers of the system: this host's own where it names none, as resolv.conf(5) has it.
func systemServers() []netip.AddrPort {
	if f, err := os.Open("/etc/resolv.conf"); err == nil {
		defer f.Close()
		if servers, _ := ParseServers(f); len(servers) > 0 {
			return servers
		}
	}
	return []netip.AddrPort{netip.AddrPortFrom(loopback4, dnsPort), netip.AddrPortFrom(loopback6, dnsPort)}
}

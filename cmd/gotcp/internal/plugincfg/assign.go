package plugincfg

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// Assign gives addresses of prefix to the plugins that have none, but none of those reserved. The error says which
// plugin has an address that isn't one of prefix, or that there are too few.
func (c *Config) Assign(prefix netip.Prefix, reserved ...netip.Addr) error {
	usable := func(a netip.Addr) bool {
		return prefix.Contains(a) && prefix.Contains(a.Next()) && a != prefix.Masked().Addr() &&
			!slices.Contains(reserved, a)
	}
	taken := map[netip.Addr]*Plugin{}
	for _, p := range c.Plugins {
		switch {
		case !p.Address.IsValid():
			continue
		case !usable(p.Address):
			return fmt.Errorf("plugin %s: the address %v is not one of %v that a plugin could have", p.Name, p.Address, prefix)
		case taken[p.Address] != nil:
			return fmt.Errorf("plugin %s: the address %v is %s's already", p.Name, p.Address, taken[p.Address].Name)
		}
		taken[p.Address] = p
	}
	next := prefix.Masked().Addr()
	for _, p := range c.Plugins {
		if p.Address.IsValid() {
			continue
		}
		for prefix.Contains(next) && (!usable(next) || taken[next] != nil) {
			next = next.Next()
		}
		if !prefix.Contains(next) {
			return fmt.Errorf("plugin %s: no address of %v is left: use a larger network, such as "+
				"--net private,addr=10.77.0.2/16", p.Name, prefix)
		}
		p.Address = next
		taken[next] = p
	}
	return nil
}

// Hosts are the names that a plugin knows: those of all, the plugins', and its own, of which a later one wins. A plugin
// without an address is at the address given.
func (c *Config) Hosts(p *Plugin, otherwise netip.Addr) map[string][]netip.Addr {
	hosts := map[string][]netip.Addr{}
	maps.Copy(hosts, c.Names)
	for _, other := range c.Plugins {
		hosts[other.Name] = []netip.Addr{otherwise}
		if other.Address.IsValid() {
			hosts[other.Name] = []netip.Addr{other.Address}
		}
	}
	maps.Copy(hosts, p.Names)
	return hosts
}

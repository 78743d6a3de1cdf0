package plugins

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/hashicorp/go-plugin"

	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/plugins/internal/sandbox"
)

// Foreign describes a go-plugin binary that wasn't made with this package, and isn't changed: a Terraform provider, say.
// It runs in a network namespace of its own, in which a TUN device is the only way out, and the stack at the other end
// of that makes its connections anew on the plugin's [Net], by the rules of that: names that it asks for, too. Its
// 127.0.0.1 is its own: what it is to reach must have another address. A host program of such plugins must call [Init]
// first of all.
type Foreign struct {
	// Cookie is what the binary wants to see. The zero Cookie is found out by [FindCookie].
	Cookie Cookie
	// Versions are those of its host's protocol that are offered to it; of several it chooses one. None means the
	// cookie's, and where these aren't known, all from 1 to 99.
	Versions []int
	// Publish are TCP ports of the plugin that are announced on its Net, where Rules.Listen then has them.
	Publish []uint16
}

// Init must be the first thing in the main function of a program whose plugins run in namespaces of their own, for it
// is run again as the first process in them. In that process Init doesn't return; else it does nothing.
func Init() { sandbox.Init() }

// fill finds out what was left open.
func (f *Foreign) fill(binary string) error {
	if f.Cookie.Key == "" {
		path, err := exec.LookPath(binary)
		if err != nil {
			return err
		}
		if f.Cookie, err = FindCookie(path); err != nil {
			return err
		}
	}
	if len(f.Versions) == 0 {
		f.Versions = f.Cookie.Versions
	}
	if len(f.Versions) == 0 {
		for v := range 99 {
			f.Versions = append(f.Versions, v+1)
		}
	}
	return nil
}

// sets offers the versions. What plugins there are in the binary its own host knows; ours needs none of them.
func (f *Foreign) sets() map[int]plugin.PluginSet {
	sets := map[int]plugin.PluginSet{}
	for _, v := range f.Versions {
		sets[v] = plugin.PluginSet{}
	}
	return sets
}

// rules are what Rules.Listen must have for the published ports.
func (f *Foreign) rules() []guard.Rule {
	var texts []string
	for _, port := range f.Publish {
		texts = append(texts, fmt.Sprintf("tcp *:%d", port))
	}
	return guard.MustParseRules(texts...)
}

// announce adds rules to those of a network by which addresses may be announced.
func announce(n *Net, more []guard.Rule) {
	rules := n.Rules()
	for _, r := range more {
		if !slices.ContainsFunc(rules.Listen, func(have guard.Rule) bool { return have.String() == r.String() }) {
			rules.Listen = append(rules.Listen, r)
		}
	}
	n.SetRules(rules)
}

// ownAddress is what a sandboxed plugin takes for its own address where its Net is the kernel's.
var ownAddress = netip.MustParsePrefix("10.77.0.2/24")

// sandbox makes the namespace for one run of a plugin.
func (p *Plugin) sandbox(cfg sandbox.Config) (*sandbox.Sandbox, error) {
	cfg.Network, cfg.Address, cfg.Logger, cfg.Hide = p.spec.Net.Network, ownAddress, p.its, p.host.hide
	if n := p.spec.Net; n.Stack != nil {
		cfg.Address = netip.PrefixFrom(n.Address, n.fabric.prefix.Bits())
	}
	if f := p.spec.Foreign; f != nil {
		for _, port := range f.Publish {
			cfg.Publish = append(cfg.Publish, sandbox.Port{Network: "tcp", Number: port})
		}
	}
	return sandbox.New(cfg)
}

// program is the file of the plugin's command.
func (p *Plugin) program() (string, error) {
	path, err := exec.LookPath(p.spec.Command[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return "", err
	}
	return filepath.Abs(path)
}

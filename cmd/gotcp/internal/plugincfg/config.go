// Package plugincfg reads gotcp.yaml, the file in which plugins, their addresses and rules are written down, and the
// texts of command line flags that mean the same.
//
//	network: private              # as gotcp's --net has it; kernel where it is left out
//	names: {db.internal: 10.77.0.1}
//	plugins:
//	  web:
//	    command: ./web --verbose
//	    allow: ["tcp api.example.com:443"]
//	    listen: ["tcp *:80"]
//
// What a plugin can have says [Plugin], by the same names in lower case. Relative paths are meant from the file's
// directory.
package plugincfg

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/stack/link"
)

// FileName is the file that is read where no other one is named.
const FileName = "gotcp.yaml"

// Config is what a file says.
type Config struct {
	Network string                  // as netspec.Parse reads it; "" where the file doesn't say
	Names   map[string][]netip.Addr // that all plugins know
	Plugins []*Plugin               // in the file's order
}

// Kind says what made a plugin.
type Kind string

// The kinds; the zero Kind is to be found out.
const (
	Own     Kind = "gotcp"   // made with package plugins
	Foreign Kind = "foreign" // any other go-plugin binary
)

// Plugin is one plugin. What is zero was left out.
type Plugin struct {
	Name    string
	Command []string
	Kind    Kind
	Sandbox bool // an Own one, too, runs in a namespace of its own

	Cookie   plugins.Cookie // of a Foreign one
	Versions []int          // of its host's protocol
	Publish  []uint16       // its ports that can be reached
	Serve    []string       // where its host listens for an Own one that handles connections

	Address netip.Addr
	Rules   guard.Rules
	Quota   guard.Quota
	Names   map[string][]netip.Addr
	DNS     []netip.AddrPort
	Impair  link.Impairment
	PCAP    string // a file

	Restart plugins.Restart
	Env     []string // KEY=VALUE
	Dir     string
	Stop    time.Duration
}

// problem is what is wrong with one field of a plugin.
type problem struct {
	field string
	err   error
}

func (p problem) Error() string { return p.field + ": " + p.err.Error() }
func (p problem) Unwrap() error { return p.err }

func problemf(field, format string, args ...any) error {
	return problem{field, fmt.Errorf(format, args...)}
}

// check says what is wrong with the plugin by itself.
func (p *Plugin) check() error {
	switch {
	case len(p.Command) == 0:
		return problemf("command", "it is missing: write the program and its arguments, such as command: ./web --verbose")
	case p.Kind == Foreign && len(p.Serve) > 0:
		return problemf("serve", "it is for plugins made with gotcp: a foreign one listens itself, "+
			"and its ports are reached that publish names, such as publish: [8080]")
	case p.Kind == Foreign && p.Sandbox:
		return problemf("sandbox", "a foreign plugin is always in one: leave it out")
	case p.Kind == Own && p.Cookie.Key != "":
		return problemf("cookie", "it is for foreign plugins: leave it out")
	case p.Kind == Own && len(p.Versions) > 0:
		return problemf("versions", "they are for foreign plugins: leave them out")
	case p.Kind == Own && len(p.Publish) > 0:
		return problemf("publish", "it is for foreign plugins: this one announces its ports itself, "+
			"where listen has a rule for it, such as listen: [\"tcp *:8080\"]")
	}
	return nil
}

// checkOn says what the plugin wants that a network of this kind hasn't.
func (p *Plugin) checkOn(kind netspec.Kind) error {
	if kind != netspec.Kernel {
		return nil
	}
	const hint = "on the kernel's network a plugin has none of its own: " +
		"leave it out, or use another network, such as network: private"
	switch {
	case p.Address.IsValid():
		return problemf("address", hint)
	case !p.Impair.IsZero():
		return problemf("impair", hint)
	case p.PCAP != "":
		return problemf("pcap", hint)
	}
	return nil
}

// Check says what is wrong with plugins that are to run on a network of this kind. [Parse] has done so for a file, unless
// it is another network than the file's.
func (c *Config) Check(kind netspec.Kind) error {
	var errs []error
	for _, p := range c.Plugins {
		if err := errors.Join(p.check(), p.checkOn(kind)); err != nil {
			errs = append(errs, fmt.Errorf("plugin %s: %w", p.Name, err))
		}
	}
	return errors.Join(errs...)
}

// Plugin is the plugin of a name, nil where there is none.
func (c *Config) Plugin(name string) *Plugin {
	for _, p := range c.Plugins {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// PluginNames are the names of the plugins, for people.
func (c *Config) PluginNames() string {
	var names []string
	for _, p := range c.Plugins {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

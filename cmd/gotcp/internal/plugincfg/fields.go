package plugincfg

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/stack/link"
)

// reader reads a value of a plugin's.
type reader func(p *parser, to *Plugin, n *yaml.Node, where string)

// fields read what a plugin can have, by their names in the file.
var fields map[string]reader

func init() { // for the functions tell the names in errors
	fields = map[string]reader{
		"command":  (*parser).command,
		"kind":     value(ParseKind, func(to *Plugin) *Kind { return &to.Kind }),
		"sandbox":  value(parseBool, func(to *Plugin) *bool { return &to.Sandbox }),
		"cookie":   value(plugins.CookieOf, func(to *Plugin) *plugins.Cookie { return &to.Cookie }),
		"versions": values(ParseVersion, func(to *Plugin) *[]int { return &to.Versions }),
		"publish":  values(ParsePort, func(to *Plugin) *[]uint16 { return &to.Publish }),
		"serve":    values(ParseServe, func(to *Plugin) *[]string { return &to.Serve }),
		"address":  value(ParseAddress, func(to *Plugin) *netip.Addr { return &to.Address }),
		"allow":    values(guard.ParseRule, func(to *Plugin) *[]guard.Rule { return &to.Rules.Allow }),
		"deny":     values(guard.ParseRule, func(to *Plugin) *[]guard.Rule { return &to.Rules.Deny }),
		"listen":   values(guard.ParseRule, func(to *Plugin) *[]guard.Rule { return &to.Rules.Listen }),
		"quota":    (*parser).quota,
		"names": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.Names = p.names(n, where)
		},
		"dns":     values(ParseServer, func(to *Plugin) *[]netip.AddrPort { return &to.DNS }),
		"impair":  value(ParseImpair, func(to *Plugin) *link.Impairment { return &to.Impair }),
		"pcap":    path(func(to *Plugin) *string { return &to.PCAP }),
		"restart": value(ParseRestart, func(to *Plugin) *plugins.Restart { return &to.Restart }),
		"env":     (*parser).env,
		"dir":     path(func(to *Plugin) *string { return &to.Dir }),
		"stop":    value(ParseStop, func(to *Plugin) *time.Duration { return &to.Stop }),
	}
}

// value is for a field with one value.
func value[T any](parse func(string) (T, error), field func(*Plugin) *T) reader {
	return func(p *parser, to *Plugin, n *yaml.Node, where string) { *field(to) = one(p, n, where, parse) }
}

// values is for a field that is a list.
func values[T any](parse func(string) (T, error), field func(*Plugin) *[]T) reader {
	return func(p *parser, to *Plugin, n *yaml.Node, where string) { *field(to) = many(p, n, where, parse) }
}

// path is for a field that names a file or directory.
func path(field func(*Plugin) *string) reader {
	return func(p *parser, to *Plugin, n *yaml.Node, where string) {
		*field(to) = one(p, n, where, func(text string) (string, error) { return p.inDir(text), nil })
	}
}

// plugin reads one plugin.
func (p *parser) plugin(name, n *yaml.Node) *Plugin {
	to := &Plugin{Name: name.Value}
	lines := map[string]*yaml.Node{"": name}
	p.lines[to] = lines
	where := "plugins." + to.Name
	for _, kv := range p.pairs(n, where) {
		key := kv[0].Value
		read := fields[key]
		if read == nil {
			p.fail(kv[0], where, fmt.Errorf("nothing is called %q here: there are %s", key, keys()))
			continue
		}
		lines[key] = kv[0]
		read(p, to, kv[1], where+"."+key)
	}
	return to
}

// command reads a command: a line, or a list. A program with a slash in its path is meant from the file's directory.
func (p *parser) command(to *Plugin, n *yaml.Node, where string) {
	if follow(n).Kind == yaml.SequenceNode {
		to.Command = many(p, n, where, func(text string) (string, error) { return text, nil })
	} else {
		to.Command = one(p, n, where, splitCommand)
	}
	if len(to.Command) > 0 && strings.Contains(to.Command[0], "/") {
		to.Command[0] = p.inDir(to.Command[0])
		if !filepath.IsAbs(to.Command[0]) {
			to.Command[0] = "./" + to.Command[0] // and not a name that is looked for in PATH
		}
	}
}

func (p *parser) quota(to *Plugin, n *yaml.Node, where string) {
	for _, kv := range p.pairs(n, where) {
		if text, ok := p.scalar(kv[1], where+"."+kv[0].Value); ok {
			if err := SetQuota(&to.Quota, kv[0].Value, text); err != nil {
				p.fail(kv[0], where, err)
			}
		}
	}
}

// env reads environment variables: names and values, or a list of KEY=VALUE. A value may be empty.
func (p *parser) env(to *Plugin, n *yaml.Node, where string) {
	if follow(n).Kind == yaml.SequenceNode {
		to.Env = many(p, n, where, ParseEnv)
		return
	}
	for _, kv := range p.pairs(n, where) {
		value := follow(kv[1])
		if value.Kind != yaml.ScalarNode {
			p.fail(value, where+"."+kv[0].Value, errors.New("one value is wanted here"))
			continue
		}
		text := kv[0].Value + "=" + value.Value
		if err := checkEnv(text, kv[0].Value); err != nil {
			p.fail(kv[0], where, err)
			continue
		}
		to.Env = append(to.Env, text)
	}
}

func parseBool(text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q: write true or false", text)
}

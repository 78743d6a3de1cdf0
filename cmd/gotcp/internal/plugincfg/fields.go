package plugincfg

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/plugins/guard"
)

// fields read what a plugin can have, by their names in the file.
var fields map[string]func(p *parser, to *Plugin, n *yaml.Node, where string)

func init() { // for the functions tell the names in errors
	fields = map[string]func(p *parser, to *Plugin, n *yaml.Node, where string){
		"command": (*parser).command,
		"kind": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.Kind = one(p, n, where, ParseKind)
		},
		"sandbox": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.Sandbox = one(p, n, where, parseBool)
		},
		"cookie": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.Cookie = one(p, n, where, plugins.CookieOf)
		},
		"versions": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.Versions = many(p, n, where, ParseVersion)
		},
		"publish": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.Publish = many(p, n, where, ParsePort)
		},
		"serve": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.Serve = many(p, n, where, ParseServe)
		},
		"address": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.Address = one(p, n, where, ParseAddress)
		},
		"allow": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.Rules.Allow = many(p, n, where, guard.ParseRule)
		},
		"deny": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.Rules.Deny = many(p, n, where, guard.ParseRule)
		},
		"listen": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.Rules.Listen = many(p, n, where, guard.ParseRule)
		},
		"quota": (*parser).quota,
		"names": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.Names = p.names(n, where)
		},
		"dns": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.DNS = many(p, n, where, ParseServer)
		},
		"impair": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.Impair = one(p, n, where, ParseImpair)
		},
		"pcap": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.PCAP = one(p, n, where, p.relative)
		},
		"restart": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.Restart = one(p, n, where, ParseRestart)
		},
		"env": (*parser).env,
		"dir": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.Dir = one(p, n, where, p.relative)
		},
		"stop": func(p *parser, to *Plugin, n *yaml.Node, where string) {
			to.Stop = one(p, n, where, ParseStop)
		},
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

// relative reads the path of a file or directory.
func (p *parser) relative(text string) (string, error) { return p.inDir(text), nil }

func parseBool(text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q: write true or false", text)
}

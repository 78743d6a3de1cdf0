package plugincfg

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/gotcp/gotcp/dialer/netspec"
)

// Bounds of a file.
const (
	maxFile    = 1 << 20 // octets
	maxPlugins = 1000
	maxErrors  = 20 // that are told
)

// example is the least that a file has.
const example = "plugins:\n  web:\n    command: ./web\n    allow: [\"tcp api.example.com:443\"]"

// Load reads a file.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	return Parse(path, text)
}

// Parse reads what a file of this name has. The error says for each mistake its line, what is wrong, and what to write.
func Parse(path string, text []byte) (*Config, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s: it is larger than 1 MiB", path)
	}
	p := &parser{path: path, config: &Config{}}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s: there are no plugins: write\n%s", path, example)
	case err != nil:
		return nil, syntaxError(path, err)
	}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: there are several documents: leave one", path)
	}
	if len(doc.Content) == 1 {
		p.file(doc.Content[0])
	}
	if len(p.errs) == 0 {
		p.together()
	}
	return p.config, errors.Join(p.errs...)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntaxError is an error of the YAML library, in the form of all others.
func syntaxError(path string, err error) error {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if m[1] != "" {
		path += ":" + m[1]
	}
	return fmt.Errorf("%s: this is no YAML: %s", path, err.Error()[len(m[0]):])
}

// parser goes through a file and collects what is wrong.
type parser struct {
	path   string
	config *Config
	kind   netspec.Kind
	lines  map[*Plugin]map[string]*yaml.Node // where a plugin's fields are
	errs   []error
}

// fail notes what is wrong at a place.
func (p *parser) fail(n *yaml.Node, where string, err error) {
	if len(p.errs) == maxErrors {
		return
	}
	if where != "" {
		where += ": "
	}
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %s%w", p.path, n.Line, where, err))
}

// pairs are the keys and values of a mapping; none where it is something else.
func (p *parser) pairs(n *yaml.Node, where string) (pairs [][2]*yaml.Node) {
	n = follow(n)
	if n.Kind != yaml.MappingNode {
		if !isNull(n) {
			p.fail(n, where, errors.New("lines of the form \"name: value\" are wanted here"))
		}
		return nil
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := follow(n.Content[i])
		switch {
		case key.Kind != yaml.ScalarNode:
			p.fail(key, where, errors.New("a name is wanted before the colon"))
			continue
		case key.Value == "<<":
			p.fail(key, where, errors.New("merging (<<) is not done here: write out what is meant"))
			continue
		case seen[key.Value]:
			p.fail(key, where, fmt.Errorf("%s is there twice: leave one out", key.Value))
			continue
		}
		seen[key.Value] = true
		pairs = append(pairs, [2]*yaml.Node{key, n.Content[i+1]})
	}
	return pairs
}

// follow is what an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// scalar is the text of a value.
func (p *parser) scalar(n *yaml.Node, where string) (string, bool) {
	n = follow(n)
	switch {
	case n.Kind != yaml.ScalarNode:
		p.fail(n, where, errors.New("one value is wanted here, not a list or more names"))
	case isNull(n) || n.Value == "":
		p.fail(n, where, errors.New("there is no value: write one, or leave the line out"))
	default:
		return n.Value, true
	}
	return "", false
}

// list are the values of a list; one value is a list, too, and nothing is an empty one.
func (p *parser) list(n *yaml.Node, where string) []*yaml.Node {
	n = follow(n)
	switch {
	case n.Kind == yaml.SequenceNode:
		return n.Content
	case n.Kind == yaml.MappingNode:
		p.fail(n, where, errors.New("a list is wanted here, such as [a, b]"))
		return nil
	case isNull(n):
		return nil
	}
	return []*yaml.Node{n}
}

// one reads a value.
func one[T any](p *parser, n *yaml.Node, where string, parse func(string) (T, error)) (v T) {
	if text, ok := p.scalar(n, where); ok {
		var err error
		if v, err = parse(text); err != nil {
			p.fail(n, where, err)
		}
	}
	return v
}

// many reads a list.
func many[T any](p *parser, n *yaml.Node, where string, parse func(string) (T, error)) (values []T) {
	for _, item := range p.list(n, where) {
		values = append(values, one(p, item, where, parse))
	}
	return values
}

// file reads the whole.
func (p *parser) file(n *yaml.Node) {
	p.kind, p.lines = netspec.Kernel, map[*Plugin]map[string]*yaml.Node{}
	for _, kv := range p.pairs(n, "") {
		switch key := kv[0].Value; key {
		case "network":
			spec := one(p, kv[1], key, netspec.Parse)
			if spec.Kind != "" {
				p.kind, p.config.Network = spec.Kind, follow(kv[1]).Value
			}
		case "names":
			p.config.Names = p.names(kv[1], key)
		case "plugins":
			p.plugins(kv[1])
		default:
			p.fail(kv[0], "", fmt.Errorf("nothing is called %q here: there are network, names and plugins", key))
		}
	}
	if len(p.config.Plugins) == 0 && len(p.errs) == 0 {
		p.fail(n, "", fmt.Errorf("there are no plugins: write\n%s", example))
	}
}

// names reads names and their addresses.
func (p *parser) names(n *yaml.Node, where string) map[string][]netip.Addr {
	names := map[string][]netip.Addr{}
	for _, kv := range p.pairs(n, where) {
		if err := checkHostName(kv[0].Value); err != nil {
			p.fail(kv[0], where, err)
			continue
		}
		names[kv[0].Value] = many(p, kv[1], where+"."+kv[0].Value, ParseAddress)
	}
	return names
}

func (p *parser) plugins(n *yaml.Node) {
	for _, kv := range p.pairs(n, "plugins") {
		if err := CheckName(kv[0].Value); err != nil {
			p.fail(kv[0], "plugins", err)
			continue
		}
		if len(p.config.Plugins) == maxPlugins {
			p.fail(kv[0], "plugins", fmt.Errorf("there are more than %d", maxPlugins))
			return
		}
		p.config.Plugins = append(p.config.Plugins, p.plugin(kv[0], kv[1]))
	}
}

// together looks for what is wrong with the plugins, and with several of them, that each value alone doesn't show.
func (p *parser) together() {
	names, addrs := map[string]bool{}, map[netip.Addr]string{}
	for _, plug := range p.config.Plugins {
		lines := p.lines[plug]
		for _, err := range []error{plug.check(), plug.checkOn(p.kind)} {
			var about problem
			if errors.As(err, &about) {
				at := lines[about.field]
				if at == nil {
					at = lines[""]
				}
				p.fail(at, "plugins."+plug.Name+"."+about.field, about.err)
			}
		}
		if name := strings.ToLower(plug.Name); names[name] {
			p.fail(lines[""], "plugins."+plug.Name, errors.New("another one has this name in other letters: rename one"))
		} else {
			names[name] = true
		}
		if other := addrs[plug.Address]; other != "" && plug.Address.IsValid() {
			p.fail(lines["address"], "plugins."+plug.Name+".address",
				fmt.Errorf("%v is %s's already: choose another one", plug.Address, other))
		}
		addrs[plug.Address] = plug.Name
	}
}

// inDir is a path as it is meant in the file.
func (p *parser) inDir(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(p.path), path)
}

// keys are the names of a plugin's fields, for an error.
func keys() string {
	return strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
}

package main

import (
	"net/netip"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/plugincfg"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/plugins/guard"
	"github.com/gotcp/gotcp/stack/link"
)

// parsed is the value of a flag that may be given several times: what its texts mean. Its texts may have commas.
type parsed[T any] struct {
	parse  func(string) (T, error)
	values []T
}

// Set implements cli.Generic.
func (p *parsed[T]) Set(text string) error {
	v, err := p.parse(text)
	if err == nil {
		p.values = append(p.values, v)
	}
	return err
}

// String implements cli.Generic.
func (p *parsed[T]) String() string { return "" }

func parsedFlag[T any](name, usage string, parse func(string) (T, error)) *cli.GenericFlag {
	return &cli.GenericFlag{Name: name, Usage: usage, Value: &parsed[T]{parse: parse}}
}

// valuesOf are the values of a flag that was made by parsedFlag.
func valuesOf[T any](c *cli.Context, name string) []T {
	p, _ := c.Generic(name).(*parsed[T])
	if p == nil {
		return nil
	}
	return p.values
}

// valueOf is the last one, or the zero one.
func valueOf[T any](c *cli.Context, name string) (v T) {
	if all := valuesOf[T](c, name); len(all) > 0 {
		v = all[len(all)-1]
	}
	return v
}

// pluginFlags describe one plugin, as its fields in gotcp.yaml do.
func pluginFlags() []cli.Flag {
	return []cli.Flag{
		parsedFlag("name", "call the plugin `NAME`; else it is called as its program", checkedName),
		parsedFlag("kind", "`KIND`: gotcp (made with gotcp's package plugins) or foreign; else it is found out",
			plugincfg.ParseKind),
		parsedFlag("allow", "let it reach what `RULE` says, such as 'tcp api.example.com:443'", guard.ParseRule),
		parsedFlag("deny", "keep it from what `RULE` says, whatever else allows that", guard.ParseRule),
		parsedFlag("listen", "let it announce what `RULE` says, such as 'tcp *:80'", guard.ParseRule),
		parsedFlag("serve", "listen at `ADDRESS`, such as :7000, for a plugin that handles connections",
			plugincfg.ParseServe),
		parsedFlag("publish", "let `PORT` of a foreign plugin be reached", plugincfg.ParsePort),
		parsedFlag("quota", "bound it by `KEY=N`, such as conns=100,in=1GiB", plugincfg.ParseQuota),
		parsedFlag("address", "have its network be `ADDRESS`; else the first that is free", plugincfg.ParseAddress),
		parsedFlag("host", "let it know `NAME=ADDRESS`", plugincfg.ParseHost),
		parsedFlag("dns", "have it ask the name server `ADDRESS`", plugincfg.ParseServer),
		parsedFlag("impair", "have its link be bad: `KEY=VALUE`, such as loss=1%,delay=20ms", plugincfg.ParseImpair),
		&cli.StringFlag{Name: "pcap", Usage: "write all packets of its network to `FILE`, for Wireshark or tshark -r FILE"},
		parsedFlag("cookie", "what a foreign plugin wants to see: `KEY=VALUE`, or terraform, vault, ...; else found out",
			plugins.CookieOf),
		parsedFlag("versions", "offer version `N` of a foreign plugin's protocol", plugincfg.ParseVersion),
		&cli.BoolFlag{Name: "sandbox", Usage: "keep a gotcp plugin, too, from the kernel's network, as a foreign one is"},
		parsedFlag("restart", "start it again `WHEN` it ends: never, on-failure or always; on-failure where not given",
			plugincfg.ParseRestart),
		parsedFlag("env", "set the environment variable `KEY=VALUE`", plugincfg.ParseEnv),
		&cli.StringFlag{Name: "dir", Usage: "run it in the directory `DIR`"},
		parsedFlag("stop", "give it `D` to end when it is asked to; 5s where not given", plugincfg.ParseStop),
	}
}

func checkedName(text string) (string, error) { return text, plugincfg.CheckName(text) }

// pluginOfFlags is the plugin that the command line describes.
func pluginOfFlags(c *cli.Context, command []string) *plugincfg.Plugin {
	p := &plugincfg.Plugin{
		Name: valueOf[string](c, "name"), Command: command, Kind: valueOf[plugincfg.Kind](c, "kind"),
		Sandbox: c.Bool("sandbox"), Cookie: valueOf[plugins.Cookie](c, "cookie"), Versions: valuesOf[int](c, "versions"),
		Publish: valuesOf[uint16](c, "publish"), Serve: valuesOf[string](c, "serve"),
		Address: valueOf[netip.Addr](c, "address"),
		Rules: guard.Rules{
			Allow: valuesOf[guard.Rule](c, "allow"), Deny: valuesOf[guard.Rule](c, "deny"),
			Listen: valuesOf[guard.Rule](c, "listen"),
		},
		DNS: valuesOf[netip.AddrPort](c, "dns"), Impair: valueOf[link.Impairment](c, "impair"), PCAP: c.String("pcap"),
		Restart: valueOf[plugins.Restart](c, "restart"), Env: valuesOf[string](c, "env"), Dir: c.String("dir"),
		Stop: valueOf[time.Duration](c, "stop"), Names: map[string][]netip.Addr{},
	}
	if p.Name == "" {
		p.Name = plugincfg.NameOf(command[0])
	}
	for _, s := range quotaSettings(c) {
		plugincfg.SetQuota(&p.Quota, s.Key, s.Value) // which was checked
	}
	for _, h := range valuesOf[plugincfg.Host](c, "host") {
		p.Names[h.Name] = append(p.Names[h.Name], h.Addrs...)
	}
	return p
}

// runConfig is what to run: what a file says, or the command line.
func runConfig(c *cli.Context) (*plugincfg.Config, error) {
	if cmd := command(c.Context); len(cmd) > 0 {
		switch {
		case c.IsSet("file"):
			return nil, usagef("plugin run: the plugins are those of --file, or the command behind \"--\": leave one out")
		case c.NArg() > 0:
			return nil, usagef("plugin run: %q is no flag: the plugin's own arguments follow \"--\" and its program",
				c.Args().First())
		}
		return &plugincfg.Config{Plugins: []*plugincfg.Plugin{pluginOfFlags(c, cmd)}}, nil
	}
	for _, f := range pluginFlags() {
		if name := f.Names()[0]; c.IsSet(name) {
			return nil, usagef("plugin run: --%s is about the plugin whose command follows \"--\": add that, as in "+
				"gotcp plugin run --%[1]s ... -- ./plugin; or write %[1]s into the file", name)
		}
	}
	file := c.String("file")
	cfg, err := plugincfg.Load(file)
	switch {
	case err != nil && !c.IsSet("file") && c.NArg() > 0:
		return nil, usagef("plugin run: %w (is %q a plugin of a file? Then say which by --file. To run it: "+
			"gotcp plugin run -- %[2]s)", err, c.Args().First())
	case err != nil && !c.IsSet("file"):
		return nil, usagef("plugin run: there is nothing to run: %w: write such a file, or gotcp plugin run -- ./plugin", err)
	case err != nil:
		return nil, usageError{err}
	}
	return chosen(cfg, file, c.Args().Slice())
}

// chosen leaves the plugins of a file that are named, or all.
func chosen(cfg *plugincfg.Config, file string, names []string) (*plugincfg.Config, error) {
	for _, name := range names {
		if cfg.Plugin(name) == nil {
			return nil, usagef("plugin run: no plugin of %s is called %q: there are %s", file, name, cfg.PluginNames())
		}
	}
	if len(names) > 0 {
		cfg.Plugins = slices.DeleteFunc(cfg.Plugins, func(p *plugincfg.Plugin) bool {
			return !slices.Contains(names, p.Name)
		})
	}
	return cfg, nil
}

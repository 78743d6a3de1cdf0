package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/control"
	"github.com/gotcp/gotcp/cmd/gotcp/internal/plugincfg"
	"github.com/gotcp/gotcp/dialer/netspec"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// ready is what is told of plugins that run now.
type ready struct {
	Supervisor int           `json:"supervisor"` // the process
	Network    string        `json:"network"`
	Plugins    []readyPlugin `json:"plugins"`
}

type readyPlugin struct {
	Name     string            `json:"name"`
	Kinds    []string          `json:"kinds"`
	Address  netip.Addr        `json:"address,omitzero"`
	PID      int               `json:"pid"`
	Reattach *control.Reattach `json:"reattach,omitempty"`
	Env      string            `json:"env,omitempty"` // by which Terraform finds its provider
}

// tell says that the plugins run, and how to go on.
func (s *supervisor) tell() error {
	r := s.ready()
	if s.json {
		return printJSON(s.out, r)
	}
	fmt.Fprintf(s.errs, "the network is %s\n\n", s.about)
	t := columns(s.out)
	fmt.Fprintln(t, "PLUGIN\tKIND\tADDRESS\tPID")
	for _, p := range r.Plugins {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\n", p.Name, kindsOf(p.Kinds), valid(p.Address), p.PID)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, p := range r.Plugins {
		if p.Reattach != nil {
			text, err := json.Marshal(p.Reattach)
			if err != nil {
				return err
			}
			fmt.Fprintf(s.out, "\n%s is for its own program, whose go-plugin client reattaches by\n%s\n", p.Name, text)
		}
		if p.Env != "" {
			fmt.Fprintf(s.out, "and Terraform by (write another source's name where the provider isn't HashiCorp's)\n"+
				"export %s\n", p.Env)
		}
	}
	for _, p := range s.host.Plugins() {
		if text := defaultDeny(p); text != "" {
			fmt.Fprintf(s.errs, "\n%s\n", text)
		}
	}
	if s.spec.Kind == netspec.Private {
		fmt.Fprintf(s.errs, "\nnobody outside of its namespace reaches a private network; what is to reach it is run by\n"+
			"   %s COMMAND\n", nsenter())
	}
	fmt.Fprint(s.errs, "\ngotcp plugin list, inspect, net, logs and stop, in another terminal, tell more; "+
		"Ctrl-C stops\n\n")
	return nil
}

func (s *supervisor) ready() ready {
	r := ready{Supervisor: os.Getpid(), Network: s.about}
	for _, p := range s.host.Plugins() {
		st, spec := p.Status(), p.Spec()
		to := readyPlugin{Name: p.Name(), Kinds: st.Kinds, PID: st.PID}
		if spec.Net.Stack != nil {
			to.Address = spec.Net.Address
		}
		if spec.Foreign != nil {
			to.Reattach = control.ReattachOf(p)
			to.Env = terraformEnv(spec, to.Reattach)
		}
		r.Plugins = append(r.Plugins, to)
	}
	return r
}

// terraformEnv is the environment variable by which Terraform reattaches to a provider, "" where it is none.
func terraformEnv(spec plugins.Spec, r *control.Reattach) string {
	if r == nil || spec.Foreign.Cookie.Host != "terraform" {
		return ""
	}
	name, ok := strings.CutPrefix(filepath.Base(spec.Command[0]), "terraform-provider-")
	name, _, _ = strings.Cut(name, "_v") // as in terraform-provider-http_v3.4.0_x5
	if !ok {
		name = spec.Name
	}
	text, err := json.Marshal(map[string]*control.Reattach{"registry.terraform.io/hashicorp/" + name: r})
	if err != nil {
		return ""
	}
	return "TF_REATTACH_PROVIDERS='" + strings.ReplaceAll(string(text), "'", `'\''`) + "'"
}

// nsenter is the command that runs another one in this program's namespaces.
func nsenter() string {
	command := fmt.Sprintf("nsenter -t %d -n", os.Getpid())
	if !netns.InInitialUser() {
		command += " -U --preserve-credentials"
	}
	return command
}

// defaultDeny says what it means that a plugin has no rules, where it could do more if it had: "" otherwise.
func defaultDeny(p *plugins.Plugin) string {
	spec := p.Spec()
	rules := spec.Net.Rules()
	if len(rules.Allow)+len(rules.Listen) > 0 || slices.Equal(p.Status().Kinds, []string{"observer"}) {
		return ""
	}
	examples := []string{"--allow 'tcp api.example.com:443'", "--allow '*.example.org'", "--listen 'tcp *:80'"}
	if spec.Foreign != nil {
		examples[2] = "--publish 8080"
	}
	return fmt.Sprintf("%s has no rules, so it can reach and announce nothing. What it tries is shown by\n"+
		"   gotcp plugin inspect %[1]s\nand allowed, by way of example, by\n   %s\n"+
		"behind gotcp plugin run, or while it runs by gotcp plugin net %[1]s --allow 'tcp api.example.com:443'",
		p.Name(), strings.Join(examples, "   "))
}

// kindsOf is what a plugin is, for people.
func kindsOf(kinds []string) string { return dash(strings.Join(kinds, ",")) }

// startHint adds to an error of starting what may help.
func startHint(p *plugincfg.Plugin, err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "Incompatible API version"):
		return fmt.Errorf("%w\nplugin %s: offer its version by --versions N, or versions: [N]", err, p.Name)
	case p.Kind == plugincfg.Foreign && strings.Contains(text, "before it was ready"):
		return fmt.Errorf("%w\nplugin %s: is the cookie %s=%s its host's? If not, say so by --cookie KEY=VALUE", err, p.Name,
			p.Cookie.Key, p.Cookie.Value)
	}
	return err
}

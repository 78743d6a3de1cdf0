package control

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/plugincfg"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/plugins/guard"
)

// maxRules bounds a network's rules of each list.
const maxRules = 1000

// mistake is an error that is the asker's.
type mistake struct{ error }

func (m mistake) Unwrap() error { return m.error }

func mistakef(format string, args ...any) error { return mistake{fmt.Errorf(format, args...)} }

// bounds tells what bounds a network.
func bounds(n *plugins.Net) *Net {
	r, impair := n.Rules(), n.Impairment()
	return &Net{
		Rules: Rules{orEmpty(r.Allow), orEmpty(r.Deny), orEmpty(r.Listen)}, Quota: Quota(n.Quota()), Impair: impair.String(),
		Off: n.Killed(),
	}
}

// orEmpty is a list that JSON has as one, also where it is empty.
func orEmpty(r []guard.Rule) []guard.Rule {
	if r == nil {
		return []guard.Rule{}
	}
	return r
}

// Change implements Host: all of it, or nothing where something is wrong with it.
func (s *host) Change(name string, c Change) (*Net, error) {
	p, err := s.plugin(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := p.Spec().Net
	if c.Kill && c.Revive {
		return nil, mistakef("to switch the network off and on at once is too much: leave one out")
	}
	rules, err := c.rules(n.Rules())
	if err != nil {
		return nil, err
	}
	quota, err := c.quota(n.Quota())
	if err != nil {
		return nil, err
	}
	if c.Impair != nil {
		if err := impair(n, *c.Impair); err != nil {
			return nil, err
		}
	}
	if len(c.Quota) > 0 {
		n.SetQuota(quota)
	}
	if c.Kill {
		n.Kill()
	}
	if len(c.Allow)+len(c.Deny)+len(c.Listen)+len(c.Remove) > 0 {
		n.SetRules(rules)
	}
	if c.Revive {
		n.Revive()
	}
	return bounds(n), nil
}

// rules are the new ones. What is removed is removed first.
func (c *Change) rules(r guard.Rules) (guard.Rules, error) {
	for _, rule := range c.Remove {
		found := false
		for _, list := range []*[]guard.Rule{&r.Allow, &r.Deny, &r.Listen} {
			if i := indexOf(*list, rule); i >= 0 {
				*list = slices.Delete(slices.Clone(*list), i, i+1)
				found = true
			}
		}
		if !found {
			return r, mistakef("there is no rule %q to remove: there are %s", rule, texts(r))
		}
	}
	for _, add := range []struct {
		to    *[]guard.Rule
		rules []guard.Rule
	}{{&r.Allow, c.Allow}, {&r.Deny, c.Deny}, {&r.Listen, c.Listen}} {
		for _, rule := range add.rules {
			if rule.String() == "" {
				return r, mistakef("a rule is empty: write one such as \"tcp api.example.com:443\"")
			}
			if indexOf(*add.to, rule) < 0 {
				*add.to = append(slices.Clip(*add.to), rule)
			}
		}
		if len(*add.to) > maxRules {
			return r, mistakef("there would be more than %d rules in one list: remove some first", maxRules)
		}
	}
	return r, nil
}

func indexOf(list []guard.Rule, rule guard.Rule) int {
	return slices.IndexFunc(list, func(have guard.Rule) bool { return have.String() == rule.String() })
}

// texts are rules for people.
func texts(r guard.Rules) string {
	var all []string
	for _, rule := range slices.Concat(r.Allow, r.Deny, r.Listen) {
		all = append(all, fmt.Sprintf("%q", rule))
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

func (c *Change) quota(q guard.Quota) (guard.Quota, error) {
	for _, s := range c.Quota {
		if err := plugincfg.SetQuota(&q, s.Key, s.Value); err != nil {
			return q, mistake{err}
		}
	}
	return q, nil
}

func impair(n *plugins.Net, text string) error {
	i, err := plugincfg.ParseImpair(text)
	if err == nil {
		err = n.Impair(i)
	}
	if err != nil {
		return mistake{err}
	}
	return nil
}

// refusalOf tells what was refused to a plugin, and what would allow it.
func refusalOf(plugin string, r guard.Refusal) Refusal {
	e := r.Err
	return Refusal{
		Op: e.Op, Network: e.Network, Address: e.Address, Rule: e.Rule, Quota: e.Quota, Count: r.Count, First: r.First,
		Last: r.Last, Reason: e.Error(), Remedy: remedy(plugin, e),
	}
}

// remedy is the command that would allow what was refused, "" where none would.
func remedy(plugin string, e *guard.RefusedError) string {
	command := "gotcp plugin net " + plugin
	switch {
	case e.Killed:
		return command + " --revive"
	case e.Rule != "":
		return command + " --remove " + quote(e.Rule)
	case e.Quota != "":
		if key := plugincfg.QuotaKey(e.Quota); key != "" {
			return fmt.Sprintf("%s --quota %s=%d", command, key, 2*e.Limit)
		}
		return ""
	}
	list := " --allow "
	if e.Op == "listen" || e.Op == "accept" {
		list = " --listen "
	}
	rule := e.Suggestion()
	if _, err := guard.ParseRule(rule); err != nil {
		return ""
	}
	return command + list + quote(rule)
}

package guard

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/gotcp/gotcp/netapi/likenet"
)

// Rule names places of a network: hosts, ports, and maybe one of TCP and UDP. What that means is for the list to say
// which the rule is in: see [Rules]. The zero Rule names nothing. A Rule is written and read as text, also in JSON and
// YAML: see [ParseRule].
type Rule struct {
	proto  string       // "tcp", "udp", or "" for both
	host   string       // "*", "*.suffix", or a name; "" where prefix says it
	prefix netip.Prefix // an address or a network's
	ports  portSet
}

var errGrammar = errors.New("it isn't [tcp|udp ]HOST[:PORTS], as in \"tcp *.example.org:80,443\"")

// ParseRule reads a rule:
//
//	[tcp|udp ]HOST[:PORTS]
//
// Without tcp or udp it is about both. HOST is one of
//
//   - any host, by name or address
//     192.0.2.1        an address; IPv6 in brackets: [2001:db8::1]
//     192.0.2.0/24     the addresses of a network; [2001:db8::/32]
//     db.example.org   a name, in upper or lower case, with or without a dot at its end
//     *.example.org    all names that end so, of however many labels; not example.org itself
//
// and PORTS a list of ports and ranges, such as 443 or 80,8000-8100. No PORTS, or *, means all but 0. Port 0, which has
// the network choose one that is free, must be named: *:0.
//
// The error says what is wrong with the text, and what to write.
func ParseRule(text string) (Rule, error) {
	r, err := parseRule(text)
	if err != nil {
		return Rule{}, fmt.Errorf("guard: rule %q: %w", text, err)
	}
	return r, nil
}

func parseRule(text string) (r Rule, err error) {
	f := strings.Fields(text)
	switch {
	case len(f) == 2 && (f[0] == "tcp" || f[0] == "udp"):
		r.proto = f[0]
	case len(f) != 1:
		return r, errGrammar
	case f[0] == "tcp" || f[0] == "udp":
		return r, fmt.Errorf("it lacks a host; for any host write %q", f[0]+" *")
	}
	host, ports, err := splitPorts(f[len(f)-1])
	if err == nil {
		r.ports, err = parsePorts(ports)
	}
	if err == nil {
		err = r.setHost(host)
	}
	return r, err
}

// splitPorts parts HOST, brackets included, and PORTS, which are "*" where there are none.
func splitPorts(s string) (host, ports string, err error) {
	if strings.HasPrefix(s, "[") {
		inside, rest, ok := strings.Cut(s[1:], "]")
		if !ok || rest != "" && rest[0] != ':' {
			return "", "", errGrammar
		}
		if rest == "" {
			rest = ":*"
		}
		return "[" + inside + "]", rest[1:], nil
	}
	if strings.Count(s, ":") > 1 {
		return "", "", errors.New("an IPv6 address wants brackets: [2001:db8::1]:443")
	}
	host, ports, ok := strings.Cut(s, ":")
	if !ok {
		ports = "*"
	}
	return host, ports, nil
}

// setHost reads HOST.
func (r *Rule) setHost(host string) error {
	inside, bracketed := strings.CutPrefix(host, "[")
	inside = strings.TrimSuffix(inside, "]")
	p, err := parseHostPrefix(inside)
	switch {
	case err != nil:
		return err
	case p.IsValid() && p.Addr().Is4() == bracketed:
		return errors.New("brackets are for IPv6 addresses, and only for them")
	case p.IsValid():
		r.prefix = p
		return nil
	case bracketed:
		return fmt.Errorf("%q is no IPv6 address", inside)
	case host == "*":
		r.host = host
		return nil
	}
	name, wild := strings.CutPrefix(host, "*.")
	name = likenet.Name(name)
	if err := checkName(name); err != nil {
		return err
	}
	r.host = name
	if wild {
		r.host = "*." + name
	}
	return nil
}

// parseHostPrefix reads an address or a network's. The result isn't valid where s is neither by its form.
func parseHostPrefix(s string) (p netip.Prefix, err error) {
	a, err := netip.ParseAddr(s)
	if err == nil {
		p = netip.PrefixFrom(a.WithZone(""), a.BitLen())
	} else if strings.Contains(s, "/") {
		if p, err = netip.ParsePrefix(s); err != nil {
			return p, errors.New("it has no network such as 192.0.2.0/24 before its ports")
		}
		a = p.Addr()
	} else {
		return p, nil
	}
	switch {
	case a.Zone() != "":
		return p, errors.New("zones are not looked at; leave the % and what follows it away")
	case a.Is4In6():
		return p, fmt.Errorf("IPv4 is written as %v", a.Unmap())
	case p != p.Masked():
		return p, fmt.Errorf("its host part isn't 0; write %v for the network, %v for the address", p.Masked(), a)
	}
	return p, nil
}

// checkName says what is wrong with a name of a rule, which is canonical.
func checkName(name string) error {
	if name == "" || len(name) > 253 {
		return errors.New("it has no host of 1 to 253 characters; any host is *")
	}
	var label string
	for label = range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("%q is no label of a name", label)
		}
		for _, c := range []byte(label) {
			switch {
			case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
			case c == '*':
				return errors.New("* stands for any host, or is a name's first label: *.example.org")
			case c >= 0x80:
				return errors.New("names are written as DNS has them, in ASCII, as in xn--bcher-kva.example")
			default:
				return fmt.Errorf("%q is in no name", c)
			}
		}
	}
	if strings.Trim(label, "0123456789") == "" {
		return fmt.Errorf("%q is neither an address nor a name", name)
	}
	return nil
}

// MustParseRules is [ParseRule] for texts that are known to be rules, such as a program's own. It panics where one is not.
func MustParseRules(texts ...string) []Rule {
	rules := make([]Rule, len(texts))
	for i, text := range texts {
		var err error
		if rules[i], err = ParseRule(text); err != nil {
			panic(err)
		}
	}
	return rules
}

// String is the rule as [ParseRule] reads it, in one form for all texts that mean the same.
func (r Rule) String() string {
	host := r.host
	if r.prefix.IsValid() {
		host = r.prefix.String()
		if r.prefix.IsSingleIP() {
			host = r.prefix.Addr().String()
		}
		if r.prefix.Addr().Is6() {
			host = "[" + host + "]"
		}
	}
	if r.proto != "" {
		host = r.proto + " " + host
	}
	if r.ports != nil {
		host += ":" + r.ports.String()
	}
	return host
}

// MarshalText is String, for JSON and YAML.
func (r Rule) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is [ParseRule], for JSON and YAML.
func (r *Rule) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRule(string(text))
	return err
}

// takesProto reports whether the rule is about TCP or UDP, whichever proto is.
func (r *Rule) takesProto(proto string) bool { return r.proto == "" || r.proto == proto }

// takesName reports whether the rule's host is a name, or any host, and includes this name, which is canonical.
func (r *Rule) takesName(name string) bool {
	switch suffix, wild := strings.CutPrefix(r.host, "*"); {
	case r.host == "":
		return false
	case !wild:
		return r.host == name
	case len(name) <= len(suffix):
		return suffix == ""
	default:
		return strings.HasSuffix(name, suffix)
	}
}

// takesAddr reports whether the rule's host is an address, a network's, or any host, and includes this address.
func (r *Rule) takesAddr(a netip.Addr) bool {
	if r.host == "*" {
		return true
	}
	a = a.WithZone("").Unmap()
	if a.IsUnspecified() && r.prefix.IsValid() && r.prefix.Addr().IsUnspecified() {
		return true // 0.0.0.0 and [::] are both "all that this host has"
	}
	return r.prefix.Contains(a)
}

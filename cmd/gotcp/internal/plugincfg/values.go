package plugincfg

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/stack/link"
)

// The texts of values, which the file and the flags have in common.

// ParseKind reads the kind of a plugin.
func ParseKind(text string) (Kind, error) {
	switch k := Kind(text); k {
	case Own, Foreign:
		return k, nil
	}
	return "", fmt.Errorf("%q is no kind: write gotcp for a plugin made with gotcp's package plugins, "+
		"foreign for any other go-plugin binary", text)
}

// ParseAddress reads an IPv4 address.
func ParseAddress(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		return netip.Addr{}, fmt.Errorf("%q is no IPv4 address: write one such as 10.77.0.10", text)
	}
	return a, nil
}

// ParseServer reads the address of a name server; its port is 53 unless it is given.
func ParseServer(text string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Is4() {
		return netip.AddrPortFrom(a, 53), nil
	}
	s, err := netip.ParseAddrPort(text)
	if err != nil || !s.Addr().Is4() || s.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("%q is no name server: write an IPv4 address such as 10.77.0.1 "+
			"or 10.77.0.1:5353", text)
	}
	return s, nil
}

// ParsePort reads a port that can be reached.
func ParsePort(text string) (uint16, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is no port: write a number from 1 to 65535", text)
	}
	return uint16(n), nil
}

// ParseVersion reads a version of a plugin protocol.
func ParseVersion(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is no version of a protocol: write a number such as 5", text)
	}
	return int(n), nil
}

// ParseServe reads an address at which a host listens for its plugin.
func ParseServe(text string) (string, error) {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return "", fmt.Errorf("%q is no address to listen at: write one such as \":7000\" or \"10.77.0.10:7000\"", text)
	}
	return text, nil
}

// ParseRestart reads when a plugin is started again.
func ParseRestart(text string) (plugins.Restart, error) {
	switch r := plugins.Restart(text); r {
	case plugins.RestartNever, plugins.RestartOnFailure, plugins.RestartAlways:
		return r, nil
	}
	return "", fmt.Errorf("%q is no answer to when it is started again: write never, on-failure or always", text)
}

// ParseStop reads how long a plugin may take to end.
func ParseStop(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is no time that a plugin could take to end: write one such as 5s", text)
	}
	return d, nil
}

// ParseImpair reads impairments: KEY=VALUE,KEY=VALUE; "" and none are none.
func ParseImpair(text string) (link.Impairment, error) {
	var i link.Impairment
	if text == "" || text == "none" {
		return i, nil
	}
	for piece := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(piece, "=")
		if !ok || key == "" || value == "" {
			return i, fmt.Errorf("%q is no impairment: write KEY=VALUE, such as loss=1%%,delay=20ms", piece)
		}
		known, err := i.Set(key, value)
		switch {
		case err != nil:
			return i, err
		case !known:
			return i, fmt.Errorf("no impairment is called %q: write some such as loss=1%%,delay=20ms,rate=10mbit,seed=7", key)
		}
	}
	if i.IsZero() {
		return i, fmt.Errorf("%q impairs nothing: add some such as loss=1%%", text)
	}
	return i, i.Validate()
}

// ParseEnv reads an environment variable and its value.
func ParseEnv(text string) (string, error) {
	key, _, ok := strings.Cut(text, "=")
	if !ok {
		return "", fmt.Errorf("%q is no variable: write KEY=VALUE", text)
	}
	return text, checkEnv(text, key)
}

func checkEnv(text, key string) error {
	if key == "" || strings.ContainsRune(key, '=') || strings.ContainsRune(text, 0) {
		return fmt.Errorf("%q is no name of an environment variable: write KEY=VALUE", key)
	}
	return nil
}

// Host is a name and its addresses.
type Host struct {
	Name  string
	Addrs []netip.Addr
}

// ParseHost reads NAME=ADDRESS.
func ParseHost(text string) (Host, error) {
	name, address, ok := strings.Cut(text, "=")
	if !ok {
		return Host{}, fmt.Errorf("%q is no name with an address: write one such as db.internal=10.77.0.1", text)
	}
	if err := checkHostName(name); err != nil {
		return Host{}, err
	}
	a, err := ParseAddress(address)
	return Host{name, []netip.Addr{a}}, err
}

func checkHostName(name string) error {
	if name == "" || len(name) > 253 || strings.ContainsAny(name, " \t\r\n*:/") {
		return fmt.Errorf("%q is no name of a host: write one such as db.internal", name)
	}
	return nil
}

// splitCommand makes a command out of one line, which has no quoting.
func splitCommand(text string) ([]string, error) {
	if strings.ContainsAny(text, "'\"\\$`|&;<>*?~") {
		return nil, fmt.Errorf("%q is not given to a shell, so there is no quoting: write a list, "+
			"such as [./web, \"two words\"]", text)
	}
	return strings.Fields(text), nil
}

// NameOf makes a name for a plugin out of its program's.
func NameOf(program string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '-'
	}, filepath.Base(program))
	name = strings.Trim(name[:min(len(name), 63)], ".-")
	if name == "" {
		return "plugin"
	}
	return name
}

// CheckName says what is wrong with a plugin's name.
func CheckName(name string) error {
	if name == "" || len(name) > 63 || strings.Trim(name, ".") == "" || strings.Trim(name,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
		return fmt.Errorf("%q is no plugin's name: it has 1 to 63 letters, digits, '-', '_' or '.'", name)
	}
	return nil
}

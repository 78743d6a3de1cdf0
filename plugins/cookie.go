package plugins

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Cookie is what a go-plugin binary wants to see before it serves: an environment variable with a value that its host
// knows, and the versions of the host's protocol. It tells a plugin that it was started by its host and not by hand; it
// protects nothing.
type Cookie struct {
	Host       string // whose plugins have it
	Key, Value string
	Versions   []int // of the host's protocol, those that are known
}

// cookies are those of well-known hosts.
var cookies = []Cookie{
	{"terraform", "TF_PLUGIN_MAGIC_COOKIE",
		"d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2", []int{4, 5, 6}},
	{"vault-database", "VAULT_DATABASE_PLUGIN", "926a0820-aea2-be28-51d6-83cdf00e8edb", []int{3, 4, 5, 6}},
	{"vault", "VAULT_BACKEND_PLUGIN", "6669da05-b1c8-4f49-97d9-c8e5bed98e20", []int{3, 4, 5}},
	{"nomad", "NOMAD_PLUGIN_MAGIC_COOKIE",
		"e4327c2e01eabfd75a8a67adb114fb34a757d57eee7728d857a8cec6e91a7255", []int{1, 2}},
	{"tflint", "TFLINT_RULESET_PLUGIN",
		"5adSn1bX8nrDfgBqiAqqEkC6OE1h3iD8SqbMc5UUONx8x3xCF0KlPDsBRNDjoYDP", []int{9, 10, 11}},
	{"grafana", "grafana_plugin_type", "datasource", []int{1, 2}},
	{"gnmic", "GNMIC_PLUGIN", "gnmic", []int{1}},
	{"go-plugin-example", "BASIC_PLUGIN", "hello", []int{1}},
}

// ErrNoCookie says that a binary has none of the cookies that are known.
var ErrNoCookie = errors.New("no known go-plugin cookie")

// FindCookie finds the cookie of a go-plugin binary: the one of the well-known hosts whose variable the binary names.
// The error is [ErrNoCookie] where there is none, or one of reading the file.
func FindCookie(binary string) (Cookie, error) {
	f, err := os.Open(binary)
	if err != nil {
		return Cookie{}, err
	}
	defer f.Close()
	var keys []string
	for _, c := range cookies {
		keys = append(keys, c.Key)
	}
	found, err := scan(f, keys...)
	if err != nil {
		return Cookie{}, fmt.Errorf("read %s: %w", binary, err)
	}
	for _, c := range cookies { // a binary may have several by the libraries it is made of: the first is the likeliest
		if found[c.Key] {
			return c, nil
		}
	}
	return Cookie{}, fmt.Errorf("%s: %w: it is of none of %s: say which it has, as --cookie KEY=VALUE",
		binary, ErrNoCookie, hosts())
}

// MadeHere reports whether a binary is made with this package, so that it is a plugin of gotcp's, or a host of such.
func MadeHere(binary string) (bool, error) {
	f, err := os.Open(binary)
	if err != nil {
		return false, err
	}
	defer f.Close()
	found, err := scan(f, handshake.MagicCookieValue)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", binary, err)
	}
	return found[handshake.MagicCookieValue], nil
}

// hosts lists the names of the hosts that are known.
func hosts() string {
	var names []string
	for _, c := range cookies {
		names = append(names, c.Host)
	}
	return strings.Join(names, ", ")
}

// CookieOf is the cookie of a well-known host, or one that is written as KEY=VALUE.
func CookieOf(text string) (Cookie, error) {
	for _, c := range cookies {
		if c.Host == text {
			return c, nil
		}
	}
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" || value == "" {
		return Cookie{}, fmt.Errorf("cookie %q: write KEY=VALUE, or one of %s", text, hosts())
	}
	for _, c := range cookies {
		if c.Key == key {
			c.Value = value
			return c, nil
		}
	}
	return Cookie{Key: key, Value: value}, nil
}

// scan reports which of the texts a file has.
func scan(r io.Reader, texts ...string) (map[string]bool, error) {
	longest := 0
	for _, t := range texts {
		longest = max(longest, len(t))
	}
	found := map[string]bool{}
	buf := make([]byte, 1<<20)
	kept := 0 // of the block before, which a text may begin in
	for {
		n, err := io.ReadFull(r, buf[kept:])
		block := buf[:kept+n]
		for _, t := range texts {
			if bytes.Contains(block, []byte(t)) {
				found[t] = true
			}
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return found, nil
		default:
			return nil, err
		}
		kept = copy(buf, block[len(block)-longest:])
	}
}

package netspec

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gotcp/gotcp/netapi/dns"
)

// TestNames: a network that is described with a hosts file and a name server finds names by both.
func TestNames(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(file, []byte("127.0.0.9 db.example db # the stack's own\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := mustOpen(t, "loopback,dns=127.0.0.1:5353,hosts="+file)
	pc, err := n.ListenPacket(t.Context(), "udp", "127.0.0.1:5353")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	server := dns.Server{Hosts: map[string][]netip.Addr{
		"www.example": {netip.MustParseAddr("127.0.0.80")}, "db.example": {netip.MustParseAddr("127.0.0.81")},
	}}
	go server.ServePacket(pc)
	for name, want := range map[string]string{ // dots at the end: no domain is searched
		"db.example.": "[127.0.0.9]", "DB.": "[127.0.0.9]", "www.example.": "[127.0.0.80]",
	} {
		if got, err := n.Resolver().LookupHost(t.Context(), name); fmt.Sprint(got) != want || err != nil {
			t.Errorf("%s is %v, %v; want %s", name, got, err, want)
		}
	}
}

// TestNamesErrors: a hosts file that's wrong is said to be so before a device is made.
func TestNamesErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(file, []byte("127.0.0.9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"loopback,hosts=" + file: "hosts=" + file + `: line 1: "127.0.0.9" is no address with a name: write ADDRESS NAME`,
		"tun:hosts=/no/such":     "hosts=/no/such: open /no/such: no such file or directory",
	} {
		s, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}

// mustOpen opens the network of a description.
func mustOpen(t *testing.T, text string) *Net {
	t.Helper()
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

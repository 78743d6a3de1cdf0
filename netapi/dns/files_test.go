package dns_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gotcp/gotcp/netapi/dns"
)

// TestParseHosts reads what is found in hosts files.
func TestParseHosts(t *testing.T) {
	hosts, err := dns.ParseHosts(strings.NewReader("# the office\n10.0.0.1 DB.Example. db # and its short name\n" +
		"\t10.0.0.2   db\r\n10.0.0.1 db\n::ffff:10.0.0.3 mapped\n2001:db8::7 six\n\n"))
	want := "map[db:[10.0.0.1 10.0.0.2] db.example:[10.0.0.1] mapped:[10.0.0.3] six:[2001:db8::7]]"
	if got := fmt.Sprint(hosts); got != want || err != nil {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

// TestParseHostsErrors: a line that's wrong is named, and the others are read.
func TestParseHostsErrors(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.300 db":                `line 2: "10.0.0.300 db" is no address with a name: write ADDRESS NAME, such as`,
		"\n10.0.0.1 # db\ndb 10.0.0.1": `line 3: "10.0.0.1" is no address with a name`,
		strings.Repeat("x", 1<<17):     "token too long",
	} {
		hosts, err := dns.ParseHosts(strings.NewReader("10.0.0.9 ok\n" + text + "\n10.0.0.8 ok"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.30q: %v; want %s", text, err, want)
		}
		if len(hosts["ok"]) != 2 && !strings.Contains(want, "long") {
			t.Errorf("%.30q: the other lines were read as %v", text, hosts)
		}
	}
	if _, err := dns.ParseHosts(iotest.ErrReader(fmt.Errorf("broken disk"))); err == nil || err.Error() != "broken disk" {
		t.Errorf("%v; want the reader's error", err)
	}
}

// TestParseServers: three servers at most, as resolv.conf(5) says.
func TestParseServers(t *testing.T) {
	servers, err := dns.ParseServers(strings.NewReader("# nameserver 10.0.0.1\n;nameserver 10.0.0.1\nsearch example\n" +
		"nameserver 10.0.0.2 # the first\n nameserver 2001:db8::53\nnameserver dns.example\nnameserver\n" +
		"nameserver 10.0.0.3\nnameserver 10.0.0.4\n"))
	if got := fmt.Sprint(servers); got != "[10.0.0.2:53 [2001:db8::53]:53 10.0.0.3:53]" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := dns.ParseServers(iotest.ErrReader(fmt.Errorf("broken disk"))); err == nil {
		t.Error("the reader's error is lost")
	}
}

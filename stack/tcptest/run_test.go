package tcptest

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gotcp/gotcp/stack/tcptest/script"
)

// accepted is a script's beginning: fd 4 is a connection at 0.1 s.
const accepted = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1
+0 accept(3, ..., ...) = 4
`

// withTS is the same with timestamps.
const withTS = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000,nop,nop,TS val 7 ecr 0>
+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,TS val 100 ecr 7>
+.1 < . 1:1(0) ack 1 <nop,nop,TS val 8 ecr 100>
+0 accept(3, ..., ...) = 4
`

func execute(t *testing.T, src string, target Target) error {
	t.Helper()
	s, err := script.Parse("x.pkt", src)
	if err != nil {
		t.Fatal(err)
	}
	return Execute(t, s, target)
}

// section is a script of a file in testdata, with what must be in the message of its failure.
type section struct{ name, src, want string }

// sections reads a file of scripts.
func sections(t *testing.T, path string) (list []section) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), "\n-- ")[1:] {
		name, body, _ := strings.Cut(part, " --\n")
		src, want, _ := strings.Cut(body, "====\n")
		src = strings.NewReplacer("@accepted\n", accepted, "@withTS\n", withTS).Replace(src)
		list = append(list, section{name, src, strings.TrimSuffix(want, "\n")})
	}
	return list
}

// TestFailures: each kind of disagreement is found, on the line where it is, and told in the script's notation.
func TestFailures(t *testing.T) {
	for _, c := range sections(t, "testdata/failures.txt") {
		for _, target := range []Target{Gotcp, Manual} {
			t.Run(c.name+" on "+target.Name(), func(t *testing.T) {
				err := execute(t, c.src, target)
				var f *Failure
				if !errors.As(err, &f) {
					t.Fatalf("error %v, want a *Failure", err)
				}
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("failure:\n%v\nwant in it:\n%s", err, c.want)
				}
			})
		}
	}
}

// TestPasses: what must not be taken for a disagreement.
func TestPasses(t *testing.T) {
	for _, c := range sections(t, "testdata/passes.txt") {
		t.Run(c.name, func(t *testing.T) {
			for _, target := range []Target{Gotcp, Manual} {
				if err := execute(t, c.src, target); err != nil {
					t.Errorf("on %s: %v", target.Name(), err)
				}
			}
		})
	}
}

func TestConfig(t *testing.T) {
	parse := func(config string) (*Config, error) {
		s, err := script.Parse("x.pkt", "// config: "+config+"\n")
		if err != nil {
			t.Fatal(err)
		}
		return NewConfig(s)
	}
	c, err := parse("mss=1000, nosack, rto_min=300ms, fin_timeout=7s, sndbuf=9000, retries=4, tstick=10ms, strict, " +
		"isn=0, tcp_max_tw_buckets=5, ip_version=ipv4, tolerance_usecs=2000, nooffload")
	if err != nil {
		t.Fatal(err)
	}
	if c.MTU != 1040 || c.TSTick != 10*time.Millisecond || !c.Strict || c.RemoteISN != 0 ||
		c.Late != 2*time.Millisecond || c.Offload {
		t.Errorf("config %+v", c)
	}
	for name, want := range map[string]string{"tcp_sack": "0", "tcp_rto_min_us": "300000", "tcp_fin_timeout": "7",
		"tcp_wmem": "4096 9000 4194304", "tcp_retries2": "4", "tcp_max_tw_buckets": "5"} {
		if c.Sysctl[name] != want {
			t.Errorf("%s is %q, want %q", name, c.Sysctl[name], want)
		}
	}
	for config, want := range map[string]string{
		"foo=1":     `x.pkt:1:1: unknown setting "foo", expected a sysctl (tcp_..., ip_...) or one of fin_timeout, isn`,
		"mtu=x":     `bad setting mtu="x", expected a number`,
		"rto_min=5": `bad setting rto_min="5", expected a time such as 200ms`,
		"nosack=1":  `setting nosack takes no value`,
	} {
		if _, err := parse(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", config, err, want)
		}
	}
	err = execute(t, "// config: tcp_foo=1\n0 < S 0:0(0)\n", Gotcp)
	if err == nil || !strings.Contains(err.Error(), `gotcp has no sysctl tcp_foo="1"`) {
		t.Errorf("a sysctl that gotcp has not: %v", err)
	}
}

package script

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sample has every kind of event and every form of time.
const sample = `// A sample.
// RFC: 9293 MUST-10, SHLD-3, 5961 3.2
// Linux: differs: it has no such thing
// Linux: differs: at all
// config: mss=1000, nosack
--tolerance_usecs=10000
` + "`sysctl -q net.ipv4.tcp_sack=0; sysctl -w tcp_ecn=\"1\"`" + `
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, {sa_family = AF_INET, sin_port = htons(8080), sin_addr = inet_addr("192.0.2.1")}, ...) = 0
+0 listen(3, 1) = 0
0.100 < [ect0, port 5001] S 0:0(0) win 32792 <mss 1000,sackOK,TS val 100 ecr 0,nop,wscale 7>
+.1 > [noecn] S. 0:0(0) ack 1 <...> // what it says does not matter
+0...0.25 accept(3, ..., ...) = 4
+.1~+.2 > P.U 1:1001(1000) ack 1 win 257 urg 3 <nop,nop,TS val ... ecr 100>
* > Fp. 1:1(0) ack 1 <nop,nop,sack 1001:2001 3001:4001,eol>
+0 < icmp unreachable frag_needed mtu 1400 [1:1001(1000)]
+0 < [src "224.0.0.1", dst "192.0.2.255", ipopt "01010101", nodf] S 0:0(0)
+0 < (ttl 3) - 5:5(0) <raw "fd04abcd">
+0 read(4, ..., 1000) = -1 EAGAIN (Resource temporarily unavailable)
+0 write(4, "a\n\"b", 4) = 4 /* said
in two lines */
+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0
+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1
+0 %{
assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd
assert 1 < tcpi_rto // 1000 <= 200 and not (tcpi_state != TCP_ESTABLISHED or tcpi_lost); assert True, "text"
}%
+0 ` + "`sysctl -q net.ipv4.tcp_fin_timeout=3`" + `
`

func mustParse(t *testing.T, src string) *Script {
	t.Helper()
	s, err := Parse("sample.pkt", src)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHead(t *testing.T) {
	s := mustParse(t, sample)
	var tags, settings []string
	for _, tag := range s.Tags {
		tags = append(tags, fmt.Sprintf("%d %s", tag.RFC, tag.ID))
	}
	for _, set := range s.Settings {
		settings = append(settings, set.Name+"="+set.Value)
	}
	// The RFC's number holds until the next one is given.
	if got, want := strings.Join(tags, " | "), "9293 MUST-10 | 9293 SHLD-3 | 5961 3.2"; got != want {
		t.Errorf("tags %s, want %s", got, want)
	}
	// Flags come first and then what comments say, so that a comment overrides the sysctls that a script came with.
	want := "tolerance_usecs=10000 tcp_sack=0 tcp_ecn=1 mss=1000 nosack="
	if got := strings.Join(settings, " "); got != want {
		t.Errorf("settings %s, want %s", got, want)
	}
	// A reason may go over several lines.
	if want := "it has no such thing at all"; s.Linux.Differs != want || s.Linux.Slow {
		t.Errorf("Linux %+v, want %q and not slow", s.Linux, want)
	}
	if got := s.Line(8); got != "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3" {
		t.Errorf("line 8 is %q", got)
	}
}

func TestTimes(t *testing.T) {
	const ms = time.Millisecond
	s := mustParse(t, sample)
	for i, want := range map[int]Time{
		0: {Kind: At},
		1: {Kind: At, Relative: true},
		3: {Kind: At, From: 100 * ms},
		4: {Kind: At, Relative: true, From: 100 * ms},
		5: {Kind: Blocking, Relative: true, To: 250 * ms},
		6: {Kind: Between, Relative: true, From: 100 * ms, To: 200 * ms},
		7: {Kind: AnyTime},
	} {
		if got := s.Events[i].Time; got != want {
			t.Errorf("event %d (%s): time %+v, want %+v", i, s.Line(s.Events[i].Line), got, want)
		}
	}
}

func TestPackets(t *testing.T) {
	s := mustParse(t, sample)
	syn := Packet{In: true, IP: IP{HasECN: true, ECN: 2, RemotePort: 5001}, TCP: &TCP{Flags: SYN, HasWin: true, Win: 32792,
		Options: []Option{{Kind: MSS, Value: 1000}, {Kind: SACKOK}, {Kind: TS, Value: 100}, {Kind: NOP},
			{Kind: WScale, Value: 7}}}}
	if got := s.Events[3].Packet; !reflect.DeepEqual(*got, syn) {
		t.Errorf("SYN is %+v %+v, want %+v %+v", got, got.TCP, syn, syn.TCP)
	}
	// What is printed is the notation again, with the flags in the usual order.
	for i, want := range map[int]string{
		3:  "< [port 5001, ect0] S 0:0(0) win 32792 <mss 1000,sackOK,TS val 100 ecr 0,nop,wscale 7>",
		4:  "> [noecn] S. 0:0(0) ack 1 <...>",
		6:  "> PU. 1:1001(1000) ack 1 win 257 urg 3 <nop,nop,TS val ... ecr 100>",
		7:  "> pF. 1:1(0) ack 1 <nop,nop,sack 1001:2001 3001:4001,eol>",
		8:  "< icmp unreachable frag_needed mtu 1400 [. 1:1001(1000)]",
		9:  `< [nodf, src "224.0.0.1", dst "192.0.2.255", ipopt "01010101"] S 0:0(0)`,
		10: `< [ttl 3] - 5:5(0) <raw "fd04abcd">`,
		11: "",
	} {
		got := ""
		if pk := s.Events[i].Packet; pk != nil {
			got = pk.String()
		}
		if got != want {
			t.Errorf("event %d is %s, want %s", i, got, want)
		}
	}
}

func TestCalls(t *testing.T) {
	s := mustParse(t, sample)
	socket, bind, read, write := s.Events[0].Call, s.Events[1].Call, s.Events[11].Call, s.Events[12].Call
	linger, poll := s.Events[13].Call, s.Events[14].Call
	if socket.Name != "socket" || socket.Args[0].Kind != Any || socket.Args[1].Int != 1 || socket.Result.Value != 3 {
		t.Errorf("socket is %+v", socket)
	}
	addr, _ := bind.Args[1].Field("sin_addr")
	port, _ := bind.Args[1].Field("sin_port")
	if addr.Str != "192.0.2.1" || port.Int != 8080 {
		t.Errorf("bind's address is %+v", bind.Args[1])
	}
	if read.Result != (Result{Value: -1, Errno: syscall.EAGAIN}) {
		t.Errorf("read's result is %+v", read.Result)
	}
	if got := write.Args[1].Str; got != "a\n\"b" {
		t.Errorf("write's data is %q", got)
	}
	if onoff, ok := linger.Args[3].Field("onoff"); !ok || onoff.Int != 1 {
		t.Errorf("linger is %+v", linger.Args[3])
	}
	if events, _ := poll.Args[0].List[0].Field("events"); events.Int != 5 {
		t.Errorf("poll's events are %+v", events)
	}
}

func TestAsserts(t *testing.T) {
	s := mustParse(t, sample)
	a := s.Events[15].Assert
	if len(a.Checks) != 3 {
		t.Fatalf("%d checks, want 3", len(a.Checks))
	}
	info := map[string]int64{"tcpi_snd_cwnd": 10, "tcpi_rto": 200999, "tcpi_state": 1}
	vars := func(n string) int64 { return info[n] }
	for i, c := range a.Checks {
		if c.Cond.Eval(vars) == 0 {
			t.Errorf("check %d (%s) fails for %v", i, c.Text, info)
		}
	}
	if want := (Pos{25, 1}); a.Checks[0].Pos != want {
		t.Errorf("first check is at %v, want %v", a.Checks[0].Pos, want)
	}
	if got, want := a.Checks[0].Values(vars), "tcpi_snd_cwnd = 10"; got != want {
		t.Errorf("values %q, want %q", got, want)
	}
	info["tcpi_rto"] = 201000
	if a.Checks[1].Cond.Eval(vars) != 0 {
		t.Errorf("%s holds for 201", a.Checks[1].Text)
	}
	if got := s.Events[16].Shell; len(got) != 1 || got[0].Name != "tcp_fin_timeout" || got[0].Value != "3" {
		t.Errorf("shell command is %+v", got)
	}
}

func TestPython(t *testing.T) {
	vars := func(string) int64 { return 7 } // tcpi_rtt
	for expr, want := range map[string]int64{
		"tcpi_rtt + 2 * 3":           13,
		"(tcpi_rtt + 2) * 3":         27,
		"-7 // 2":                    -4, // Python rounds down
		"-7 % 4":                     1,  // and the remainder has the divisor's sign
		"7 % -4":                     -1,
		"7 / 0":                      0, // no panic
		"1 < tcpi_rtt < 5":           0,
		"1 < 5 < tcpi_rtt":           1,
		"0 or 3":                     3,
		"2 and 3":                    3,
		"not 2":                      0,
		"6 & 3 | 8":                  10,
		"10 - 3 - 2":                 5,
		"TCP_CA_Recovery":            3,
		"1 == 1 and 2 != 1 and 1>=1": 1,
		"tcpi_rtt <= 6":              0,
	} {
		s, err := Parse("x.pkt", "0 %{ assert "+expr+" }%")
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			continue
		}
		if got := s.Events[0].Assert.Checks[0].Cond.Eval(vars); got != want {
			t.Errorf("%s = %d, want %d", expr, got, want)
		}
	}
}

// TestErrors: an error says where it is, what is there, and what was expected.
func TestErrors(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"+0 > X 0:0(0)", `1:6: unexpected "X", expected TCP flags`},
		{"+0 > Pp. 0:0(0) ack 1", `1:6: unexpected "Pp", expected TCP flags`},
		{"+0 < p. 0:0(0) ack 1", `1:6: "p" says nothing about a packet that is injected`},
		{"+0 > SS 0:0(0)", `1:6: unexpected "SS", expected TCP flags`},
		{"\n  +0 < . 1:5(3) ack 1", `2:10: sequence numbers 1:5 don't fit the length 3, expected 1:4(3)`},
		{"+0 < . 1:1(0)", `an ack number goes with the flag "."`},
		{"+0 > S 1:1(0) ack 4", `an ack number goes with the flag "."`},
		{"+0 > . 1:1(0) ack 1 wim 5", `1:21: unexpected "wim", expected ack N, win N`},
		{"+0 > . 1:1(0) ack 1 win 70000", `1:25: 70000 is too large for a window, expected at most 65535`},
		{"+0 > . 1:1(0) ack 1 <mss>", `1:25: unexpected ">", expected an MSS`},
		{"+0 > . 1:1(0) ack 1 <mss 5", `1:27: unexpected the end of the file, expected ">"`},
		{"+0 > . 1:1(0) ack 1 <foo 5>", `1:22: unknown TCP option "foo"`},
		{"+0 < . 1:1(0) ack 1 <...>", `1:21: <...> says nothing about a packet that is injected`},
		{"+0 > . 1:1(0) ack 1 <sack 1:2 3:4 5:6 7:8 9:10>", `the options take 42 octets`},
		{"+0 < icmp unreachable foo", `1:23: unknown ICMP code "foo"`},
		{"+0 < icmp foo", `1:11: unknown ICMP type "foo"`},
		{"+0 > [badsum] . 1:1(0) ack 1", `1:7: unknown IP field "badsum"`},
		{"+0 < [src 5] S 0:0(0)", `1:11: unexpected "5", expected a string`},
		{"+0 < [src \"::1\"] S 0:0(0)", `1:11: bad address "::1", expected one of IPv4`},
		{"+0 < [ipopt \"010101\"] S 0:0(0)", `1:13: bad IP options "010101"`},
		{"+0 fork() = 3", `1:4: unknown system call "fork"`},
		{"+0 close(1, 2) = 0", `1:4: close has 2 arguments, expected 1`},
		{"+0 close(\"a\") = 0", `1:10: close does not take this here, expected an integer`},
		{"+0 ioctl(3, SIOCINQ, \"a\") = 0", `1:22: ioctl does not take this here, expected ..., [integer] or a struct`},
		{"+0 setsockopt(3, 6, 13, 5, 1) = 0", `expected ..., [integer], a struct or a string`},
		{"+0 listen(3, FOO) = 0", `1:14: unknown symbol "FOO"`},
		{"+0 listen(3, 1)", `1:16: unexpected the end of the file, expected "="`},
		{"+0 close(3) = -1 EFOO", `1:18: unknown errno "EFOO"`},
		{"+0 close(3) = 0 EINVAL", `1:15: the errno EINVAL goes with the result -1`},
		{"+0 close(3) = -1 EINVAL (no end\n", `1:25: errno's text without an end`},
		{"+0 close(3) = 0 +0 close(4) = 0", `1:17: unexpected "+", expected the end of the line`},
		{"+0 `rm -rf x`", `command "rm" is not accepted, expected sysctl`},
		{"+0 `sysctl x`", `bad sysctl argument "x", expected NAME=VALUE`},
		{"+0 `sysctl", "1:4: ` without an end, expected `"},
		{"+0 %{ print(1) }%", `1:7: unexpected "print", expected "assert"`},
		{"+0 %{ assert tcpi_foo == 1 }%", `1:14: unknown name "tcpi_foo"`},
		{"+0 %{\n assert 1 ==\n}%", `unexpected the end of the file`},
		{"+0 %{ }%", `1:4: empty code block`},
		{"+0 foo", `1:4: unknown system call "foo"`},
		{"+0 =", `1:4: unexpected "=", expected a packet (< or >), a system call`},
		{"+x", `1:2: unexpected "x", expected a time in seconds`},
		{"+.1~.2 > . 1:1(0)", `1:5: a range needs + at both ends or at none`},
		{".2~.1 > . 1:1(0)", `1:4: the time ends before it begins`},
		{"0...1 > . 1:1(0)", `1:1: only a system call takes a time of the form N...M`},
		{"* < R 1:1(0)", `1:1: only a packet out (>) takes a time of the form * or N~M`},
		{"+.0123456789 close(3) = 0", `bad time .0123456789`},
		{"/* abc", `1:1: comment without an end`},
		{"+0 write(3, \"abc", `1:13: string without an end`},
		{"+0 write(3, \"a\\q\", 2) = 2", `1:15: unknown escape \q`},
		{"+0 é", `1:4: unexpected character 'é'`},
		{"// RFC: MUST-1\n", `1:1: bad requirement "MUST-1"`},
		{"// RFC: 9293 MUST1\n", `bad requirement "MUST1", expected MUST-n`},
		{"// RFC: x MUST-1\n", `bad RFC number "x"`},
		{"// Linux: maybe\n", `bad "Linux:" "maybe"`},
		{"// config: a,,b\n", `bad "config:"`},
		{"+0 close(3) = 0\n// RFC: 9293 MUST-1\n", `2:1: RFC: belongs in the script's head`},
		{"+0 bind(3, {sin_addr=inet_addr(5)}, 0) = 0", `inet_addr takes a string`},
		{"+0 close(" + strings.Repeat("[", 200), `more than 100 nested expressions`},
		{"+0 %{ assert " + strings.Repeat("(", 200) + "}%", `more than 100 nested expressions`},
	} {
		_, err := Parse("x.pkt", c.src)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%q: error %v, want an *Error with %q", c.src, err, c.want)
			continue
		}
		if !strings.HasPrefix(err.Error(), "x.pkt:") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q:\n error %v\n want  %s", c.src, err, c.want)
		}
	}
}

func TestParseFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.pkt")
	if _, err := ParseFile(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte("+0 close(3) = 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := ParseFile(path); err != nil || len(s.Events) != 1 || s.Path != path {
		t.Errorf("%+v, %v", s, err)
	}
}

// FuzzParse: no text panics, an error lies within the text, and a packet that was printed parses to itself.
func FuzzParse(f *testing.F) {
	f.Add(sample)
	for line := range strings.Lines(sample) {
		f.Add(line)
	}
	scripts, _ := filepath.Glob("../testdata/*/*.pkt")
	for _, path := range scripts {
		if src, err := os.ReadFile(path); err == nil {
			f.Add(string(src))
		}
	}
	f.Fuzz(func(t *testing.T, src string) {
		s, err := Parse("x.pkt", src)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 1 || e.Line > strings.Count(src, "\n")+1 || e.Col < 1 {
				t.Fatalf("error without a place in the text: %v", err)
			}
			return
		}
		for _, e := range s.Events {
			if e.Packet == nil {
				continue
			}
			text := "0 " + e.Packet.String()
			again, err := Parse("again.pkt", text)
			if err != nil {
				t.Fatalf("%q printed as %q: %v", s.Line(e.Line), text, err)
			}
			if got := again.Events[0].Packet; !reflect.DeepEqual(got, e.Packet) {
				t.Fatalf("%q printed as %q, parsed as %v", s.Line(e.Line), text, got)
			}
		}
	})
}

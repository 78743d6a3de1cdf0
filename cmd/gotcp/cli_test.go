package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// asProgram is set where the test binary is to be gotcp itself.
const asProgram = "GOTCP_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	plugins.Init()
	if kind := os.Getenv(asPlugin); kind != "" {
		plugins.Serve(testPlugins[kind]...)
	}
	if os.Getenv(asProgram) != "" {
		main()
	}
	netns.Main(m)
}

// gotcp makes a command line of the program. It enters a namespace of its own, as it does for its user, though the
// tests are in one.
func gotcp(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(e string) bool {
		return strings.HasPrefix(e, "GOTCP_NETNS=") || strings.HasPrefix(e, "GOTCP_NET=")
	})
	// The race detector would have each program sleep before it exits.
	cmd.Env = append(cmd.Env, asProgram+"=1", "GOTCP="+self, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// result runs the program and returns what it printed and its exit status.
func result(t testing.TB, cmd *exec.Cmd) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// want runs the program and checks its exit status and that its output has all of the texts.
func want(t testing.TB, cmd *exec.Cmd, status int, texts ...string) (stdout string) {
	t.Helper()
	stdout, stderr, got := result(t, cmd)
	if got != status {
		t.Errorf("%q exits with %d; want %d\n%s%s", cmd.Args[1:], got, status, stdout, stderr)
	}
	for _, text := range texts {
		if !strings.Contains(stdout+stderr, text) {
			t.Errorf("%q doesn't say %q:\n%s%s", cmd.Args[1:], text, stdout, stderr)
		}
	}
	return stdout
}

// TestHelp: the help of each verb says how it is used, by examples.
func TestHelp(t *testing.T) {
	for verb, text := range map[string]string{
		"":           "gotcp serve http . -- curl http://10.77.0.2/",
		"demo":       "gotcp demo --size 10MiB --net private,loss=1%,delay=5ms",
		"serve":      "gotcp serve http . -- curl",
		"serve echo": "gotcp serve echo --net tun:dev=tun0",
		"serve http": "gotcp serve http --net kernel --port 8080",
		"dial":       "gotcp dial 10.77.0.1:7000 -- nc -l 7000",
		"ping":       "gotcp ping 10.77.0.1",
		"parity":     "gotcp parity --only 'options.*.expiry*' --strict",
	} {
		out := want(t, gotcp(t, append(strings.Fields(verb), "--help")...), 0, text)
		if verb != "" && verb != "serve" && verb != "parity" && !strings.Contains(out, "--net NETWORK") {
			t.Errorf("the help of %s doesn't tell of --net:\n%s", verb, out)
		}
	}
	want(t, gotcp(t), 0, "gotcp VERB") // no verb at all
}

// TestWrongUsage: each mistake gives status 2 and says what would be right.
func TestWrongUsage(t *testing.T) {
	for line, text := range map[string]string{
		"serv":                          `no verb is called "serv". Did you mean "serve"?`,
		"--nett x":                      "See gotcp --help",
		"demo --sise 1":                 `no flag is called --sise. Did you mean "--size"?`,
		"demo --size much":              "write a number of octets such as 256MiB",
		"demo --requests -1":            "--requests -1: a number that isn't negative is wanted",
		"demo --net private,loss=2":     "loss=2: not a percentage: write one such as 1%",
		"demo --net lan":                `no kind is called "lan": use private, tun, loopback or kernel`,
		"demo --net kernel --pcap x":    "--pcap: packets of the kernel network don't pass here",
		"demo now":                      "takes no arguments",
		"serve":                         "gotcp serve echo or gotcp serve http DIR",
		"serve ftp":                     `there is no server called "ftp"`,
		"serve echo x":                  `nothing to say to it, but you said "x"`,
		"serve http /no/such":           "/no/such: no such file or directory",
		"serve http a b":                "one directory only",
		"serve http . --port 99999":     "a port is 0 to 65535",
		"serve http --prot 80":          "See gotcp serve http --help",
		"dial":                          "one address is wanted, such as 10.77.0.1:80",
		"dial 10.77.0.1":                "write HOST:PORT, such as 10.77.0.1:80",
		"ping":                          "such as 10.77.0.1",
		"ping 10.77.0.1 --size 70000":   "0 to 65507 octets",
		"ping --net kernel 127.0.0.1":   "the kernel network has ping(8) for this",
		"ping 10.77.0.1 --interval -1s": "not negative",
	} {
		want(t, gotcp(t, strings.Fields(line)...), 2, "gotcp: ", text)
	}
	cmd := gotcp(t, "demo")
	cmd.Env = append(cmd.Env, "GOTCP_NET=lan")
	want(t, cmd, 2, `no kind is called "lan"`) // the environment's network is checked alike
}

// TestDemo: it exits with 0 and tells what happened, and who owned which end.
func TestDemo(t *testing.T) {
	netns.Require(t)
	want(t, gotcp(t, "demo", "--size", "3MiB", "--requests", "10"), 0, "gotcp 10.77.0.2, TUN device gotcp0",
		"10 requests", "download", "upload", "sha-256 equal", "server   gotcp", "client   Linux")
	want(t, gotcp(t, "demo", "--size", "3MiB", "--net", "loopback", "--counters"), 0, "server   gotcp", "client   gotcp",
		"tcp-passive-open")
	want(t, gotcp(t, "demo", "--size", "0", "--net", "kernel"), 0, "server   Linux", "client   Linux")
	want(t, gotcp(t, "demo", "--size", "200kB", "--net", "private,loss=3%,delay=1ms,seed=1"), 0,
		"with loss=3%,delay=1ms", "sha-256 equal")
	cmd := gotcp(t, "demo", "--size", "1MiB")
	cmd.Env = append(cmd.Env, "GOTCP_NET=loopback")
	want(t, cmd, 0, "a stack in memory")
}

// TestDemoJSON: the numbers are there for programs.
func TestDemoJSON(t *testing.T) {
	out := want(t, gotcp(t, "demo", "--json", "--size", "1MiB", "--requests", "3", "--net", "loopback"), 0)
	var r struct {
		Requests struct{ Count int }
		Download struct {
			Bytes         int64
			BitsPerSecond float64
			SHA256        string
		}
		Server struct{ TCP string }
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if r.Requests.Count != 3 || r.Download.Bytes != 1<<20 || r.Download.BitsPerSecond <= 0 ||
		len(r.Download.SHA256) != 64 || r.Server.TCP != "gotcp" {
		t.Errorf("%+v in %s", r, out)
	}
}

// TestDemoWithoutTUN: where there can be no device the demo says why, and runs in memory; other verbs say why and fail.
func TestDemoWithoutTUN(t *testing.T) {
	netns.Require(t) // by which one may hide the device's node
	hidden := func(args ...string) *exec.Cmd {
		cmd := gotcp(t, args...)
		sh := exec.CommandContext(t.Context(), "/bin/sh", append([]string{"-c",
			`mount --make-rprivate / && mount -t tmpfs none /dev/net && exec "$@"`, "sh"}, cmd.Args...)...)
		sh.Env = cmd.Env
		sh.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		return sh
	}
	want(t, hidden("demo", "--size", "1MiB"), 0, "no TUN device can be had here", "/dev/net/tun",
		"the link is in memory", "two stacks, link in memory", "sha-256 equal")
	want(t, hidden("ping", "10.77.0.1"), 1, "no TUN device can be had here")
}

// TestDemoUnprivileged: an ordinary user needs nothing but a TUN node that he may open, as most systems have it.
func TestDemoUnprivileged(t *testing.T) {
	netns.RequireRoot(t)
	dir, err := os.MkdirTemp("", "gotcp") // which, unlike the test binary's own, others may enter
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cmd := gotcp(t)
	b, err := os.ReadFile(cmd.Path)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "gotcp"), b, 0o755)
	}
	if err = errors.Join(err, os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	sh := exec.CommandContext(t.Context(), "/bin/sh", "-c", `mount --make-rprivate / && mount -t tmpfs none /dev/net &&
		mknod -m 666 /dev/net/tun c 10 200 &&
		exec setpriv --reuid 65534 --regid 65534 --clear-groups ./gotcp demo --size 1MiB`)
	sh.Env, sh.Dir = cmd.Env, dir
	sh.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	want(t, sh, 0, "gotcp 10.77.0.2, TUN device gotcp0", "sha-256 equal", "client   Linux")
}

// TestServe: the command behind "--" is at the kernel's end, and its exit status is gotcp's.
func TestServe(t *testing.T) {
	netns.Require(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "greeting"), []byte("hello from the stack\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// In the command $GOTCP dials by the kernel's TCP, for the environment says so.
	fetch := `printf 'GET /greeting HTTP/1.0\r\n\r\n' | $GOTCP dial 10.77.0.2:80`
	want(t, gotcp(t, "serve", "http", dir, "--", "sh", "-c", fetch), 0,
		"serving on http://10.77.0.2:80", "200 OK", "hello from the stack")
	echo := `echo what comes back | $GOTCP dial "$GOTCP_ADDR"`
	if out := want(t, gotcp(t, "serve", "echo", "--port", "7000", "--", "sh", "-c", echo), 0); out !=
		"what comes back\n" {
		t.Errorf("the echo was %q", out)
	}
	want(t, gotcp(t, "serve", "echo", "--", "sh", "-c", "exit 7"), 7)
	want(t, gotcp(t, "serve", "echo", "--", "sh", "-c", "kill -9 $$"), 128+9)
	want(t, gotcp(t, "serve", "echo", "--", "/no/such/command"), 127, "cannot run the command")
	want(t, gotcp(t, "serve", "echo", "--", dir), 126, "cannot run the command")
	want(t, gotcp(t, "serve", "http", dir, "--addr", "10.77.0.9", "--", "true"), 1, "cannot assign requested address")
}

// TestDial: both directions, the half-close, and what comes of nobody being there.
func TestDial(t *testing.T) {
	netns.Require(t)
	cmd := gotcp(t, "dial", "10.77.0.1:7000", "--", os.Args[0], "serve", "echo", "--port", "7000")
	big := strings.Repeat("all of this comes back\n", 50000)
	cmd.Stdin = strings.NewReader(big)
	if out := want(t, cmd, 0); out != big {
		t.Errorf("of %d octets %d came back", len(big), len(out))
	}
	want(t, gotcp(t, "dial", "10.77.0.1:9"), 1, "connect: connection refused: run a server there")
	want(t, gotcp(t, "dial", "192.0.2.1:9"), 1, "network is unreachable: a private network has 10.77.0.2 and 10.77.0.1")
	want(t, gotcp(t, "dial", "--net", "loopback", "192.0.2.1:9"), 1, "a stack in memory reaches itself only")
	want(t, gotcp(t, "dial", "10.77.0.1:7000", "--", "sh", "-c", "exit 3"), 3)
}

// TestPing: the kernel answers; nobody answers; nobody can be reached.
func TestPing(t *testing.T) {
	netns.Require(t)
	want(t, gotcp(t, "ping", "10.77.0.1", "-c", "2", "-i", "1ms", "--size", "2000"), 0,
		"2008 bytes from 10.77.0.1: icmp_seq=2", "2 sent, 2 received, 0% lost", "round trip min/avg/max")
	want(t, gotcp(t, "ping", "10.77.0.77", "-c", "1", "-W", "10ms"), 1, "no answer to icmp_seq=1", "100% lost")
	want(t, gotcp(t, "ping", "192.0.2.1", "-c", "1"), 1, "network is unreachable")
	want(t, gotcp(t, "ping", "localhost", "-c", "1", "--net", "loopback"), 0, "from 127.0.0.1")
}

// TestPCAP: the capture is a pcapng file.
func TestPCAP(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x,y.pcapng") // a name that the grammar of --net couldn't have
	want(t, gotcp(t, "ping", "127.0.0.1", "-c", "1", "--net", "loopback", "--pcap", file), 0)
	b, err := os.ReadFile(file)
	if err != nil || !bytes.HasPrefix(b, []byte{0x0a, 0x0d, 0x0d, 0x0a}) || len(b) < 200 {
		t.Errorf("%d octets that begin with %x, %v", len(b), b[:min(4, len(b))], err)
	}
	want(t, gotcp(t, "ping", "127.0.0.1", "--net", "loopback", "--pcap", "/no/such/dir/x"), 1, "no such file or directory")
}

// TestInterrupt: a signal ends the program with the status that shells expect, and nothing stays behind.
func TestInterrupt(t *testing.T) {
	netns.Require(t)
	const dev = "interrupted0"
	for _, c := range []struct {
		net    string
		signal syscall.Signal
		status int
	}{
		{"private", syscall.SIGINT, 130},
		{"private", syscall.SIGTERM, 143},
		{"tun:dev=" + dev, syscall.SIGINT, 130}, // in the tests' own namespace, so that it can be looked for
		{"loopback", syscall.SIGINT, 130},
	} {
		cmd := gotcp(t, "serve", "echo", "--net", c.net)
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1000)
		n, err := stderr.Read(buf) // which it prints when it serves
		if !strings.HasPrefix(string(buf[:n]), "serving on") {
			t.Errorf("%s: %q, %v", c.net, buf[:n], err)
		}
		if err := cmd.Process.Signal(c.signal); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != c.status {
			t.Errorf("%s, %v: status %d; want %d", c.net, c.signal, got, c.status)
		}
		if ifi, err := net.InterfaceByName(dev); err == nil {
			t.Errorf("%s: the device %v was left behind", c.net, ifi.Name)
		}
	}
}

// TestFlagsAnywhere: flags may come behind the arguments, up to the "--".
func TestFlagsAnywhere(t *testing.T) {
	app := newApp(nil, nil)
	for line, want := range map[string]string{
		"gotcp serve http . --port 8080":         "gotcp serve http --port 8080 .",
		"gotcp serve http --port=8080 .":         "gotcp serve http --port=8080 .",
		"gotcp serve http . --port=8080 --net x": "gotcp serve http --port=8080 --net x .",
		"gotcp demo --json --size 1":             "gotcp demo --json --size 1",
		"gotcp ping a --counters b -c 1":         "gotcp ping --counters -c 1 a b",
		"gotcp":                                  "gotcp",
		"gotcp --help":                           "gotcp --help",
	} {
		if got := strings.Join(flagsFirst(app, strings.Fields(line)), " "); got != want {
			t.Errorf("%s: %s; want %s", line, got, want)
		}
	}
}

// TestSizes: what is written is read.
func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "65536": 65536, "1KiB": 1024, "1.5 MiB": 3 << 19, "2gb": 2e9, "7B": 7,
	} {
		if n, err := parseSize(text); n != want || err != nil {
			t.Errorf("%s: %d, %v; want %d", text, n, err, want)
		}
	}
	for _, text := range []string{"", "x", "-1", "1e30", "MiB", "NaN"} {
		if n, err := parseSize(text); err == nil {
			t.Errorf("%q is %d", text, n)
		}
	}
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 4 << 10: "4 KiB", 256 << 20: "256 MiB", 3 << 29: "1.5 GiB",
	} {
		if got := formatSize(n); got != want {
			t.Errorf("%d: %s; want %s", n, got, want)
		}
	}
}

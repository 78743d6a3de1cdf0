package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gotcp/gotcp/cmd/gotcp/internal/control"
	"github.com/gotcp/gotcp/dialer"
	"github.com/gotcp/gotcp/netapi"
	"github.com/gotcp/gotcp/plugins"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// asPlugin names the plugin that the test binary is to be.
const asPlugin = "GOTCP_TEST_PLUGIN"

var testPlugins = map[string][]plugins.Kind{
	"server": {plugins.Service(serverService)},
	"client": {plugins.Service(clientService)},
	"spy":    {plugins.Service(spyService)},
	"deaf":   {plugins.Service(func(context.Context, netapi.Network) error { select {} })},
	"done":   {plugins.Service(func(context.Context, netapi.Network) error { return nil })},
	"failed": {plugins.Service(func(context.Context, netapi.Network) error { return errors.New("no fuel") })},
}

// serverService sends back what comes to port 7.
func serverService(ctx context.Context, _ netapi.Network) error {
	ln, err := dialer.Listen("tcp", ":7")
	if err != nil {
		return err
	}
	slog.Info("listening")
	stop := startEcho(ln)
	<-ctx.Done()
	return stop()
}

// clientService has a connection to the server, and tries what no rule allows.
func clientService(ctx context.Context, _ netapi.Network) error {
	c, err := dialer.Dial("tcp", "server:7")
	for errors.Is(err, syscall.ECONNREFUSED) && ctx.Err() == nil { // for plugins start at once
		c, err = dialer.Dial("tcp", "server:7")
	}
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Fprintln(c, "hello")
	text, err := bufio.NewReader(c).ReadString('\n')
	slog.Info("the server said", "text", text, "error", err)
	_, err = dialer.Dial("tcp", "192.0.2.1:443")
	slog.Info("tried", "error", fmt.Sprint(err))
	<-ctx.Done()
	return nil
}

// spyService tries to change its own rules by its supervisor's socket.
func spyService(ctx context.Context, _ netapi.Network) error {
	found, err := control.Find(os.Getenv(control.EnvDir))
	for _, c := range found {
		_, err = c.Change(ctx, "spy", control.Change{Revive: true})
	}
	slog.Info("spied", "sockets", len(found), "changed", err == nil && len(found) > 0)
	<-ctx.Done()
	return nil
}

// pluginRunning is a gotcp plugin run.
type pluginRunning struct {
	dir    string // of the sockets
	cmd    *exec.Cmd
	stderr *bufio.Reader
	said   strings.Builder // what was read of it
	ended  chan struct{}
}

// await reads what the program writes until that has a text. It goes back to nothing that it has read.
func (r *pluginRunning) await(t *testing.T, text string) {
	t.Helper()
	for {
		line, err := r.stderr.ReadString('\n')
		r.said.WriteString(line)
		if strings.Contains(line, text) {
			return
		}
		if err != nil {
			t.Fatalf("it never said %q:\n%s", text, &r.said)
		}
	}
}

// text is all that the program has written, which has ended, or is about to.
func (r *pluginRunning) text() string {
	io.Copy(&r.said, r.stderr)
	return r.said.String()
}

// runtimeDir makes a directory for sockets, whose path is not too long.
func runtimeDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gotcp-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if left, err := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 || err != nil {
			t.Errorf("%v, %v are left", left, err)
		}
		os.RemoveAll(dir)
	})
	return dir
}

// startPlugins runs plugins and returns when they run, or have failed to.
func startPlugins(t *testing.T, args ...string) (*pluginRunning, ready) {
	t.Helper()
	r := &pluginRunning{dir: runtimeDir(t), ended: make(chan struct{})}
	r.cmd = r.gotcp(t, append([]string{"run", "--json"}, args...)...)
	stdout, w := pipe(t)
	stderr, errs := pipe(t)
	r.cmd.Stdout, r.cmd.Stderr, r.stderr = w, errs, bufio.NewReader(stderr)
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	errs.Close()
	go func() {
		r.cmd.Wait()
		close(r.ended)
	}()
	t.Cleanup(func() {
		r.cmd.Process.Kill()
		<-r.ended
		if t.Failed() {
			t.Logf("gotcp plugin run:\n%s", r.text())
		}
	})
	var told ready
	if err := json.NewDecoder(stdout).Decode(&told); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return r, told
}

// pipe is one whose end is read when all that write to it have ended.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, w
}

// gotcp is a gotcp plugin that knows of this run.
func (r *pluginRunning) gotcp(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := gotcp(t, append([]string{"plugin"}, args...)...)
	cmd.Env = append(cmd.Env, control.EnvDir+"="+r.dir)
	return cmd
}

// end interrupts the run, again and again where it takes its time, and checks its exit status.
func (r *pluginRunning) end(t *testing.T, status int) {
	t.Helper()
	again := time.NewTicker(2 * oneSignal)
	defer again.Stop()
	for {
		if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		select {
		case <-r.ended:
			if got := r.cmd.ProcessState.ExitCode(); got != status {
				t.Errorf("the exit status is %d; want %d", got, status)
			}
			return
		case <-again.C:
		}
	}
}

// testFile writes a gotcp.yaml whose plugins are the test binary.
func testFile(t *testing.T, text string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "gotcp.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "SELF", self)), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

const twoPlugins = `network: loopback
names: {nowhere.test: 192.0.2.1}
plugins:
  server:
    command: [SELF]
    env: {GOTCP_TEST_PLUGIN: server}
    address: 10.77.0.10
    listen: ["tcp *:7"]
  client:
    command: [SELF]
    env: {GOTCP_TEST_PLUGIN: client}
    allow: ["tcp server:7"]
    quota: {conns: 10, in: 1MiB}
    impair: delay=1ms
`

// TestPlugins: plugins of a file run, find each other by name, and are seen and changed from another run of gotcp.
func TestPlugins(t *testing.T) {
	r, told := startPlugins(t, "-f", testFile(t, twoPlugins))
	if len(told.Plugins) != 2 || told.Plugins[0].Name != "client" || told.Plugins[0].Address.String() != "10.77.0.1" ||
		told.Plugins[1].Address.String() != "10.77.0.10" || told.Plugins[1].Kinds[0] != "service" {
		t.Fatalf("%+v", told)
	}
	r.await(t, `"tried"`) // by the client, which has talked to the server before
	if !strings.Contains(r.said.String(), `"text":"hello\n"`) {
		t.Error("the server didn't answer")
	}
	want(t, r.gotcp(t, "list"), 0, "server  running  service  10.77.0.10")
	out := want(t, r.gotcp(t, "inspect", "client"), 0, "client is running since", "allow   tcp server:7",
		"listen  none: nothing can be announced", "quota  conns  1 of 10", "impair  delay=1ms",
		"10.77.0.10:7", "ESTABLISHED", "dial tcp 192.0.2.1:443",
		"default: no rule allows it", "gotcp plugin net client --allow 'tcp 192.0.2.1:443'")
	if strings.Contains(out, "last time") {
		t.Errorf("it tells of an end that has not been:\n%s", out)
	}
	var d control.Detail
	if err := json.Unmarshal([]byte(want(t, r.gotcp(t, "inspect", "client", "--json"), 0)), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Refusals) != 1 || len(d.Conns) != 1 || d.Conns[0].TCP == nil || d.Net.BytesIn != 6 {
		t.Errorf("%+v", d)
	}
	want(t, r.gotcp(t, "logs", "client"), 0, `the server said error=<nil> text="hello\n"`, "the plugin runs")
	want(t, r.gotcp(t, "net", "client", "--allow", "tcp 192.0.2.1:443,80", "--quota", "conns=5", "--impair", "none"), 0,
		"allow   tcp 192.0.2.1:80,443\n", "quota   conns=5")
	want(t, r.gotcp(t, "net", "client"), 0, "allow   tcp 192.0.2.1:80,443\n") // it was kept
	want(t, r.gotcp(t, "net", "client", "--remove", "udp *"), 1,
		`there is no rule "udp *" to remove: there are "tcp server:7"`)
	want(t, r.gotcp(t, "net", "client", "--kill"), 0, "the network is off: --revive switches it on")
	want(t, r.gotcp(t, "list"), 0, "running, network off")
	want(t, r.gotcp(t, "net", "ftp"), 1, `no plugin is called "ftp" (running: client, server)`)
	want(t, r.gotcp(t, "stop", "client", "--supervisor", fmt.Sprint(told.Supervisor)), 0, "client is stopped")
	want(t, r.gotcp(t, "logs", "client"), 1, `no plugin is called "client" (running: server)`)
	r.end(t, 128+int(syscall.SIGINT))
	want(t, r.gotcp(t, "list"), 0, "no plugin runs: start one by gotcp plugin run")
	want(t, r.gotcp(t, "stop", "server"), 1, "no plugin runs")
}

// started starts a program, and is what it writes.
func started(t *testing.T, cmd *exec.Cmd) io.Reader {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPluginFollow: events and logs come as they happen, to the plugin's end.
func TestPluginFollow(t *testing.T) {
	r, _ := startPlugins(t, "-f", testFile(t, twoPlugins))
	r.await(t, `"tried"`)
	events := r.gotcp(t, "inspect", "client", "--events", "--sample", "100ms", "--json")
	logs := r.gotcp(t, "logs", "client", "-f")
	told, logged := started(t, events), bufio.NewReader(started(t, logs))
	for text := ""; !strings.Contains(text, "the server said"); {
		var err error
		if text, err = logged.ReadString('\n'); err != nil {
			t.Fatalf("before the log had what the server said: %v", err)
		}
	}
	dec := json.NewDecoder(told)
	await := func(kind plugins.EventKind) {
		for {
			var e plugins.Event
			if err := dec.Decode(&e); err != nil {
				t.Fatalf("before there was an event of the kind %s: %v", kind, err)
			}
			if e.Kind == kind {
				return
			}
		}
	}
	await(plugins.EventSample) // by which it is known to follow
	want(t, r.gotcp(t, "net", "client", "--kill"), 0)
	await(plugins.EventClosed)
	want(t, r.gotcp(t, "stop", "client"), 0)
	rest, _ := io.ReadAll(logged)
	if err := logs.Wait(); err != nil {
		t.Errorf("%v, after %q; want the end of the log", err, rest)
	}
	events.Process.Signal(syscall.SIGINT)
	io.Copy(io.Discard, told)
	events.Wait()
	if got := events.ProcessState.ExitCode(); got != 130 {
		t.Errorf("who follows events ends with %d; want 130", got)
	}
	want(t, r.gotcp(t, "stop", "server", "--kill"), 0)
	<-r.ended // for no plugin is left
	if got := r.cmd.ProcessState.ExitCode(); got != 0 {
		t.Errorf("the supervisor ends with %d; want 0", got)
	}
}

// TestPluginEnds: what the plugins' ends mean for the run's.
func TestPluginEnds(t *testing.T) {
	for kind, c := range map[string]struct {
		status int
		text   string
	}{
		"done": {0, "has done its work"}, "failed": {1, "no fuel"},
	} {
		r, _ := startPlugins(t, "--net", "loopback", "--env", asPlugin+"="+kind, "--restart", "never", "--", os.Args[0])
		<-r.ended
		if got := r.cmd.ProcessState.ExitCode(); got != c.status || !strings.Contains(r.text(), c.text) {
			t.Errorf("%s: status %d; want %d, %q\n%s", kind, got, c.status, c.text, r.text())
		}
	}
	r, _ := startPlugins(t, "--net", "loopback", "--", "/bin/true")
	<-r.ended
	if got := r.cmd.ProcessState.ExitCode(); got != 1 || !strings.Contains(r.text(), "--cookie KEY=VALUE") {
		t.Errorf("status %d; want 1, and what to say of a program that isn't known\n%s", got, r.text())
	}
}

// TestPluginSecondSignal: a plugin that doesn't end is killed by the second interrupt, however long it may take.
func TestPluginSecondSignal(t *testing.T) {
	r, _ := startPlugins(t, "--net", "loopback", "--env", asPlugin+"=deaf", "--stop", "1h", "--", os.Args[0])
	r.end(t, 128+int(syscall.SIGINT))
	if !strings.Contains(r.text(), "Ctrl-C again kills them") {
		t.Errorf("it doesn't say how to kill:\n%s", r.text())
	}
}

// TestPluginSpies: a plugin cannot say by itself what it may do, and one in a sandbox doesn't even see where.
func TestPluginSpies(t *testing.T) {
	netns.Require(t)
	for want, more := range map[string][]string{
		`"changed":false,"sockets":1`: nil, `"changed":false,"sockets":0`: {"--sandbox"},
	} {
		args := append(more, "--net", "loopback", "--name", "spy", "--env", asPlugin+"=spy", "--", os.Args[0])
		r, _ := startPlugins(t, args...)
		r.await(t, `"spied"`)
		if !strings.Contains(r.said.String(), want) {
			t.Errorf("%v: it doesn't say %s:\n%s", more, want, &r.said)
		}
		r.end(t, 130)
	}
}

// TestPluginPrivate: a supervisor in a namespace of its own is found from outside, and its plugins are reached by the
// kernel's TCP in that.
func TestPluginPrivate(t *testing.T) {
	netns.Require(t)
	r, told := startPlugins(t, "--net", "private", "--name", "s", "--env", asPlugin+"=server", "--listen", "tcp *:7",
		"--", os.Args[0])
	if len(told.Plugins) != 1 || told.Plugins[0].Address.String() != "10.77.0.2" {
		t.Fatalf("%+v", told)
	}
	r.await(t, `"listening"`)
	want(t, r.gotcp(t, "inspect", "s"), 0, "10.77.0.2", "listen  tcp *:7")
	dial := r.gotcp(t)
	dial.Args = []string{"nsenter", "-t", fmt.Sprint(told.Supervisor), "-n", dial.Path, "dial", "--net", "kernel",
		"10.77.0.2:7"}
	dial.Path, dial.Stdin = "/usr/bin/nsenter", strings.NewReader("what comes back")
	want(t, dial, 0, "what comes back")
	r.end(t, 128+int(syscall.SIGINT))
}

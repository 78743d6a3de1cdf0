package sandbox_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gotcp/gotcp/plugins/internal/sandbox"
	"github.com/gotcp/gotcp/stack/link"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// role makes this binary another program: the one in the sandbox.
const role = "GOTCP_TEST_ROLE"

// mark is how a process in a sandbox is known to be this one's.
const mark = "GOTCP_TEST_OF"

func TestMain(m *testing.M) {
	sandbox.Init()
	if r := os.Getenv(role); r != "" {
		os.Exit(program(r, os.Args[1:]))
	}
	netns.Main(m)
}

// address is the program's.
var address = netip.MustParsePrefix("10.78.0.2/24")

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

// box is a sandbox and its program.
type box struct {
	*sandbox.Sandbox
	t      testing.TB
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
}

// start starts this binary in a role, in a sandbox. It is closed when the test ends, and its standard error shown where
// the test has failed.
func start(t testing.TB, cfg sandbox.Config, as string, args ...string) *box {
	t.Helper()
	b := prepare(t, cfg, as, args...)
	b.run()
	return b
}

// prepare does all but the start.
func prepare(t testing.TB, cfg sandbox.Config, as string, args ...string) *box {
	t.Helper()
	netns.Require(t)
	if !cfg.Address.IsValid() {
		cfg.Address = address
	}
	if cfg.Network == nil {
		cfg.Network = newWorld(t).near
	}
	var log bytes.Buffer
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	}
	s, err := sandbox.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := s.Command(self, args...)
	if err != nil {
		t.Fatal(err)
	}
	// The race detector would have each program sleep before it exits.
	cmd.Env = append(os.Environ(), role+"="+as, fmt.Sprintf("%s=%d", mark, os.Getpid()), "GORACE=atexit_sleep_ms=0")
	b := &box{Sandbox: s, t: t, cmd: cmd}
	cmd.Stderr = &b.stderr
	t.Cleanup(func() {
		b.end()
		<-b.Done()
		if t.Failed() {
			t.Logf("the program's standard error: %s\nlog: %s", &b.stderr, &log)
		}
	})
	return b
}

// run starts the command.
func (b *box) run() {
	b.t.Helper()
	in, err := b.cmd.StdinPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	b.in, b.out = in, bufio.NewReader(out)
	err = b.cmd.Start()
	for _, f := range b.cmd.ExtraFiles {
		f.Close()
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// end closes the sandbox and waits for the program.
func (b *box) end() {
	b.Close()
	if b.cmd.Process != nil && b.cmd.ProcessState == nil {
		b.cmd.Wait()
	}
}

// line is the next line that the program writes.
func (b *box) line() string {
	b.t.Helper()
	s, err := b.out.ReadString('\n')
	if err != nil {
		b.t.Fatalf("the program has ended instead of writing a line: %v (%v)", err, b.Err())
	}
	return strings.TrimSuffix(s, "\n")
}

// all is what the program writes until its end, which has to be a good one.
func (b *box) all() string {
	b.t.Helper()
	s, err := io.ReadAll(b.out)
	if err == nil {
		err = b.cmd.Wait()
	}
	if err != nil {
		b.t.Errorf("the program ended with %v (%v), having written %q", err, b.Err(), s)
	}
	return string(s)
}

// want compares what the program says with what it should.
func want(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: the program says %q, want %q", what, got, want)
	}
}

// status is a process's, of what Wait gives.
func status(err error) int {
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}

// fatal ends a program of the tests.
func fatal(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

var errWrap = errors.New("no capture today")

func failWrap(link.Device) (link.Device, error) { return nil, errWrap }

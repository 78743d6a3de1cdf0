package sandbox_test

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/plugins/internal/sandbox"
	"github.com/gotcp/gotcp/stack/link/netns"
)

// The program is who it would be outside, but has no privilege at all.
func TestPrivileges(t *testing.T) {
	netns.Require(t)
	t.Cleanup(func() { sandbox.TryKind(0) })
	for name, kind := range sandbox.Kinds() {
		t.Run(name, func(t *testing.T) {
			if err := sandbox.TryKind(kind); err != nil {
				t.Fatal(err)
			}
			want(t, "status", start(t, sandbox.Config{}, "status").all(), powerless("0"))
			checkEscape(t, start(t, sandbox.Config{}, "escape").all(),
				"\ncore_pattern read-only file system\n", // though its file is root's
				"\nnested: operation not permitted\n")    // to give root capabilities takes CAP_SETFCAP
		})
	}
}

// powerless is the status of a program without privileges.
func powerless(id string) string {
	text := ""
	for _, what := range []string{"Uid", "Gid"} {
		text += what + ":" + strings.Repeat(" "+id, 4) + "\n"
	}
	for _, set := range []string{"Inh", "Prm", "Eff", "Bnd", "Amb"} {
		text += "Cap" + set + ": 0000000000000000\n"
	}
	return text + "NoNewPrivs: 1\nSeccomp: 2\n"
}

// What exec.Cmd gives a program it has, and its Files: no descriptor beyond these.
func TestArgumentsEnvironmentAndFiles(t *testing.T) {
	netns.Require(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	other, err := syscall.Dup(int(r.Fd())) // which isn't close-on-exec: exec.Cmd would let it through
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(other)
	b := prepare(t, sandbox.Config{Files: []*os.File{r}}, "about", "one", "two words")
	b.cmd.Env = append(b.cmd.Env, "GREETING=hello")
	b.cmd.Dir = "/usr"
	b.run()
	io.WriteString(b.in, "standard input\n")
	b.in.Close()
	want(t, "about", b.all(), "[\"one\" \"two words\"] hello /usr true\n0 pipe\n1 pipe\n2 pipe\n3 pipe\nstandard input\n")
}

// checkEscape looks at what a program says that has tried all ways out, and what its sandbox is made of.
func checkEscape(t *testing.T, got string, also ...string) {
	t.Helper()
	for line := range strings.Lines(got) {
		if strings.HasSuffix(line, " ok\n") {
			t.Errorf("the program could: %s", line)
		}
	}
	for _, w := range append(also,
		"\nvsock address family not supported by protocol\n", // by the filter
		"\npacket address family not supported by protocol\n",
		"\nio_uring function not implemented\n",
		"\nraw operation not permitted\n", // by want of a capability
		"\nunshare operation not permitted\nmount operation not permitted\numount operation not permitted\n",
		"\nlink down operation not permitted\ntun operation not permitted\n",
		"\nptrace 1 operation not permitted\nfds of 1 permission denied\nmemory of 1 permission denied\n",
	) {
		if !strings.Contains("\n"+got, w) {
			t.Errorf("the program doesn't say %q, but\n%s", w, got)
		}
	}
}

func TestStatusAndSignals(t *testing.T) {
	for arg, code := range map[string]int{"0": 0, "7": 7, "137": 137, "143": 143} {
		b := start(t, sandbox.Config{}, "exit", arg)
		if got := status(b.cmd.Wait()); got != code {
			t.Errorf("status %d, want %d: a shell's of how the program ended", got, code)
		}
		<-b.Done()
		if err := b.Err(); err != nil {
			t.Errorf("a program that has ended by itself makes Err %v", err)
		}
	}
	b := start(t, sandbox.Config{}, "signal")
	want(t, "start", b.line(), "ready")
	for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGTERM} {
		if err := b.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		want(t, "signal", b.line(), s.String())
	}
	if err := b.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM the program ended with %v, want its own 0", err)
	}
}

// Settings that can't be, and programs that can't be started, are told of in clear words.
func TestErrors(t *testing.T) {
	netns.Require(t)
	n := newWorld(t).near
	for say, cfg := range map[string]sandbox.Config{
		"needs a Network":                {Address: address},
		"10.77.0.2/24":                   {Network: n},
		"2001:db8::1/64 can't be":        {Network: n, Address: netip.MustParsePrefix("2001:db8::1/64")},
		"127.0.0.1/8 can't be":           {Network: n, Address: netip.MustParsePrefix("127.0.0.1/8")},
		"an MTU is 68 to 65535 octets":   {Network: n, Address: address, MTU: 10},
		"sctp port 3 can't be published": {Network: n, Address: address, Publish: []sandbox.Port{{"sctp", 3}}},
		"tcp port 0 can't be published":  {Network: n, Address: address, Publish: []sandbox.Port{{"tcp", 0}}},
	} {
		if _, err := sandbox.New(cfg); err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("New gives %v, want %q", err, say)
		}
	}
	s, err := sandbox.New(sandbox.Config{Network: n, Address: address})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Command("no-such-program"); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("Command gives %v, want that there is no such program", err)
	}
	s.Close()
	<-s.Done()
	if _, err := s.Command("/proc/self/exe"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Command after Close gives %v, want os.ErrClosed", err)
	}
}

// A file that is no program is found out by PID 1, which says so to both ends.
func TestNoProgram(t *testing.T) {
	netns.Require(t)
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte("not a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := sandbox.New(sandbox.Config{Network: newWorld(t).near, Address: address})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cmd, err := s.Command(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Command(path); err == nil || !strings.Contains(err.Error(), "for one command") {
		t.Errorf("a second Command gives %v", err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err = cmd.Start()
	cmd.ExtraFiles[0].Close()
	if err == nil {
		err = cmd.Wait()
	}
	if status(err) != 125 || !strings.Contains(stderr.String(), "exec format error") {
		t.Errorf("the command ends with %v, %q; want 125 and the reason", err, &stderr)
	}
	<-s.Done()
	if err := s.Err(); !errors.Is(err, syscall.ENOEXEC) || !strings.Contains(err.Error(), path) {
		t.Errorf("Err is %v, want ENOEXEC and the file", err)
	}
}

// A device that can't be wrapped ends the sandbox before the program is started.
func TestWrapFails(t *testing.T) {
	netns.Require(t)
	b := start(t, sandbox.Config{Wrap: failWrap}, "wait")
	if _, err := b.out.ReadString('\n'); err != io.EOF {
		t.Errorf("the program was started: %v", err)
	}
	<-b.Done()
	if err := b.Err(); !errors.Is(err, errWrap) {
		t.Errorf("Err is %v, want Wrap's error", err)
	}
	if got := status(b.cmd.Wait()); got != 125 {
		t.Errorf("status %d, want 125: PID 1's own", got)
	}
}

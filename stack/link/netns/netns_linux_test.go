package netns_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/stack/link/netns"
	"github.com/gotcp/gotcp/stack/link/tun"
)

const (
	marker = "GOTCP_NETNS"
	role   = "GOTCP_TEST_ROLE"
)

// TestMain is the tests' main program, or one of those that they start: this binary with a role in the environment.
func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		netns.Main(m)
	case "exit":
		enter()
		os.Exit(7)
	case "crash":
		enter()
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "wait":
		enter()
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
		fmt.Println("ready")
		<-stop
		os.Exit(3)
	case "off":
		// In the user namespace that the test has made for this: no further ones, and then an ordinary user.
		if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
			fmt.Println(err)
			os.Exit(2)
		}
		cmd := command("tun")
		cmd.Stdout = os.Stdout
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
		if cmd.Run() != nil {
			os.Exit(1)
		}
	case "tun":
		enter()
		d, err := tun.Open(tun.Config{})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Printf("uid %d has %s, arguments %q\n", os.Getuid(), d.Name(), os.Args[1:])
		d.Close()
	}
}

// enter is what a program does: it goes on in its namespaces, or says why it can't and how one knows.
func enter() {
	if err := netns.Enter(); err != nil {
		fmt.Printf("forbidden %v, no TUN %v: %v\n", errors.Is(err, netns.ErrForbidden), errors.Is(err, netns.ErrNoTUN), err)
		os.Exit(1)
	}
}

// command is this binary in a role, as if started outside of any namespace of ours.
func command(as string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, marker+"=") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, role+"="+as)
	cmd.Dir = "/"
	return cmd
}

func TestMainRunsInside(t *testing.T) {
	netns.Require(t)
	if !netns.Inside() {
		t.Fatal("the tests aren't inside, although Require let them pass")
	}
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 || all[0].Name != "lo" || all[0].Flags&net.FlagUp == 0 {
		t.Errorf("interfaces are %v: want lo to be up", all)
	}
	d, err := tun.Open(tun.Config{})
	if err != nil {
		t.Fatalf("no TUN device inside: %v", err)
	}
	d.Close()
}

// The marker alone proves nothing: in the namespace that it names the program is outside.
func TestMarkerByHand(t *testing.T) {
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]bool{"": false, own: false, "net:[1]": true} {
		t.Setenv(marker, value)
		if netns.Inside() != want {
			t.Errorf("%s=%s in %s: Inside is %v, want %v", marker, value, own, !want, want)
		}
	}
}

func TestExitStatus(t *testing.T) {
	netns.Require(t)
	for as, want := range map[string]int{"exit": 7, "crash": 128 + 9} {
		cmd := command(as)
		err := cmd.Run()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%s: status %d (%v), want the child's, %d", as, got, err, want)
		}
	}
}

func TestArgumentsAndOutput(t *testing.T) {
	netns.Require(t)
	out, err := command("tun", "-x", "two words").Output()
	want := "has gotcp0, arguments [\"-x\" \"two words\"]\n"
	if err != nil || !strings.HasSuffix(string(out), want) {
		t.Errorf("%v, %q: want the child's output %q", err, out, want)
	}
}

// startWaiting starts a program whose child waits for a signal, and returns its output after "ready".
func startWaiting(t *testing.T) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := command("wait")
	// Without a terminal, which would send SIGINT to the child itself, that is passed on, too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	r := bufio.NewReader(out)
	if line, err := r.ReadString('\n'); line != "ready\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	return cmd, r
}

func TestSignalsArePassedOn(t *testing.T) {
	netns.Require(t)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd, _ := startWaiting(t)
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != 3 {
			t.Errorf("%v: status %d, want 3: the child, which took the signal, says so", sig, got)
		}
	}
}

func TestChildDiesWithItsParent(t *testing.T) {
	netns.Require(t)
	cmd, out := startWaiting(t)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// The output ends when the last process that has it open is gone.
	if rest, err := io.ReadAll(out); err != nil || len(rest) != 0 {
		t.Errorf("after the parent was killed the child said %q, %v", rest, err)
	}
	cmd.Wait()
}

// asNobody has the command run as a user without privileges, which only root can.
func asNobody(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	netns.RequireRoot(t)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
}

func TestNobodyWithoutTUN(t *testing.T) {
	cmd := command("tun")
	asNobody(t, cmd)
	netns.ReplaceTUN(t, 0o600)
	out, err := cmd.Output()
	if err == nil || !strings.HasPrefix(string(out), "forbidden false, no TUN true: ") {
		t.Errorf("%v, %q: want ErrNoTUN", err, out)
	}
	for _, want := range []string{"permission denied", "user 65534", "mode 0600", "sudo chmod 0666 /dev/net/tun"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q doesn't say %q", out, want)
		}
	}
}

func TestNobodyHasNetworkOfItsOwn(t *testing.T) {
	cmd := command("tun")
	asNobody(t, cmd)
	netns.ReplaceTUN(t, 0o666)
	out, err := cmd.Output()
	if err != nil || string(out) != "uid 0 has gotcp0, arguments []\n" {
		t.Errorf("%v, %q: want an ordinary user to be root inside, and to have a TUN device", err, out)
	}
}

// A user namespace in which no further ones may be made stands for a system in which they are off.
func TestNobodyWhereNamespacesAreOff(t *testing.T) {
	cmd := command("off")
	asNobody(t, cmd)
	netns.ReplaceTUN(t, 0o666)
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}, {ContainerID: 1000, HostID: 65534, Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true,
	}
	out, err := cmd.Output()
	if err == nil || !strings.HasPrefix(string(out), "forbidden true, no TUN false: ") ||
		!strings.Contains(string(out), "sudo sysctl -w user.max_user_namespaces=") {
		t.Errorf("%v, %q: want ErrForbidden, and the command that helps", err, out)
	}
}

// verdict is what Require does to a test.
type verdict struct{ skipped, failed string }

func (*verdict) Helper()                       {}
func (v *verdict) Skipf(f string, args ...any) { v.skipped = fmt.Sprintf(f, args...) }

func (v *verdict) Fatalf(f string, args ...any) { v.failed = fmt.Sprintf(f, args...) }

func TestRequire(t *testing.T) {
	real := netns.Failure()
	t.Cleanup(func() { netns.SetFailure(real) })
	for _, c := range []struct {
		why  error
		ci   string
		want verdict
	}{
		{nil, "", verdict{}},
		{nil, "true", verdict{}},
		{io.ErrNoProgress, "", verdict{skipped: io.ErrNoProgress.Error()}},
		{io.ErrNoProgress, "true", verdict{failed: io.ErrNoProgress.Error()}},
	} {
		netns.SetFailure(c.why)
		t.Setenv("CI", c.ci)
		var v verdict
		netns.Require(&v)
		v.check(t, fmt.Sprintf("for %v with CI=%s Require", c.why, c.ci), c.want)
	}
}

func TestRequireProgram(t *testing.T) {
	const why = "executable file not found in $PATH"
	for ci, want := range map[string]verdict{"": {skipped: why}, "true": {failed: why}} {
		t.Setenv("CI", ci)
		var v verdict
		if path := netns.RequireProgram(&v, "sh"); !filepath.IsAbs(path) {
			t.Errorf("the shell is said to be %q", path)
		}
		v.check(t, "for a shell RequireProgram", verdict{})
		netns.RequireProgram(&v, "no-such-program")
		v.check(t, "for a program that isn't there, with CI="+ci+", RequireProgram", want)
	}
}

// check compares what was done to a test with what should have been: each text ends as the wanted one does.
func (v verdict) check(t *testing.T, what string, want verdict) {
	t.Helper()
	if !strings.HasSuffix(v.skipped, want.skipped) || !strings.HasSuffix(v.failed, want.failed) ||
		(v.skipped == "") != (want.skipped == "") || (v.failed == "") != (want.failed == "") {
		t.Errorf("%s says %+v, want %+v", what, v, want)
	}
}

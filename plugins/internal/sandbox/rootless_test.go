package sandbox_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/gotcp/gotcp/stack/link/netns"
)

// asNobody runs this binary as a host, for a user without privileges, which only root can. tunMode is what the user
// finds /dev/net/tun to be.
func asNobody(t *testing.T, tunMode uint32, args ...string) *exec.Cmd {
	t.Helper()
	netns.RequireRoot(t)
	netns.ReplaceTUN(t, tunMode)
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), role+"=host", "GORACE=atexit_sleep_ms=0")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return cmd
}

// A user without privileges has sandboxes, too, and his program is he.
func TestNobody(t *testing.T) {
	out, err := asNobody(t, 0o666, "status").CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	want(t, "status", string(out), powerless("65534"))

	out, err = asNobody(t, 0o666, "escape").CombinedOutput()
	if err != nil {
		t.Error(err)
	}
	// It may have namespaces within its own, in which it has all capabilities: they are of no use.
	checkEscape(t, string(out), "\nnested: resolv.conf invalid argument\n", // a mount that isn't its own
		"\nnested: core_pattern permission denied\n", "\nnested: link down operation not permitted\n")

	out, err = asNobody(t, 0o666, "dial", "192.0.2.1:80", "192.0.2.2:80").CombinedOutput()
	if err != nil {
		t.Error(err)
	}
	want(t, "dials", string(out), "192.0.2.1:80 no route to host\n"+ // the network's EACCES
		"192.0.2.2:80 network is unreachable\n") // it has no way out itself

	out, err = asNobody(t, 0o666, "listenonce", ":80").CombinedOutput()
	if err != nil || string(out) != "ok\n" {
		t.Errorf("listening on port 80 gives %q, %v: all ports of its network are the program's", out, err)
	}
}

// Where it can't be New says what the kernel refuses, and what helps.
func TestNobodyIsTold(t *testing.T) {
	for _, c := range []struct {
		what string
		mode uint32
		off  bool
		say  []string
	}{
		{"no TUN", 0o600, false, []string{"find TUN", "permission denied", "user 65534", "sudo chmod 0666 /dev/net/tun"}},
		{"no namespaces", 0o666, true,
			[]string{"make namespaces", "no space left", "sudo sysctl -w user.max_user_namespaces="}},
	} {
		t.Run(c.what, func(t *testing.T) {
			cmd := asNobody(t, c.mode, "status")
			if c.off {
				// A user namespace in which no further ones may be made stands for a system in which they are off.
				ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}, {ContainerID: 1000, HostID: 65534, Size: 1}}
				cmd.Env = append(cmd.Env, role+"=off")
				cmd.SysProcAttr = &syscall.SysProcAttr{
					Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true,
				}
			}
			out, err := cmd.CombinedOutput()
			if status(err) != 1 {
				t.Errorf("the host ends with %v, want its own error", err)
			}
			for _, w := range c.say {
				if !strings.Contains(string(out), w) {
					t.Errorf("%q doesn't say %q", out, w)
				}
			}
		})
	}
}
